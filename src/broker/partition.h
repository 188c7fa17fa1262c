// A partition as this broker serves it: its log, its place in the cluster, and who waits for news of it.
//
// It leads (clients write to it, followers fetch from it, replication::LeaderReplica says what is committed), or follows (the
// replicator writes to its log, and it may serve readers), or neither. The image says which: apply().
//
// Belongs to the shard of its log. Shared, so that a request that waits survives the deletion of the topic: after
// close() everything answers unknown_topic_or_partition; who waited for a commit when the leadership ended hears
// not_leader_or_follower at once (design-cluster rule 17).
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "broker/look_agenda.h"
#include "cluster/image.h"
#include "model/error_code.h"
#include "record/produce_validation.h"
#include "replication/leader_replica.h"
#include "runtime/list.h"
#include "runtime/sync.h"
#include "storage/log.h"

namespace godwit::broker {

class Partition final : public storage::LogObserver {
 public:
  // What holds for all partitions of a shard.
  struct Surroundings {
    runtime::Shard* shard = nullptr;
    BrokerId self;
    uint64_t incarnation = 0;
    Duration lag_max{};
    // Rule 14: after so long without a word of an in-sync replica another leader may have been elected.
    Duration session_timeout = std::chrono::seconds(3);
    const replication::Contacts* contacts = nullptr;
    // Told when the leader of a partition may have something to ask of the controller.
    std::function<void(Partition&)> wants_isr;
    // Rule 14: whether this broker counts as part of the cluster (cluster::Metadata::lease_holds).
    std::function<bool()> lease_holds;
  };

  // `log` is the store's and lives until the store drops it; close() comes first.
  Partition(TopicPartition id, std::string topic, storage::Log& log, const Surroundings& surroundings);
  ~Partition() override;

  const TopicPartition& id() const { return id_; }
  const std::string& topic() const { return topic_; }
  const cluster::PartitionState& state() const { return state_; }
  LeaderEpoch leader_epoch() const { return state_.leader_epoch; }
  bool closed() const { return log_ == nullptr; }
  // Whether this broker leads it, in this incarnation.
  bool leading() const { return leader_ != nullptr && !closed(); }
  // Rule 14: it leads as far as it knows, and somebody else may have been elected: neither the store nor a controller knows of it, and an
  // in-sync replica, which is whom they would elect, has not been heard for a session timeout. Not the lag that is allowed
  // (lag_max) counts, which may be minutes or less than a poll: elections go by the session timeout. From then on nothing is
  // appended, at whatever acks, and who asks where the log ends, or reads on from there, is sent elsewhere. What is committed is so
  // for ever, and is read on.
  bool cut_off() const;
  // Whether its log may be read by consumers although it does not lead: it settled with the leader of this epoch and is in the
  // ISR (rule 8).
  bool serves_reads() const;

  // Roles. The caller keeps the replicator's writing apart: nothing of it is under way when lead() is called.
  //
  // Begins to lead in the epoch of `state`; durable when it returns. Refusals as Log::begin_epoch.
  runtime::Task<storage::Served<void>> lead(cluster::PartitionState state, int min_insync,
                                            std::vector<replication::LiveBroker> live);
  // Returns when it leads, at once if so, or when `deadline` comes.
  runtime::Task<void> wait_to_lead(MonotonicTime deadline);
  // The same epoch, as the controller published it.
  void update(cluster::PartitionState state, int min_insync);
  void set_live(std::span<const replication::LiveBroker> live);
  // Leads no more; who waits is told.
  void resign(cluster::PartitionState state);
  // The broker stops: who waits for a commit hears request_timed_out, now and from now on.
  void give_up_commits();
  // The follower and the leader of this epoch agree on what the log holds.
  void settled(LeaderEpoch epoch) { settled_epoch_ = epoch; }
  // The follower learnt the leader's high watermark, or appended.
  void followed();

  Offset log_start() const { return closed() ? Offset(-1) : log_->start(); }
  // What consumers may read ends here.
  Offset high_watermark() const;
  // Whether an earlier leader may have shown a higher one (OFFSET_NOT_AVAILABLE).
  bool high_watermark_known() const { return leader_ == nullptr || leader_->high_watermark_known(); }
  // What consumers that read committed may read. There are no transactions, so it is the high watermark.
  Offset last_stable_offset() const { return high_watermark(); }
  // Null once closed.
  storage::Log* log() { return log_; }
  // Null where it does not lead.
  const replication::LeaderReplica* leader() const { return leader_.get(); }
  // Rule 15: whether the ISR confirmed lately that this broker still leads.
  bool confirmed_within(Duration timeout) const;
  // Rule 14: whether the coordination lease holds.
  bool lease_holds() const { return surroundings_.lease_holds(); }

  // none, or why a request with this leader epoch is refused: fenced_leader_epoch (older than ours),
  // unknown_leader_epoch (newer). kNoLeaderEpoch is not checked.
  ErrorCode check_epoch(LeaderEpoch asked) const;

