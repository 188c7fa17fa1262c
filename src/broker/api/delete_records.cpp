#include <algorithm>

#include "broker/api/handlers.h"
#include "broker/broker.h"

namespace godwit::broker::api {
namespace {

using Done = kafka::DeleteRecordsResponse::Partition;

// As for Produce.
constexpr Duration kPatienceMax = std::chrono::minutes(15);

Task<Done> delete_records(BrokerShard& owner, TopicPartition id, Offset offset, MonotonicTime deadline,
                          const std::atomic<bool>* gone) {
  Done done;
  done.partition_index = id.partition;
  done.low_watermark = Offset(-1);
  const auto partition = owner.find(id);
  if (partition == nullptr || !partition->leading()) {
    done.error_code = ErrorCode::not_leader_or_follower;
    co_return done;
  }
  const Offset wanted = offset == Offset(-1) ? partition->high_watermark() : offset;
  if (wanted < Offset(0) || wanted > partition->high_watermark()) {
    done.error_code = ErrorCode::offset_out_of_range;
    co_return done;
  }
  const auto deleted = co_await partition->delete_before(wanted, deadline, gone);
  if (!deleted) {
    done.error_code = deleted.error().code;
  } else {
    done.low_watermark = *deleted;
  }
  co_return done;
}

Task<Done> refuse(PartitionIndex index, ErrorCode code) {
  Done done;
  done.partition_index = index;
  done.low_watermark = Offset(-1);
  done.error_code = code;
  co_return done;
}

bool compacted_only(const BrokerShard& shard, const TopicId& topic) {
  const TopicSettings* const settings = shard.settings(topic);
  return settings != nullptr && settings->log.cleanup_compact && !settings->log.cleanup_delete;
}

}  // namespace

Task<kafka::DeleteRecordsResponse> handle(RequestContext& context, kafka::DeleteRecordsRequest request) {
  kafka::DeleteRecordsResponse response;
  const cluster::ImagePtr image = context.shard.image();
  const MonotonicTime deadline =
      context.arrived + std::clamp<Duration>(std::chrono::milliseconds(request.timeout_ms), {}, kPatienceMax);
  const std::atomic<bool>* const gone = &context.client.gone;
  // All at once: one that waits for its followers costs the others no patience.
  std::vector<Task<Done>> deleting;
  for (const auto& asked : request.topics) {
    const cluster::Topic* const topic = image->find(asked.name);
    for (const auto& partition : asked.partitions) {
      const TopicPartition id{topic != nullptr ? topic->id : TopicId{}, partition.partition_index};
      if (topic == nullptr || image->find(id) == nullptr) {
        deleting.push_back(refuse(partition.partition_index, ErrorCode::unknown_topic_or_partition));
      } else if (topic->internal()) {
        deleting.push_back(refuse(partition.partition_index, ErrorCode::invalid_topic_exception));
      } else if (compacted_only(context.shard, topic->id)) {
        // The last record of each key must stay.
        deleting.push_back(refuse(partition.partition_index, ErrorCode::policy_violation));
      } else {
        deleting.push_back(
            context.shard.on(id, [id, offset = partition.offset, deadline, gone](BrokerShard& owner) {
              return delete_records(owner, id, offset, deadline, gone);
            }));
      }
    }
  }
  const std::vector<Done> all = co_await runtime::when_all(std::move(deleting));
  auto next = all.begin();
  for (const auto& asked : request.topics) {
    auto& answer = response.topics.emplace_back();
    answer.name = asked.name;
    const auto end = next + std::ssize(asked.partitions);
    answer.partitions.assign(next, end);
    next = end;
  }
  co_return response;
}

}  // namespace godwit::broker::api
