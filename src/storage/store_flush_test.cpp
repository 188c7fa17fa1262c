// flush.ms: when what flush=interval topics have acknowledged is on the disk. Each topic has its own.
#include "storage/store_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashKind;

LogConfig every(int64_t flush_ms) {
  LogConfig config;
  config.flush = LogConfig::Flush::interval;
  config.flush_ms = flush_ms;
  return config;
}

struct OneMachine {
  runtime::sim::World world{23};
  runtime::sim::Node& node{world.add_node("a")};

  void open(std::function<Task<void>(Store&)> body) {
    run(node, [&](Runtime&) -> Task<void> {
      const auto open = co_await opened_store(node);
      co_await body(*open->store);
    });
  }
  void cut_power() {
    node.crash(CrashKind::power_cut);
    node.restart();
  }
};

Task<Log*> made(Store& store, int32_t index, LogConfig config) {
  const auto log = co_await store.create(partition(index), config);
  EXPECT_TRUE(log.has_value());
  // Before its first record a log syncs what says that it is one of these: these tests are about what comes behind.
  EXPECT_EQ(co_await publish(**log, {"first"}), ErrorCode::none);
  co_return *log;
}

TEST(StoreFlush, AShortFlushMsDoesNotWaitForALongOneThatIsAlreadyUnderWay) {
  OneMachine at;
  at.open([](Store& store) -> Task<void> {
    Log* const slow = co_await made(store, 0, every(60'000));
    Log* const fast = co_await made(store, 1, every(100));
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(co_await publish(*slow, {"slow"}), ErrorCode::none);
    EXPECT_EQ(co_await publish(*fast, {"fast"}), ErrorCode::none);
    EXPECT_EQ(fast->synced_end(), Offset(1)) << "it was acknowledged without a sync";
    co_await runtime::sleep_for(150ms);
    EXPECT_EQ(fast->synced_end(), Offset(2));
    // What comes behind a sync counts anew.
    EXPECT_EQ(co_await publish(*slow, {"slow"}), ErrorCode::none);
    co_await runtime::sleep_for(50ms);
    EXPECT_EQ(co_await publish(*fast, {"fast"}), ErrorCode::none);
    co_await runtime::sleep_for(50ms);
    EXPECT_EQ(fast->synced_end(), Offset(2));
    co_await runtime::sleep_for(100ms);
    EXPECT_EQ(fast->synced_end(), Offset(3));
  });
  at.cut_power();
  at.open([](Store& store) -> Task<void> {
    EXPECT_EQ((co_await read_texts(*store.find(partition(1)), Offset(0))).size(), 3U);
  });
}

TEST(StoreFlush, OfAThousandLogsTheOneInAHurryIsSyncedInTime) {
  OneMachine at;
  at.open([](Store& store) -> Task<void> {
    std::vector<Log*> logs;
    for (int32_t i = 0; i < 1000; ++i) {
      const auto log = co_await store.create(partition(i), every(i == 777 ? 200 : 60'000));
      EXPECT_TRUE(log.has_value());
      logs.push_back(*log);
      EXPECT_EQ(co_await publish(**log, {"first"}), ErrorCode::none);
    }
    for (Log* const log : logs) EXPECT_EQ(co_await publish(*log, {"text"}), ErrorCode::none);
    co_await runtime::sleep_for(250ms);
    EXPECT_EQ(logs[777]->synced_end(), Offset(2));
  });
}

TEST(StoreFlush, AShorterFlushMsHoldsForWhatAlreadyWaits) {
  OneMachine at;
  at.open([](Store& store) -> Task<void> {
    Log* const log = co_await made(store, 0, every(60'000));
    EXPECT_EQ(co_await publish(*log, {"text"}), ErrorCode::none);
    log->set_config(every(100));
    co_await runtime::sleep_for(150ms);
    EXPECT_EQ(log->synced_end(), Offset(2));
  });
}

// The disk itself is asked: nothing else is written meanwhile.
TEST(StoreFlush, ALongFlushMsIsNotSyncedSoonerAndWhatIsAboveAMinuteCountsAsOne) {
  for (const int64_t flush_ms : {int64_t{30'000}, INT64_MAX}) {
    const Duration due = flush_ms == 30'000 ? 30s : 60s;
    OneMachine at;
    at.open([&](Store& store) -> Task<void> {
      Log* const log = co_await made(store, 0, every(flush_ms));
      EXPECT_EQ(co_await publish(*log, {"text"}), ErrorCode::none);
      co_await runtime::sleep_for(due - 1s);
      EXPECT_EQ(log->synced_end(), Offset(0));
      EXPECT_TRUE(at.node.disk().has_unsynced());
      co_await runtime::sleep_for(2s);
      EXPECT_EQ(log->synced_end(), Offset(2));
      // With the mark that the idle journal writes.
      co_await runtime::sleep_for(2s);
      EXPECT_FALSE(at.node.disk().has_unsynced());
    });
  }
}

}  // namespace
}  // namespace godwit::storage::store_test
