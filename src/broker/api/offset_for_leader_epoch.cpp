#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/broker.h"

namespace godwit::broker::api {
namespace {

using Asked = kafka::OffsetForLeaderEpochRequest::Partition;
using Found = kafka::OffsetForLeaderEpochResponse::Partition;

Task<Found> look_up(BrokerShard& owner, TopicPartition id, Asked asked) {
  Found found;
  found.partition = asked.partition;
  const auto partition = owner.find(id);
  if (partition == nullptr || !partition->leading()) {
    found.error_code = ErrorCode::not_leader_or_follower;
    co_return found;
  }
  found.error_code = partition->check_epoch(asked.current_leader_epoch);
  if (found.error_code != ErrorCode::none) co_return found;
  const auto end = partition->log()->epochs().end_of(asked.leader_epoch, partition->log()->end());
  if (end) {
    found.leader_epoch = end->epoch;
    found.end_offset = end->end;
  }
  co_return found;
}

}  // namespace

Task<kafka::OffsetForLeaderEpochResponse> handle(RequestContext& context,
                                                 kafka::OffsetForLeaderEpochRequest request) {
  kafka::OffsetForLeaderEpochResponse response;
  const cluster::ImagePtr image = context.shard.image();
  Turns turns;
  for (const auto& asked : request.topics) {
    if (turns.due()) co_await runtime::yield();
    auto& answer = response.topics.emplace_back();
    answer.topic = asked.topic;
    const cluster::Topic* const topic = image->find(asked.topic);
    for (const Asked& partition : asked.partitions) {
      if (turns.due()) co_await runtime::yield();
      const TopicPartition id{topic != nullptr ? topic->id : TopicId{}, partition.partition};
      if (topic == nullptr || image->find(id) == nullptr) {
        auto& unknown = answer.partitions.emplace_back();
        unknown.partition = partition.partition;
        unknown.error_code = ErrorCode::unknown_topic_or_partition;
        continue;
      }
      answer.partitions.push_back(co_await context.shard.on(
          id, [id, partition](BrokerShard& owner) { return look_up(owner, id, partition); }));
    }
  }
  co_return response;
}

}  // namespace godwit::broker::api
