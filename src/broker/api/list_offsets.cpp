#include <algorithm>
#include <map>
#include <tuple>

#include "broker/api/handlers.h"
#include "broker/api/turns.h"
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

// So many partitions are looked up at once: each has some memory while it waits.
constexpr size_t kAtOnce = 256;
// A request that names more is not served: a broker has no more, but where max.partitions says so.
constexpr size_t kPartitionsMax = 200'000;

// The look-ups of one request.
class Looking {
 public:
  explicit Looking(RequestContext& context) : context_(context) {}

  Task<kafka::ListOffsetsResponse> run(const kafka::ListOffsetsRequest& request) {
    size_t count = 0;
    for (const auto& asked : request.topics) count += asked.partitions.size();
    const bool too_many =
        count > std::max(kPartitionsMax, static_cast<size_t>(context_.shard.options().partitions_max));
    kafka::ListOffsetsResponse response;
    response.topics.reserve(request.topics.size());
    const cluster::ImagePtr image = context_.shard.image();
    Turns turns;
    for (const auto& asked : request.topics) {
      if (turns.due()) co_await runtime::yield();
      auto& answer = response.topics.emplace_back();
      answer.name = asked.name;
      answer.partitions.resize(asked.partitions.size());
      const cluster::Topic* const topic = image->find(asked.name);
      for (size_t i = 0; i < asked.partitions.size(); ++i) {
        if (turns.due()) co_await runtime::yield();
        const Asked& partition = asked.partitions[i];
        Found& found = answer.partitions[i];
        found.partition_index = partition.partition_index;
        const TopicPartition id{topic != nullptr ? topic->id : TopicId{}, partition.partition_index};
        if (too_many) {
          found.error_code = ErrorCode::invalid_request;
        } else if (topic == nullptr || image->find(id) == nullptr) {
          found.error_code = ErrorCode::unknown_topic_or_partition;
        } else if (!is_repeated(id, partition, found)) {
          wanted_.push_back({id, partition, &found});
          if (wanted_.size() == kAtOnce) co_await look_up_all();
        }
      }
    }
    co_await look_up_all();
    for (const auto& [repeated, first] : repeated_) *repeated = *first;
    if (context_.version() < kEpochVersion) {
      for (auto& answer : response.topics) {
        for (Found& found : answer.partitions) found.leader_epoch = kNoLeaderEpoch;
      }
    }
    co_return response;
  }

 private:
  struct Wanted {
    TopicPartition id;
    Asked asked;
    Found* found;
  };

  // Whether the same time of the same partition was asked for before: it is looked up in the log once.
  bool is_repeated(const TopicPartition& id, const Asked& asked, Found& found) {
    if (asked.timestamp < 0 && asked.timestamp != kMaxTimestamp) return false;
    const auto [first, added] = first_.try_emplace({id, asked.timestamp, asked.current_leader_epoch}, &found);
    if (!added) repeated_.emplace_back(&found, first->second);
    return !added;
  }

  Task<void> look_up_all() {
    std::vector<Task<Found>> looking;
    looking.reserve(wanted_.size());
    for (const Wanted& wanted : wanted_) {
      looking.push_back(context_.shard.on(
          wanted.id, [id = wanted.id, asked = wanted.asked, version = context_.version()](
                         BrokerShard& owner) { return look_up(owner, id, asked, version); }));
    }
    auto found = co_await runtime::when_all(std::move(looking));
    for (size_t i = 0; i < found.size(); ++i) *wanted_[i].found = std::move(found[i]);
    wanted_.clear();
  }

  RequestContext& context_;
  std::vector<Wanted> wanted_;
  std::map<std::tuple<TopicPartition, int64_t, LeaderEpoch>, Found*> first_;
  std::vector<std::pair<Found*, const Found*>> repeated_;
};

}  // namespace

Task<kafka::ListOffsetsResponse> handle(RequestContext& context, kafka::ListOffsetsRequest request) {
  Looking looking(context);
  co_return co_await looking.run(request);
}

}  // namespace godwit::broker::api
