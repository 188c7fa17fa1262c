// The tail of a segment file: its newest bytes, in arena blocks, from the written mark (or before, as a
// cache) to the end. Positions are the file's; the batches in it are whole.
//
//   [first … written)   on disk too: may be dropped at any time, kept while memory allows, for tailing
//   readers [written … end)     only here and in the journal
//
// Belongs to one shard. Appending never moves bytes that were appended before, so pinned ranges stay valid.
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "model/offset.h"
#include "storage/arena.h"
#include "storage/index_entry.h"

namespace godwit::storage {

class Tail {
 public:
  // An empty tail whose next byte has `position`, a multiple of kBlockMin.
  Tail(std::shared_ptr<Arena> arena, Position position);

  // Makes room for `bytes` more, in blocks whose size grows from 4 KiB to `block_max` with what was appended lately (larger
  // ones only for what fills them), smaller ones where the arena has no others.
  // False, and nothing changed, when the arena is full.
  bool reserve(size_t bytes, size_t block_max = kBlockMax);
  // Copies bytes to the end; room was reserved.
  void append(BytesView bytes);

  // The same as both for bytes that come later, in any order, by fill(): until then they are whatever the memory holds.
  // In blocks that fit. False, and nothing changed, when the arena is full.
  bool grow(size_t bytes);
  void fill(Position position, BytesView bytes);

  Position first() const;
  Position written() const;
  Position end() const;
  size_t memory() const;  // bytes of blocks held

  // Pinned ranges of [from, to), which lies within [first, end).
  Chain pin(Position from, Position to) const;
  // The ranges of [from, to) without a pin: valid until the tail changes other than by append.
  std::vector<BytesView> view(Position from, Position to) const;
  // Copies out, for parsing headers that may span two blocks.
  void copy(Position from, MutableBytes out) const;

  // The file has all bytes before `position` (a multiple of kBlockMin, or the end of a sealed file).
  void set_written(Position position);
  // Gives back whole blocks that lie before the written mark, oldest first, until `bytes` are given back or
  // none is left. Returns how many bytes.
  size_t drop_written(size_t bytes);
  // Forgets everything from `position` on (a truncation or a failed round). Nothing is appended afterwards: a
  // position never gets a second value, so the log goes on in a new file. Pinned ranges stay readable.
  void cut(Position position);
  // Moves what is not written into the smallest blocks that hold it and starts growing from 4 KiB again: for
  // a tail that went idle. Pinned ranges stay valid, views do not: not while a round is under way. False, and
  // nothing changed, when the arena is full.
  bool shrink();
  // Zeros up to the next multiple of kBlockMin, for the last block of a file that is being sealed; gives the
  // padded end. end() stays. Nothing is appended afterwards.
  Position pad();
  // The ranges of [from, padded end) of a tail that was padded.
  std::vector<BytesView> view_padded(Position from) const;

 private:
  // Bytes [position, position + block.size()) of the file, `position` a multiple of kBlockMin, so that file
  // and memory are aligned alike for direct I/O.
  struct Piece {
    Position position;
    Block block;
    Position end() const { return position + block.size(); }
  };
  // Calls visit(bytes, piece, offset in piece) for each contiguous range of [from, to).
  template <class Visit>
  void for_each_range(Position from, Position to, Visit visit) const;
  // The blocks that [from, to) fits, large ones first. False when the arena is full.
  bool take_blocks(Position from, Position to, std::vector<Piece>& out);
  Position capacity_end() const { return pieces_.empty() ? end_ : pieces_.back().end(); }
  std::shared_ptr<Arena> arena_;
  std::vector<Piece> pieces_;
  Position end_;
  Position written_;
  size_t next_block_ = kBlockMin;
  bool closed_ = false;  // cut or padded: nothing is appended any more
};

}  // namespace godwit::storage
