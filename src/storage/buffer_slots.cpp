#include "storage/buffer_slots.h"

#include <sys/mman.h>

#include <cstdint>

namespace godwit::storage {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

}  // namespace

BufferSlots::BufferSlots(size_t slot_bytes, size_t slots_max)
    : slot_bytes_(slot_bytes), slots_max_(slots_max) {}

BufferSlots::~BufferSlots() {
  if (mapped_ != nullptr) ::munmap(mapped_, mapped_bytes_);
}

bool BufferSlots::reserve() {
  if (mapped_ != nullptr) return true;
  // Up to one huge page more, so that the range can start on a huge page.
  mapped_bytes_ = slot_bytes_ * slots_max_ + kHugePage;
  void* const mapped = ::mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return false;
  mapped_ = static_cast<std::byte*>(mapped);
  base_ = mapped_ + (kHugePage - reinterpret_cast<uintptr_t>(mapped_) % kHugePage) % kHugePage;
  // Advice alone: where the kernel does not follow it, all works, only reading costs more.
  (void)::madvise(base_, slot_bytes_ * slots_max_, MADV_HUGEPAGE);
  return true;
}

MutableBytes BufferSlots::take() {
  if (!free_.empty()) {
    std::byte* const slot = free_.back();
    free_.pop_back();
    return {slot, slot_bytes_};
  }
  if (untouched_ == slots_max_ || !reserve()) return {};
  return {base_ + untouched_++ * slot_bytes_, slot_bytes_};
}

void BufferSlots::give_back(std::byte* slot, bool release) {
  // It reads as zeros then; a refusal costs memory alone.
  if (release) (void)::madvise(slot, slot_bytes_, MADV_DONTNEED);
  free_.push_back(slot);
}

}  // namespace godwit::storage
