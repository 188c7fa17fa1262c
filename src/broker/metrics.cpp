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
metrics::Counter& moved(metrics::Registry& registry, const char* direction) {
  return registry.counter("godwit_replication_moved_bytes_total",
                          "bytes of replicas that are copied and not in sync yet, which throttles bound",
                          {{"direction", direction}});
}
metrics::Counter& closed(metrics::Registry& registry, const char* why) {
  return registry.counter("godwit_connections_closed_total", "connections that the broker closed",
                          {{"why", why}});
}

}  // namespace

GroupMetrics::GroupMetrics(metrics::Registry& registry)
    : members_(registry.gauge("godwit_group_members", "members of consumer groups")),
      offsets_(registry.gauge("godwit_group_offsets", "partitions for which a consumer group has an offset")),
      rebalances_(
          registry.counter("godwit_group_rebalances_total", "generations of consumer groups that were made")),
      offsets_committed_(registry.counter("godwit_group_offsets_committed_total",
                                          "offsets that consumer groups have committed")) {
  for (size_t i = 0; i < groups_.size(); ++i) {
    const auto state = static_cast<groups::GroupState>(i);
    groups_[i] = &registry.gauge("godwit_groups", "consumer groups managed here, by state",
                                 {{"state", std::string(to_string(state))}});
  }
}

void GroupMetrics::count(const groups::GroupTally& before, const groups::GroupTally& after) {
  const auto follow = [](metrics::Gauge& gauge, int64_t was, int64_t is) {
    if (is != was) gauge.add(is - was);
  };
  for (size_t i = 0; i < groups_.size(); ++i) follow(*groups_[i], before.groups[i], after.groups[i]);
  follow(members_, before.members, after.members);
  follow(offsets_, before.offsets, after.offsets);
  rebalances_.add(after.rebalances - before.rebalances);
  offsets_committed_.add(after.offsets_committed - before.offsets_committed);
}

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
      closed_large_answer(closed(registry, "large_answer")),
      bytes_in(registry.counter("godwit_bytes_in_total", "bytes of requests")),
      bytes_out(registry.counter("godwit_bytes_out_total", "bytes of responses")),
      messages_in_batches(registry.counter("godwit_records_in_total", "records admitted")),
      produce_refused(registry.counter("godwit_batches_refused_total", "batches refused")),
      produce_seconds(
          registry.histogram("godwit_produce_seconds", "from the request to its acknowledgement")),
      moved_out(moved(registry, "out")),
      moved_in(moved(registry, "in")),
      groups(registry) {
  for (const kafka::ApiInfo& info : kafka::all_apis()) {
    const metrics::Labels labels{{"api", std::string(info.name)}};
    apis_[info.key] = {&registry.counter("godwit_requests_total", "requests", labels),
                       &registry.histogram("godwit_request_seconds",
                                           "from a request's last byte to its answer's first", labels)};
  }
}

}  // namespace godwit::broker
