// Whether a batch stands where its header says (rule 4): what the batch's own CRC does not cover. Pure.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "model/epoch.h"
#include "model/offset.h"
#include "record/batch_header.h"
#include "storage/segment_name.h"

namespace godwit::storage {

// What a reader of a file must know of it; from the checkpoint and the journal, never guessed.
struct SegmentInfo {
  FileId id;
  // Of the first batch; in a compacted file the smallest that it may have.
  Offset base;
  Position end;            // where its batches end: a batch's end, in bytes that are written to the file
  bool compacted = false;  // base offsets may leave gaps
  bool sealed = false;     // `end` does not move any more, and an index file is kept
};

// How far a walk over a file's batches has come, and what must come next.
struct WalkState {
  Position position;                    // where the next batch starts
  Offset next;                          // its base offset, or the smallest it may have
  bool exact = false;                   // `next` is its base offset
  LeaderEpoch epoch = LeaderEpoch(-1);  // the smallest leader epoch that it may have

  // At the start of the file.
  static WalkState start_of(const SegmentInfo& info);
  // Behind a batch that started here.
  WalkState after(const BatchHeader& header, const SegmentInfo& info) const;
};

// The header of the batch at `at`, whose bytes `bytes` begin (at least 61 of them, or all up to info.end).
// Error corrupt: why it cannot be the batch that belongs there. The CRC is not looked at.
Result<BatchHeader> check_header(const SegmentInfo& info, const WalkState& at, BytesView bytes);

// Bytes at the start of a batch that its CRC does not cover, and the CRC itself: what an index has checksums
// of.
constexpr size_t kUncoveredHead = kBatchCrcStart;

}  // namespace godwit::storage
