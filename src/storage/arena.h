// The arena: the memory that holds the tails of all partitions of a shard (rule 20).
//
// One range of addresses a shard, taken once with advice for huge pages, touched only as it is used and
// reused before more is touched; what will be touched next can be made ready ahead (on_touch_soon). Blocks of 4,
// 16, 64 and 256 KiB are cut from chunks of 256 KiB; a chunk whose blocks are all free serves any size again.
// Blocks are aligned to their size, so that they can be written with direct I/O.
//
// allocate() is called on the owning shard. A block may be pinned by SharedBytes that other shards hold (a
// response that is being sent): its memory returns to the arena when the last of them is gone, from whatever
// thread. The arena must outlive all blocks and pins: owners hold it by shared_ptr.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/bytes.h"

namespace godwit::storage {

constexpr size_t kBlockMin = 4 * 1024;
constexpr size_t kBlockMax = 256 * 1024;

class Arena;
class ArenaImpl;

// Exclusive write access to a piece of the arena, shared read access to what was pinned. Given back when
// destroyed.
class Block {
 public:
  Block() = default;
  Block(Block&&) noexcept;
  Block& operator=(Block&&) noexcept;
  ~Block();
  explicit operator bool() const { return data_ != nullptr; }
  size_t size() const { return size_; }
  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  // An immutable range of it, which stays after the block itself is given back. The range must not be written
  // to any more; bytes behind it may be.
  SharedBytes pin(size_t offset, size_t count) const;

 private:
  friend class ArenaImpl;
  struct Control;
  struct Pin;
  std::shared_ptr<Control> control_;
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

class Arena : public std::enable_shared_from_this<Arena> {
 public:
  // `capacity` in bytes, rounded up to whole chunks.
  static std::shared_ptr<Arena> create(size_t capacity);
  virtual ~Arena() = default;

  // `prepare` is told of a huge page that nobody has touched while the one before it is used up, so that it can be made ready;
  // each once, in the order of addresses; on the owning shard, within allocate(). Arenas with different `phase` that fill at
  // the same rate, as those of a partition's replicas do, tell at different times. Before the first allocate().
  using Prepare = std::function<void(MutableBytes untouched)>;
  virtual void on_touch_soon(Prepare prepare, size_t phase) = 0;

  // A block of at least `size` bytes (at most kBlockMax), or empty when the arena is full: the caller waits
  // for write-back to free some.
  virtual std::optional<Block> allocate(size_t size) = 0;

  struct Usage {
    size_t capacity = 0;
    size_t used = 0;     // bytes in blocks that are held or pinned
    size_t touched = 0;  // bytes that were ever used, which the process keeps resident
    size_t pinned = 0;   // bytes in blocks that somebody pins, whether they are held besides or not
  };
  virtual Usage usage() = 0;
  // Whether so much is pinned that a reader should take a copy instead: slow ones must not take the memory that appends
  // need. A quarter of the arena.
  virtual bool pinned_much() const = 0;
};

}  // namespace godwit::storage
