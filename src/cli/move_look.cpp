#include "cli/move_look.h"

#include <algorithm>

#include "cli/replica_sizes.h"
#include "kafka/messages/list_partition_reassignments.h"

namespace godwit::cli {

using runtime::Task;

namespace {

// A replica that is made, or will be.
struct Copy {
  PartitionName name;
  BrokerId to;
  bool begun = false;
};

void add(const Copy& copy, const ReplicaSizes& sizes, MoveTally& tally) {
  const auto replicas = sizes.find(copy.name);
  if (replicas == sizes.end()) return;
  int64_t whole = 0;
  for (const auto& [broker, one] : replicas->second) whole = std::max(whole, one.bytes);
  tally.bytes_total += whole;
  const auto there = replicas->second.find(copy.to);
  if (!copy.begun || there == replicas->second.end()) return;
  // Segments need not be cut alike: who lacks nothing has all, whatever that takes there.
  tally.bytes_copied += there->second.lag == 0 ? whole : there->second.bytes;
}

}  // namespace

Task<Result<MoveTally>> look_at_moves(Session& session, kafka::ClusterCommandResponse status) {
  kafka::ListPartitionReassignmentsRequest request;
  request.topics.reset();
  const auto listed = co_await session.cluster.call(
      peer::Target::controller(), request,
      [](const kafka::ListPartitionReassignmentsResponse& response) { return response.error_code; });
  if (!listed) co_return fail(listed.error());
  MoveTally tally;
  std::vector<Copy> copies;
  for (const auto& topic : listed->topics) {
    for (const auto& partition : topic.partitions) {
      ++tally.moving;
      for (const BrokerId to : partition.adding_replicas)
        copies.push_back({{topic.name, partition.partition_index.value()}, to, true});
    }
  }
  for (const auto& move : status.moves) {
    ++tally.planned;
    for (const BrokerId to : move.to) {
      if (std::ranges::find(move.from, to) == move.from.end())
        copies.push_back({{move.topic, move.partition.value()}, to, false});
    }
  }
  std::vector<BrokerId> brokers;
  for (const auto& broker : status.brokers) {
    if (broker.state != "dead" && broker.state != "removing" && broker.state != "joining" &&
        broker.state != "silent")
      brokers.push_back(broker.id);
  }
  PartitionNames names;
  for (const Copy& copy : copies) names.insert(copy.name);
  const ReplicaSizes sizes = co_await replica_sizes(session, std::move(brokers), std::move(names));
  for (const Copy& copy : copies) add(copy, sizes, tally);
  co_return tally;
}

}  // namespace godwit::cli
