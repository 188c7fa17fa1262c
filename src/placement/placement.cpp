#include "placement/placement.h"

#include <algorithm>

#include "placement/chooser.h"

namespace godwit::placement {

Load load_of(std::span<const Assignment> assignments) {
  Load load;
  for (const Assignment& assignment : assignments) {
    for (const BrokerId broker : assignment.replicas) ++load[broker].replicas;
    if (!assignment.replicas.empty()) ++load[assignment.replicas.front()].leaders;
  }
  return load;
}

int64_t load_bound(int64_t total, size_t brokers) {
  if (brokers == 0) return 0;
  const auto quarters = 4 * static_cast<int64_t>(brokers);
  return (5 * total + quarters - 1) / quarters;
}

Result<std::vector<Assignment>> place(const NewPartitions& wanted, std::span<const Broker> brokers,
                                      const Load& load) {
  const auto count = static_cast<int64_t>(brokers.size());
  if (count == 0)
    return fail(ErrorKind::invalid, "no broker may take replicas: none is registered, or all are draining");
  if (wanted.partitions < 1)
    return fail(ErrorKind::invalid,
                "a topic has at least 1 partition, not " + std::to_string(wanted.partitions));
  if (wanted.replication_factor < 1 || wanted.replication_factor > count) {
    return fail(ErrorKind::invalid, "a replication factor of " + std::to_string(wanted.replication_factor) +
                                        " is not possible with " + std::to_string(count) +
                                        " brokers that take replicas");
  }
  Chooser chooser(brokers, load);
  const int64_t replicas = int64_t{wanted.partitions} * wanted.replication_factor;
  BrokerLoad total{.replicas = replicas, .leaders = wanted.partitions};
  for (const Broker& broker : brokers) {
    total.replicas += chooser.load(broker.id).replicas;
    total.leaders += chooser.load(broker.id).leaders;
  }
  chooser.set_totals(total.replicas, total.leaders);
  Chooser::Topic topic{.replicas_max = (replicas + count - 1) / count,
                       .leaders_max = (wanted.partitions + count - 1) / count,
                       .load = {}};
  std::vector<Assignment> placed;
  for (int32_t i = 0; i < wanted.partitions; ++i) {
    Assignment assignment{.id = {wanted.topic, PartitionIndex(wanted.first_partition + i)}, .replicas = {}};
    const uint64_t point = ring_point(assignment.id);
    while (assignment.replicas.size() < static_cast<size_t>(wanted.replication_factor)) {
      const bool leads = assignment.replicas.empty();
      const BrokerId broker = *chooser.pick(point, assignment.replicas, leads, &topic);
      assignment.replicas.push_back(broker);
      for (BrokerLoad* has : {&chooser.load(broker), &topic.load[broker]}) {
        ++has->replicas;
        if (leads) ++has->leaders;
      }
    }
    placed.push_back(std::move(assignment));
  }
  return placed;
}

std::vector<BrokerId> Move::adding() const {
  std::vector<BrokerId> added;
  for (const BrokerId broker : after) {
    if (std::ranges::find(before, broker) == before.end()) added.push_back(broker);
  }
  return added;
}

std::vector<BrokerId> Move::removing() const {
  std::vector<BrokerId> removed;
  for (const BrokerId broker : before) {
    if (std::ranges::find(after, broker) == after.end()) removed.push_back(broker);
  }
  return removed;
}

}  // namespace godwit::placement
