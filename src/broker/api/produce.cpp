// Produce, in three steps: what each batch claims is checked on the connection's shard; partitions admit them on theirs;
// then the next request of the connection may start, while this one waits until its batches are committed.
#include <algorithm>
#include <atomic>
#include <limits>
#include <map>
#include <set>

#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/broker.h"
#include "broker/leader_hints.h"
#include "broker/produce_plan.h"
#include "record/batch_edit.h"
#include "record/produce_validation.h"
#include "record/recompress.h"

namespace godwit::broker::api {
namespace {

using kafka::ProduceRequest;
using kafka::ProduceResponse;

constexpr int16_t kAcksAll = -1;

// How long an election may take until a batch for its winner is refused.
constexpr Duration kElectionPatience = std::chrono::milliseconds(300);

// Where batches wait for memory or the disk although the client named no patience.
constexpr Duration kPatienceMin = std::chrono::milliseconds(100);
// The longest that librdkafka lets its users say.
constexpr Duration kPatienceMax = std::chrono::minutes(15);

// By how much a request's batches may grow in memory where topics have a codec of their own, of memory.requests: they are kept
// until they are appended, and a few bytes may become a hundred MiB. One batch always may.
constexpr size_t kGrowthPart = 4;
// What the batches of one request that must be opened (compression.type, keys of a compacted topic) may come to, decompressed
// one after the other: time, not memory.
constexpr size_t kDecompressedMax = size_t{1} << 30;
// Faults of records that are listed in one answer; the others are counted.
constexpr size_t kRecordErrorsMax = 10'000;

// Where the batch was refused for what it claims, its producer learns where the log begins.
bool tells_log_start(ErrorCode code) {
  return code == ErrorCode::none || code == ErrorCode::out_of_order_sequence_number ||
         code == ErrorCode::invalid_producer_epoch || code == ErrorCode::invalid_record;
}

// Whether this broker may lead the partition in a moment: the image says so and it is being carried over, or an election is due.
bool is_being_elected(const BrokerShard& shard, const TopicPartition& id) {
  const cluster::PartitionState* const state = shard.image()->find(id);
  if (state == nullptr) return false;
  const BrokerId self = shard.options().id;
  if (std::ranges::find(state->isr, self) == state->isr.end()) return false;
  if (state->leader == self) return !shard.broker().suspects(self);
  return state->leader == kNoBroker || shard.broker().suspects(state->leader);
}

class Producing {
 public:
  Producing(RequestContext& context, ProduceRequest request)
      : context_(context),
        request_(std::move(request)),
        growth_left_(context.shard.options().request_memory / kGrowthPart) {}

  Task<Answer> run() {
    const auto patience =
        std::clamp<Duration>(std::chrono::milliseconds(request_.timeout_ms), kPatienceMin, kPatienceMax);
    deadline_ = context_.arrived + patience;
    co_await check_all();
    // What is behind a batch that was refused for want of an election must be refused too, and not wait anew: it would be taken
    // if the election came meanwhile, out of order. So all that a connection sends waits until the same moment.
    // A broker that starts has let them wait already, for itself.
    const MonotonicTime begun = context_.shard.shard().now();
    auto& since = context_.client.election_awaited_since;
    if (since && begun - *since > 2 * kElectionPatience) since.reset();
    election_deadline_ = std::min(deadline_, since.value_or(begun) + kElectionPatience);
    co_await admit_all();
    if (awaited_in_vain_ && !since) since = begun;
    context_.admit();
    if (request_.acks == 0) co_return answer_nothing();
    co_await wait_all();
    co_return kafka::encode_response(context_.frame.correlation_id, respond(), context_.version());
  }

 private:
  Task<void> check_all() {
    Turns turns;
    const bool acks_known = request_.acks == kAcksAll || request_.acks == 0 || request_.acks == 1;
    const cluster::ImagePtr image = context_.shard.image();
    response_.responses.reserve(request_.topic_data.size());
    for (auto& asked : request_.topic_data) {
      if (asked.partition_data.empty()) continue;
      auto& answer = response_.responses.emplace_back();
      answer.name = asked.name;
      answer.topic_id = asked.topic_id;
      const bool by_id = context_.version() >= 13;
      const cluster::Topic* const topic = by_id ? image->find(asked.topic_id) : image->find(asked.name);
      if (turns.due()) co_await runtime::yield();
      for (auto& partition : asked.partition_data) {
        if (turns.due() || std::exchange(opened_, false)) co_await runtime::yield();
        auto& part = answer.partition_responses.emplace_back();
        part.index = partition.index;
        part.base_offset = Offset(-1);
        const auto refuse = [&](ErrorCode code, std::string message) {
          part.error_code = code;
          if (!message.empty()) part.error_message = std::move(message);
        };
        if (!acks_known) {
          refuse(ErrorCode::invalid_required_acks, "acks is -1, 0 or 1");
        } else if (request_.transactional_id) {
          // What a producer without a transaction coordinator is told: it may not write in transactions.
          refuse(ErrorCode::transactional_id_authorization_failed, "transactions are not offered");
        } else if (topic == nullptr) {
          refuse(by_id ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition, "");
        } else if (topic->internal()) {
          refuse(ErrorCode::invalid_topic_exception, "clients do not write to internal topics");
        } else if (image->find({topic->id, partition.index}) == nullptr) {
          refuse(ErrorCode::unknown_topic_or_partition, "");
        } else {
          check_batch(*topic, partition, part);
        }
      }
    }
  }

