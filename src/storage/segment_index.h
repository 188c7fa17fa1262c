// The sparse index of one segment in memory, and its form in the index file (docs/formats/segment.md). Pure.
//
// It covers a stretch of the file from its start to the frontier: batches are added there, by whoever appends
// or scans. Entries stand at least kIndexInterval apart; the stretch from one to the next is an interval.
#pragma once

#include <span>
#include <vector>

#include "storage/index_entry.h"
#include "storage/segment_check.h"

namespace godwit::storage {

constexpr uint64_t kIndexInterval = 64 << 10;

class SegmentIndex {
 public:
  // Covers nothing yet. With `at` it begins there instead of at the file's start: for whoever goes on with a
  // file that it did not begin.
  explicit SegmentIndex(const SegmentInfo& info) : frontier_(WalkState::start_of(info)) {}
  explicit SegmentIndex(const WalkState& at) : frontier_(at) {}

  // The batch at the frontier. `head`: its first 21 bytes or more. `timestamps`: whether its timestamps are to
  // be believed (its CRC matched).
  void add(const BatchHeader& header, BytesView head, const SegmentInfo& info, bool timestamps = true);
  // Nothing is added any more: the last interval gets its checksum.
  void close();
  // Takes over what others know of the file, from the frontier on and before `end`. What lies between the
  // frontier and the first new entry becomes an interval without a checksum. The frontier is then at the last
  // of them: the batch there, whose entry is not taken, is to be added next. Costs little when there is
  // nothing new.
  void learn(std::span<const IndexEntry> entries, Position end);

  const WalkState& frontier() const { return frontier_; }
  const std::vector<IndexEntry>& entries() const { return entries_; }
  bool closed() const { return closed_; }
  // Largest timestamp of all that is covered.
  int64_t timestamp_max() const { return timestamp_max_; }
  // The last entry at or before the offset, or position; null when there is none.
  const IndexEntry* before(Offset offset) const;
  const IndexEntry* before(Position position) const;
  // Where the interval that contains `position`, which is covered, ends.
  Position interval_end(Position position) const;
  // The walk that starts at an entry.
  static WalkState walk_from(const IndexEntry& entry);
  size_t memory() const { return entries_.capacity() * sizeof(IndexEntry); }

  // The index file's bytes, a multiple of 4 KiB. Requires closed().
  Bytes encode(const SegmentInfo& info) const;
  // Errors: corrupt (damaged, of another file, or of another end: rebuild it), unsupported (of a newer
  // version: as corrupt, but do not overwrite it).
  static Result<SegmentIndex> decode(BytesView bytes, const SegmentInfo& info);

 private:
  void close_interval();

  WalkState frontier_;
  std::vector<IndexEntry> entries_;
  uint32_t running_crc_ = 0;
  // The entry that running_crc_ is of; false at the start, and after learn().
  bool interval_open_ = false;
  int64_t timestamp_max_ = -1;
  bool closed_ = false;
};

// What the head of a whole index file of `file` says of its segment, for a start that knows nothing else of it; empty where
// the head is damaged, of another file or of another version.
std::optional<SegmentInfo> info_in_index(BytesView bytes, FileId file);

}  // namespace godwit::storage
