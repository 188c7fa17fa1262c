#include "cli/group_offsets.h"

#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"

namespace godwit::cli {

using peer::Target;
using runtime::Task;

namespace {

// From the next version on topics are named by id.
constexpr int16_t kByName = 9;

ErrorCode verdict(const kafka::OffsetFetchResponse& response) {
  return response.groups.empty() ? response.error_code : response.groups[0].error_code;
}

ErrorCode verdict(const kafka::OffsetCommitResponse& response) {
  for (const auto& topic : response.topics) {
    for (const auto& partition : topic.partitions) {
      if (partition.error_code != ErrorCode::none) return partition.error_code;
    }
  }
  return ErrorCode::none;
}

void take(const auto& topics, Offsets& all) {
  for (const auto& topic : topics) {
    for (const auto& partition : topic.partitions) {
      if (partition.error_code != ErrorCode::none || partition.committed_offset.value() < 0) continue;
      all[{topic.name, partition.partition_index.value()}] = partition.committed_offset.value();
    }
  }
}

}  // namespace

Task<Result<Offsets>> committed_offsets(Session& session, std::string group) {
  // The request says it in one way up to v7 and in another from v8 on: an old broker's version
  // has no place for the newer, which is then told before anything is sent.
  kafka::OffsetFetchRequest request;
  auto& asked = request.groups.emplace_back();
  asked.group_id = group;
  asked.topics.reset();
  auto answer = co_await session.cluster.call(Target::coordinator(group), request,
                                              [](const kafka::OffsetFetchResponse& r) { return verdict(r); },
                                              {.version_max = kByName});
  if (!answer && answer.error().kind == ErrorKind::unsupported) {
    request = {};
    request.group_id = group;
    request.topics.reset();
    answer = co_await session.cluster.call(Target::coordinator(group), request,
                                           [](const kafka::OffsetFetchResponse& r) { return verdict(r); },
                                           {.version_max = 7});
  }
  if (!answer) co_return fail(answer.error());
  if (verdict(*answer) != ErrorCode::none) {
    co_return fail(ErrorKind::refused, "group " + group + ": " + std::string(to_string(verdict(*answer))));
  }
  Offsets all;
  take(answer->topics, all);
  for (const auto& one : answer->groups) take(one.topics, all);
  co_return all;
}

Task<Result<void>> commit_offsets(Session& session, std::string group, Offsets offsets) {
  kafka::OffsetCommitRequest request;
  request.group_id = group;
  for (const auto& [name, offset] : offsets) {
    if (request.topics.empty() || request.topics.back().name != name.first) {
      request.topics.emplace_back().name = name.first;
    }
    auto& partition = request.topics.back().partitions.emplace_back();
    partition.partition_index = PartitionIndex(name.second);
    partition.committed_offset = Offset(offset);
  }
  const auto answer = co_await session.cluster.call(
      Target::coordinator(group), request, [](const kafka::OffsetCommitResponse& r) { return verdict(r); },
      {.version_max = kByName});
  if (!answer) co_return fail(answer.error());
  const ErrorCode code = verdict(*answer);
  if (code == ErrorCode::none) co_return Result<void>{};
  // A commit without membership is refused while the group has members (GroupMetadata.validateOffsetCommit in Kafka).
  const bool members = code == ErrorCode::unknown_member_id || code == ErrorCode::rebalance_in_progress;
  co_return fail(
      members ? ErrorKind::conflict : ErrorKind::invalid,
      "group " + group + ": " + (members ? "it has members; stop them first" : std::string(to_string(code))));
}

}  // namespace godwit::cli
