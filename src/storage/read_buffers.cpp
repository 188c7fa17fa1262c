#include "storage/read_buffers.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <vector>

#include "runtime/file.h"
#include "runtime/sync.h"
#include "storage/buffer_slots.h"

namespace godwit::storage {
namespace {

constexpr size_t kGrain = 4096;
// A range of 2^n bytes that starts anywhere fits a buffer, with the blocks at both ends.
constexpr size_t kSlack = 16 << 10;
// The two largest are whole huge pages, and what is planned for them has the slack inside.
constexpr std::array<size_t, 8> kClasses = {(16 << 10),
                                            (64 << 10) + kSlack,
                                            (128 << 10) + kSlack,
                                            (256 << 10) + kSlack,
                                            (512 << 10) + kSlack,
                                            (1 << 20) + kSlack,
                                            2 << 20,
                                            4 << 20};
// Buffers from here on lie in huge pages.
constexpr size_t kSlotsFrom = (256 << 10) + kSlack;
// A spare block for which nobody came: its reader has gone.
constexpr Duration kStaleAfter = std::chrono::seconds(2);

// Bytes of the buffer that serves `size`; larger ones than the largest class are not kept for reuse.
size_t rounded(size_t size) {
  for (const size_t bytes : kClasses) {
    if (size <= bytes) return bytes;
  }
  return (size + kGrain - 1) / kGrain * kGrain;
}

class PooledBuffers final : public ReadBuffers, public std::enable_shared_from_this<PooledBuffers> {
 public:
  explicit PooledBuffers(size_t bytes_max)
      : semaphore_(bytes_max), indexes_(bytes_max / 4), reserve_(bytes_max / 8) {
    for (size_t cls = 0; cls < kClasses.size(); ++cls) {
      if (kClasses[cls] >= kSlotsFrom && kClasses[cls] <= bytes_max) {
        slots_[cls] = std::make_unique<BufferSlots>(kClasses[cls], bytes_max / kClasses[cls]);
      }
    }
  }

  ~PooledBuffers() override {
    drain();
    for (auto& idle : idle_) {
      for (Lent* buffer : idle) delete buffer;
    }
  }

  runtime::Task<Buffer> get(size_t size) override {
    const auto self = shared_from_this();
    const size_t bytes = rounded(size);
    shard_ = runtime::Shard::current();
    const Waiting waiting(*this);
    drain();
    while (semaphore_.free() < std::min(bytes, semaphore_.capacity()) && !spares_.empty()) give_up_oldest();
    co_await semaphore_.acquire(bytes);
    co_return lend(bytes);
  }

  Buffer try_get(size_t size) override {
    const size_t bytes = rounded(size);
    shard_ = runtime::Shard::current();
    drain();
    give_up_stale(bytes);
    if (bytes > semaphore_.capacity() || !semaphore_.try_acquire(bytes)) return nullptr;
    return lend(bytes);
  }

  Buffer try_get_reserved(size_t size) override {
    if (Buffer buffer = try_get(size)) return buffer;
    const size_t bytes = rounded(size);
    if (reserved_out_ > 0 && reserved_out_ + bytes > reserve_) return nullptr;
    reserved_out_ += bytes;
    auto* const buffer = new Lent(bytes);
    buffer->reserved = true;
    return {buffer, [self = shared_from_this(), buffer](const void*) { self->give_back(buffer); }};
  }

  size_t block_bytes_max() override {
    drain();
    give_up_stale(semaphore_.capacity() / 2);
    const size_t share = std::min(semaphore_.free() / 4, semaphore_.capacity() / 8);
    if (share >= (size_t{4} << 20)) return (4 << 20) - kSlack;
    if (share >= (size_t{2} << 20)) return (2 << 20) - kSlack;
    return 1 << 20;
  }

  bool pressed() const override { return waiting_.load() > 0; }

  void offer(Spare& spare) override {
    spare.unlink();
    spare.offered_at = runtime::Shard::current()->now();
    spares_.push_back(spare);
  }

  IndexCache& indexes() override { return indexes_; }

  Usage usage() override {
    drain();
    return {.out = out_bytes_, .idle = idle_bytes_};
  }

 private:
  // A buffer, with the link that it needs on its way back.
  struct Lent final : ReadBuffer {
    explicit Lent(MutableBytes slot) { bytes_ = slot; }
    explicit Lent(size_t bytes) : own(bytes) { bytes_ = own.bytes(); }
    runtime::AlignedBuffer own;  // empty when it is a slot
    bool reserved = false;
    Lent* next = nullptr;
  };

  // Counts who waits, also when a frame that does is destroyed.
  class Waiting {
   public:
    explicit Waiting(PooledBuffers& pool) : pool_(pool) { ++pool_.waiting_; }
    ~Waiting() { --pool_.waiting_; }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

