#include "storage/read_buffers.h"

#include "runtime/sync.h"
#include "storage/segment_testing.h"

namespace godwit::storage::testing {
namespace {

class Pool : public ::testing::Test {
 protected:
  void run(runtime::sim::Main main) { ASSERT_TRUE(node.run(std::move(main))); }
  World world{3};
  Node& node = world.add_node("a");
};

struct Kept final : ReadBuffers::Spare {
  explicit Kept(ReadBuffers::Buffer b) : buffer(std::move(b)) {}
  void give_up() override { buffer.reset(); }
  ReadBuffers::Buffer buffer;
};

TEST_F(Pool, ABufferThatCameBackIsUsedAgain) {
  run([](Runtime&) -> Task<void> {
    const auto pool = ReadBuffers::create(1 << 20);
    auto buffer = co_await pool->get(100'000);
    EXPECT_GE(buffer->size(), 100'000u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer->data()) % 4096, 0u);
    const std::byte* const data = buffer->data();
    const size_t size = buffer->size();
    buffer.reset();
    EXPECT_EQ(pool->usage().out, 0u);
    EXPECT_EQ(pool->usage().idle, size);
    EXPECT_EQ((co_await pool->get(90'000))->data(), data);
  });
}

TEST_F(Pool, WhoMustNotWaitForClientsHasMemoryThatTheyNeverHold) {
  run([](Runtime&) -> Task<void> {
    const auto pool = ReadBuffers::create(1 << 20);
    std::vector<ReadBuffers::Buffer> held;
    while (auto buffer = pool->try_get(100'000)) held.push_back(std::move(buffer));
    // One waits besides: it is nobody's turn before.
    bool served = false;
    runtime::Shard::current()->spawn([](std::shared_ptr<ReadBuffers> from, bool& done) -> Task<void> {
      (void)co_await from->get(100'000);
      done = true;
    }(pool, served));
    EXPECT_EQ(co_await pool->get(60'000, ReadMemory::at_once), nullptr);
    auto reserved = co_await pool->get(60'000, ReadMemory::reserved);
    EXPECT_NE(reserved, nullptr);
    EXPECT_EQ(co_await pool->get(100'000, ReadMemory::reserved), nullptr) << "an eighth is the most";
    EXPECT_FALSE(served);
    reserved.reset();
    // However large, when nothing is out.
    auto large = co_await pool->get(3 << 20, ReadMemory::reserved);
    EXPECT_NE(large, nullptr);
    EXPECT_EQ(co_await pool->get(5000, ReadMemory::reserved), nullptr);
    large.reset();
    EXPECT_NE(co_await pool->get(60'000, ReadMemory::reserved), nullptr);
    EXPECT_FALSE(served) << "what is reserved is not given to those who wait";
    held.clear();
    co_await runtime::sleep_for(std::chrono::milliseconds(1));
    EXPECT_TRUE(served);
    EXPECT_EQ(pool->usage().out, 0U);
  });
}

TEST_F(Pool, SharedBytesKeepABufferAndTheBuffersKeepThePool) {
  run([](Runtime&) -> Task<void> {
    auto pool = ReadBuffers::create(1 << 20);
    auto buffer = co_await pool->get(5000);
    (*buffer).data()[4000] = std::byte{7};
    SharedBytes shared(buffer, buffer->view().subspan(4000, 10));
    buffer.reset();
    EXPECT_GT(pool->usage().out, 0u);
    pool.reset();
    EXPECT_EQ(shared.data()[0], std::byte{7});
  });
}

Task<void> take_and_note(std::shared_ptr<ReadBuffers> pool, size_t size, int name, std::vector<int>& order) {
  const auto buffer = co_await pool->get(size);
  order.push_back(name);
  co_await runtime::sleep_for(std::chrono::milliseconds(1));
}

TEST_F(Pool, WhoWaitsIsServedInTheOrderOfComing) {
  run([](Runtime&) -> Task<void> {
    const auto pool = ReadBuffers::create(300 << 10);
    std::vector<int> order;
    std::vector<Task<void>> tasks;
    const size_t sizes[] = {250 << 10, 200 << 10, 10 << 10, 250 << 10, 10 << 10};
    for (int i = 0; i < 5; ++i) tasks.push_back(take_and_note(pool, sizes[i], i, order));
    co_await runtime::when_all(std::move(tasks));
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
    EXPECT_LE(pool->usage().idle, 300u << 10);
    EXPECT_EQ(pool->usage().out, 0u);
  });
}

TEST_F(Pool, MoreThanEverythingIsGivenToOneThatIsAlone) {
  run([](Runtime&) -> Task<void> {
    const auto pool = ReadBuffers::create(100 << 10);
    std::vector<int> order;
    std::vector<Task<void>> tasks;
    tasks.push_back(take_and_note(pool, 10 << 10, 0, order));
    tasks.push_back(take_and_note(pool, 5 << 20, 1, order));
    tasks.push_back(take_and_note(pool, 10 << 10, 2, order));
    co_await runtime::when_all(std::move(tasks));
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
    EXPECT_EQ(pool->try_get(5 << 20), nullptr);
    EXPECT_LE(pool->usage().idle, 100u << 10);
  });
}

TEST_F(Pool, SpareBlocksAreGivenUpBeforeAnybodyWaits) {
  run([](Runtime&) -> Task<void> {
    const auto pool = ReadBuffers::create(256 << 10);
    Kept old(pool->try_get(60'000));
    Kept young(pool->try_get(60'000));
    pool->offer(young);
    pool->offer(old);
    pool->offer(young);
    EXPECT_EQ(pool->try_get(200'000), nullptr);
    EXPECT_TRUE(old.buffer);
    const auto buffer = co_await pool->get(100'000);
    EXPECT_FALSE(old.buffer);
    EXPECT_TRUE(young.buffer);
    EXPECT_FALSE(pool->pressed());
  });
}

TEST_F(Pool, SpareBlocksThatNobodyCameForGiveWayToReadingAhead) {
  run([](Runtime&) -> Task<void> {
    const auto pool = ReadBuffers::create(256 << 10);
    Kept old(pool->try_get(60'000));
    pool->offer(old);
    co_await runtime::sleep_for(std::chrono::seconds(1));
    Kept young(pool->try_get(60'000));
    pool->offer(young);
    EXPECT_EQ(pool->try_get(140'000), nullptr);
    EXPECT_TRUE(old.buffer);
    co_await runtime::sleep_for(std::chrono::milliseconds(1500));
    EXPECT_NE(pool->try_get(140'000), nullptr);
    EXPECT_FALSE(old.buffer);
    EXPECT_TRUE(young.buffer);
  });
}

TEST_F(Pool, ABufferThatComesBackOnAnotherThreadWakesWhoWaits) {
  run([](Runtime& runtime) -> Task<void> {
    const auto pool = ReadBuffers::create(100 << 10);
    auto buffer = co_await pool->get(90'000);
    bool had = false;
    runtime.shard(0).spawn([](std::shared_ptr<ReadBuffers> p, bool& flag) -> Task<void> {
      (void)co_await p->get(90'000);
      flag = true;
    }(pool, had));
    co_await runtime::yield();
    EXPECT_FALSE(had);
    EXPECT_TRUE(pool->pressed());
    // Another shard of the simulator: the same thread, but not the pool's shard.
    runtime::Shard& other = runtime.add_shard({.name = "other"});
    co_await other.call([moved = std::move(buffer)]() mutable { moved.reset(); });
    co_await runtime::sleep_for(std::chrono::milliseconds(1));
    EXPECT_TRUE(had);
    EXPECT_FALSE(pool->pressed());
  });
}

TEST_F(Pool, AFrameThatIsDestroyedWhileItWaitsHoldsUpNobody) {
  run([](Runtime&) -> Task<void> {
    const auto pool = ReadBuffers::create(100 << 10);
    auto buffer = co_await pool->get(90'000);
    {
      auto waiting = pool->get(90'000);
      waiting.start();
      EXPECT_TRUE(pool->pressed());
    }
    EXPECT_FALSE(pool->pressed());
    buffer.reset();
    EXPECT_TRUE(co_await pool->get(90'000));
  });
}

TEST_F(Pool, LargeBuffersLieInSlotsThatAreUsedAgainAndGivenUpForOtherSizes) {
  run([](Runtime&) -> Task<void> {
    const auto pool = ReadBuffers::create(8 << 20);
    auto first = co_await pool->get(4 << 20);
    auto second = co_await pool->get(4 << 20);
    EXPECT_NE(first->data(), second->data());
    EXPECT_EQ(pool->try_get(300'000), nullptr);
    first->data()[0] = std::byte{1};
    second->data()[(4 << 20) - 1] = std::byte{2};
    const std::byte* const where = first->data();
    first.reset();
    second.reset();
    EXPECT_EQ(pool->usage().idle, size_t{8} << 20);
    // Others need the memory: one of the two is given up, and had again later.
    auto small = co_await pool->get(300'000);
    std::memset(small->data(), 3, small->size());
    EXPECT_EQ(pool->usage().idle, size_t{4} << 20);
    first = co_await pool->get(4 << 20);
    EXPECT_LE(pool->usage().out + pool->usage().idle, size_t{8} << 20);
    small.reset();
    second = co_await pool->get(4 << 20);
    EXPECT_TRUE(first->data() == where || second->data() == where);
    std::memset(first->data(), 4, first->size());
    std::memset(second->data(), 5, second->size());
    EXPECT_EQ(first->data()[first->size() - 1], std::byte{4});
  });
}

TEST_F(Pool, BlocksAreLargeWhileThereIsMuchMemory) {
  run([](Runtime&) -> Task<void> {
    EXPECT_EQ(ReadBuffers::create(4 << 20)->block_bytes_max(), size_t{1} << 20);
    const auto pool = ReadBuffers::create(32 << 20);
    std::vector<ReadBuffers::Buffer> held;
    size_t last = pool->block_bytes_max();
    EXPECT_GT(last, size_t{3} << 20);
    while (auto buffer = pool->try_get(last)) {
      held.push_back(std::move(buffer));
      EXPECT_LE(pool->block_bytes_max(), last);
      last = pool->block_bytes_max();
    }
    EXPECT_EQ(last, size_t{1} << 20);
    // Slow readers, each with one block, do not hold everything before there are many of them.
    EXPECT_GE(held.size(), 12u);
    held.clear();
    EXPECT_GT(pool->block_bytes_max(), size_t{3} << 20);
    co_return;
  });
}

TEST(IndexCacheBound, TheLeastRecentlyUsedIndexesAreGivenUp) {
  struct Holder final : IndexCache::Entry {
    void give_up() override { ++given_up; }
    int given_up = 0;
  };
  IndexCache cache(100);
  Holder a;
  Holder b;
  cache.use(a, 50);
  cache.use(b, 40);
  cache.use(a, 55);
  EXPECT_EQ(cache.bytes(), 95u);
  {
    Holder c;
    cache.use(c, 30);
    EXPECT_EQ(b.given_up, 1);
    EXPECT_EQ(cache.bytes(), 85u);
  }
  EXPECT_EQ(cache.bytes(), 55u);
  cache.use(b, 500);
  EXPECT_EQ(a.given_up, 1);
  EXPECT_EQ(b.given_up, 1);
  cache.use(b, 0);
  EXPECT_EQ(cache.bytes(), 0u);
}

}  // namespace
}  // namespace godwit::storage::testing
