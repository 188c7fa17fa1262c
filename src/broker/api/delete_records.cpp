#include <algorithm>

#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/broker.h"

namespace godwit::broker::api {
namespace {

using Done = kafka::DeleteRecordsResponse::Partition;

// As for Produce.
constexpr Duration kPatienceMax = std::chrono::minutes(15);
// So many wait for their followers at once: whoever is one of them costs the others no patience.
constexpr size_t kAtOnce = 4096;

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

Done refused(PartitionIndex index, ErrorCode code) {
  Done done;
  done.partition_index = index;
  done.low_watermark = Offset(-1);
  done.error_code = code;
  return done;
}

bool compacted_only(const BrokerShard& shard, const TopicId& topic) {
  const TopicSettings* const settings = shard.settings(topic);
  return settings != nullptr && settings->log.cleanup_compact && !settings->log.cleanup_delete;
}

// What is under way, and where in the answer it belongs.
struct Deleting {
  struct Place {
    size_t topic = 0;
    size_t partition = 0;
  };
  std::vector<Task<Done>> tasks;
  std::vector<Place> places;

  Task<void> finish(kafka::DeleteRecordsResponse& response) {
    auto done = co_await runtime::when_all(std::exchange(tasks, {}));
    for (size_t i = 0; i < done.size(); ++i)
      response.topics[places[i].topic].partitions[places[i].partition] = std::move(done[i]);
    places.clear();
  }
};

}  // namespace

Task<kafka::DeleteRecordsResponse> handle(RequestContext& context, kafka::DeleteRecordsRequest request) {
  kafka::DeleteRecordsResponse response;
  const cluster::ImagePtr image = context.shard.image();
  const MonotonicTime deadline =
      context.arrived + std::clamp<Duration>(std::chrono::milliseconds(request.timeout_ms), {}, kPatienceMax);
  const std::atomic<bool>* const gone = &context.client.gone;
  Turns turns;
  Deleting deleting;
  for (const auto& asked : request.topics) {
    if (turns.due()) co_await runtime::yield();
    const size_t place = response.topics.size();
    response.topics.emplace_back().name = asked.name;
    const cluster::Topic* const topic = image->find(asked.name);
    for (const auto& partition : asked.partitions) {
      if (turns.due()) co_await runtime::yield();
      const TopicPartition id{topic != nullptr ? topic->id : TopicId{}, partition.partition_index};
      ErrorCode refusal = ErrorCode::none;
      if (topic == nullptr || image->find(id) == nullptr) {
        refusal = ErrorCode::unknown_topic_or_partition;
      } else if (topic->internal()) {
        refusal = ErrorCode::invalid_topic_exception;
      } else if (compacted_only(context.shard, topic->id)) {
        // The last record of each key must stay.
        refusal = ErrorCode::policy_violation;
      }
      auto& answers = response.topics[place].partitions;
      answers.push_back(refused(partition.partition_index, refusal));
      if (refusal != ErrorCode::none) continue;
      deleting.places.push_back({place, answers.size() - 1});
      deleting.tasks.push_back(
          context.shard.on(id, [id, offset = partition.offset, deadline, gone](BrokerShard& owner) {
            return delete_records(owner, id, offset, deadline, gone);
          }));
      if (deleting.tasks.size() == kAtOnce) co_await deleting.finish(response);
    }
  }
  co_await deleting.finish(response);
  co_return response;
}

}  // namespace godwit::broker::api
