// What logs and readers may take of the memory (rule 20), and what they leave to others.
#include <gmock/gmock.h>

#include "runtime/sync.h"
#include "storage/store_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::Node;
using runtime::sim::World;
using testing::IsEmpty;
using testing::SizeIs;

struct OneNode {
  World world{7};
  Node& node = world.add_node("a");
};

// Everybody got a large block while it had much to write, and now a record now and then, but never ten idle seconds.
TEST(StoreMemory, LogsThatTrickleKeepLittle) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    StoreOptions options = small_options();
    options.arena_bytes = 64 << 20;
    options.journal_file_bytes = 16 << 20;
    auto open = co_await opened_store(at.node, options);
    constexpr int kLogs = 400;
    const auto memory = [&] {
      uint64_t bytes = 0;
      for (int p = 0; p < kLogs; ++p) bytes += open->store->find(partition(p))->stats().memory_bytes;
      return bytes / kLogs;
    };
    const auto append_one = [&](int p, size_t size) -> Task<void> {
      Bytes batch = batch_of({std::string(size, 'x')});
      const auto deadline = runtime::Shard::current()->now() + 1s;
      const auto done =
          co_await open->store->find(partition(p))
              ->append(batch, {.epoch = LeaderEpoch(0), .now = WallTime{1000}, .deadline = deadline});
      EXPECT_TRUE(done.has_value()) << done.error().message;
    };
    for (int p = 0; p < kLogs; ++p) EXPECT_TRUE((co_await open->store->create(partition(p), {})).has_value());
    for (int i = 0; i < 30; ++i) {
      for (int p = 0; p < kLogs; ++p) co_await append_one(p, 4000);
      co_await runtime::sleep_for(100ms);
    }
    for (int i = 0; i < 20; ++i) {
      for (int p = 0; p < kLogs; ++p) co_await append_one(p, 100);
      co_await runtime::sleep_for(4s);
    }
    // 120 KB each came to the journal, and those that are in no file yet are in memory: with them written, little is left.
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    for (int i = 0; i < 8; ++i) {
      for (int p = 0; p < kLogs; ++p) co_await append_one(p, 100);
      co_await runtime::sleep_for(4s);
    }
    EXPECT_LT(memory(), 30'000U);
    co_await runtime::sleep_for(30s);
    EXPECT_LT(memory(), 12'000U);
    EXPECT_THAT(co_await read_texts(*open->store->find(partition(7)), Offset(0)), SizeIs(58));
  });
}

// More logs than the arena has large blocks: nobody is refused for what others have not filled.
TEST(StoreMemory, ManyLogsWithSomeRecordsEachDoNotTakeTheArena) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    StoreOptions options = small_options();
    options.arena_bytes = 32 << 20;
    options.journal_file_bytes = 64 << 20;
    auto open = co_await opened_store(at.node, options);
    constexpr int kLogs = 250;
    for (int p = 0; p < kLogs; ++p) EXPECT_TRUE((co_await open->store->create(partition(p), {})).has_value());
    // 90 KB each, 22 MB in all: with a block of 256 KiB for each it would be twice the arena.
    for (int i = 0; i < 90; ++i) {
      for (int p = 0; p < kLogs; ++p) {
        Bytes batch = batch_of({std::string(1000, 'x')});
        const auto deadline = runtime::Shard::current()->now() + 50ms;
        const auto done =
            co_await open->store->find(partition(p))
                ->append(batch, {.epoch = LeaderEpoch(0), .now = WallTime{1000}, .deadline = deadline});
        EXPECT_TRUE(done.has_value()) << i << ", " << p << ": " << done.error().message;
        if (testing::Test::HasFailure()) co_return;
      }
      co_await runtime::sleep_for(10ms);
    }
    uint64_t memory = 0;
    for (int p = 0; p < kLogs; ++p) memory += open->store->find(partition(p))->stats().memory_bytes;
    EXPECT_LT(memory, uint64_t{32} << 20);
  });
}

}  // namespace
}  // namespace godwit::storage::store_test
