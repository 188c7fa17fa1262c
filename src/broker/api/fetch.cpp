// Fetch: reads partitions in the order of the request, and waits for more while there is less than min_bytes.
#include <algorithm>
#include <list>
#include <set>

#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/broker.h"
#include "broker/fetch_wait.h"
#include "broker/leader_hints.h"
#include "broker/replica_session.h"

namespace godwit::broker::api {
namespace {

using kafka::FetchRequest;
using kafka::FetchResponse;

constexpr int8_t kReadCommitted = 1;

// An answer without records says nothing of offsets either.
void take_back_offsets(FetchResponse::Partition& answer) {
  answer.high_watermark = answer.last_stable_offset = answer.log_start_offset = Offset(-1);
}

// A partition of the request and what was read of it.
struct Item {
  FetchTarget* target = nullptr;
  TopicPartition id;
  FetchResponse::Partition answer;
  bool settled = false;  // an error that no waiting changes
  bool failed() const {
    return answer.error_code != ErrorCode::none || answer.diverging_epoch.epoch != kNoLeaderEpoch ||
           answer.preferred_read_replica != kNoBroker;
  }
  size_t bytes = 0;  // of records, as they were read last; they may have been let go since
  bool has_records() const { return answer.records && !answer.records->empty(); }
  void let_go() {
    if (answer.records) answer.records->clear();
  }
};

// A request that names more is not served: a broker has no more, but where max.partitions says so.
constexpr size_t kPartitionsMax = 200'000;

// Whether what the request names may be kept in memory while it waits: a few bytes name a partition, and a name of a topic may be
// long. Without a session it has the same bound as all sessions of a shard, and its answers as much again.
bool may_be_kept(const FetchRequest& request, size_t partitions_max) {
  size_t partitions = 0;
  size_t bytes = 0;
  for (const auto& topic : request.topics) {
    partitions += topic.partitions.size();
    bytes += topic.partitions.size() * (sizeof(FetchTarget) + sizeof(Item) + topic.topic.size());
  }
  return partitions <= std::max(partitions_max, kPartitionsMax) && bytes <= 2 * FetchSessions::kBytesMax;
}

class Fetching {
 public:
  Fetching(RequestContext& context, FetchRequest request)
      : context_(context), shard_(context.shard), request_(std::move(request)) {}

  Task<FetchResponse> run() {
    FetchResponse response;
    if (!may_be_kept(request_, static_cast<size_t>(shard_.options().partitions_max))) {
      response.error_code = ErrorCode::invalid_request;
      co_return response;
    }
    auto begin = shard_.fetch_sessions().begin(request_, context_.version(), shard_.shard().now());
    if (begin.error != ErrorCode::none) {
      response.error_code = begin.error;
      co_return response;
    }
    session_ = begin.session;
    incremental_ = begin.incremental;
    if (session_ != nullptr) {
      session_->in_use = true;
      response.session_id = session_->id;
    }
    co_await collect();
    bytes_max_ =
        std::min(static_cast<size_t>(std::max(0, request_.max_bytes)), shard_.options().fetch_bytes_max);
    if (context_.client.response_memory) {
      bytes_max_ = std::min(bytes_max_, context_.client.response_memory->capacity());
    }
    bytes_min_ = std::min(static_cast<size_t>(std::max(0, request_.min_bytes)), bytes_max_);
    deadline_ = context_.arrived + std::chrono::milliseconds(std::max(0, request_.max_wait_ms));
    co_await read_all();
    if (!satisfied()) co_await wait_for_more();
    co_await take_memory();
    respond(response);
    if (session_ != nullptr) session_->in_use = false;
    co_return response;
  }

 private:
  Task<void> collect() {
    Turns turns;
    if (session_ != nullptr) {
      for (FetchTarget& target : session_->targets) {
        if (turns.due()) co_await runtime::yield();
        add(target);
      }
      co_return;
    }
    for (const auto& topic : request_.topics) {
      if (turns.due()) co_await runtime::yield();
      for (const auto& partition : topic.partitions) {
        if (turns.due()) co_await runtime::yield();
        own_targets_.push_back({topic.topic, topic.topic_id, partition});
        add(own_targets_.back());
      }
    }
  }

