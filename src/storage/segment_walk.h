// Walks over the batches in a block: finds those that are wanted, and checks every batch that leaves (rule 4).
// Pure, but that it grows the index at its frontier.
#pragma once

#include <functional>
#include <optional>

#include "storage/segment_block.h"
#include "storage/segment_index.h"

namespace godwit::storage {

// Where a reader stands.
struct Cursor {
  WalkState walk;
  // Up to here the headers agree with the index's checksums.
  Position verified_to;
};

struct BatchWish {
  // Of batches in the order of the file: the first for which it is true, and those behind it.
  std::function<bool(const BatchHeader&)> wanted;
  size_t bytes_max = 1;  // but at least one batch
  // Whether a damaged batch that is not wanted is an error: its fields may be why it is not.
  bool check_all = false;
};

struct WalkResult {
  Cursor cursor;  // behind the last batch found; without one: behind those that are not wanted
  // The wanted batches that were found: [from, cursor.walk.position) when any.
  std::optional<Position> from;
  // The block must reach to here to go on. Empty when it need not.
  std::optional<Position> needed;
  // Why it stopped, when nothing was found before: names file and position.
  std::optional<Error> damage;
  Position damage_at;
};

// `cursor` lies in the block. `path` is for errors.
WalkResult walk_block(const SegmentInfo& info, SegmentIndex& index, const SegmentBlock& block,
                      const Cursor& cursor, const BatchWish& wish, const std::string& path);

}  // namespace godwit::storage
