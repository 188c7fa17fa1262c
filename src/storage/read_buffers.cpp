#include "storage/read_buffers.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <vector>

#include "base/check.h"
#include "runtime/sync.h"

namespace godwit::storage {
namespace {

constexpr size_t kGrain = 4096;
// A range of 2^n bytes that starts anywhere fits a buffer, with the blocks at both ends.
constexpr size_t kSlack = 16 << 10;
constexpr std::array<size_t, 6> kClasses = {(16 << 10),           (64 << 10) + kSlack,  (128 << 10) + kSlack,
                                            (256 << 10) + kSlack, (512 << 10) + kSlack, (1 << 20) + kSlack};

// Bytes of the buffer that serves `size`; larger ones than the largest class are not kept for reuse.
size_t rounded(size_t size) {
  for (const size_t bytes : kClasses) {
    if (size <= bytes) return bytes;
  }
  return (size + kGrain - 1) / kGrain * kGrain;
}

class PooledBuffers final : public ReadBuffers, public std::enable_shared_from_this<PooledBuffers> {
 public:
  explicit PooledBuffers(size_t bytes_max) : semaphore_(bytes_max), indexes_(bytes_max / 4) {}

  ~PooledBuffers() override {
    drain();
    for (auto& idle : idle_) {
      for (Slot* slot : idle) delete slot;
    }
  }

  runtime::Task<Buffer> get(size_t size) override {
    const auto self = shared_from_this();
    const size_t bytes = rounded(size);
    shard_ = runtime::Shard::current();
    const Waiting waiting(*this);
    drain();
    while (semaphore_.free() < std::min(bytes, semaphore_.capacity()) && !spares_.empty()) {
      auto& spare = static_cast<Spare&>(*spares_.front());
      spare.unlink();
      spare.give_up();
      drain();
    }
    co_await semaphore_.acquire(bytes);
    co_return lend(bytes);
  }

  Buffer try_get(size_t size) override {
    const size_t bytes = rounded(size);
    shard_ = runtime::Shard::current();
    drain();
    if (bytes > semaphore_.capacity() || !semaphore_.try_acquire(bytes)) return nullptr;
    return lend(bytes);
  }

  bool pressed() const override { return waiting_.load() > 0; }

  void offer(Spare& spare) override {
    spare.unlink();
    spares_.push_back(spare);
  }

  IndexCache& indexes() override { return indexes_; }

  Usage usage() override {
    drain();
    return {.out = out_bytes_, .idle = idle_bytes_};
  }

 private:
  // A buffer, with the link that it needs on its way back.
  struct Slot {
    runtime::AlignedBuffer buffer;
    Slot* next = nullptr;
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

  static size_t class_of(size_t bytes) {
    return static_cast<size_t>(std::ranges::find(kClasses, bytes) - kClasses.begin());
  }

  // `bytes` were acquired.
  Buffer lend(size_t bytes) {
    Slot* slot = nullptr;
    const size_t cls = class_of(bytes);
    if (cls < kClasses.size() && !idle_[cls].empty()) {
      slot = idle_[cls].back();
      idle_[cls].pop_back();
      idle_bytes_ -= bytes;
    }
    out_bytes_ += bytes;
    trim_idle();
    if (slot == nullptr) slot = new Slot{runtime::AlignedBuffer(bytes)};
    return {&slot->buffer, [self = shared_from_this(), slot](const void*) { self->give_back(slot); }};
  }

  // Idle buffers of other sizes make room, largest first.
  void trim_idle() {
    for (size_t cls = kClasses.size(); cls > 0 && out_bytes_ + idle_bytes_ > semaphore_.capacity();) {
      auto& idle = idle_[cls - 1];
      if (idle.empty()) {
        --cls;
        continue;
      }
      delete idle.back();
      idle.pop_back();
      idle_bytes_ -= kClasses[cls - 1];
    }
  }

  // On any thread. Either the one who waits sees the slot in its drain(), or this sees that one waits.
  void give_back(Slot* slot) {
    slot->next = returned_.load(std::memory_order_relaxed);
    while (!returned_.compare_exchange_weak(slot->next, slot)) {
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
    Slot* slot = returned_.exchange(nullptr);
    while (slot != nullptr) {
      Slot* const next = slot->next;
      const size_t bytes = slot->buffer.size();
      const size_t cls = class_of(bytes);
      out_bytes_ -= bytes;
      if (cls < kClasses.size()) {
        idle_[cls].push_back(slot);
        idle_bytes_ += bytes;
      } else {
        delete slot;
      }
      semaphore_.release(bytes);
      slot = next;
    }
    trim_idle();
  }

  runtime::Semaphore semaphore_;
  IndexCache indexes_;
  std::array<std::vector<Slot*>, kClasses.size()> idle_;
  size_t out_bytes_ = 0;
  size_t idle_bytes_ = 0;
  runtime::List spares_;  // offered longest ago first
  std::atomic<runtime::Shard*> shard_{nullptr};
  std::atomic<Slot*> returned_{nullptr};
  std::atomic<int> waiting_{0};
};

}  // namespace

std::shared_ptr<ReadBuffers> ReadBuffers::create(size_t bytes_max) {
  return std::make_shared<PooledBuffers>(bytes_max);
}

}  // namespace godwit::storage
