// What a running log holds of one of its segments beside its SegmentState: memory, index, descriptors.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "model/offset.h"
#include "storage/journal.h"
#include "storage/segment_file.h"
#include "storage/tail.h"

namespace godwit::storage {

// Bytes from `position` on came to the journal in round `sequence` or later: that round is needed until they
// are in the file.
struct JournalMark {
  Sequence sequence;
  Position position;
  bool relaxed = false;  // which journal
  // Only there to tell what came since a sync began: it stands closer than kMarkInterval.
  bool extra = false;
};

struct SegmentLive {
  explicit SegmentLive(FileId file) : id(file) {}

  FileId id;
  // The bytes that are not in the file yet, and a cache of those before. Null: all is in the file.
  std::unique_ptr<Tail> tail;
  // Made at the first read from the file.
  std::shared_ptr<SegmentReader> reader;
  // Of what was appended since the start of the process, or was replayed from the journal.
  std::optional<SegmentIndex> index;
  // Acknowledged as the topic's `flush` says, and on stable storage. Only what is synced goes to the file: a
  // position must not get a second value after a power cut. Both stand where a batch ends.
  Position stable;
  Position synced;
  // A journal has all bytes before it: `stable`, or behind it the first parts of a batch.
  Position journalled;
  // At start: where the next batch begins that restore_batches() has to look at, and its smallest offset.
  Position restored;
  Offset restored_offset;
  // By position; the first covers the first byte that is not in the file.
  std::vector<JournalMark> marks;
  std::unique_ptr<SegmentWriter> writer;
  // A sync began: what comes next has a mark of its own.
  bool mark_next = false;
  bool write_under_way = false;
  // All is in the file; its index is written once it is sure that it ends there.
  bool index_due = false;
  // Its remainder is on its way to the journal again.
  bool carry_under_way = false;

  // Bytes [from, …) came with `sequence`. Marks stand at least kMarkInterval bytes apart, but for two or three more: where
  // `synced` stands, and where it will.
  void mark(Sequence sequence, Position from, bool relaxed);
  // Bytes [from, to) came again with `sequence`; those before `from` are in the file, or came again before them.
  void carried(Sequence sequence, Position from, Position to, bool relaxed);
  // Everything before `written` is in the file.
  void forget_marks(Position written);
  // Marks of syncs before the last one say nothing any more.
  void forget_extra_marks();
  // The oldest round of that journal that holds something that is not in the file; empty when there is none. Of what lies
  // before `end` only.
  std::optional<Sequence> oldest(bool relaxed, Position end = Position(UINT64_MAX)) const;
  // The batch that starts at `position`, with its first bytes (at least kUncoveredHead).
  void note(const SegmentInfo& info, Position position, const BatchHeader& header, BytesView head);
  std::span<const IndexEntry> entries() const {
    return index ? std::span<const IndexEntry>(index->entries()) : std::span<const IndexEntry>();
  }

  static constexpr uint64_t kMarkInterval = 256 << 10;
};

}  // namespace godwit::storage
