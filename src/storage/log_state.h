// What is known of a partition's log without looking at a byte of it: its files, offsets, epochs and
// producers. Pure. It changes by records alone (structure_record.h, DataRecord), live and when the journal is
// replayed, so that both give the same state; the checkpoint holds it whole.
//
//   segments:   [id 7, 0 .. 1000) [id 9, 1000 .. 1500) [id 12, 1500 .. 1600 active)
//   start = 200 (DeleteRecords), end = 1600
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/epoch.h"
#include "model/offset.h"
#include "model/topic.h"
#include "storage/epoch_history.h"
#include "storage/log_config.h"
#include "storage/producer_state.h"
#include "storage/segment_file.h"

namespace godwit::storage {

struct SegmentState {
  FileId id;
  Offset base;   // of the first batch that it may hold
  Offset next;   // behind its last batch; the next segment's base is not smaller
  Position end;  // where its batches end
  // The file has all bytes before it. A multiple of kBlockMin, or `end` of a sealed file. In a checkpoint:
  // synced.
  Position written;
  // The last start of a batch at or before `written`: what lies before is whole in the file. And the first one
  // at or behind it: what lies behind is whole in memory. Equal, but for a batch that lies across the mark.
  // Each with the offset that is the smallest which the batch may have.
  Position boundary;
  Offset boundary_offset;
  Position resume;
  Offset resume_offset;
  int64_t timestamp_max = -1;    // largest of its batches, ms; may be too large after a truncation
  int64_t first_append_ms = -1;  // wall time of its first batch
  bool compacted = false;        // base offsets may leave gaps

  bool empty() const { return end == Position(0); }
  // The file has everything.
  void set_whole() {
    written = boundary = resume = end;
    boundary_offset = resume_offset = next;
  }
  friend bool operator==(const SegmentState&, const SegmentState&) = default;
  static void fields(auto& f) {
    f("id", &SegmentState::id);
    f("base", &SegmentState::base);
    f("next", &SegmentState::next);
    f("end", &SegmentState::end);
    f("written", &SegmentState::written);
    f("boundary", &SegmentState::boundary);
    f("boundary_offset", &SegmentState::boundary_offset);
    f("resume", &SegmentState::resume);
    f("resume_offset", &SegmentState::resume_offset);
    f("timestamp_max", &SegmentState::timestamp_max);
    f("first_append_ms", &SegmentState::first_append_ms);
    f("compacted", &SegmentState::compacted);
  }
};

// Offsets that were acknowledged and cannot be read: never handed out again, answered with an error that
// names `what` (rule 12).
struct DamagedRange {
  Offset from;
  Offset to;
  std::string what;
  friend bool operator==(const DamagedRange&, const DamagedRange&) = default;
  static void fields(auto& f) {
    f("from", &DamagedRange::from);
    f("to", &DamagedRange::to);
    f("what", &DamagedRange::what);
  }
};

// In the place of StoreOptions::boot_id where that is not known: never the same run of the machine.
inline constexpr std::string_view kSomeBoot = "?";

struct LogState {
  TopicPartition id;
  // The first file's id: tells a log from an earlier one of the same partition that was dropped.
  FileId incarnation;
  // Counts the structure records that were applied.
  uint64_t version = 0;
  LogConfig config;
  Offset start;
  Offset end;
  Offset high_watermark;
  std::vector<SegmentState> segments;  // by base; the last is the active one; never empty
  EpochHistory epochs;
  ProducerState producers;
  std::vector<DamagedRange> damages;  // by offset, apart from each other
  // Compaction compared the keys of all records before it with each other.
  Offset cleaned_to;
  // A truncation took batches whose producers' earlier ones are not known here any more, or a repair put some back.
  bool producers_incomplete = false;
  // Why the log cannot prove that it holds all that it reported as synced; empty: it can.
  std::string unproven;
  // flush=interval: the run of the machine (StoreOptions::boot_id) in which something may have been acknowledged that is
  // not synced, or kSomeBoot; empty: all is synced. Journalled and synced before the first such acknowledgement.
  std::string unsynced_in;
  // A power cut may have taken what was acknowledged last with flush=interval: it is not proven either.
  bool tail_doubted = false;

  SegmentState& active() { return segments.back(); }
  const SegmentState& active() const { return segments.back(); }
  // The segment that holds `offset` or, where offsets are missing, the first behind it; null at the end.
  const SegmentState* find(Offset offset) const;
  SegmentState* find(FileId file);
  const SegmentState* find(FileId file) const;
  // The damage that contains `offset`, or the first behind it; null without.
  const DamagedRange* damage_from(Offset offset) const;
  // Adds a damage; touching ones are joined.
  void add_damage(DamagedRange damage);
  // What was acknowledged and not synced in another run of the machine than `boot` is in doubt from now on.
  void doubt_unsynced(std::string_view boot);
  // [from, to) can be read again.
  void remove_damage(Offset from, Offset to);
  uint64_t bytes() const;
  // Of them, those that are not in files.
  uint64_t unwritten_bytes() const;
};

// The checkpoint's form of a log, and back. Errors: corrupt (also of a state that could not be decoded again), unsupported.
Result<Bytes> encode_log_state(const LogState& state);
Result<LogState> decode_log_state(const SharedBytes& bytes);

}  // namespace godwit::storage
