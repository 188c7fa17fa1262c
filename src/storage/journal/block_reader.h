// Reads a file forward through one window, in large direct reads; remembers which blocks cannot be read.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "runtime/file.h"
#include "storage/journal/round.h"

namespace godwit::storage::journal {

// A range of a file that gives read errors, in whole blocks.
struct Unreadable {
  uint64_t position = 0;
  uint64_t size = 0;
  std::string error;
};

class BlockReader {
 public:
  static constexpr size_t kWindow = 1 << 20;
  // Read at first, and after a jump: who jumps wants little.
  static constexpr size_t kFirst = 128 << 10;

  // The file outlives the reader. `size` is how far it is read.
  BlockReader(runtime::File& file, uint64_t size);

  // Copies [position, position + into.size()), zeros where the file cannot be read. False when it could not
  // be read, or ends before.
  runtime::Task<bool> read(uint64_t position, MutableBytes into);
  // Whether the block at `position` is in the window and does not begin with `text`: no need to read it.
  bool lacks(uint64_t position, std::string_view text) const;
  // The CRC-32C of a range, or empty as above. Goes through the window: any size takes no memory.
  runtime::Task<std::optional<uint32_t>> checksum(uint64_t position, uint64_t size);

  const std::vector<Unreadable>& unreadable() const { return unreadable_; }
  uint64_t unreadable_blocks() const;
  uint64_t size() const { return size_; }

 private:
  // Makes the block at `position` part of the window. Gives the bytes from `position` to the window's end
  // that can be read, empty when that block cannot.
  runtime::Task<BytesView> window_at(uint64_t position);
  runtime::Task<void> load(uint64_t position);
  void note_unreadable(uint64_t position, uint64_t size, const std::string& error);
  // Where the next unreadable block at or behind `position` begins, at most `end`.
  uint64_t readable_until(uint64_t position, uint64_t end) const;

  runtime::File& file_;
  uint64_t size_;
  runtime::AlignedBuffer window_;
  uint64_t window_position_ = 0;
  uint64_t window_bytes_ = 0;
  uint64_t next_bytes_ = kFirst;
  std::vector<Unreadable> unreadable_;  // in order
};

}  // namespace godwit::storage::journal
