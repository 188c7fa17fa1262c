// Memory that one thread hands out and others give back: the arena's pins, and read buffers.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "runtime/real/real_world.h"
#include "runtime/sync.h"
#include "storage/arena.h"
#include "storage/read_buffers.h"

namespace godwit::storage {
namespace {

using runtime::Shard;
using runtime::Task;

// Threads that look at what they are given, and drop it.
template <class Item>
class Droppers {
 public:
  explicit Droppers(std::function<bool(const Item&)> is_whole) : is_whole_(std::move(is_whole)) {
    for (int i = 0; i < 3; ++i) threads_.emplace_back([this] { drop(); });
  }
  void give(Item item) {
    {
      const std::lock_guard lock(mutex_);
      items_.push_back(std::move(item));
    }
    changed_.notify_one();
  }
  // How many were not whole.
  size_t finish() {
    {
      const std::lock_guard lock(mutex_);
      finished_ = true;
    }
    changed_.notify_all();
    threads_.clear();
    return broken_;
  }

 private:
  void drop() {
    for (;;) {
      std::optional<Item> item;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return finished_ || !items_.empty(); });
        if (items_.empty()) return;
        item = std::move(items_.front());
        items_.pop_front();
      }
      if (!is_whole_(*item)) ++broken_;
    }
  }

  const std::function<bool(const Item&)> is_whole_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  bool finished_ = false;
  std::atomic<size_t> broken_{0};
  std::vector<std::jthread> threads_;
};

// Looks at some of them: under tsan each costs much.
bool all_alike(BytesView bytes) {
  for (size_t i = 0; i < bytes.size(); i += 509) {
    if (bytes[i] != bytes[0]) return false;
  }
  return true;
}

TEST(ArenaThreads, BlocksAreUsedAgainWhenTheLastPinOnAnyThreadIsGoneAndNotBefore) {
  const auto arena = Arena::create(1 << 20);
  Droppers<SharedBytes> droppers([](const SharedBytes& pin) { return all_alike(pin.view()); });
  constexpr size_t kSizes[] = {kBlockMin, 4 * kBlockMin, 16 * kBlockMin, kBlockMax};
  for (int i = 0; i < 3000; ++i) {
    const size_t size = kSizes[i % 11 == 0 ? 3 : i % 3];
    auto block = arena->allocate(size);
    while (!block) {
      std::this_thread::yield();
      block = arena->allocate(size);
    }
    std::memset(block->data(), i, block->size());
    for (int pin = 0; pin < 1 + i % 3; ++pin) droppers.give(block->pin(0, block->size()));
    (void)arena->pinned_much();
  }
  EXPECT_EQ(droppers.finish(), 0U);
  const Arena::Usage usage = arena->usage();
  EXPECT_EQ(usage.used, 0U);
  EXPECT_EQ(usage.pinned, 0U);
}

TEST(ArenaThreads, PinsOutliveTheirArenasOwner) {
  Droppers<SharedBytes> droppers([](const SharedBytes& pin) { return all_alike(pin.view()); });
  for (int i = 0; i < 100; ++i) {
    const auto arena = Arena::create(1 << 20);
    auto block = arena->allocate(kBlockMin);
    std::memset(block->data(), i, block->size());
    droppers.give(block->pin(0, block->size()));
  }
  EXPECT_EQ(droppers.finish(), 0U);
}

// Ends only where whoever waits for a buffer is woken by the thread that drops one.
TEST(ReadBuffersThreads, ABufferThatIsDroppedOnAnyThreadGoesToWhoWaitsForIt) {
  runtime::contract::RealWorld world;
  world.run([]() -> Task<void> {
    const auto pool = ReadBuffers::create(512 << 10);
    using Buffer = ReadBuffers::Buffer;
    Droppers<Buffer> droppers([](const Buffer& buffer) { return all_alike(buffer->view()); });
    const auto read = [&](int first) -> Task<void> {
      for (int i = first; i < first + 300; ++i) {
        Buffer buffer = co_await pool->get(i % 5 == 0 ? 300 << 10 : 60 << 10);
        std::memset(buffer->data(), i, buffer->size());
        droppers.give(std::move(buffer));
        (void)pool->pressed();
        if (Buffer other = pool->try_get(8 << 10)) {
          std::memset(other->data(), i, other->size());
          droppers.give(std::move(other));
        }
      }
    };
    std::vector<Task<void>> readers;
    for (int i = 0; i < 3; ++i) readers.push_back(read(i * 300));
    co_await runtime::when_all(std::move(readers));
    EXPECT_EQ(droppers.finish(), 0U);
    EXPECT_EQ(pool->usage().out, 0U);
  }());
}

}  // namespace
}  // namespace godwit::storage
