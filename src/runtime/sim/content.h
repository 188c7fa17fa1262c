// The bytes of one file as one observer sees them: sparse, in pages that copies share until one is written.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"

namespace godwit::runtime::sim {

class Content {
 public:
  static constexpr uint64_t page_size = 4096;

  uint64_t size() const { return size_; }
  // Copies [position, position + into.size()); what was never written, or lies behind the end, reads as
  // zeros.
  void read(uint64_t position, MutableBytes into) const;
  // Overwrites; the size is set apart (grow, resize).
  void write(uint64_t position, BytesView bytes);
  void grow(uint64_t size) { size_ = size > size_ ? size : size_; }
  // Bytes behind a smaller size are gone, and zeros when the file grows again.
  void resize(uint64_t size);
  // Zeros what was written behind the end.
  void trim() { resize(size_); }
  bool has_page(uint64_t page) const { return page < pages_.size() && pages_[page] != nullptr; }
  // Pages that hold data at or behind page number `from`.
  uint64_t pages_from(uint64_t from) const;

 private:
  struct Page {
    std::byte bytes[page_size];
  };
  Page& writable(uint64_t page);
  std::vector<std::shared_ptr<Page>> pages_;
  uint64_t size_ = 0;
};

}  // namespace godwit::runtime::sim
