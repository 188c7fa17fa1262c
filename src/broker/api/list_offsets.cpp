#include "broker/api/handlers.h"
#include "broker/broker.h"

namespace godwit::broker::api {
namespace {

// The special timestamps (KIP-79, KIP-734, KIP-405).
constexpr int64_t kLatest = -1;
constexpr int64_t kEarliest = -2;
constexpr int64_t kMaxTimestamp = -3;
constexpr int64_t kEarliestLocal = -4;
constexpr int64_t kLatestTiered = -5;
constexpr int64_t kEarliestPendingUpload = -6;

// From this version on the answer has room for the leader epoch.
constexpr int16_t kEpochVersion = 4;

// Which version of the request brought a special timestamp.
constexpr int16_t version_of(int64_t timestamp) {
  switch (timestamp) {
    case kMaxTimestamp:
      return 7;
    case kEarliestLocal:
      return 8;
    case kLatestTiered:
      return 9;
    case kEarliestPendingUpload:
      return 11;
    default:
      return 0;
  }
}

using Asked = kafka::ListOffsetsRequest::Partition;
using Found = kafka::ListOffsetsResponse::Partition;

Task<Found> look_up(BrokerShard& owner, TopicPartition id, Asked asked, int16_t version) {
  Found found;
  found.partition_index = asked.partition_index;
  if (version < version_of(asked.timestamp)) {
    found.error_code = ErrorCode::unsupported_version;
    co_return found;
  }
  const auto partition = owner.find(id);
  if (partition == nullptr || !partition->leading()) {
    found.error_code = ErrorCode::not_leader_or_follower;
    co_return found;
  }
  found.error_code = partition->check_epoch(asked.current_leader_epoch);
  if (found.error_code != ErrorCode::none) co_return found;
  // An earlier leader may have shown more than this one knows to be committed.
  const bool by_end = asked.timestamp != kEarliest && asked.timestamp != kEarliestLocal;
  if (by_end && partition->cut_off()) {
    found.error_code = ErrorCode::not_leader_or_follower;
    co_return found;
  }
  if (by_end && !partition->high_watermark_known()) {
    found.error_code = version >= 5 ? ErrorCode::offset_not_available : ErrorCode::leader_not_available;
    co_return found;
  }
  const auto at = [&](Offset offset) {
    found.offset = offset;
    found.leader_epoch = partition->log()->epochs().epoch_at(offset).value_or(partition->leader_epoch());
  };
  switch (asked.timestamp) {
    case kLatest:
      at(partition->high_watermark());
      co_return found;
    case kEarliest:
    case kEarliestLocal:
      at(partition->log_start());
      co_return found;
    case kLatestTiered:
    case kEarliestPendingUpload:
      co_return found;  // nothing is tiered: offset -1
    default:
      break;
  }
  if (asked.timestamp < 0 && asked.timestamp != kMaxTimestamp) {
    found.error_code = ErrorCode::unsupported_version;
    co_return found;
  }
  const Offset end = partition->high_watermark();
  auto hit = asked.timestamp == kMaxTimestamp
                 ? co_await partition->log()->find_timestamp_max(end)
                 : co_await partition->log()->find_timestamp(asked.timestamp, end);
  if (!hit) {
    found.error_code = hit.error().code;
    co_return found;
  }
  if (*hit) {
    found.offset = (*hit)->offset;
    found.timestamp = (*hit)->timestamp;
    found.leader_epoch = (*hit)->epoch;
  }
  co_return found;
}

}  // namespace

Task<kafka::ListOffsetsResponse> handle(RequestContext& context, kafka::ListOffsetsRequest request) {
  kafka::ListOffsetsResponse response;
  const cluster::ImagePtr image = context.shard.image();
  for (const auto& asked : request.topics) {
    auto& answer = response.topics.emplace_back();
    answer.name = asked.name;
    const cluster::Topic* const topic = image->find(asked.name);
    std::vector<Task<Found>> looking;
    for (const Asked& partition : asked.partitions) {
      const TopicPartition id{topic != nullptr ? topic->id : TopicId{}, partition.partition_index};
      if (topic == nullptr || image->find(id) == nullptr) {
        looking.push_back([](Asked a) -> Task<Found> {
          Found unknown;
          unknown.partition_index = a.partition_index;
          unknown.error_code = ErrorCode::unknown_topic_or_partition;
          co_return unknown;
        }(partition));
        continue;
      }
      looking.push_back(
          context.shard.on(id, [id, partition, version = context.version()](BrokerShard& owner) {
            return look_up(owner, id, partition, version);
          }));
    }
    answer.partitions = co_await runtime::when_all(std::move(looking));
    if (context.version() >= kEpochVersion) continue;
    for (Found& found : answer.partitions) found.leader_epoch = kNoLeaderEpoch;
  }
  co_return response;
}

}  // namespace godwit::broker::api
