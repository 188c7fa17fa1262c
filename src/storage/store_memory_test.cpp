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

struct Filled {
  std::shared_ptr<OpenStore> open;
  Log* log = nullptr;
};
// A log whose records are in its files alone.
Task<Filled> filled(Node& node) {
  StoreOptions options = small_options();
  options.read_buffer_bytes = 1 << 20;
  auto open = co_await opened_store(node, options);
  LogConfig config;
  config.segment_bytes = 100'000;
  Log* log = *co_await open->store->create(partition(0), config);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(co_await publish(*log, {std::string(7000, 'x')}), ErrorCode::none);
  EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
  co_await runtime::sleep_for(60s);
  co_return Filled{open, log};
}

// Clients that never let go of what they were given, and others behind them in the line.
Task<std::vector<Chain>> hold_all(Log& log) {
  std::vector<Chain> held;
  for (int64_t from = 0; from < 200; ++from) {
    auto part =
        co_await log.read({.from = Offset(from), .bytes_max = 50'000, .end = log.end(), .may_wait = false});
    EXPECT_TRUE(part.has_value());
    if (!part || part->batches.empty()) break;
    held.push_back(std::move(part->batches));
  }
  for (int i = 0; i < 3; ++i) {
    runtime::Shard::current()->spawn(
        [](Log& of) -> Task<void> { (void)co_await of.read({.from = Offset(1), .end = of.end()}); }(log));
  }
  co_await runtime::sleep_for(1s);
  co_return held;
}

TEST(StoreMemory, AReplicaReadsThoughClientsHoldAllBuffersAndOthersWait) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    const Filled of = co_await filled(at.node);
    const auto held = co_await hold_all(*of.log);
    EXPECT_GT(held.size(), 2U);
    const auto client = co_await of.log->read({.from = Offset(50), .end = of.log->end(), .may_wait = false});
    EXPECT_TRUE(client && client->batches.empty());
    Offset from(0);
    for (int i = 0; i < 1000 && from < of.log->end(); ++i) {
      const auto part =
          co_await of.log->read({.from = from, .end = of.log->end(), .may_wait = false, .for_replica = true});
      EXPECT_TRUE(part && part->next > from);
      if (!part || part->next <= from) co_return;
      from = part->next;
    }
    EXPECT_EQ(from, of.log->end());
  });
}

// Not to have memory to look with says nothing of the records.
TEST(StoreMemory, WhatCannotBeLookedAtForWantOfMemoryIsNoDamage) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    const Filled of = co_await filled(at.node);
    std::string name;
    for (const std::string& path : at.node.disk().files()) {
      if (path.ends_with(".log") && (name.empty() || path < name)) name = path;
    }
    EXPECT_TRUE(at.node.disk().flip_bit(name, 10'000, 3));
    {
      // The first buffer shows the damage, and there is none to look at it again with.
      std::vector<Chain> held;
      for (int64_t from = 150; from < 200; ++from) {
        auto part = co_await of.log->read({.from = Offset(from), .end = of.log->end(), .may_wait = false});
        EXPECT_TRUE(part.has_value());
        if (!part || part->batches.empty()) break;
        held.push_back(std::move(part->batches));
      }
      const auto part = co_await of.log->read({.from = Offset(1), .end = of.log->end(), .may_wait = false});
      EXPECT_TRUE(part && part->batches.empty());
      EXPECT_THAT(of.log->damages(), IsEmpty());
      // A reader that must not wait, with memory for one at a time.
      const auto replica = co_await of.log->read(
          {.from = Offset(1), .end = of.log->end(), .may_wait = false, .for_replica = true});
      EXPECT_FALSE(replica.has_value());
      EXPECT_THAT(of.log->damages(), SizeIs(1));
    }
    const auto damages = of.log->damages();
    if (damages.empty()) co_return;
    EXPECT_EQ(damages[0].from, Offset(1));
    EXPECT_EQ(damages[0].to, Offset(2));
    const auto behind = co_await of.log->read({.from = Offset(2), .end = of.log->end()});
    EXPECT_TRUE(behind && !behind->batches.empty());
  });
}

}  // namespace
}  // namespace godwit::storage::store_test
