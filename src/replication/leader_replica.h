// The leader's side of one partition in one leader epoch: what its followers hold, how far the high watermark may go,
// and who should be in the ISR. A pure machine: events in with the time, the driver looks at what follows from them.
//
//   LeaderReplica leader({.self = me, .epoch = epoch, ...});       // one for each epoch; dropped with it
//   leader.own_progress(log.end(), log.stable_end());              // after appends and syncs
//   leader.on_fetch({follower, incarnation, epoch, offset}, now); // after the fetch was found not to diverge
//   // after every event:
//   log.set_high_watermark(leader.high_watermark());              // and wake parked requests when it moved
//   if (auto proposal = leader.take_proposal(now)) send it to the controller; answer with on_answer()
//   take_proposal() again at leader.look_at()
//
// What always holds (checked in release builds too):
//   - the high watermark never falls, and never lies behind the leader's own synced offset
//   - when it moves, it is at most the synced offset of every member of the committed *and* of every ISR that was
//     asked for since (rule 6), and of every follower that is awaited (below); the committed ISR has at least bound()
//     members (rule 7)
//   - the ISR is a part of the replicas, and holds the leader
//   - a proposal has at least bound() members, or takes nobody out
// So every member of the ISR in the key holds all that was ever committed, in this epoch and in earlier ones.
//
// A follower that keeps up but is slower than the ISR would never have all that is committed while records stream in: what it
// has synced was committed a round ago. So once it has caught up (KIP-16's sense: within lag_max it asked behind all that there
// was at its fetch before) it is *awaited*: the high watermark stands still for it, as for a member, until it asks again, has what is
// committed, and may join (Kafka's "maximal ISR"). That keeps what is safe: the set that the high watermark waits for only
// grows by it, and always holds the key's ISR. It holds publishing up no longer than a member may: whoever has not caught up again
// for lag_max, leaves its session, is not live, or was refused by the controller is awaited no more.
//
// Not for several threads at once. Costs some hundred bytes for three replicas; no call allocates but those that
// return a vector and on_committed with other replicas.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/time.h"
#include "model/broker_id.h"
#include "model/epoch.h"
#include "model/offset.h"
#include "replication/contacts.h"
#include "replication/isr_proposal.h"

namespace godwit::replication {

// A Fetch of a follower, of one partition.
struct FollowerFetch {
  BrokerId follower;
  uint64_t incarnation = 0;  // > 0: of the registered process, checked against the image by whoever parsed it
  LeaderEpoch epoch;         // current_leader_epoch of the request
  Offset synced;             // its fetch offset: a follower syncs, then fetches (rule 9)
  uint64_t session = 0;      // whose fetch it is: on_unfollow of another session says nothing
  Offset log_start{-1};      // where its log begins, durably; -1: an older build, which does not say it
};

enum class FetchOutcome {
  counted,          // serve it
  not_a_replica,    // NOT_LEADER_OR_FOLLOWER: it is not in the replicas (or is the leader itself)
  fenced_epoch,     // FENCED_LEADER_EPOCH: it follows an older epoch
  unknown_epoch,    // UNKNOWN_LEADER_EPOCH: it knows a newer one (or none)
  old_incarnation,  // a newer process of that broker was heard or is live; refuse as an unknown broker
  beyond_end,       // OFFSET_OUT_OF_RANGE: behind this log's end
};

struct LiveBroker {
  BrokerId id;
  uint64_t incarnation = 0;
};

// For describing a partition to people and metrics.
struct FollowerStatus {
  BrokerId id;
  uint64_t incarnation = 0;      // that last fetched, 0: none in this epoch
  std::optional<Offset> synced;  // empty: unknown in this epoch and incarnation
  int64_t lag = 0;               // records up to the leader's end; from offset 0 when unknown
  bool in_isr = false;
  bool caught_up = false;  // within lag_max
  bool follows =
      false;  // its fetch session holds this partition: it has not left it, and its connection stands
};

class LeaderReplica {
 public:
  struct Setup {
    BrokerId self;
    LeaderEpoch epoch;
    int64_t version = 0;             // of the partition's key
    std::vector<BrokerId> replicas;  // distinct; holds self
    std::vector<BrokerId> isr;       // a part of the replicas; holds self
    int min_insync = 1;              // the topic's min.insync.replicas; below 1 counts as 1
    Duration lag_max{};              // replica.lag.time.max.ms
    Offset epoch_start;              // the log's end when it became leader
    Offset end;                      // the log's end now, >= epoch_start
    Offset synced;                   // the log's stable_end
    Offset high_watermark;           // as the log knows it (at least its start); taken at most as `synced`
    Offset log_start;                // the log's start: who joins the ISR begins there or later
    MonotonicTime now;
    // Of the shard, outlives this object; null when each poll of a follower is told by on_fetch.
    const Contacts* contacts = nullptr;
    Duration ask_backoff = std::chrono::milliseconds(50);  // before asking again; doubles up to lag_max
  };
  // Requires what Setup's comments say.
  explicit LeaderReplica(const Setup& setup);

