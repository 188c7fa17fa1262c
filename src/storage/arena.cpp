#include "storage/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <limits>
#include <vector>

#include "base/check.h"

namespace godwit::storage {
namespace {

constexpr std::array<size_t, 4> kClassBytes = {4 << 10, 16 << 10, 64 << 10, 256 << 10};
constexpr size_t kChunkBytes = kBlockMax;
constexpr size_t kHugePage = 2 << 20;
constexpr size_t kChunksPerHugePage = kHugePage / kChunkBytes;
constexpr uint8_t kNoClass = 255;

static_assert(kClassBytes.front() == kBlockMin && kClassBytes.back() == kBlockMax);
static_assert(kChunkBytes / kBlockMin <= 64, "a chunk's free blocks fit one word");

size_t class_of(size_t size) {
  size_t index = 0;
  while (kClassBytes[index] < size) ++index;
  return index;
}

}  // namespace

// The share in a block: when the last holder is gone the block's memory goes back, from whatever thread.
struct Block::Control {
  std::shared_ptr<ArenaImpl> arena;
  std::byte* data;
  Control(std::shared_ptr<ArenaImpl> a, std::byte* d) : arena(std::move(a)), data(d) {}
  ~Control();
  // The pin that is out, shared by all who pin the block.
  std::weak_ptr<Pin> pin;
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;
};

class ArenaImpl final : public Arena {
 public:
  explicit ArenaImpl(size_t capacity) : chunks_((capacity + kChunkBytes - 1) / kChunkBytes) {
    GW_CHECK(!chunks_.empty() && chunks_.size() < std::numeric_limits<uint32_t>::max(),
             "an arena has chunks");
    // One huge page more than asked, so that the range can start on a huge page.
    mapped_bytes_ = chunks_.size() * kChunkBytes + kHugePage;
    void* const mapped = ::mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    GW_CHECK(mapped != MAP_FAILED,
             "the arena's addresses can be had: memory.arena is larger than the limits allow");
    mapped_ = static_cast<std::byte*>(mapped);
    const auto address = reinterpret_cast<uintptr_t>(mapped_);
    base_ = mapped_ + (kHugePage - address % kHugePage) % kHugePage;
    // Advice alone: where the kernel does not follow it, all works, only a kill takes longer to close
    // sockets.
    (void)::madvise(base_, chunks_.size() * kChunkBytes, MADV_HUGEPAGE);
  }

  ~ArenaImpl() override { ::munmap(mapped_, mapped_bytes_); }

  std::optional<Block> allocate(size_t size) override {
    GW_CHECK(size <= kBlockMax, "a block has at most 256 KiB");
    drain();
    const size_t cls = class_of(size);
    auto& open = open_chunks_[cls];
    if (open.empty()) {
      const auto fresh = take_chunk(cls);
      if (!fresh) return std::nullopt;
      open.push_back(*fresh);
    }
    const uint32_t index = open.back();
    Chunk& chunk = chunks_[index];
    const auto slot = static_cast<size_t>(std::countr_zero(chunk.free));
    chunk.free &= chunk.free - 1;
    if (chunk.free == 0) open.pop_back();
    used_ += kClassBytes[cls];
    std::byte* const data = base_ + index * kChunkBytes + slot * kClassBytes[cls];
    Block block;
    block.control_ =
        std::make_shared<Block::Control>(std::static_pointer_cast<ArenaImpl>(shared_from_this()), data);
    block.data_ = data;
    block.size_ = kClassBytes[cls];
    return block;
  }

  void on_touch_soon(Prepare prepare, size_t phase) override {
    prepare_ = std::move(prepare);
    // Not with the first two chunks, so that a broker which is idle touches no second page, nor late: it takes time.
    prepare_at_ = 2 + phase % (kChunksPerHugePage / 2);
  }

  Usage usage() override {
    drain();
    return {chunks_.size() * kChunkBytes, used_, untouched_ * kChunkBytes, pinned_};
  }

  bool pinned_much() const override { return pinned_ > chunks_.size() * kChunkBytes / 4; }

  // From any thread.
  void count_pinned(size_t bytes) { pinned_ += bytes; }
  void count_unpinned(size_t bytes) { pinned_ -= bytes; }

