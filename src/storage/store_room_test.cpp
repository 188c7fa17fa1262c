// A journal that is full goes on once it can be emptied, whoever filled it (journal_room.h).
#include <gmock/gmock.h>

#include "runtime/sync.h"
#include "storage/store_room_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::OpKind;

Task<void> on_log(Runtime& runtime, Store& store, TopicPartition id, std::function<Task<void>(Log&)> work) {
  co_await runtime.shard(store.shard_of(id)).call([&store, id, work]() -> Task<void> {
    co_await work(*store.find(id));
  });
}

StoreOptions smallest_journal() {
  StoreOptions options = small_options();
  options.journal_file_bytes = 4 << 20;
  options.journal_files = 2;
  options.arena_bytes = 256 << 20;
  return options;
}

// Eight shards, each with more to publish than its share, while segments cannot be written.
TEST(StoreRoom, ManyShardsThatFillTheSmallestJournalGoOnOnceItCanBeEmptied) {
  for (const bool no_space : {false, true}) {
    OneNode at({.shards = 8});
    run(at.node, [&](Runtime& runtime) -> Task<void> {
      auto open = co_await opened_store(at.node, smallest_journal());
      constexpr int kLogs = 64;
      for (int p = 0; p < kLogs; ++p) co_await make_log(runtime, *open->store, partition(p));
      co_await runtime::sleep_for(3s);
      if (no_space) {
        at.node.disk().fail_randomly({.kinds = {OpKind::write, OpKind::create}, .path = "topics/"},
                                     ErrorKind::no_space, 1, 1);
      } else {
        at.node.disk().stall({.path = "topics/"});
      }
      std::vector<int> counts(kLogs);
      std::vector<Task<void>> tasks;
      tasks.reserve(kLogs);
      const MonotonicTime end = in(20s);
      for (int p = 0; p < kLogs; ++p) {
        tasks.push_back(on_log(runtime, *open->store, partition(p), [&, p, end](Log& log) -> Task<void> {
          // Several at once, of sizes that fill no block.
          std::vector<Task<void>> publishers;
          publishers.reserve(3);
          for (int i = 0; i < 3; ++i) {
            publishers.push_back(publish_until(log, 150'001 + static_cast<size_t>(p) * 701, end, counts[p]));
          }
          co_await runtime::when_all(std::move(publishers));
        }));
      }
      co_await runtime::when_all(std::move(tasks));
      at.node.disk().clear_faults();
      at.node.disk().release();
      co_await runtime::sleep_for(5s);
      for (int p = 0; p < kLogs; ++p) {
        co_await on_log(runtime, *open->store, partition(p), [&](Log& log) -> Task<void> {
          EXPECT_TRUE(co_await published(log, 5000, 10s)) << "partition " << p;
          EXPECT_GE(log.stable_end(), Offset(counts[p] + 1));
        });
        if (HasFailure()) co_return;
      }
    });
    if (HasFailure()) return;
  }
}

// A turn that comes as far as its remainders and not to a checkpoint does not carry them again and again.
TEST(StoreRoom, ACheckpointThatFindsNoSpaceForLongDoesNotFillTheJournal) {
  for (const char* const path : {"topics/", "checkpoint."}) {
    OneNode at;
    run(at.node, [&](Runtime& runtime) -> Task<void> {
      StoreOptions options = small_options();
      options.journal_file_bytes = 256 << 10;
      auto open = co_await opened_store(at.node, options);
      constexpr int kLogs = 30;
      for (int p = 0; p < kLogs; ++p) {
        co_await make_log(runtime, *open->store, partition(p));
        EXPECT_TRUE(co_await published(*open->store->find(partition(p)), 3000, 5s));
      }
      at.node.disk().fail_randomly({.kinds = {OpKind::write, OpKind::create, OpKind::allocate}, .path = path},
                                   ErrorKind::no_space, 1, 1);
      for (int i = 0; i < 100; ++i) EXPECT_FALSE((co_await open->store->checkpoint()).has_value());
      const auto used =
          open->metrics.gauge("godwit_storage_journal_used_bytes", "bytes in journal files that are not free")
              .value();
      co_await runtime::sleep_for(1s);
      EXPECT_LT(used, 512 << 10);
      at.node.disk().clear_faults();
      EXPECT_TRUE(co_await published(*open->store->find(partition(0)), 3000, 5s));
      EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    });
  }
}

// Internal topics have room of their own, and not all there is.
TEST(StoreRoom, InternalTopicsAreBoundedToo) {
  OneNode at;
  run(at.node, [&](Runtime& runtime) -> Task<void> {
    StoreOptions options = small_options();
    options.arena_bytes = 64 << 20;
    auto open = co_await opened_store(at.node, options);
    co_await make_log(runtime, *open->store, partition(0));
    LogConfig internal;
    internal.internal = true;
    co_await make_log(runtime, *open->store, partition(1), internal);
    Log& log = *open->store->find(partition(0));
    Log& offsets = *open->store->find(partition(1));
    EXPECT_TRUE(co_await published(log, 3000, 5s));
    at.node.disk().stall({.path = "topics/"});
    while (co_await published(log, 20'000, 500ms)) continue;
    int commits = 0;
    while (commits < 1000 && co_await published(offsets, 3000, 500ms)) ++commits;
    EXPECT_GT(commits, 10) << "they go on when publishers may not";
    EXPECT_LT(commits, 1000);
    // What changes a log still finds room, and is held as well in the end.
    EXPECT_TRUE((co_await log.begin_epoch(LeaderEpoch(1))).has_value());
    EXPECT_TRUE((co_await log.roll()).has_value());
    at.node.disk().release();
    co_await runtime::sleep_for(5s);
    Bytes batch = batch_of({"after"});
    EXPECT_TRUE(
        (co_await log.append(batch, {.epoch = LeaderEpoch(1), .now = WallTime{1000}, .deadline = in(5s)}))
            .has_value());
    EXPECT_TRUE(co_await published(offsets, 3000, 5s));
  });
}

// Each change takes a block of the journal.
TEST(StoreRoom, ChangesOfStructureDoNotTakeWhatEmptiesTheJournal) {
  OneNode at;
  run(at.node, [&](Runtime& runtime) -> Task<void> {
    StoreOptions options = small_options();
    options.arena_bytes = 64 << 20;
    auto open = co_await opened_store(at.node, options);
    co_await make_log(runtime, *open->store, partition(0));
    Log& log = *open->store->find(partition(0));
    EXPECT_TRUE(co_await published(log, 3001, 5s));
    at.node.disk().stall({.path = "topics/"});
    while (co_await published(log, 20'000, 500ms)) continue;
    int epochs = 0;
    runtime.shard(0).spawn([](Log& of, int& done) -> Task<void> {
      while (done < 1000 && co_await of.begin_epoch(LeaderEpoch(done + 1))) ++done;
    }(log, epochs));
    co_await runtime::sleep_for(20s);
    EXPECT_GT(epochs, 10);
    EXPECT_LT(epochs, 1000);
    at.node.disk().release();
    co_await runtime::sleep_for(20s);
    EXPECT_EQ(epochs, 1000) << "it goes on";
  });
}

// What keeps the journal full may be rounds of the very log that waits for room for its last record.
TEST(StoreRoom, ALogThatIsDroppedWhileTheJournalIsFullGivesItsOwnRoundsBack) {
  OneNode at;
  run(at.node, [&](Runtime& runtime) -> Task<void> {
    StoreOptions options = small_options();
    options.arena_bytes = 64 << 20;
    auto open = co_await opened_store(at.node, options);
    for (int p = 0; p < 3; ++p) co_await make_log(runtime, *open->store, partition(p));
    Log& log = *open->store->find(partition(1));
    // It fills no block, so that it can only be carried, and stands in the journal's oldest file.
    EXPECT_TRUE(co_await published(*open->store->find(partition(0)), 3001, 5s));
    at.node.disk().stall({.path = "topics/"});
    while (co_await published(log, 20'001, 500ms)) continue;
    int epochs = 0;
    runtime.shard(0).spawn([](Log& of, int& done) -> Task<void> {
      while (done < 1000 && co_await of.begin_epoch(LeaderEpoch(done + 1))) ++done;
    }(log, epochs));
    co_await runtime::sleep_for(20s);
    EXPECT_GT(epochs, 10);
    EXPECT_LT(epochs, 1000) << "changes of structure are held";
    bool dropped = false;
    runtime.shard(0).spawn([](Store& store, bool& done) -> Task<void> {
      done = (co_await store.drop(partition(0))).has_value();
    }(*open->store, dropped));
    co_await runtime::sleep_for(5s);
    EXPECT_FALSE(dropped);
    EXPECT_EQ(open->store->find(partition(0)), nullptr) << "nobody finds it meanwhile";
    at.node.disk().release();
    co_await runtime::sleep_for(20s);
    EXPECT_TRUE(dropped);
    EXPECT_EQ(epochs, 1000);
    EXPECT_TRUE(co_await published(*open->store->find(partition(2)), 20'001, 5s)) << "it goes on";
  });
  after(CrashKind::power_cut, at, small_options(), [](Store& store) -> Task<void> {
    EXPECT_EQ(store.find(partition(0)), nullptr);
    co_return;
  });
}

// What does not fill a block cannot be written, and is more in all than may be carried.
TEST(StoreRoom, MoreLogsThanTheirRemaindersFitTheJournalAreSealed) {
  OneNode at;
  StoreOptions options = small_options();
  options.journal_file_bytes = 128 << 10;
  constexpr int kLogs = 200;
  constexpr int kTurns = 30;
  const auto size = [](int p) { return 1000 + static_cast<size_t>(p) * 10; };
  run(at.node, [&](Runtime& runtime) -> Task<void> {
    auto open = co_await opened_store(at.node, options);
    for (int p = 0; p < kLogs; ++p) co_await make_log(runtime, *open->store, partition(p));
    for (int i = 0; i < kTurns; ++i) {
      for (int p = 0; p < kLogs; ++p) {
        EXPECT_TRUE(co_await published(*open->store->find(partition(p)), size(p), 300s)) << i << ", " << p;
        if (testing::Test::HasFailure()) co_return;
      }
    }
  });
  after(CrashKind::power_cut, at, options, [&](Store& store) -> Task<void> {
    co_await expect_records(store, kLogs, [](int) { return size_t{kTurns}; });
  });
}

// A seal takes a record in the journal, and is what is left to do where everybody has taken all that they may.
TEST(StoreRoom, LogsAreSealedWhereChangesOfStructureLeftNoRoom) {
  // Wherever in a file of the journal they begin.
  for (const int before : {0, 3, 6}) {
    SCOPED_TRACE(before);
    OneNode at;
    StoreOptions options = small_options();
    options.journal_file_bytes = 256 << 10;
    options.arena_bytes = 64 << 20;
    // More remainders than a turn carries in any of its files.
    constexpr int kLogs = 400;
    run(at.node, [&](Runtime& runtime) -> Task<void> {
      auto open = co_await opened_store(at.node, options);
      for (int p = 0; p <= kLogs; ++p) co_await make_log(runtime, *open->store, partition(p));
      EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
      // A turn that hangs while the journal is filled. The next one finds all of it.
      at.node.disk().stall({.path = "topics/"});
      Log& large = *open->store->find(partition(kLogs));
      for (int i = 0; i <= before; ++i) EXPECT_TRUE(co_await published(large, 18'000, 5s));
      runtime.shard(0).spawn([](Store& store) -> Task<void> {
        EXPECT_TRUE((co_await store.checkpoint()).has_value());
      }(*open->store));
      co_await runtime::sleep_for(10ms);
      std::vector<Task<void>> tasks;
      tasks.reserve(kLogs);
      for (int p = 0; p < kLogs; ++p) {
        tasks.push_back([](Log& log) -> Task<void> {
          EXPECT_TRUE(co_await published(log, 1000, 5s));
        }(*open->store->find(partition(p))));
      }
      co_await runtime::when_all(std::move(tasks));
      int epochs = 0;
      runtime.shard(0).spawn([](Log& of, int& done) -> Task<void> {
        while (done < 1000 && co_await of.begin_epoch(LeaderEpoch(done + 1))) ++done;
      }(large, epochs));
      co_await runtime::sleep_for(20s);
      EXPECT_LT(epochs, 1000) << "changes of structure are held";
      at.node.disk().release();
      co_await runtime::sleep_for(20s);
      EXPECT_EQ(epochs, 1000) << "it goes on";
      EXPECT_TRUE(co_await published(*open->store->find(partition(0)), 1000, 5s));
    });
    if (HasFailure()) return;
    after(CrashKind::power_cut, at, options, [&](Store& store) -> Task<void> {
      co_await expect_records(store, kLogs, [](int p) { return p == 0 ? size_t{2} : size_t{1}; });
    });
  }
}

// Each with a few bytes that are in no file: no more of them than can be sealed, whatever else takes room.
TEST(StoreRoom, LogsWhoseSealsWouldNotFitTakeTurns) {
  OneNode at;
  StoreOptions options = small_options();
  options.journal_file_bytes = 128 << 10;
  constexpr int kLogs = 800;
  run(at.node, [&](Runtime& runtime) -> Task<void> {
    auto open = co_await opened_store(at.node, options);
    for (int p = 0; p <= kLogs; ++p) co_await make_log(runtime, *open->store, partition(p));
    int epochs = 0;
    runtime.shard(0).spawn([](Log& of, int& done) -> Task<void> {
      while (done < 5000 && co_await of.begin_epoch(LeaderEpoch(done + 1))) ++done;
    }(*open->store->find(partition(kLogs)), epochs));
    for (int round = 0; round < 3; ++round) {
      std::vector<Task<void>> tasks;
      tasks.reserve(kLogs);
      for (int p = 0; p < kLogs; ++p) {
        tasks.push_back([](Log& log) -> Task<void> {
          EXPECT_TRUE(co_await published(log, 10, 60s));
        }(*open->store->find(partition(p))));
      }
      co_await runtime::when_all(std::move(tasks));
      if (testing::Test::HasFailure()) co_return;
    }
    co_await runtime::sleep_for(60s);
    EXPECT_EQ(epochs, 5000);
  });
}

// More logs than it would have let begin, each with a few bytes that are in no file.
TEST(StoreRoom, AStartWithASmallerJournalSealsWhatALargerOneLeft) {
  for (const CrashKind kind : {CrashKind::kill, CrashKind::power_cut}) {
    OneNode at;
    StoreOptions options = small_options();
    options.journal_file_bytes = 2 << 20;
    options.arena_bytes = 64 << 20;
    constexpr int kLogs = 2500;
    run(at.node, [&](Runtime& runtime) -> Task<void> {
      auto open = co_await opened_store(at.node, options);
      std::vector<Task<void>> made;
      made.reserve(kLogs + 1);
      for (int p = 0; p <= kLogs; ++p) made.push_back(make_log(runtime, *open->store, partition(p)));
      co_await runtime::when_all(std::move(made));
      EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
      std::vector<Task<void>> tasks;
      tasks.reserve(kLogs);
      for (int p = 0; p < kLogs; ++p) {
        tasks.push_back([](Log& log) -> Task<void> {
          EXPECT_TRUE(co_await published(log, 10, 60s));
        }(*open->store->find(partition(p))));
      }
      co_await runtime::when_all(std::move(tasks));
      // And it is full: what is free stands behind the rounds in its last file, and a start cannot use it.
      at.node.disk().stall({.path = "topics/"});
      Log& large = *open->store->find(partition(kLogs));
      while (co_await published(large, 20'001, 500ms)) continue;
      int epochs = 0;
      runtime.shard(0).spawn([](Log& of, int& done) -> Task<void> {
        while (done < 2000 && co_await of.begin_epoch(LeaderEpoch(done + 1))) ++done;
      }(large, epochs));
      co_await runtime::sleep_for(20s);
      EXPECT_GT(epochs, 10);
      EXPECT_LT(epochs, 2000);
    });
    at.node.disk().release();
    options.journal_file_bytes = 128 << 10;
    after(kind, at, options, [&](Store& store) -> Task<void> {
      for (int turn = 0; turn < 3; ++turn) {
        std::vector<Task<void>> tasks;
        tasks.reserve(kLogs / 10);
        for (int p = 0; p < kLogs; p += 10) {
          tasks.push_back([](Log& log) -> Task<void> {
            EXPECT_TRUE(co_await published(log, 3001, 60s));
          }(*store.find(partition(p))));
        }
        co_await runtime::when_all(std::move(tasks));
        if (testing::Test::HasFailure()) co_return;
      }
      EXPECT_TRUE((co_await store.close()).has_value());
    });
    if (HasFailure()) return;
    after(kind, at, options, [&](Store& store) -> Task<void> {
      co_await expect_records(store, kLogs, [](int p) { return p % 10 == 0 ? size_t{4} : size_t{1}; });
    });
  }
}

// Half of them in each journal, as many as may begin; then all in one.
TEST(StoreRoom, LogsThatAreSwitchedToAnotherFlushAllAtOnceAreSealed) {
  for (const bool relaxed : {false, true}) {
    SCOPED_TRACE(relaxed);
    OneNode at;
    StoreOptions options = small_options();
    options.journal_file_bytes = 128 << 10;
    constexpr int kLogs = 800;
    LogConfig interval;
    interval.flush = LogConfig::Flush::interval;
    run(at.node, [&](Runtime& runtime) -> Task<void> {
      auto open = co_await opened_store(at.node, options);
      for (int p = 0; p < kLogs; ++p) {
        co_await make_log(runtime, *open->store, partition(p), p % 2 == 0 ? interval : LogConfig{});
      }
      std::vector<Task<void>> tasks;
      tasks.reserve(kLogs);
      for (int p = 0; p < kLogs; ++p) {
        tasks.push_back([](Log& log) -> Task<void> {
          EXPECT_TRUE(co_await published(log, 10, 60s));
        }(*open->store->find(partition(p))));
      }
      co_await runtime::when_all(std::move(tasks));
      for (int p = 0; p < kLogs; ++p) {
        open->store->find(partition(p))->set_config(relaxed ? interval : LogConfig{});
      }
      co_await runtime::sleep_for(60s);
      for (int p = 0; p < kLogs; ++p) {
        EXPECT_TRUE(co_await published(*open->store->find(partition(p)), 10, 60s)) << p;
        if (testing::Test::HasFailure()) co_return;
      }
      EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    });
    if (HasFailure()) return;
    after(CrashKind::kill, at, options, [&](Store& store) -> Task<void> {
      co_await expect_records(store, kLogs, [](int) { return size_t{2}; });
      for (int p = 0; p < kLogs; ++p) {
        EXPECT_EQ(store.find(partition(p))->config().flush,
                  relaxed ? LogConfig::Flush::interval : LogConfig::Flush::always);
      }
    });
  }
}

// A batch that would never be admitted is refused at once, not when its time is over.
TEST(StoreRoom, ABatchLargerThanTheJournalTakesIsRefusedAtOnce) {
  OneNode at;
  run(at.node, [&](Runtime& runtime) -> Task<void> {
    auto open = co_await opened_store(at.node, small_options());
    co_await make_log(runtime, *open->store, partition(0));
    Log& log = *open->store->find(partition(0));
    Bytes batch = batch_of({std::string(3 << 20, 'x')});
    const MonotonicTime began = in(0s);
    const auto appended =
        co_await log.append(batch, {.epoch = LeaderEpoch(0), .now = WallTime{1000}, .deadline = in(60s)});
    EXPECT_FALSE(appended.has_value());
    if (!appended) EXPECT_EQ(appended.error().code, ErrorCode::record_list_too_large);
    EXPECT_LT(in(0s), began + 1s);
    EXPECT_TRUE(co_await published(log, 1'048'000, 5s));
  });
}

// What is behind a round that has to stay would be carried for nothing: no file is given back for it.
TEST(StoreRoom, TurnsThatGiveNothingBackDoNotCarryTheSameAgainAndAgain) {
  // The oldest round is one of the journal, or of that of flush=interval topics.
  for (const bool relaxed : {false, true}) {
    SCOPED_TRACE(relaxed);
    OneNode at;
    run(at.node, [&](Runtime& runtime) -> Task<void> {
      StoreOptions options = small_options();
      options.journal_file_bytes = 256 << 10;
      auto open = co_await opened_store(at.node, options);
      LogConfig interval;
      interval.flush = LogConfig::Flush::interval;
      // Their remainders are no more than a turn carries.
      constexpr int kLogs = 20;
      for (int p = 0; p < kLogs; ++p) {
        co_await make_log(runtime, *open->store, partition(p), relaxed ? interval : LogConfig{});
        EXPECT_TRUE(co_await published(*open->store->find(partition(p)), 3000, 5s));
      }
      // Of the first one not all is synced, and its remainder is not carried until it is.
      Log& first = *open->store->find(partition(0));
      first.set_config(interval);
      co_await runtime::sleep_for(2s);
      EXPECT_TRUE(co_await published(first, 100, 5s));
      co_await runtime::sleep_for(2s);
      EXPECT_EQ(first.synced_end(), first.end());
      at.node.disk().stall({.kinds = {OpKind::sync}, .path = "relaxed/"});
      EXPECT_TRUE(co_await published(first, 100, 5s));
      int turns = 0;
      runtime.shard(0).spawn([](Store& store, int& done) -> Task<void> {
        while (done < 50 && co_await store.checkpoint()) ++done;
      }(*open->store, turns));
      co_await runtime::sleep_for(2s);
      EXPECT_EQ(turns, 50);
      EXPECT_LT(first.synced_end(), first.end());
      const auto used =
          open->metrics.gauge("godwit_storage_journal_used_bytes", "bytes in journal files that are not free")
              .value();
      EXPECT_LT(used, 512 << 10);
      EXPECT_TRUE(co_await published(*open->store->find(partition(1)), 3000, 1s)) << "there is room";
      at.node.disk().release();
      co_await runtime::sleep_for(5s);
      EXPECT_EQ(first.synced_end(), first.end());
      // A turn for what was held, and one for what came since.
      for (int i = 0; i < 2; ++i) EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
      for (int i = 0; i < 100; ++i) {
        EXPECT_TRUE(co_await published(*open->store->find(partition(i % kLogs)), 20'001, 5s)) << i;
      }
    });
  }
}

}  // namespace
}  // namespace godwit::storage::store_test
