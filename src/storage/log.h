// The log of one partition: record batches in the wire's own format (v2), at consecutive offsets.
//
//   auto appended = co_await log.append(batch, facts, {.epoch = epoch, .now = shard.wall_now()});
//   if (!appended) return answer(appended.error());
//   auto error = co_await log.wait_stable(appended->last_offset + 1, deadline);   // then it may be
//   acknowledged
//
// Offsets, all exclusive ends but the first:
//
//   start <= stable_end <= end
//   start        the first offset that may be read (retention, DeleteRecords)
//   end          behind the last batch that was admitted
//   stable_end   what lies before survives as the topic's `flush` promises: it is on stable storage (always),
//   or
//                survives the death of this process (interval)
//   synced_end   what lies before is on stable storage, with both
//
// Belongs to the shard on which the store made it; everything here is called there.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "model/epoch.h"
#include "model/error_code.h"
#include "model/offset.h"
#include "model/topic.h"
#include "runtime/task.h"
#include "storage/epoch_history.h"
#include "storage/log_config.h"
#include "storage/producer_state.h"

namespace godwit::storage {

// Why a request was not served, as a client is told.
struct Refusal {
  ErrorCode code = ErrorCode::unknown_server_error;
  std::string message;
};
template <class T>
using Served = tl::expected<T, Refusal>;

inline tl::unexpected<Refusal> refuse(ErrorCode code, std::string message) {
  return tl::unexpected<Refusal>(Refusal{code, std::move(message)});
}

struct AppendContext {
  LeaderEpoch epoch;  // written into the batch; never falls
  WallTime now;
  MonotonicTime deadline;  // until when to wait for memory or journal space
};

struct Appended {
  Offset base_offset;
  Offset last_offset;
  int64_t log_append_time_ms = -1;  // -1 with CreateTime
  Offset log_start;
  // The request repeats a batch that is there already: these are the original's offsets. It is acknowledged
  // like the original, when that is stable (and committed).
  bool duplicate = false;
};

struct ReadRequest {
  Offset from;
  size_t bytes_max = 1 << 20;
  // Batches at or behind it are not given: the high watermark for consumers, end() for followers.
  Offset end;
  // Give the first batch whole even when it is larger than bytes_max.
  bool at_least_one = true;
  // Wait for memory to read from a file with; otherwise what can be had at once is given, perhaps nothing. False for whoever
  // holds an answer already: two that hold and wait would wait for each other for ever.
  bool may_wait = true;
  // A replica asks: it is not given too little for what clients hold. Means something where it may not wait.
  bool for_replica = false;
};

struct ReadAnswer {
  Chain batches;  // whole batches from the one that contains `from`; empty when there is nothing before `end`
                  // yet
  Offset next;    // behind the last batch given
};

struct TimestampedOffset {
  Offset offset;
  int64_t timestamp = -1;  // ms
  LeaderEpoch epoch = kNoLeaderEpoch;
};

// Told on the log's shard. Callbacks are short and do not call back into the log's mutating functions.
class LogObserver {
 public:
  virtual ~LogObserver() = default;
  // stable_end or synced_end advanced.
  virtual void log_advanced() = 0;
  // The data directory takes no more writes (rule 14): what was not stable will not be. Reads go on.
  virtual void log_failed() = 0;
};

class Log {
 public:
  virtual ~Log() = default;

  virtual const TopicPartition& id() const = 0;
  virtual Offset start() const = 0;
  virtual Offset end() const = 0;
  virtual Offset stable_end() const = 0;
  virtual Offset synced_end() const = 0;
  // Bytes of all batches that can be read.
  virtual uint64_t size_bytes() const = 0;
  virtual const EpochHistory& epochs() const = 0;
  virtual const ProducerState& producers() const = 0;
  virtual const LogConfig& config() const = 0;
  virtual void set_config(LogConfig config) = 0;
  // At most one; null to end it.
  virtual void set_observer(LogObserver* observer) = 0;

  // Kept with the checkpoint, so that a start knows it; never behind end().
  virtual Offset high_watermark() const = 0;
  virtual void set_high_watermark(Offset offset) = 0;

