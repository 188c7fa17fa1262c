#include "broker/partition.h"

#include <algorithm>

#include "record/batch_header.h"

namespace godwit::broker {

using runtime::Task;

namespace {

// How often somebody who waits on behalf of a client looks whether that has gone.
constexpr Duration kLookWhetherGone = std::chrono::seconds(1);
// For so long after an election, or after a batch was refused, clients may still be on their way with what comes first:
// librdkafka's longest pause between two attempts to connect.
constexpr Duration kClientsArrive = std::chrono::seconds(10);

}  // namespace

// In the list until its end is committed or the leadership that it waits for has ended.
struct Partition::CommitWaiter : runtime::ListNode {
  Offset end;
  runtime::Condition arrived;
};

Partition::Partition(TopicPartition id, std::string topic, storage::Log& log,
                     const Surroundings& surroundings)
    : id_(id), topic_(std::move(topic)), log_(&log), surroundings_(surroundings) {
  log_->set_observer(this);
}

Partition::~Partition() {
  if (log_ != nullptr) log_->set_observer(nullptr);
}

Offset Partition::high_watermark() const {
  if (closed()) return Offset(-1);
  return leader_ != nullptr ? leader_->high_watermark() : log_->high_watermark();
}

bool Partition::cut_off() const {
  return leading() && !surroundings_.lease_holds() &&
         leader_->has_silent_member(now(), surroundings_.session_timeout);
}

bool Partition::serves_reads() const {
  return !closed() && (leading() || (settled_epoch_ == state_.leader_epoch &&
                                     std::ranges::find(state_.isr, surroundings_.self) != state_.isr.end()));
}

ErrorCode Partition::check_epoch(LeaderEpoch asked) const {
  // Kafka's clients write "none" as any negative number.
  if (asked.value() < 0 || asked == state_.leader_epoch) return ErrorCode::none;
  return asked < state_.leader_epoch ? ErrorCode::fenced_leader_epoch : ErrorCode::unknown_leader_epoch;
}

storage::Served<void> Partition::open() const {
  if (closed()) return storage::refuse(ErrorCode::unknown_topic_or_partition, "the topic was deleted");
  return {};
}

Task<storage::Served<void>> Partition::lead(cluster::PartitionState state, int min_insync,
                                            std::vector<replication::LiveBroker> live) {
  resign(state);
  if (const auto latest = log_->epochs().latest(); !latest || *latest < state.leader_epoch) {
    auto begun = co_await log_->begin_epoch(state.leader_epoch);
    if (!begun) co_return tl::unexpected(begun.error());
  }
  if (closed()) co_return storage::refuse(ErrorCode::unknown_topic_or_partition, "the topic was deleted");
  leader_ = std::make_unique<replication::LeaderReplica>(
      replication::LeaderReplica::Setup{.self = surroundings_.self,
                                        .epoch = state.leader_epoch,
                                        .version = state.version,
                                        .replicas = state.replicas,
                                        .isr = state.isr,
                                        .min_insync = min_insync,
                                        .lag_max = surroundings_.lag_max,
                                        .epoch_start = log_->end(),
                                        .end = log_->end(),
                                        .synced = log_->stable_end(),
                                        .high_watermark = std::max(log_->high_watermark(), log_->start()),
                                        .log_start = log_->start(),
                                        .now = now(),
                                        .contacts = surroundings_.contacts});
  leader_->set_live(live);
  leads_since_ = now();
  state_ = std::move(state);
  leads_.notify_all();
  after_event();
  tell_watchers();
  co_return storage::Served<void>();
}

Task<void> Partition::wait_to_lead(MonotonicTime deadline) {
  while (!closed() && !leading() && co_await leads_.wait_until(deadline)) {
  }
}

void Partition::update(cluster::PartitionState state, int min_insync) {
  state_ = std::move(state);
  if (leader_ == nullptr) return;
  leader_->on_min_insync(min_insync);
  GW_CHECK(leader_->on_committed(state_.version, state_.replicas, state_.isr, now()),
           "an image holds no state that contradicts itself");
  after_event();
}

void Partition::set_live(std::span<const replication::LiveBroker> live) {
  if (leader_ == nullptr) return;
  leader_->set_live(live);
  after_event();
}

void Partition::resign(cluster::PartitionState state) {
  state_ = std::move(state);
  // What waits for room to be appended must not come between what the next leader sends.
  if (!closed()) log_->fence(state_.leader_epoch);
  if (leader_ == nullptr) return;
  leader_.reset();
  ++reign_;
  tell_commit_waiters();
  tell_watchers();
}

void Partition::followed() {
  tell(watchers_);
}

bool Partition::confirmed_within(Duration timeout) const {
  return leading() && leader_->confirmed_within(now(), timeout);
}

storage::Served<void> Partition::may_append(bool all_replicas) const {
  if (auto alive = open(); !alive) return alive;
  if (!leading()) return storage::refuse(ErrorCode::not_leader_or_follower, "another broker leads it");
  if (cut_off()) {
    return storage::refuse(ErrorCode::not_leader_or_follower, "this broker is cut off from the cluster");
  }
  if (all_replicas && !leader_->accepts_all(now())) {
    return storage::refuse(ErrorCode::not_enough_replicas,
                           "fewer than min.insync.replicas are in sync; nothing was written");
  }
  return storage::Served<void>();
}

Task<storage::Served<storage::Appended>> Partition::append(MutableBytes batch, WallTime wall,
                                                           MonotonicTime deadline, bool all_replicas) {
  if (auto may = may_append(all_replicas); !may) {
    refused_ = now();
    co_return tl::unexpected(may.error());
  }
  const uint64_t reign = reign_;
  const int64_t producer_id = BatchHeader::load(batch).producer_id;
  auto appended = co_await log_->append(batch, {leader_->epoch(), wall, deadline});
  if (!leading() || reign != reign_) {
    // It waited for room meanwhile. Whether the batch stays in the log is for the next leader to say.
    co_return storage::refuse(ErrorCode::not_leader_or_follower, "another broker leads it by now");
  }
  if (!appended && appended.error().code == ErrorCode::out_of_order_sequence_number) {
    // This answer ends some idempotent producers for good. Others (librdkafka) take a new epoch for it, in all partitions, and
    // what these had stored and not acknowledged when a leader died is stored once more under that. Told of another leader
    // they send all of it again, in order.
    if (!surroundings_.lease_holds()) {
      // A broker that hung or was cut off, and goes on, may not know yet that another leads and what was published there. What
      // followers had sent before, and arrives now, proves nothing.
      co_return storage::refuse(ErrorCode::not_leader_or_follower,
                                "the sequence does not fit, but another broker may have been elected");
    }
    if (may_come_later(producer_id)) {
      co_return storage::refuse(ErrorCode::not_leader_or_follower,
                                "the sequence does not fit, but what is missing may still be on its way");
    }
  } else if (!appended && is_retriable(appended.error().code)) {
    refused_ = now();
  }
  own_progress();
  tell(replica_watchers_);
  co_return appended;
}

bool Partition::may_come_later(int64_t producer_id) const {
  if (refused_ && now() - *refused_ < kClientsArrive) return true;
  if (now() - leads_since_ >= kClientsArrive) return false;
  // One batch that was taken here proves that the producer has come.
  const auto last = log_->producers().last_offset_of(producer_id);
  return last && *last < leader_->epoch_start();
}

MonotonicTime Partition::next_look(MonotonicTime deadline, const std::atomic<bool>* gone) const {
  return gone == nullptr ? deadline : std::min(deadline, now() + kLookWhetherGone);
}

Task<ErrorCode> Partition::wait_committed(Offset end, MonotonicTime deadline,
                                          std::optional<uint64_t> appended_in,
                                          const std::atomic<bool>* gone) {
  const uint64_t reign = appended_in.value_or(reign_);
  CommitWaiter waiter;
  waiter.end = end;
  for (;;) {
    if (closed()) co_return ErrorCode::unknown_topic_or_partition;
    if (!leading() || reign != reign_) co_return ErrorCode::not_leader_or_follower;
    if (leader_->high_watermark() >= end) co_return ErrorCode::none;
    if (failed_) co_return ErrorCode::kafka_storage_error;
    if (gave_up_) co_return ErrorCode::request_timed_out;
    if (!waiter.linked()) commit_waiters_.push_back(waiter);
    const MonotonicTime until = next_look(deadline, gone);
    if (co_await waiter.arrived.wait_until(until)) continue;
    if (leading() && reign == reign_ && leader_->high_watermark() >= end) co_return ErrorCode::none;
    // Who looks again keeps the place in the list.
    if (until >= deadline || gone->load()) co_return ErrorCode::request_timed_out;
  }
}

Task<ErrorCode> Partition::wait_stable(Offset end, MonotonicTime deadline,
                                       std::optional<uint64_t> appended_in, const std::atomic<bool>* gone) {
  const uint64_t reign = appended_in.value_or(reign_);
  for (;;) {
    if (closed()) co_return ErrorCode::unknown_topic_or_partition;
    if (!leading() || reign != reign_) co_return ErrorCode::not_leader_or_follower;
    const MonotonicTime until = next_look(deadline, gone);
    const ErrorCode outcome = co_await log_->wait_stable(end, until);
    if (!leading() || reign != reign_) co_return ErrorCode::not_leader_or_follower;
    if (outcome != ErrorCode::request_timed_out || until >= deadline || gone->load()) co_return outcome;
  }
}

Task<storage::Served<Offset>> Partition::delete_before(Offset offset, MonotonicTime deadline,
                                                       const std::atomic<bool>* gone) {
  if (auto alive = open(); !alive) co_return tl::unexpected(alive.error());
  const uint64_t reign = reign_;
  const auto leads_on = [this, reign] { return leading() && reign == reign_; };
  const auto moved_on = [] {
    return storage::refuse(ErrorCode::not_leader_or_follower, "another broker leads it");
  };
  if (!leads_on()) co_return moved_on();
  auto deleted = co_await log_->delete_before(offset);
  if (!leads_on()) co_return moved_on();
  if (!deleted) co_return tl::unexpected(deleted.error());
  leader_->on_deleted_before(offset);
  after_event();  // who begins earlier may not join any more
  // Followers hear of a start as they hear of records.
  tell(replica_watchers_);
  for (;;) {
    if (const auto low = leader_->isr_start(log_->start()); low && *low >= offset) co_return *low;
    const MonotonicTime until = next_look(deadline, gone);
    const bool news = !gave_up_ && co_await starts_changed_.wait_until(until);
    if (!news && (gave_up_ || until >= deadline || gone->load())) {
      co_return storage::refuse(ErrorCode::request_timed_out,
                                "not all replicas in sync have deleted the records yet");
    }
    if (!leads_on()) co_return moved_on();
  }
}

Task<storage::Served<storage::ReadAnswer>> Partition::read(Offset from, size_t bytes_max, bool at_least_one) {
  if (auto alive = open(); !alive) co_return tl::unexpected(alive.error());
  const Offset end = high_watermark();
  // Between the high watermark and the log's end there is nothing to see yet, but the offset is no error.
  if (from >= end && from <= log_->end()) co_return storage::ReadAnswer{{}, from};
  // Who need not be given a batch holds others.
  co_return co_await log_->read({from, bytes_max, end, at_least_one, at_least_one});
}

Task<storage::Served<storage::ReadAnswer>> Partition::read_for_replica(Offset from, size_t bytes_max,
                                                                       bool at_least_one) {
  if (auto alive = open(); !alive) co_return tl::unexpected(alive.error());
  const Offset end = log_->end();
  if (from == end) co_return storage::ReadAnswer{{}, from};
  co_return co_await log_->read({.from = from,
                                 .bytes_max = bytes_max,
                                 .end = end,
                                 .at_least_one = at_least_one,
                                 .may_wait = false,
                                 .for_replica = true});
}

replication::FetchOutcome Partition::on_replica_fetch(const replication::FollowerFetch& fetch) {
  if (!leading()) return replication::FetchOutcome::not_a_replica;
  const auto outcome = leader_->on_fetch(fetch, now());
  after_event();
  return outcome;
}

void Partition::on_unfollow(BrokerId follower, uint64_t session) {
  if (leader_ == nullptr) return;
  leader_->on_unfollow(follower, session);
  after_event();  // it may have been awaited
}

std::optional<replication::IsrProposal> Partition::take_proposal() {
  if (!leading()) return std::nullopt;
  // Rule 13: while nobody can change the ISR, publishing waits for those that are in it, and for nobody else.
  leader_->set_joins(surroundings_.lease_holds());
  auto proposal = leader_->take_proposal(now());
  carry_high_watermark();
  return proposal;
}

void Partition::on_answer(uint64_t proposal, replication::IsrOutcome outcome) {
  if (leader_ == nullptr) return;
  leader_->on_answer(proposal, outcome, now());
  after_event();
}

void Partition::close() {
  if (closed()) return;
  log_->set_observer(nullptr);
  log_ = nullptr;
  leader_.reset();
  ++reign_;
  leads_.notify_all();
  tell_commit_waiters();
  tell_watchers();
}

void Partition::log_advanced() {
  if (leader_ != nullptr) own_progress();
}

void Partition::own_progress() {
  // A log that failed takes back what it could not sync: it grows no more in this epoch, and others had better lead.
  if (failed_ || log_->end() < leader_->end()) return;
  leader_->own_progress(log_->end(), log_->stable_end());
  after_event();
}

void Partition::log_failed() {
  failed_ = true;
  tell_commit_waiters();
  tell_watchers();
}

void Partition::after_event() {
  if (leader_ == nullptr || closed()) return;
  starts_changed_.notify_all();
  carry_high_watermark();
  if (state_.replicas.size() > 1) surroundings_.wants_isr(*this);
}

void Partition::carry_high_watermark() {
  if (const Offset committed = leader_->high_watermark(); committed > log_->high_watermark()) {
    log_->set_high_watermark(committed);
    while (runtime::ListNode* node = commit_waiters_.front()) {
      auto& waiter = static_cast<CommitWaiter&>(*node);
      if (waiter.end > committed) break;
      waiter.unlink();
      waiter.arrived.notify_all();
    }
    tell_watchers();
  }
}

void Partition::give_up_commits() {
  gave_up_ = true;
  tell_commit_waiters();
}

void Partition::tell_commit_waiters() {
  starts_changed_.notify_all();
  while (runtime::ListNode* node = commit_waiters_.front()) {
    auto& waiter = static_cast<CommitWaiter&>(*node);
    waiter.unlink();
    waiter.arrived.notify_all();
  }
}

void Partition::tell_watchers() {
  tell(watchers_);
  tell(replica_watchers_);
}

void Partition::tell(runtime::List& watchers) {
  // A watcher leaves the list when it is told and comes back when it wants to hear more: news while it works are not
  // lost, since it looks again before it waits.
  runtime::List now;
  now.take_all(watchers);
  while (runtime::ListNode* node = now.front()) {
    node->unlink();
    static_cast<Watcher*>(node)->partition_changed();
  }
}

}  // namespace godwit::broker
