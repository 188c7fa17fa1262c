// Compaction by key (rule 18): sealed, durable files are read, and what is still needed is written to new files,
// which take their place with one structure record.
//
//   kept: the newest record of each key; tombstones and markers until delete.retention.ms has passed since the
//   cleaning that first saw them (KIP-534); the last batch of each producer that is known and the last of what is
//   committed, if need be empty
//
// A pass compares as many keys as StoreOptions::compaction_key_bytes has room for, in the order of offsets; the next one
// goes on from there. What lies behind is copied as it is: a tombstone whose key was not compared may still have an older
// value before it.
//
// A crash before the record leaves files that nobody knows; they are put aside. One for each shard, one log at
// a time.
#pragma once

#include <memory>

#include "base/result.h"
#include "runtime/sync.h"
#include "storage/compaction_plan.h"
#include "storage/key_offsets.h"
#include "storage/store_context.h"

namespace godwit::storage {

class LogShard;
class PartitionLog;
struct SegmentRead;
struct SwapSegments;
class SegmentOutput;

class Compaction {
 public:
  Compaction(LogShard& shard, StoreContext& context) : shard_(shard), context_(context) {}

  // One pass over all logs that ask for it.
  runtime::Task<void> pass();
  // Passes as often as options.compaction_interval says, and at once while one had no room for all keys, until close().
  runtime::Task<void> run();
  void close();

 private:
  runtime::Task<Result<void>> compact(std::shared_ptr<PartitionLog> log, CompactionPlan plan);
  // Whole batches of a segment. What cannot be read is noted as damage, so that the log waits for its repair.
  runtime::Task<Result<SegmentRead>> read(PartitionLog& log, FileId file, Offset from);
  // The keys of the dirty part. Where they find no room the plan ends there: at the first record without.
  runtime::Task<Result<KeyOffsets>> keys_of(PartitionLog& log, CompactionPlan& plan);
  // Copies what is kept of segments [first, last) of the plan behind each other.
  runtime::Task<Result<void>> copy(PartitionLog& log, const CompactionPlan& plan, const KeyOffsets& keys,
                                   size_t first, size_t last, SegmentOutput& output);

  // Makes the files that the plan comes to, and syncs them. `swap` names those that were begun, also after an error.
  runtime::Task<Result<void>> rewrite(PartitionLog& log, const CompactionPlan& plan, const KeyOffsets& keys,
                                      SwapSegments& swap);

  LogShard& shard_;
  StoreContext& context_;
  runtime::Mutex one_pass_;
  runtime::Condition stop_;
  bool closed_ = false;
  bool more_ = false;  // a log was compared in part, for want of room for its keys
};

}  // namespace godwit::storage