  // The log's end and stable_end; neither falls.
  void own_progress(Offset end, Offset synced);

  // A follower asks for what lies behind `fetch.synced`. Only for a fetch whose offset and last fetched epoch agree
  // with this log (divergence.h): an offset in a log with other records says nothing. What a follower reported in
  // an earlier epoch or incarnation is not known here. Nothing changes unless it is counted.
  FetchOutcome on_fetch(const FollowerFetch& fetch, MonotonicTime now);
  // The follower's session no longer holds this partition, or was closed: from now on its other fetches do not speak
  // for this one. Call it before Contacts::heard for the same request. Ignored where another session fetched last: the
  // end of a follower's old connection may be noticed after its new one has begun.
  void on_unfollow(BrokerId follower, uint64_t session = 0);

  // The partition's key as the controller published it, of the same epoch; older versions than the one known are
  // ignored. False, and nothing changed, when it contradicts itself (the ISR is not a part of the replicas, or lacks
  // this leader): the driver reports it and goes on.
  [[nodiscard]] bool on_committed(int64_t version, std::span<const BrokerId> replicas,
                                  std::span<const BrokerId> isr, MonotonicTime now);
  // Records before `start` were deleted on request: from now on a replica that begins before it by its own word does not join
  // the ISR (it hears of the start with each answer, and says when it has followed).
  void on_deleted_before(Offset start);
  // The least offset at which the log of a member of the committed ISR, or of one asked for since, begins; this one's begins at
  // `own`. Whoever is elected begins there or later. Empty while one of them was not heard in this epoch. Members of older
  // builds, which do not say it, are not counted.
  std::optional<Offset> isr_start(Offset own) const;
  // The topic's min.insync.replicas changed.
  void on_min_insync(int min_insync);
  // All brokers that are registered and not fenced, with their incarnations; who is missing is not live. Only they
  // may be proposed to join; liveness takes nobody out (that is the controller's, and lag's).
  void set_live(std::span<const LiveBroker> live);

  // Whether others may be asked into the ISR, and awaited; at first they may. Not while nobody could write it (the coordination
  // service is gone, as far as this broker knows): the high watermark would wait for a replica that is not in sync for as long as
  // that lasts.
  void set_joins(bool may);

  // The wanted ISR, when it differs from the committed one and none is under way. From this call until the key's
  // version rises, the high watermark counts its members too. (It may also rise with this call: whoever was awaited for too long
  // is not any more.) Every proposal is answered with on_answer, be it by
  // `unknown` after a time of the driver's choice, and is sent at most once.
  // Asked again before anything happened and before the time of what may come, it costs a comparison.
  std::optional<IsrProposal> take_proposal(MonotonicTime now);
  // Before it take_proposal() has nothing, unless something happens: then it is kNever, until that was called.
  // MonotonicTime::max(): never.
  MonotonicTime look_at() const { return look_at_; }
  // An id that is not under way is ignored. After `accepted` and `stale` the published state decides; when the
  // answer carries it, call on_committed with it, before or after. When neither comes for lag_max, asks again.
  void on_answer(uint64_t proposal_id, IsrOutcome outcome, MonotonicTime now);
  // Drivers go by look_at(). This is the same without the time at which a member that has everything would lag were it not heard until
  // then: take_proposal will have something, or the high watermark may move with it, unless something happens; empty: never.
  std::optional<MonotonicTime> next_tick(MonotonicTime now) const;

  // Everything before it is committed: readable, and never lost while a member of the ISR keeps its disk.
  Offset high_watermark() const { return high_watermark_; }
  // Whether it covers all that may have been committed in earlier epochs. While false, a question for the latest
  // offset or by timestamp is answered with OFFSET_NOT_AVAILABLE, and state kept in the log is not served (rule 15):
  // an earlier leader may have shown a higher one.
  bool high_watermark_known() const { return high_watermark_ >= epoch_start_; }
  // Whether acks=all may be admitted: at least bound() members of the committed ISR, this one counted, are caught up
  // within lag_max. When false: NOT_ENOUGH_REPLICAS, before the append.
  bool accepts_all(MonotonicTime now) const;
  // min(min.insync.replicas, replicas): below it the high watermark rests, and no lag shrinks the ISR (rule 7).
  size_t bound() const;

