#include "broker/api/handlers.h"
#include "broker/group_asking.h"

namespace godwit::broker::api {
namespace {

using kafka::OffsetCommitRequest;
using kafka::OffsetCommitResponse;

constexpr int16_t kTopicIdsSince = 10;

// What a manager is asked, and where its answers belong.
struct Checked {
  groups::OffsetCommitRequest asked;
  std::vector<OffsetCommitResponse::Partition*> places;  // in the order in which they are asked
};

// Answers in `response` for what does not exist, and leaves the rest to be asked.
Checked check(const cluster::Image& image, OffsetCommitRequest& request, int16_t version,
              OffsetCommitResponse& response) {
  Checked checked;
  response.topics.reserve(request.topics.size());
  for (auto& wanted : request.topics) {
    auto& answer = response.topics.emplace_back();
    answer.name = wanted.name;
    answer.topic_id = wanted.topic_id;
    answer.partitions.reserve(wanted.partitions.size());
    const bool by_id = version >= kTopicIdsSince;
    const cluster::Topic* const topic = by_id ? image.find(wanted.topic_id) : image.find(wanted.name);
    groups::OffsetCommitTopic known;
    for (auto& partition : wanted.partitions) {
      auto& place = answer.partitions.emplace_back();
      place.partition_index = partition.partition_index;
      if (topic == nullptr) {
        place.error_code = by_id ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
      } else if (image.find({topic->id, partition.partition_index}) == nullptr) {
        // Also a bound for what a group can make the broker keep.
        place.error_code = ErrorCode::unknown_topic_or_partition;
      } else {
        known.partitions.push_back({partition.partition_index, partition.committed_offset,
                                    partition.committed_leader_epoch,
                                    std::move(partition.committed_metadata).value_or("")});
        checked.places.push_back(&place);
      }
    }
    if (known.partitions.empty()) continue;
    known.name = topic->name;
    known.id = topic->id;
    checked.asked.topics.push_back(std::move(known));
  }
  checked.asked.version = version;
  checked.asked.group = std::move(request.group_id);
  checked.asked.generation = request.generation_id_or_member_epoch;
  checked.asked.member = std::move(request.member_id);
  checked.asked.instance = std::move(request.group_instance_id);
  checked.asked.retention_ms = request.retention_time_ms;
  return checked;
}

// On the shard of the group's manager. Which topics exist is looked up there, and the manager decides before anything else
// runs: a deletion that this shard hears of later finds the offsets and forgets them.
Task<OffsetCommitResponse> commit(BrokerShard& owner, PartitionIndex manager, OffsetCommitRequest request,
                                  int16_t version) {
  OffsetCommitResponse response;
  Checked checked = check(*owner.image(), request, version, response);
  if (checked.places.empty()) co_return response;
  const groups::Response answered = co_await ask_manager_here(owner, manager, std::move(checked.asked));
  auto place = checked.places.begin();
  for (const auto& topic : std::get<groups::OffsetCommitResponse>(answered).topics) {
    for (const auto& partition : topic.partitions) (*place++)->error_code = partition.error;
  }
  GW_CHECK(place == checked.places.end(), "a manager answers for every partition that it was asked for");
  co_return response;
}

}  // namespace

Task<OffsetCommitResponse> handle(RequestContext& context, OffsetCommitRequest request) {
  const int16_t version = context.version();
  const auto manager = manager_of(*context.shard.image(), request.group_id);
  if (!manager) {
    OffsetCommitResponse response;
    const Checked checked = check(*context.shard.image(), request, version, response);
    for (auto* place : checked.places) place->error_code = ErrorCode::not_coordinator;
    co_return response;
  }
  co_return co_await context.shard.on(*manager, [partition = manager->partition, request = std::move(request),
                                                 version](BrokerShard& owner) mutable {
    return commit(owner, partition, std::move(request), version);
  });
}

}  // namespace godwit::broker::api