  void add(FetchTarget& target) {
    Item item;
    item.target = &target;
    item.answer.partition_index = target.partition.partition;
    const bool by_id = context_.version() >= 13;
    const cluster::ImagePtr& image = shard_.image();
    const cluster::Topic* const topic = by_id ? image->find(target.topic_id) : image->find(target.topic);
    if (topic != nullptr) item.id = {topic->id, target.partition.partition};
    if (topic == nullptr || image->find(item.id) == nullptr) {
      item.settled = true;
      item.answer.error_code =
          by_id && topic == nullptr ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
      item.answer.high_watermark = Offset(-1);
    }
    items_.push_back(std::move(item));
  }

  Task<void> read_all(FetchWait* wait = nullptr) {
    std::vector<size_t> all;
    for (size_t i = 0; i < items_.size(); ++i) {
      if (!items_[i].settled) all.push_back(i);
    }
    co_await read(std::move(all), wait);
  }

  // Reads these items anew, those of one shard in one visit, in the order of the request. The limit holds for all together; the
  // first batch of all is given whole: that may wait for memory, so none of them holds any by then. With `wait` they are watched from
  // now on, in the same visit.
  Task<void> read(std::vector<size_t> indexes, FetchWait* wait) {
    std::vector<std::vector<size_t>> by_shard(shard_.broker().shard_count());
    std::vector<size_t> order;
    for (const size_t i : indexes) {
      total_ -= std::exchange(items_[i].bytes, 0);
      items_[i].let_go();
      const size_t owner = shard_.broker().store().shard_of(items_[i].id);
      if (by_shard[owner].empty()) order.push_back(owner);
      by_shard[owner].push_back(i);
    }
    for (const size_t index : order) {
      BrokerShard& owner = shard_.broker().shard(index);
      co_await owner.shard().call([this, &owner, &wanted = by_shard[index], wait]() -> Task<void> {
        Turns turns;
        for (const size_t i : wanted) {
          if (turns.due()) co_await runtime::yield();
          // Before it is read: what comes in between is news again.
          if (wait != nullptr) wait->watch_here(owner, {items_[i].id, i});
          co_await read_one(owner, items_[i]);
          items_[i].bytes = items_[i].answer.records ? items_[i].answer.records->size() : 0;
          total_ += items_[i].bytes;
        }
      });
    }
  }