  // From any thread: the block's first bytes hold the link, since nobody needs them any more.
  void give_back(std::byte* data) {
    auto* const node = reinterpret_cast<Returned*>(data);
    node->next = returned_.load(std::memory_order_relaxed);
    while (!returned_.compare_exchange_weak(node->next, node, std::memory_order_release,
                                            std::memory_order_relaxed)) {
    }
  }

 private:
  struct Chunk {
    uint8_t cls = kNoClass;
    uint64_t free = 0;  // bit i: block i is free
  };
  struct Returned {
    Returned* next;
  };

  static uint64_t all_free(size_t cls) {
    const size_t blocks = kChunkBytes / kClassBytes[cls];
    return blocks == 64 ? ~uint64_t{0} : (uint64_t{1} << blocks) - 1;
  }

  std::optional<uint32_t> take_chunk(size_t cls) {
    uint32_t index;
    if (!free_chunks_.empty()) {
      index = free_chunks_.back();
      free_chunks_.pop_back();
    } else if (untouched_ < chunks_.size()) {
      index = static_cast<uint32_t>(untouched_++);
      if (index % kChunksPerHugePage == prepare_at_) prepare_huge_page_after(index);
    } else {
      return std::nullopt;
    }
    chunks_[index] = {static_cast<uint8_t>(cls), all_free(cls)};
    return index;
  }

  void prepare_huge_page_after(uint32_t index) {
    const size_t begin = (index / kChunksPerHugePage + 1) * kHugePage;
    const size_t end = std::min(begin + kHugePage, chunks_.size() * kChunkBytes);
    if (prepare_ && begin < end) prepare_({base_ + begin, end - begin});
  }

  // Takes over what was given back. Only the owner pops, and all at once, so no link can change under it.
  void drain() {
    Returned* node = returned_.exchange(nullptr, std::memory_order_acquire);
    while (node != nullptr) {
      Returned* const next = node->next;
      put(reinterpret_cast<std::byte*>(node));
      node = next;
    }
  }

  void put(std::byte* data) {
    const auto distance = static_cast<size_t>(data - base_);
    const auto index = static_cast<uint32_t>(distance / kChunkBytes);
    Chunk& chunk = chunks_[index];
    const size_t bytes = kClassBytes[chunk.cls];
    const uint64_t bit = uint64_t{1} << (distance % kChunkBytes / bytes);
    GW_CHECK((chunk.free & bit) == 0, "a block is given back once");
    auto& open = open_chunks_[chunk.cls];
    if (chunk.free == 0) open.push_back(index);
    chunk.free |= bit;
    used_ -= bytes;
    if (chunk.free == all_free(chunk.cls)) {
      std::erase(open, index);
      chunk.cls = kNoClass;
      free_chunks_.push_back(index);
    }
  }

  std::byte* mapped_ = nullptr;
  size_t mapped_bytes_ = 0;
  std::byte* base_ = nullptr;
  std::vector<Chunk> chunks_;
  size_t untouched_ = 0;               // chunks from here on were never used
  std::vector<uint32_t> free_chunks_;  // touched and empty
  std::array<std::vector<uint32_t>, kClassBytes.size()> open_chunks_;
  size_t used_ = 0;
  Prepare prepare_;
  size_t prepare_at_ = 0;  // this chunk of a huge page tells of the next page
  std::atomic<Returned*> returned_{nullptr};
  std::atomic<size_t> pinned_{0};
};

struct Block::Pin {
  std::shared_ptr<Control> control;
  size_t bytes;
  Pin(std::shared_ptr<Control> c, size_t b) : control(std::move(c)), bytes(b) {
    control->arena->count_pinned(bytes);
  }
  ~Pin() { control->arena->count_unpinned(bytes); }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;
};

Block::Control::~Control() {
  arena->give_back(data);
}

Block::Block(Block&& other) noexcept
    : control_(std::move(other.control_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

Block& Block::operator=(Block&& other) noexcept {
  if (this == &other) return *this;
  control_ = std::move(other.control_);
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

Block::~Block() = default;

SharedBytes Block::pin(size_t offset, size_t count) const {
  GW_CHECK(offset + count <= size_, "a pin lies within its block");
  auto pin = control_->pin.lock();
  if (!pin) {
    pin = std::make_shared<Pin>(control_, size_);
    control_->pin = pin;
  }
  return {std::move(pin), BytesView(data_ + offset, count)};
}

std::shared_ptr<Arena> Arena::create(size_t capacity) {
  return std::make_shared<ArenaImpl>(capacity);
}

}  // namespace godwit::storage
