// Bounds the memory of the segment indexes that one shard has loaded: the least recently used are given up.
//
// Belongs to one shard. Must outlive its entries.
#pragma once

#include <cstddef>

#include "runtime/list.h"

namespace godwit::storage {

class IndexCache {
 public:
  // Whoever holds an index. Counts no more once it is destroyed.
  class Entry : public runtime::ListNode {
   public:
    virtual ~Entry();
    // Drops the index; it counts no more. Does not call back.
    virtual void give_up() = 0;

   private:
    friend class IndexCache;
    IndexCache* cache_ = nullptr;
    size_t bytes_ = 0;
  };

  explicit IndexCache(size_t bytes_max) : bytes_max_(bytes_max) {}
  IndexCache(const IndexCache&) = delete;
  IndexCache& operator=(const IndexCache&) = delete;

  // The entry was used just now and has `bytes` bytes (0: none any more). Others are given up while all
  // together have more than bytes_max; one alone may.
  void use(Entry& entry, size_t bytes);
  size_t bytes() const { return bytes_; }

 private:
  void leave(Entry& entry);

  const size_t bytes_max_;
  size_t bytes_ = 0;
  runtime::List entries_;  // least recently used first
};

}  // namespace godwit::storage
