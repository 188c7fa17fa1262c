// Decides for all groups of one partition of __consumer_offsets: who is a member, who leads, which generation
// it is, what was committed. Pure: time, randomness and the outcome of writes come in as arguments; what is
// to be written and answered comes out. One thread at a time; owns all that it is given.
//
//   GroupManager manager(options);
//   manager.load_begin();
//   for (record in the log) manager.load(record.key, record.value);
//   manager.load_done(now);
//   ...
//   manager.decide(token, std::move(request), now);      // or tick(now), committed(...), failed(...)
//   GroupManager::Output output = manager.take_output();   // after each of these
//   for (reply in output.replies) send it;                 // ready to leave, in this order
//   for (batch in output.batches) append it, in this order; later committed(batch.sequence) or failed(...)
//
// The two rules it lives by:
// - What lasts (generation, protocol, leader, assignments, offsets) changes only when the records that say so
// are committed: then
//   they are applied as a load would apply them. Nothing of a record that failed has to be taken back.
//   While a group's next generation or assignment is being written, Join, Sync and Leave for it wait for the
//   outcome.
// - What passes (who is joining, what is parked, sessions, timers) changes at once, and is lost with the
// process.
//
// Every token given to decide() is answered exactly once, at the latest by resign().
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "groups/options.h"
#include "groups/records.h"
#include "groups/request.h"

namespace godwit::groups {

// Now, on both clocks: deadlines run on the monotonic one, records bear the other.
struct Now {
  MonotonicTime monotonic;
  WallTime wall;
};

// Counts the batches that a manager wants written, from 1, in the order in which they must stand in the log.
using Sequence = Ordinal<struct SequenceTag, uint64_t>;

// Records that belong together: they must become committed as one, so in one record batch of the log. Several
// RecordBatches may share one.
struct RecordBatch {
  Sequence sequence;
  std::vector<EncodedRecord> records;
};

struct LoadStatistics {
  uint64_t records = 0;
  uint64_t unknown = 0;  // of types or versions that are not known: passed over
  uint64_t corrupt = 0;  // not following their schema: passed over, and worth a diagnostic
};

struct GroupCounts {
  size_t groups = 0;
  size_t members = 0;
  size_t pending_members = 0;  // ids handed out but not yet used
  size_t offsets = 0;
  size_t parked = 0;             // Joins and Syncs that wait for other members
  size_t in_flight_batches = 0;  // handed out, neither committed nor failed
  size_t in_flight_bytes = 0;
};

// The names of DescribeGroups: "Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead".
enum class GroupState {
  empty,                 // no members; perhaps offsets
  preparing_rebalance,   // waiting for members to join the next generation, or for its record to be committed
  completing_rebalance,  // waiting for the leader's assignment, or for its record to be committed
  stable,                // everybody can have their assignment
  dead,                  // its deletion is being written
};
constexpr size_t kGroupStates = 5;
std::string_view to_string(GroupState state);

// What a manager has and has done, kept as it changes: for metrics. All but the last two fall to 0 with resign().
struct GroupTally {
  std::array<int64_t, kGroupStates> groups{};  // by state
  int64_t members = 0;
  int64_t offsets = 0;
  uint64_t rebalances = 0;         // generations that were made
  uint64_t offsets_committed = 0;  // by clients, not by a load
};

class GroupManager {
 public:
  explicit GroupManager(const GroupOptions& options);
  ~GroupManager();
  GroupManager(const GroupManager&) = delete;
  GroupManager& operator=(const GroupManager&) = delete;

  // Takes effect for what is decided from now on.
  void set_options(const GroupOptions& options);

  // --- taking the partition over
  // ------------------------------------------------------------------------------- A new manager, or one
  // that has resigned, answers everything with NOT_COORDINATOR. From load_begin() on it is
  // COORDINATOR_LOAD_IN_PROGRESS, but Heartbeat gets 0, so that a failover costs no member its session.
  void load_begin();
  // A committed record of the partition, in the order of the log; `value` empty for a tombstone. Never fails:
  // what is damaged or not known is counted and passed over. Requires load_begin() before.
  void load(BytesView key, std::optional<BytesView> value);
  // Requests are served from now on. Members get a whole session timeout; groups whose last generation has no
  // assignment yet, or that are too large, rebalance.
  LoadStatistics load_done(Now now);
  // The partition has gone to another broker, or the process ends: everything parked or waiting is answered
  // with NOT_COORDINATOR and all state is dropped. Batches under way may or may not end up in the log: do not
  // report them.
  void resign();

  // --- events
  // --------------------------------------------------------------------------------------------------
  // `token` must not be one that is under way, and not kNobody. Strings have the protocol's bound, 32,767 bytes. What is kept of
  // the request's bytes is copied.
  void decide(RequestToken token, Request request, Now now);
  // A topic was deleted: offsets committed for it go. Requests nothing.
  void topic_deleted(const std::string& name, const TopicId& id, Now now);
  // After load_done(), for each of topics(): deletions may have happened while nobody led the partition. `id` is that of
  // the topic of this name today, zero where there is none: what was committed for another one goes. Offsets of before
  // topic ids stay while there is a topic of their name.
  void topic_is(const std::string& name, const TopicId& id, Now now);
  // Every batch up to and including `last` that was not reported as failed is committed.
  void committed(Sequence last, Now now);
  // This batch is not in the log and never will be; `error` is what the log said. May be reported in any
  // order. Where it is not known whether a batch is in the log, report nothing until it is: after
  // write_timeout those who wait are answered anyway.
  void failed(Sequence sequence, ErrorCode error, Now now);
  // Runs all timers whose deadline has come.
  void tick(Now now);
  // For while it is not certain that these groups are still managed here. Only the timers of those who wait for a write run: for
  // the members this time does not count, as they may be heard elsewhere, and tick() gives it back to them.
  void tick_writes(Now now);
  // Answers all that waits, parked Joins and Syncs and who waits for a write, with `error`; what becomes of the writes still
  // counts. Members stay, but for those who cannot come back since they never heard their ids.
  void turn_away(ErrorCode error, Now now);
  // When tick() has something to do; empty: never, until another event.
  std::optional<MonotonicTime> next_deadline() const;

  // --- what is to be done
  // --------------------------------------------------------------------------------------
  struct Output {
    std::vector<Reply> replies;        // send them, they depend on nothing any more
    std::vector<RecordBatch> batches;  // append them in this order, after those of earlier outputs
  };
  Output take_output();

  // --- looking
  // -------------------------------------------------------------------------------------------------
  GroupCounts counts() const;
  const GroupTally& tally() const;
  // Names of all topics for which offsets are kept, each once, sorted.
  std::vector<std::string> topics() const;
  // The records that would make a new manager hold what this one has committed. For tests and tools.
  std::vector<Record> snapshot() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace godwit::groups