  void check_batch(const cluster::Topic& topic, const ProduceRequest::Partition& asked,
                   ProduceResponse::Partition& part) {
    const TopicSettings* const known = context_.shard.settings(topic.id);
    if (known == nullptr) {
      // It was deleted since the request came.
      part.error_code = ErrorCode::unknown_topic_or_partition;
      return;
    }
    const TopicSettings& settings = *known;
    const BytesView records = asked.records ? asked.records->view() : BytesView{};
    ValidationOptions options;
    options.produce_version = context_.version();
    options.now = context_.shard.shard().wall_now();
    options.compacted = settings.log.cleanup_compact;
    options.timestamp_type =
        settings.log.log_append_time ? TimestampType::log_append_time : TimestampType::create_time;
    options.timestamp_before_max_ms = settings.timestamp_before_max_ms;
    options.timestamp_after_max_ms = settings.timestamp_after_max_ms;
    options.message_bytes_max = static_cast<size_t>(settings.max_message_bytes);
    options.segment_bytes = static_cast<size_t>(settings.log.segment_bytes);
    options.deep = settings.compression.has_value();
    if (options.deep || options.compacted)
      options.decompressed_bytes_max = std::min(options.decompressed_bytes_max, decompressed_left_);
    // Uncompressed it must not be larger than a batch may be: more of it need not even be seen.
    const size_t bytes_max = std::min(options.message_bytes_max, grew_ ? growth_left_ + records.size()
                                                                       : std::numeric_limits<size_t>::max());
    if (settings.compression == CompressionType::none)
      options.decompressed_bytes_max = std::min(options.decompressed_bytes_max, bytes_max);
    options.record_errors_max = record_errors_left_;
    auto checked = validate_produced(records, options);
    const auto charge_opened = [&](size_t bytes) {
      opened_ = bytes > 0;
      decompressed_left_ -= std::min(decompressed_left_, bytes);
    };
    if (const auto* refused = std::get_if<RefusedBatch>(&checked)) {
      part.error_code = refused->code;
      part.error_message = refused->message;
      for (const auto& record : refused->record_errors)
        part.record_errors.push_back({record.batch_index, record.message});
      record_errors_left_ -= refused->record_errors.size();
      charge_opened(refused->decompressed_bytes);
      context_.shard.metrics().produce_refused.add();
      return;
    }
    const auto& accepted = std::get<AcceptedBatch>(checked);
    const bool compressed = accepted.header.attributes.compression() != CompressionType::none;
    if (compressed && accepted.records_walked) charge_opened(accepted.uncompressed_bytes);
    if (accepted.header.attributes.transactional()) {
      part.error_code = ErrorCode::transactional_id_authorization_failed;
      part.error_message = "the batch belongs to a transaction, which the request does not name";
      return;
    }
    ProduceItem item;
    item.id = {topic.id, asked.index};
    item.topic = response_.responses.size() - 1;
    item.partition = response_.responses.back().partition_responses.size() - 1;
    item.batch = context_.writable(records);
    item.records = accepted.header.record_count;
    if (settings.compression && needs_recompression(accepted.header, *settings.compression)) {
      const auto parsed = BatchView::parse(records);
      auto again = parsed ? recompress(*parsed, {*settings.compression, settings.compression_level})
                          : Result<Bytes>(fail(parsed.error()));
      if (!again) {
        part.error_code = ErrorCode::invalid_record;
        part.error_message = again.error().message;
        return;
      }
      opened_ = true;
      // The limit holds for what is stored, as in Kafka.
      if (again->size() > bytes_max) {
        part.error_code = ErrorCode::message_too_large;
        part.error_message = "the record batch has " + std::to_string(again->size()) +
                             " bytes in the topic's codec, " + std::to_string(bytes_max) + " are allowed";
        context_.shard.metrics().produce_refused.add();
        return;
      }
      if (again->size() > records.size()) {
        growth_left_ -= std::min(growth_left_, again->size() - records.size());
        grew_ = true;
      }
      item.rewritten = std::move(*again);
    }
    if (accepted.max_timestamp_differs) {
      set_max_timestamp(item.rewritten.empty() ? item.batch : MutableBytes(item.rewritten),
                        TimestampType::create_time, accepted.max_timestamp_ms);
    }
    items_[context_.shard.broker().store().shard_of(item.id)].push_back(std::move(item));
  }

  // Runs `step` for the items of each shard, there, all shards at once.
  template <class Step>
  Task<void> on_each_shard(Step step) {
    std::vector<Task<void>> tasks;
    for (auto& [index, items] : items_) {
      BrokerShard& owner = context_.shard.broker().shard(index);
      tasks.push_back(
          owner.shard().call([this, &owner, &items = items, step] { return step(*this, owner, items); }));
    }
    if (tasks.size() == 1) {
      co_await tasks[0];
    } else {
      co_await runtime::when_all(std::move(tasks));
    }
  }

