// The follower's side of one partition in one leader epoch: where to fetch, what an answer means for the log, and from
// when on it may serve reads. A pure machine; the driver owns the log and the connection.
//
//   FollowerReplica follower({.epoch = image's epoch, .log = facts, .high_watermark = log.high_watermark()});
//   while (this epoch lasts) {
//     if (auto fetch = follower.next_fetch(now)) send it (current_leader_epoch, last_fetched_epoch, offset)
//     an answer:  FollowerStep step = follower.on_answer(fetch->id, answer, now);
//                 carry it out on the log, then follower.on_done(facts)   (or on_failed)
//     synced:     follower.on_log(facts)
//     after each: log.set_high_watermark(follower.high_watermark()); if (auto s = follower.wanted_start())
//                 log.delete_before(*s)
//   }
//
// It first *settles*: until an answer of this epoch's leader agreed with the end of this log, records behind the
// point where both part are taken off (rule 8). Then it *follows*: append, sync, fetch (rule 9).
//
// What always holds:
//   - at most one fetch or one change of the log is under way
//   - a fetch asks at the end of the log, and only when everything before is synced
//   - nothing below the high watermark is ever taken off, but by an operator's order (Setup::accept_loss)
//   - the high watermark is at most the leader's and at most what is synced here; it falls only with that order
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"
#include "model/epoch.h"
#include "model/error_code.h"
#include "model/offset.h"
#include "replication/divergence.h"

namespace godwit::replication {

// What the driver reads from the log.
struct LogFacts {
  Offset start;
  Offset end;
  Offset synced;  // stable_end
  // Of the last record: of the record at end - 1, not the latest of the history, which may hold none yet.
  // kNoLeaderEpoch when start == end.
  LeaderEpoch last_epoch = kNoLeaderEpoch;
};

struct FetchFrom {
  uint64_t id = 0;
  Offset offset;
  LeaderEpoch last_fetched_epoch = kNoLeaderEpoch;
  LeaderEpoch current_leader_epoch;
  Offset
      log_start;  // told to the leader: a deletion on request is answered when every follower has carried it out
};

// The partition's part of a Fetch answer.
struct FetchAnswer {
  ErrorCode error = ErrorCode::none;
  Offset high_watermark;              // the leader's; not looked at with an error
  std::optional<Offset> log_start;    // the leader's; also with OFFSET_OUT_OF_RANGE
  std::optional<EpochEnd> diverging;  // with error none
  // Where `diverging` is set: this log's own largest epoch <= diverging->epoch and its end; empty when all of this
  // log is newer.
  std::optional<EpochEnd> own_end;
  bool has_records = false;
};

struct FollowerStep {
  enum class Kind {
    // No answer to the fetch under way: drop it. Where the last fetch has had its answer and this log still agrees with the
    // leader's, a higher high watermark or start counts all the same.
    ignore,
    fetch_again,  // nothing to do; next_fetch has the next
    append,       // append the records (append_replicated), then on_done; sync follows, told by on_log
    truncate,     // log.truncate(offset), then on_done
    restart,      // log.restart_at(offset), then on_done
    // An error: next_fetch has something after a back-off, or as soon as the leader says that it leads; look for a newer image
    // meanwhile.
    wait,
    // The leader's log contradicts what was committed here: carrying on would take off records at or behind `offset`,
    // below the high watermark. Nothing is done; report it as an alarm with both offsets. It asks again after the
    // longest back-off. Only a newer epoch or an operator's order (accept_loss) ends it.
    refuse_loss,
    // The answer makes no sense (parts behind the end that was asked for): report it. Asks again as with `wait`.
    protocol_error,
  };
  Kind kind = Kind::ignore;
  Offset offset;
  // truncate, restart: records below the high watermark go, by the operator's order. Report it before doing it.
  bool lossy = false;
};

class FollowerReplica {
 public:
  struct Setup {
    LeaderEpoch epoch;
    LogFacts log;
    Offset high_watermark;  // as the log knows it; taken within [start, synced]
    // An operator elected this epoch's leader (or that of an epoch this log did not take part in) outside the ISR,
    // and so ordered that what the leader lacks is given up (unclean election).
    bool accept_loss = false;
    Duration backoff_min = std::chrono::milliseconds(20);  // after the first error; doubles with each
    Duration backoff_max = std::chrono::seconds(1);
  };
  // Requires start <= synced <= end.
  explicit FollowerReplica(const Setup& setup);

  // The next fetch, when it is time for one: none is under way, the log is not being changed and is synced to its
  // end, and no back-off runs. Each call that returns one starts it.
  std::optional<FetchFrom> next_fetch(MonotonicTime now);
  // When a back-off ends; empty when none runs.
  std::optional<MonotonicTime> next_tick() const;

  // What the answer to fetch `id` asks for. The last fetch may be answered again after an answer without records, until the next
  // one or on_lost(): the leader's session holds the question. So it does after it said that it does not lead: what it says once it
  // does ends the back-off. After append, truncate and restart nothing is fetched before on_done or on_failed; other kinds need no
  // reply.
  FollowerStep on_answer(uint64_t id, const FetchAnswer& answer, MonotonicTime now);
  // No answer comes (connection lost, time over): asks again after a back-off. Another id is ignored.
  void on_lost(uint64_t id, MonotonicTime now);

  // The step was carried out, durably for truncate and restart; `facts` are the log's after it.
  void on_done(const LogFacts& facts);
  // It was not (disk full, corrupt records): settles anew from `facts`, after a back-off.
  void on_failed(const LogFacts& facts, MonotonicTime now);
  // The log made progress by itself: synced further, retention moved its start. Its end does not move.
  void on_log(const LogFacts& facts);

  // Whether this log is known to be a beginning of the leader's in this epoch. Reads may be served from it
  // (below high_watermark()) only while settled and while the image has this broker in the ISR.
  bool settled() const { return settled_; }
  Offset high_watermark() const { return high_watermark_; }
  // To which offset the start of the log should move since the leader's has; empty when it should not.
  std::optional<Offset> wanted_start() const;
  // Records that the leader has said to be committed and this log lacks; empty before it has settled with the leader.
  std::optional<int64_t> lag() const;
  LeaderEpoch epoch() const { return epoch_; }
  const LogFacts& log() const { return log_; }

 private:
  enum class Doing { nothing, fetching, appending, truncating, restarting };

  FollowerStep diverged(const FetchAnswer& answer, MonotonicTime now);
  FollowerStep out_of_range(const FetchAnswer& answer, MonotonicTime now);
  FollowerStep cut(FollowerStep::Kind kind, Offset target, MonotonicTime now);
  FollowerStep wait(FollowerStep::Kind kind, Offset offset, MonotonicTime now);
  void note_marks(const FetchAnswer& answer);
  void raise_high_watermark();

  const LeaderEpoch epoch_;
  const bool accept_loss_;
  const Duration backoff_min_;
  const Duration backoff_max_;
  LogFacts log_;
  Offset high_watermark_;
  Offset leader_high_watermark_;
  Offset leader_start_;
  Doing doing_ = Doing::nothing;
  // The last fetch was answered without records, or by one who does not lead yet, and may be answered again.
  bool stands_ = false;
  bool settled_ = false;
  uint64_t fetches_ = 0;  // ids given out; the last one is the one under way
  Offset target_;         // while truncating or restarting
  Duration backoff_;
  std::optional<MonotonicTime> not_before_;
};

}  // namespace godwit::replication
