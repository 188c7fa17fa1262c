// What a broker counts. Made once, at start; the fields may be used on every shard.
#pragma once

#include <array>
#include <map>

#include "groups/group_manager.h"
#include "kafka/api.h"
#include "metrics/registry.h"

namespace godwit::broker {

// Of the consumer groups that this broker manages.
class GroupMetrics {
 public:
  explicit GroupMetrics(metrics::Registry& registry);
  // Counts on what has changed from `before` to `after`.
  void count(const groups::GroupTally& before, const groups::GroupTally& after);

 private:
  std::array<metrics::Gauge*, groups::kGroupStates> groups_{};
  metrics::Gauge& members_;
  metrics::Gauge& offsets_;
  metrics::Counter& rebalances_;
  metrics::Counter& offsets_committed_;
};

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
  metrics::Counter& closed_large_answer;
  metrics::Counter& bytes_in;
  metrics::Counter& bytes_out;
  metrics::Counter& messages_in_batches;
  metrics::Counter& produce_refused;
  metrics::Histogram& produce_seconds;
  // Records for replicas that are being copied, not in sync: what leaves for them as a leader, and what comes as a follower.
  metrics::Counter& moved_out;
  metrics::Counter& moved_in;
  GroupMetrics groups;

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