  Task<void> read_one(BrokerShard& owner, Item& item) {
    const FetchRequest::Partition& asked = item.target->partition;
    FetchResponse::Partition& answer = item.answer;
    answer = {};
    answer.partition_index = asked.partition;
    if (request_.isolation_level != kReadCommitted) answer.aborted_transactions.reset();
    const auto partition = owner.find(item.id);
    // Followers serve readers that may know of it (KIP-392), from version 11 on.
    if (partition == nullptr || partition->closed() ||
        (!partition->leading() && !(context_.version() >= 11 && partition->serves_reads()))) {
      answer.error_code = ErrorCode::not_leader_or_follower;
      take_back_offsets(answer);
      co_return;
    }
    answer.error_code = partition->check_epoch(asked.current_leader_epoch);
    answer.high_watermark = partition->high_watermark();
    answer.last_stable_offset = partition->last_stable_offset();
    answer.log_start_offset = partition->log_start();
    if (answer.error_code != ErrorCode::none) {
      take_back_offsets(answer);
      co_return;
    }
    // A broker that hung or was cut off, and goes on, may not know yet that another leads and what was published there: that
    // an offset is beyond the end would throw the reader back to the beginning, or on to the latest. What followers had sent before,
    // and arrives now, proves nothing.
    const bool perhaps_superseded = partition->leading() && !partition->lease_holds() &&
                                    (asked.fetch_offset > partition->high_watermark() ||
                                     asked.last_fetched_epoch > partition->leader_epoch());
    if (perhaps_superseded) {
      answer.error_code = ErrorCode::not_leader_or_follower;
      take_back_offsets(answer);
      co_return;
    }
    if (diverges(*partition, asked, answer)) co_return;
    // Nothing new would come from here (rule 14).
    if (asked.fetch_offset >= partition->high_watermark() && partition->cut_off()) {
      answer.error_code = ErrorCode::not_leader_or_follower;
      take_back_offsets(answer);
      co_return;
    }
    if (asked.fetch_offset > partition->high_watermark() &&
        !(partition->leading() && partition->high_watermark_known())) {
      // An earlier leader may have shown all of it as committed, and the leader of a follower may: soon it is known here too.
      answer.error_code = ErrorCode::offset_not_available;
      take_back_offsets(answer);
      co_return;
    }
    if (const BrokerId nearer = nearer_replica(owner, *partition, asked.fetch_offset); nearer != kNoBroker) {
      answer.preferred_read_replica = nearer;
      co_return;
    }
    const size_t left = bytes_max_ > total_ ? bytes_max_ - total_ : 0;
    const size_t limit = std::min(left, static_cast<size_t>(std::max(0, asked.partition_max_bytes)));
    const bool first = total_ == 0;
    auto read = co_await partition->read(asked.fetch_offset, limit, first);
    if (!read) {
      answer.error_code = read.error().code;
      if (answer.error_code == ErrorCode::offset_out_of_range) take_back_offsets(answer);
      co_return;
    }
    answer.records = std::move(read->batches);
  }

  // KIP-392: an in-sync replica in the reader's rack, where this broker is in another and that one has the offset. One whose
  // session ended may be dead, which the image says only after a while: some clients wait long for an address that does not answer.
  BrokerId nearer_replica(BrokerShard& owner, const Partition& partition, Offset from) const {
    if (request_.rack_id.empty() || partition.leader() == nullptr) return kNoBroker;
    const cluster::ImagePtr& image = owner.image();
    if (request_.rack_id == owner.options().rack) return kNoBroker;
    for (const auto& follower : partition.leader()->followers(owner.shard().now())) {
      const auto broker = image->brokers.find(follower.id);
      if (!follower.in_isr || !follower.follows || !follower.caught_up) continue;
      if (!follower.synced || *follower.synced < from) continue;
      if (broker != image->brokers.end() && broker->second.rack == request_.rack_id) return follower.id;
    }
    return kNoBroker;
  }

  // KIP-595: the fetcher's last batch belongs to an epoch that ended elsewhere here.
  static bool diverges(Partition& partition, const FetchRequest::Partition& asked,
                       FetchResponse::Partition& answer) {
    if (asked.last_fetched_epoch == kNoLeaderEpoch) return false;
    const auto end = partition.log()->epochs().end_of(asked.last_fetched_epoch, partition.log()->end());
    if (!end) {
      answer.error_code = ErrorCode::offset_out_of_range;
      take_back_offsets(answer);
      return true;
    }
    if (end->epoch == asked.last_fetched_epoch && end->end >= asked.fetch_offset) return false;
    answer.diverging_epoch = {end->epoch, end->end};
    return true;
  }

  bool satisfied() const {
    return items_.empty() || total_ >= bytes_min_ || std::ranges::any_of(items_, &Item::failed);
  }

