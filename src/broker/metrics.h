// What a broker counts. Made once, at start; the fields may be used on every shard.
#pragma once

#include <map>

#include "kafka/api.h"
#include "metrics/registry.h"

namespace godwit::broker {

class Metrics {
 public:
  explicit Metrics(metrics::Registry& registry);

  metrics::Gauge& connections;
  metrics::Counter& connections_accepted;
  metrics::Counter& refused_limit;
  metrics::Counter& refused_descriptors;
  metrics::Counter& not_kafka_http;
  metrics::Counter& not_kafka_tls;
  metrics::Counter& not_kafka_garbage;
  metrics::Counter& closed_idle;
  metrics::Counter& closed_slow;
  metrics::Counter& closed_bad_request;
  metrics::Counter& bytes_in;
  metrics::Counter& bytes_out;
  metrics::Counter& messages_in_batches;
  metrics::Counter& produce_refused;
  metrics::Histogram& produce_seconds;

  // Requests of one kind, and how long they took.
  struct Api {
    metrics::Counter* requests = nullptr;
    metrics::Histogram* seconds = nullptr;
  };
  const Api& api(kafka::ApiKey key) const { return apis_.at(key); }

 private:
  std::map<kafka::ApiKey, Api> apis_;
};

}  // namespace godwit::broker
