// A range of addresses cut into slots of one size: where large read buffers live.
//
// With advice for huge pages, for which the kernel pins, walks and hands to the device a few pages where there would be
// hundreds (docs/decisions/0013). Memory is taken as slots are first written to, and kept until release().
// Slots are aligned to 4 KiB. Used by one thread at a time.
#pragma once

#include <cstddef>
#include <vector>

#include "base/bytes.h"

namespace godwit::storage {

class BufferSlots {
 public:
  // `slot_bytes`: a multiple of 4 KiB. Takes addresses only.
  BufferSlots(size_t slot_bytes, size_t slots_max);
  ~BufferSlots();
  BufferSlots(const BufferSlots&) = delete;
  BufferSlots& operator=(const BufferSlots&) = delete;

  // A slot with whatever bytes it had before: the one that came back last, or else a new one. Empty when all are taken,
  // or the system refuses the addresses.
  MutableBytes take();
  // `slot`, which came from take(), may be taken again. With `release` its memory goes back to the system.
  void give_back(std::byte* slot, bool release);

 private:
  bool reserve();

  const size_t slot_bytes_;
  const size_t slots_max_;
  std::byte* mapped_ = nullptr;
  std::byte* base_ = nullptr;  // on a huge page's start
  size_t mapped_bytes_ = 0;
  size_t untouched_ = 0;  // slots from here on were never taken
  std::vector<std::byte*> free_;
};

}  // namespace godwit::storage