  // Admits a validated batch (see Log::append). Refusals besides: not_leader_or_follower; not_enough_replicas (`all_replicas`,
  // and fewer than min.insync.replicas are caught up: nothing was appended).
  runtime::Task<storage::Served<storage::Appended>> append(MutableBytes batch, WallTime now,
                                                           MonotonicTime deadline, bool all_replicas);
  // Which leadership this is; rises with each. Taken as append() returns, and waited with.
  uint64_t reign() const { return reign_; }
  // Answers when everything before `end` is committed (all in-sync replicas have it, as `flush` says); errors as
  // Log::wait_stable, and not_leader_or_follower when this broker leads no more: whether it is committed is then for the new
  // leader to say.
  // `reign`: that in which it was appended, where something was awaited since; a later one may have other records there.
  // `gone`: nobody waits any more once that is true, which is looked at every second; the answer is then request_timed_out.
  runtime::Task<ErrorCode> wait_committed(Offset end, MonotonicTime deadline,
                                          std::optional<uint64_t> reign = std::nullopt,
                                          const std::atomic<bool>* gone = nullptr);
  // Answers when everything before `end` is on this broker's disk, as `flush` says.
  runtime::Task<ErrorCode> wait_stable(Offset end, MonotonicTime deadline,
                                       std::optional<uint64_t> reign = std::nullopt,
                                       const std::atomic<bool>* gone = nullptr);
  // Deletes what lies before `offset` (DeleteRecords); gives the low watermark, before which no later leader begins, once every
  // member of the ISR has brought it there. Refusals as Log::delete_before, and: not_leader_or_follower; request_timed_out, where it is gone here and
  // perhaps not everywhere.
  runtime::Task<storage::Served<Offset>> delete_before(Offset offset, MonotonicTime deadline,
                                                       const std::atomic<bool>* gone = nullptr);
  // Whole batches from `from` that consumers may read.
  runtime::Task<storage::Served<storage::ReadAnswer>> read(Offset from, size_t bytes_max, bool at_least_one);
  // The same for a follower: also what is not committed yet. Does not wait for memory to read with; nothing is given then.
  runtime::Task<storage::Served<storage::ReadAnswer>> read_for_replica(Offset from, size_t bytes_max,
                                                                       bool at_least_one);
  // What a follower has synced, where its log agrees with ours.
  replication::FetchOutcome on_replica_fetch(const replication::FollowerFetch& fetch);
  void on_unfollow(BrokerId follower, uint64_t session);

  // A change of the ISR that the leader wants, at most one at a time.
  std::optional<replication::IsrProposal> take_proposal();
  // When it may have one without an event before; MonotonicTime::max(): only an event brings one.
  MonotonicTime next_proposal() const { return leading() ? leader_->look_at() : MonotonicTime::max(); }
  LookAgenda::Mark look_mark;
  void on_answer(uint64_t proposal, replication::IsrOutcome outcome);

  // Told of news: more can be read, the log failed, the partition was closed, leadership began or ended. On this shard.
  class Watcher : public runtime::ListNode {
   public:
    virtual ~Watcher() = default;
    virtual void partition_changed() = 0;
  };
  // `of_replica`: told also of what is appended and not committed yet.
  void watch(Watcher& watcher, bool of_replica) {
    (of_replica ? replica_watchers_ : watchers_).push_back(watcher);
  }

  // The topic's deletion, or the replica's removal: from now on there is no such partition. Waiters are told.
  void close();

 private:
  struct CommitWaiter;
  MonotonicTime now() const { return surroundings_.shard->now(); }
  // Until when somebody waits who may be gone meanwhile.
  MonotonicTime next_look(MonotonicTime deadline, const std::atomic<bool>* gone) const;
  void log_advanced() override;
  void log_failed() override;
  void own_progress();
  // Carries the high watermark on, and tells who waits for it.
  void carry_high_watermark();
  // After any event of the leader: carries the high watermark on, tells who waits for it, and lets the leader ask for
  // another ISR.
  void after_event();
  void tell_watchers();
  static void tell(runtime::List& watchers);
  void tell_commit_waiters();
  storage::Served<void> open() const;
  storage::Served<void> may_append(bool all_replicas) const;
  // Whether what a producer sent before this batch may still come: clients find a new leader one connection after the other,
  // and send what was refused again.
  bool may_come_later(int64_t producer_id) const;

  TopicPartition id_;
  std::string topic_;
  storage::Log* log_;
  const Surroundings& surroundings_;
  cluster::PartitionState state_;
  std::unique_ptr<replication::LeaderReplica> leader_;
  // Counts leaderships: a waiter of an earlier one is not answered by a later.
  uint64_t reign_ = 0;
  MonotonicTime leads_since_{};
  std::optional<MonotonicTime> refused_;  // when a batch was, last, that may be sent again
  runtime::Condition leads_;
  LeaderEpoch settled_epoch_ = kNoLeaderEpoch;
  bool failed_ = false;
  bool gave_up_ = false;
  runtime::List watchers_;
  runtime::List replica_watchers_;
  // In the order in which they came, which is that of their ends but for repeated batches: those wait a moment longer.
  runtime::List commit_waiters_;
  // Where followers' logs begin, who is in the ISR, or that nothing comes of it.
  runtime::Condition starts_changed_;
};

}  // namespace godwit::broker
