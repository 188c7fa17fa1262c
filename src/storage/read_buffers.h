// Buffers for direct reads of one shard: aligned, reused, bounded in memory.
//
//   auto buffer = co_await buffers->get(256 << 10);
//   co_await file->read_at(0, buffer->bytes());
//   chain.append(SharedBytes(buffer, buffer->view().first(n)));   // keeps the buffer; drop it on any thread
//
// Who holds a buffer must not wait for another one: two that do so would wait for each other for ever.
// get() and try_get() are called on one shard, always the same; buffers come back from whatever thread. The
// pool lives as long as a buffer is out.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/time.h"
#include "runtime/list.h"
#include "runtime/task.h"
#include "storage/index_cache.h"

namespace godwit::storage {

// Memory of a read buffer.
class ReadBuffer {
 public:
  std::byte* data() const { return bytes_.data(); }
  size_t size() const { return bytes_.size(); }
  MutableBytes bytes() const { return bytes_; }
  BytesView view() const { return bytes_; }

 protected:
  ReadBuffer() = default;
  MutableBytes bytes_;
};

// How a reader gets memory.
enum class ReadMemory {
  wait,      // behind those that wait already
  at_once,   // or not at all: it holds a buffer
  reserved,  // at once, also of what clients never hold: who asks must not wait for them
};

class ReadBuffers {
 public:
  using Buffer = std::shared_ptr<const ReadBuffer>;

  // A block that is kept for later and can be had again from the disk. Leaves the pool's list when it is destroyed.
  class Spare : public runtime::ListNode {
   public:
    virtual ~Spare() = default;
    // Gives the memory up. Called on the pool's shard, once it was taken off the list; does not call back.
    virtual void give_up() = 0;

    MonotonicTime offered_at{};  // the pool's
  };

  // At most `bytes_max` bytes in buffers.
  static std::shared_ptr<ReadBuffers> create(size_t bytes_max);
  virtual ~ReadBuffers() = default;

  // A buffer of at least `size` bytes aligned to 4 KiB, with whatever bytes it had before, writable until it is
  // shared. Waits while bytes_max are out, first come, first served; spare buffers are given up first. A reader
  // that wants more than everything gets it when it is alone.
  virtual runtime::Task<Buffer> get(size_t size) = 0;
  // The same at once, or null when it would have to wait or others wait. Of the spare buffers it takes those that nobody
  // came for in two seconds.
  virtual Buffer try_get(size_t size) = 0;
  // The same for a reader that clients must not hold up, with memory that is never given to others where the rest is taken:
  // an eighth of bytes_max besides, and any size when none of that is out.
  virtual Buffer try_get_reserved(size_t size) = 0;
  // What is to be had as that says.
  runtime::Task<Buffer> get(size_t size, ReadMemory memory);
  // Whether somebody waits for memory now.
  virtual bool pressed() const = 0;
  // Whoever waits gets the memory of `spare`; called again it counts as used just now.
  virtual void offer(Spare& spare) = 0;

  // Where this shard's indexes are counted: a quarter of bytes_max, besides.
  virtual IndexCache& indexes() = 0;

  struct Usage {
    size_t out = 0;   // bytes in buffers that somebody holds
    size_t idle = 0;  // bytes in buffers that wait to be used again
  };
  virtual Usage usage() = 0;

  // The most bytes of a file that a block should have now, for a reader that will use them all: each read costs the same
  // whatever its size, but a few that hold large ones must not hold everything. Between 1 and 4 MiB, less in a small pool.
  virtual size_t block_bytes_max() = 0;
};

}  // namespace godwit::storage