  // What was read is let go before each wait, which may be long: it lies in buffers and in the arena, and few who wait for much
  // would keep all others from it. It is read again once, at the end.
  Task<void> wait_for_more() {
    FetchWait wait(shard_, context_.client);
    // News between the first read and the watch would be missed: so everything is read once more.
    co_await read_all(&wait);
    while (!satisfied() && shard_.shard().now() < deadline_ && !shard_.broker().stopping() &&
           !context_.client.gone) {
      for (Item& item : items_) item.let_go();
      std::vector<size_t> changed = co_await wait.changed(deadline_);
      if (changed.empty()) break;
      std::ranges::sort(changed);
      changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
      co_await read(std::move(changed), &wait);
    }
    wait.close();
    const bool lacks =
        std::ranges::any_of(items_, [](const Item& item) { return item.bytes > 0 && !item.has_records(); });
    if (lacks) co_await read_all();
  }

  // What the response pins is counted until it is sent. While others hold all of it, or earlier answers that the peer does
  // not read hold its connection's part, nothing is pinned here.
  Task<void> take_memory() {
    const size_t bytes = total_;
    if (bytes == 0) co_return;
    runtime::Semaphore* const own = context_.client.response_memory.get();
    runtime::Semaphore& all = shard_.response_memory();
    const bool own_free = own == nullptr || own->try_acquire(bytes);
    if (!own_free || !all.try_acquire(bytes)) {
      for (Item& item : items_) item.let_go();
      if (!own_free) co_await own->acquire(bytes);
      co_await all.acquire(bytes);
      bytes_max_ = std::min(bytes_max_, bytes);
      co_await read_all();
    }
    context_.permit = Permit(all, own, bytes);
  }

  void respond(FetchResponse& response) {
    FetchResponse::Topic* topic = nullptr;
    const cluster::ImagePtr image = image_for_hints(context_);
    std::vector<FetchTarget*> gave_data;
    for (Item& item : items_) {
      if (item.bytes > 0) gave_data.push_back(item.target);
      if (incremental_ && !has_news(item)) continue;
      if (leads_elsewhere(item.answer.error_code)) hint(*image, item.id, item.answer.current_leader);
      if (topic == nullptr || topic->topic != item.target->topic ||
          topic->topic_id != item.target->topic_id) {
        topic = &response.responses.emplace_back();
        topic->topic = item.target->topic;
        topic->topic_id = item.target->topic_id;
      }
      if (session_ != nullptr) {
        item.target->answered_high_watermark = item.answer.high_watermark;
        item.target->answered_log_start = item.answer.log_start_offset;
        item.target->answered_error = item.failed();
      }
      topic->partitions.push_back(std::move(item.answer));
    }
    if (session_ != nullptr) session_->move_to_end(gave_data);
    response.node_endpoints = hinted_endpoints(context_, *image, hinted_);
  }

  void hint(const cluster::Image& image, const TopicPartition& id, kafka::CurrentLeader& leader) {
    leader = current_leader(context_, image, id);
    // Older versions have no field for its address.
    if (leader.leader_id != kNoBroker && context_.version() >= 16) hinted_.insert(leader.leader_id);
  }

  static bool has_news(const Item& item) {
    return item.bytes > 0 || item.failed() || item.target->answered_error ||
           item.target->answered_high_watermark != item.answer.high_watermark ||
           item.target->answered_log_start != item.answer.log_start_offset;
  }

  RequestContext& context_;
  BrokerShard& shard_;
  FetchRequest request_;
  std::shared_ptr<FetchSession> session_;
  bool incremental_ = false;
  std::list<FetchTarget> own_targets_;  // without a session
  std::vector<Item> items_;
  std::set<BrokerId> hinted_;
  size_t bytes_max_ = 0;
  size_t bytes_min_ = 0;
  size_t total_ = 0;  // bytes in all answers
  MonotonicTime deadline_{};
};

}  // namespace

Task<FetchResponse> handle(RequestContext& context, FetchRequest request) {
  const BrokerId replica = context.version() >= 15 ? request.replica_state.replica_id : request.replica_id;
  if (replica >= BrokerId(0)) {
    request.replica_state.replica_id = replica;
    co_return co_await fetch_for_replica(context, std::move(request));
  }
  Fetching fetching(context, std::move(request));
  co_return co_await fetching.run();
}

}  // namespace godwit::broker::api