  // Admits one batch that module record has accepted (validate_produced). Writes base offset, leader epoch
  // and, with LogAppendTime, timestamp type and CRC into `batch` in place, then copies it: `batch` is free
  // again on return. It is readable by followers at once, stable later. Calls are admitted in order; waits
  // only for memory and journal space. Refusals: out_of_order_sequence_number, invalid_producer_epoch,
  // kafka_storage_error (disk full or failed, or `deadline` passed without room; retriable, nothing was
  // admitted), record_list_too_large, message_too_large (its shard's part of the arena could never hold it).
  virtual runtime::Task<Served<Appended>> append(MutableBytes batch, AppendContext context) = 0;

  // Admits whole batches that carry offsets and epochs already, as a follower does. The first starts at
  // end(). Errors: corrupt (offsets do not follow, CRC), kafka_storage_error, message_too_large (as append).
  virtual runtime::Task<Served<void>> append_replicated(BytesView batches, WallTime now,
                                                        MonotonicTime deadline) = 0;

  // Answers none when stable_end >= `end`; kafka_storage_error when that will not happen; request_timed_out
  // when `deadline` passed (it may still happen).
  virtual runtime::Task<ErrorCode> wait_stable(Offset end, MonotonicTime deadline) = 0;

  // Refusals: offset_out_of_range (before start or behind end), kafka_storage_error (a damaged range: the
  // message names file and position; what precedes it is served first).
  virtual runtime::Task<Served<ReadAnswer>> read(ReadRequest request) = 0;

  // The first record with a timestamp >= `timestamp_ms` before `end`; empty when there is none.
  virtual runtime::Task<Served<std::optional<TimestampedOffset>>> find_timestamp(int64_t timestamp_ms,
                                                                                 Offset end) = 0;
  // The record with the largest timestamp before `end` (the first of equals); empty in an empty log.
  virtual runtime::Task<Served<std::optional<TimestampedOffset>>> find_timestamp_max(Offset end) = 0;

  // No append of an epoch below this one is taken any more, neither one that waits already: it is refused with fenced_leader_epoch.
  // In memory: for a broker that leads no more, before it follows. Never falls.
  virtual void fence(LeaderEpoch epoch) = 0;
  // A new leader epoch begins at end(); durable (a structure record) when it returns.
  virtual runtime::Task<Served<void>> begin_epoch(LeaderEpoch epoch) = 0;
  // DeleteRecords: start() becomes at least `offset`, durable when it returns. Refusal offset_out_of_range
  // when it lies behind the high watermark.
  virtual runtime::Task<Served<void>> delete_before(Offset offset) = 0;
  // Replication's truncation: end() becomes `offset`, which is >= start().
  // Durable when it returns, and only then are bytes at these offsets admitted again.
  virtual runtime::Task<Served<void>> truncate(Offset offset) = 0;
  // All records are dropped and the log goes on at `offset` (a follower that fell behind the leader's start).
  virtual runtime::Task<Served<void>> restart_at(Offset offset) = 0;

  // Ranges of offsets that were given and cannot be read (rule 12): found at start, or by a read. Reading them is refused;
  // all else goes on. Kept over restarts.
  struct Damage {
    Offset from;
    Offset to;
    std::string what;  // names file and position where they are known
  };
  virtual std::vector<Damage> damages() const = 0;
  // Takes whole batches, fetched from another replica, in the place of damaged ones: all that it has from the batch that
  // contains `from`, or the first behind it, up to `to`. They begin at or before a damaged range's first offset and may end
  // inside it or behind it, below synced_end(). Durable on return; what they cover can be read then and is no damage any
  // more. Where the log is compacted they cover [from, to), and the batches that they reach beyond it with, also where
  // that replica has gaps, or nothing at all, in it: compaction left that out. Elsewhere each offset of the damage needs its
  // record, and only the batches themselves count. The segment is written anew beside the old one and put in its place
  // by one record, so that a crash leaves either. What covers no damage changes nothing. Refusals: corrupt_message (a
  // batch is not whole, or does not fit its neighbours), offset_out_of_range (they reach behind synced_end(), or begin
  // inside the damage), kafka_storage_error.
  virtual runtime::Task<Served<void>> repair(BytesView batches, Offset from, Offset to) = 0;

  // Closes the active segment now, as roll by size or time does (tests, operators, compaction).
  virtual runtime::Task<Served<void>> roll() = 0;

  struct Stats {
    size_t segments = 0;
    uint64_t disk_bytes = 0;       // in segment files
    uint64_t unwritten_bytes = 0;  // in tail and journal alone
    size_t memory_bytes = 0;
  };
  virtual Stats stats() const = 0;
};

}  // namespace godwit::storage