   private:
    PooledBuffers& pool_;
  };

  void give_up_oldest() {
    auto& spare = static_cast<Spare&>(*spares_.front());
    spare.unlink();
    spare.give_up();
    drain();
  }

  // What readers left behind who went away gives way to those who are there, until `bytes` are free.
  void give_up_stale(size_t bytes) {
    while (semaphore_.free() < bytes && !spares_.empty()) {
      const auto& oldest = static_cast<const Spare&>(*spares_.front());
      if (runtime::Shard::current()->now() - oldest.offered_at < kStaleAfter) return;
      give_up_oldest();
    }
  }

  static size_t class_of(size_t bytes) {
    return static_cast<size_t>(std::ranges::find(kClasses, bytes) - kClasses.begin());
  }

  // `bytes` were acquired.
  Buffer lend(size_t bytes) {
    Lent* buffer = nullptr;
    const size_t cls = class_of(bytes);
    if (cls < kClasses.size() && !idle_[cls].empty()) {
      buffer = idle_[cls].back();
      idle_[cls].pop_back();
      idle_bytes_ -= bytes;
    }
    out_bytes_ += bytes;
    trim_idle();
    if (buffer == nullptr) buffer = make(cls, bytes);
    return {buffer, [self = shared_from_this(), buffer](const void*) { self->give_back(buffer); }};
  }

  Lent* make(size_t cls, size_t bytes) {
    if (cls < kClasses.size() && slots_[cls]) {
      if (const MutableBytes slot = slots_[cls]->take(); !slot.empty()) return new Lent(slot);
    }
    return new Lent(bytes);
  }

  void destroy(size_t cls, Lent* buffer) {
    if (buffer->own.size() == 0) slots_[cls]->give_back(buffer->data(), true);
    delete buffer;
  }

  // Idle buffers of other sizes make room, largest first.
  void trim_idle() {
    for (size_t cls = kClasses.size(); cls > 0 && out_bytes_ + idle_bytes_ > semaphore_.capacity();) {
      auto& idle = idle_[cls - 1];
      if (idle.empty()) {
        --cls;
        continue;
      }
      destroy(cls - 1, idle.back());
      idle.pop_back();
      idle_bytes_ -= kClasses[cls - 1];
    }
  }

  // On any thread. Either the one who waits sees the buffer in its drain(), or this sees that one waits.
  void give_back(Lent* buffer) {
    buffer->next = returned_.load(std::memory_order_relaxed);
    while (!returned_.compare_exchange_weak(buffer->next, buffer)) {
    }
    if (waiting_.load() == 0) return;
    runtime::Shard* const shard = shard_;
    if (runtime::Shard::current() == shard) {
      drain();
    } else {
      shard->post([self = weak_from_this()] {
        if (const auto pool = self.lock()) pool->drain();
      });
    }
  }

  // Takes in what came back. On the shard (or with nobody left to call).
  void drain() {
    Lent* buffer = returned_.exchange(nullptr);
    while (buffer != nullptr) {
      Lent* const next = buffer->next;
      const size_t bytes = buffer->size();
      if (buffer->reserved) {
        reserved_out_ -= bytes;
        delete buffer;
        buffer = next;
        continue;
      }
      const size_t cls = class_of(bytes);
      out_bytes_ -= bytes;
      if (cls < kClasses.size()) {
        idle_[cls].push_back(buffer);
        idle_bytes_ += bytes;
      } else {
        delete buffer;
      }
      semaphore_.release(bytes);
      buffer = next;
    }
    trim_idle();
  }

  runtime::Semaphore semaphore_;
  IndexCache indexes_;
  std::array<std::unique_ptr<BufferSlots>, kClasses.size()> slots_;  // null: of the heap
  std::array<std::vector<Lent*>, kClasses.size()> idle_;
  const size_t reserve_;
  size_t reserved_out_ = 0;
  size_t out_bytes_ = 0;
  size_t idle_bytes_ = 0;
  runtime::List spares_;  // offered longest ago first
  std::atomic<runtime::Shard*> shard_{nullptr};
  std::atomic<Lent*> returned_{nullptr};
  std::atomic<int> waiting_{0};
};

}  // namespace

runtime::Task<ReadBuffers::Buffer> ReadBuffers::get(size_t size, ReadMemory memory) {
  if (Buffer buffer = memory == ReadMemory::reserved ? try_get_reserved(size) : try_get(size))
    co_return buffer;
  if (memory != ReadMemory::wait) co_return nullptr;
  co_return co_await get(size);
}

std::shared_ptr<ReadBuffers> ReadBuffers::create(size_t bytes_max) {
  return std::make_shared<PooledBuffers>(bytes_max);
}

}  // namespace godwit::storage