  Task<void> admit_all() {
    return on_each_shard([](Producing& self, BrokerShard& owner, std::vector<ProduceItem>& items) {
      return self.admit(owner, items);
    });
  }

  Task<void> admit(BrokerShard& owner, std::vector<ProduceItem>& items) {
    const WallTime now = owner.shard().wall_now();
    for (ProduceItem& item : items) {
      const auto partition = owner.find(item.id);
      if (partition == nullptr) {
        item.error = ErrorCode::not_leader_or_follower;
        continue;
      }
      if (!partition->leading() && is_being_elected(owner, item.id)) {
        // The client heard of this leader before the leader did. Were its first batch refused and the second one, a moment
        // later, not, then that would be out of order: which ends an idempotent producer for good.
        co_await partition->wait_to_lead(election_deadline_);
        if (!partition->leading()) awaited_in_vain_ = true;
      }
      const MutableBytes batch = item.rewritten.empty() ? item.batch : MutableBytes(item.rewritten);
      auto appended = co_await partition->append(batch, now, deadline_, request_.acks == kAcksAll);
      // It was copied, or is not wanted.
      item.rewritten = Bytes();
      if (!appended) {
        item.error = appended.error().code;
        item.message = appended.error().message;
        item.appended.log_start = partition->log_start();
        continue;
      }
      item.appended = *appended;
      item.reign = partition->reign();
      if (!appended->duplicate) owner.metrics().messages_in_batches.add(static_cast<uint64_t>(item.records));
    }
  }

  Task<void> wait_all() {
    return on_each_shard([](Producing& self, BrokerShard& owner, std::vector<ProduceItem>& items) {
      return self.wait(owner, items);
    });
  }

  // acks=1 waits for this broker's disk: what `flush` promises holds at every level. acks=all waits for the whole ISR.
  Task<void> wait(BrokerShard& owner, std::vector<ProduceItem>& items) {
    for (ProduceItem& item : items) {
      if (item.error != ErrorCode::none) continue;
      const auto partition = owner.find(item.id);
      const Offset end = item.appended.last_offset + 1;
      if (partition == nullptr) {
        item.error = ErrorCode::not_leader_or_follower;
      } else if (request_.acks == kAcksAll || item.appended.duplicate) {
        // The answer to a repeated batch speaks of the original: that one may have been sent with acks=all.
        item.error = co_await partition->wait_committed(end, deadline_, item.reign, &context_.client.gone);
      } else {
        item.error = co_await partition->wait_stable(end, deadline_, item.reign, &context_.client.gone);
      }
    }
  }

  ProduceResponse respond() {
    std::set<BrokerId> hinted;
    const cluster::ImagePtr image = image_for_hints(context_);
    for (auto& [shard, items] : items_) {
      for (ProduceItem& item : items) {
        auto& part = response_.responses[item.topic].partition_responses[item.partition];
        part.error_code = item.error;
        if (leads_elsewhere(item.error) && context_.version() >= 10) {
          part.current_leader = current_leader(context_, *image, item.id);
          if (part.current_leader.leader_id != kNoBroker) hinted.insert(part.current_leader.leader_id);
        }
        if (!item.message.empty()) part.error_message = std::move(item.message);
        if (tells_log_start(item.error)) part.log_start_offset = item.appended.log_start;
        if (item.error != ErrorCode::none) continue;
        part.base_offset = item.appended.base_offset;
        part.log_append_time_ms = item.appended.log_append_time_ms;
      }
    }
    response_.node_endpoints = hinted_endpoints(context_, *image, hinted);
    context_.shard.metrics().produce_seconds.observe_ns(
        static_cast<uint64_t>((context_.shard.shard().now() - context_.arrived).count()));
    return std::move(response_);
  }

  // With acks=0 the end of the connection is the only way to say that something went wrong.
  Answer answer_nothing() {
    const ProduceResponse response = respond();
    for (const auto& topic : response.responses) {
      for (const auto& part : topic.partition_responses) {
        if (part.error_code == ErrorCode::none) continue;
        return fail(ErrorKind::invalid, "a Produce with acks=0 to " + topic.name + "-" +
                                            to_string(part.index) +
                                            " failed: " + std::string(to_string(part.error_code)));
      }
    }
    return Chain();
  }

  RequestContext& context_;
  ProduceRequest request_;
  ProduceResponse response_;
  MonotonicTime deadline_{};
  MonotonicTime election_deadline_{};
  std::atomic<bool> awaited_in_vain_ = false;         // set on the shards of the partitions
  std::map<size_t, std::vector<ProduceItem>> items_;  // by shard
  size_t growth_left_;                                // bytes
  bool grew_ = false;
  size_t decompressed_left_ = kDecompressedMax;
  size_t record_errors_left_ = kRecordErrorsMax;
  bool opened_ = false;  // the last batch: that took time
};

}  // namespace

Task<Answer> handle(RequestContext& context, ProduceRequest request) {
  Producing producing(context, std::move(request));
  co_return co_await producing.run();
}

}  // namespace godwit::broker::api
