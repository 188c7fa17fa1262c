#include "cli/replica_sizes.h"

#include "kafka/messages/describe_log_dirs.h"

namespace godwit::cli {

using runtime::Task;

namespace {

// A broker that hangs and is not known to be dead yet must not keep the others' answers.
constexpr Duration kPatience = std::chrono::seconds(2);

Task<void> ask(Session& session, BrokerId broker, const PartitionNames& names, ReplicaSizes& into) {
  kafka::DescribeLogDirsRequest request;
  for (const auto& [topic, partition] : names) {
    if (request.topics->empty() || request.topics->back().topic != topic)
      request.topics->push_back({topic, {}});
    request.topics->back().partitions.push_back(PartitionIndex(partition));
  }
  const auto answer = co_await session.cluster.call(
      peer::Target::broker(broker), std::move(request),
      [](const kafka::DescribeLogDirsResponse& response) { return response.error_code; },
      {.timeout = kPatience});
  if (!answer || answer->error_code != ErrorCode::none) co_return;
  for (const auto& directory : answer->results) {
    for (const auto& topic : directory.topics) {
      for (const auto& partition : topic.partitions) {
        const PartitionName name{topic.name, partition.partition_index.value()};
        if (partition.is_future_key || !names.contains(name)) continue;
        ReplicaSize& one = into[name][broker];
        one.bytes = partition.partition_size;
        if (partition.offset_lag >= 0) one.lag = partition.offset_lag;
      }
    }
  }
}

}  // namespace

Task<ReplicaSizes> replica_sizes(Session& session, std::vector<BrokerId> brokers, PartitionNames names) {
  ReplicaSizes sizes;
  if (names.empty()) co_return sizes;
  std::vector<Task<void>> asking;
  for (const BrokerId broker : brokers) asking.push_back(ask(session, broker, names, sizes));
  co_await runtime::when_all(std::move(asking));
  co_return sizes;
}

}  // namespace godwit::cli
