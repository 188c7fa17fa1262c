#include "cli/offsets.h"

#include "kafka/messages/list_offsets.h"

namespace godwit::cli {

using runtime::Task;

namespace {

using Response = kafka::ListOffsetsResponse;

// The first error that stands in the answer.
ErrorCode verdict(const Response& response) {
  for (const auto& topic : response.topics) {
    for (const auto& partition : topic.partitions) {
      if (partition.error_code != ErrorCode::none) return partition.error_code;
    }
  }
  return ErrorCode::none;
}

kafka::ListOffsetsRequest request_for(const PartitionNames& names, int64_t when) {
  kafka::ListOffsetsRequest request;
  request.replica_id = kNoBroker;
  for (const auto& [topic, partition] : names) {
    if (request.topics.empty() || request.topics.back().name != topic) request.topics.push_back({topic, {}});
    auto& asked = request.topics.back().partitions.emplace_back();
    asked.partition_index = PartitionIndex(partition);
    asked.timestamp = when;
  }
  return request;
}

}  // namespace

Task<Result<Offsets>> list_offsets(Session& session, PartitionNames names, int64_t when) {
  Offsets found;
  std::set<std::string> topics;
  for (const auto& name : names) topics.insert(name.first);
  if (topics.empty()) co_return found;
  const auto metadata = co_await session.cluster.metadata({topics.begin(), topics.end()});
  if (!metadata) co_return fail(metadata.error());
  // One request for each leader; where leadership moves meanwhile, that partition is asked for by itself.
  std::map<BrokerId, PartitionNames> by_leader;
  for (const auto& topic : metadata->topics) {
    for (const auto& partition : topic.partitions) {
      const PartitionName name{topic.name.value_or(""), partition.partition_index.value()};
      if (names.contains(name) && partition.leader_id != kNoBroker)
        by_leader[partition.leader_id].insert(name);
    }
  }
  PartitionNames left = std::move(names);
  const auto take = [&](const Response& response) {
    for (const auto& topic : response.topics) {
      for (const auto& partition : topic.partitions) {
        if (partition.error_code != ErrorCode::none) continue;
        const PartitionName name{topic.name, partition.partition_index.value()};
        left.erase(name);
        if (partition.offset.value() >= 0) found[name] = partition.offset.value();
      }
    }
  };
  for (const auto& [leader, wanted] : by_leader) {
    const auto answer =
        co_await session.cluster.call(peer::Target::broker(leader), request_for(wanted, when));
    if (answer) take(*answer);
  }
  for (const auto& name : PartitionNames(left)) {
    const auto answer = co_await session.cluster.call(
        peer::Target::leader(name.first, PartitionIndex(name.second)), request_for({name}, when), verdict);
    if (!answer) co_return fail(answer.error());
    take(*answer);
    if (left.contains(name)) {
      co_return fail(ErrorKind::not_found, name.first + "-" + std::to_string(name.second) + ": " +
                                               std::string(to_string(verdict(*answer))));
    }
  }
  co_return found;
}

}  // namespace godwit::cli
