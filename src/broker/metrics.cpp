#include "broker/metrics.h"

#include <string>

namespace godwit::broker {
namespace {

metrics::Counter& not_kafka(metrics::Registry& registry, const char* what) {
  return registry.counter("godwit_connections_not_kafka_total",
                          "connections whose first bytes were no Kafka request", {{"protocol", what}});
}
metrics::Counter& refused(metrics::Registry& registry, const char* why) {
  return registry.counter("godwit_connections_refused_total", "connections refused", {{"why", why}});
}
metrics::Counter& closed(metrics::Registry& registry, const char* why) {
  return registry.counter("godwit_connections_closed_total", "connections that the broker closed",
                          {{"why", why}});
}

}  // namespace

Metrics::Metrics(metrics::Registry& registry)
    : connections(registry.gauge("godwit_connections", "open client connections")),
      connections_accepted(
          registry.counter("godwit_connections_accepted_total", "client connections accepted")),
      refused_limit(refused(registry, "limit")),
      refused_descriptors(refused(registry, "descriptors")),
      not_kafka_http(not_kafka(registry, "http")),
      not_kafka_tls(not_kafka(registry, "tls")),
      not_kafka_garbage(not_kafka(registry, "garbage")),
      closed_idle(closed(registry, "idle")),
      closed_slow(closed(registry, "slow")),
      closed_bad_request(closed(registry, "bad_request")),
      bytes_in(registry.counter("godwit_bytes_in_total", "bytes of requests")),
      bytes_out(registry.counter("godwit_bytes_out_total", "bytes of responses")),
      messages_in_batches(registry.counter("godwit_records_in_total", "records admitted")),
      produce_refused(registry.counter("godwit_batches_refused_total", "batches refused")),
      produce_seconds(
          registry.histogram("godwit_produce_seconds", "from the request to its acknowledgement")) {
  for (const kafka::ApiInfo& info : kafka::all_apis()) {
    const metrics::Labels labels{{"api", std::string(info.name)}};
    apis_[info.key] = {&registry.counter("godwit_requests_total", "requests", labels),
                       &registry.histogram("godwit_request_seconds",
                                           "from a request's last byte to its answer's first", labels)};
  }
}

}  // namespace godwit::broker