  // Whether each member that may be in the ISR was heard for this partition, in this epoch, less than `timeout`
  // before now. False until all of them have fetched once. (Rule 15: only then may a group manager answer.)
  bool confirmed_within(MonotonicTime now, Duration timeout) const;
  // Whether one of them was not heard for `timeout`, counted from the epoch's begin on this broker. (Rule 14: with the
  // coordination lost besides, answer NOT_LEADER_OR_FOLLOWER.)
  bool has_silent_member(MonotonicTime now, Duration timeout) const;

  BrokerId self() const { return self_; }
  LeaderEpoch epoch() const { return epoch_; }
  Offset epoch_start() const { return epoch_start_; }
  Offset end() const { return end_; }
  int64_t version() const { return version_; }
  int min_insync() const { return min_insync_; }
  bool in_isr(BrokerId broker) const;
  // Whether the high watermark waits for it although it is not in the ISR: it is to get what it lacks at once.
  bool awaits(BrokerId follower) const;
  // The committed ISR, in the order of the replicas.
  std::vector<BrokerId> isr() const;
  // Members of the committed ISR, without this one, that are caught up within lag_max.
  size_t caught_up_followers(MonotonicTime now) const;
  // Records between what the follower synced and this log's end; empty when unknown in this epoch.
  std::optional<int64_t> lag(BrokerId follower) const;
  std::vector<FollowerStatus> followers(MonotonicTime now) const;

 private:
  struct Member {
    BrokerId id;
    bool in_isr = false;    // of the committed ISR
    bool asked = false;     // of a proposal at the committed version
    bool known = false;     // `synced` was told in this epoch by `incarnation`
    bool followed = false;  // its session holds this partition: Contacts speaks for it
    bool wanted = false;    // scratch of take_proposal
    bool awaited = false;   // not in the ISR nor asked for, and about to have what is committed
    uint64_t incarnation = 0;
    uint64_t session = 0;                 // of the last fetch
    uint64_t live = 0;                    // registered incarnation, 0: not live
    Offset synced;                        // while known
    Offset log_start{-1};                 // while known; -1: it does not say
    Offset end_at_fetch;                  // this log's end at the last fetch
    MonotonicTime fetched_at = kNever;    // last fetch in this epoch
    MonotonicTime caught_up_at = kNever;  // it had then all that the leader had (KIP-16's meaning)
  };

  enum class Asking {
    idle,
    asked,    // taken, no answer yet
    settled,  // answered: the published state must come; ask again at ask_at_ when it does not
  };

  Member* find(BrokerId id);
  const Member* find(BrokerId id) const;
  bool is_self(const Member& member) const { return member.id == self_; }
  void forget_progress(Member& member) const;
  MonotonicTime heard_at(const Member& member) const;
  MonotonicTime caught_up_at(const Member& member) const;
  bool caught_up(const Member& member, MonotonicTime now) const;
  bool may_join(const Member& member, MonotonicTime now) const;
  bool is_near(const Member& member, MonotonicTime now) const;
  void await_no_longer(MonotonicTime now);
  std::optional<MonotonicTime> next_look(MonotonicTime now, bool for_silence) const;
  std::optional<IsrProposal> propose(MonotonicTime now);
  size_t committed_size() const;
  bool choose(MonotonicTime now);
  void give_back_laggards(size_t chosen);
  void back_off(MonotonicTime& until, MonotonicTime now);
  void advance_high_watermark();

  const BrokerId self_;
  const LeaderEpoch epoch_;
  const Offset epoch_start_;
  const Duration lag_max_;
  const Duration ask_backoff_;
  const MonotonicTime began_;
  const Contacts* const contacts_;
  int min_insync_;
  int64_t version_;
  Offset end_;
  Offset synced_;
  Offset high_watermark_;
  Offset log_start_;
  std::vector<Member> members_;  // all replicas in their order, self included

  Asking asking_ = Asking::idle;
  bool unresolved_ = false;  // a proposal at this version may be written yet, though another one was answered
  bool asks_joiner_ = false;        // the proposal under way adds somebody
  bool joins_ = true;               // set_joins
  uint64_t proposals_ = 0;          // ids given out
  Duration backoff_;                // the next one
  MonotonicTime ask_at_ = kNever;   // not before it
  MonotonicTime join_at_ = kNever;  // no joiner before it
  MonotonicTime look_at_ = kNever;  // take_proposal has nothing before it; each event takes it back
};

}  // namespace godwit::replication
