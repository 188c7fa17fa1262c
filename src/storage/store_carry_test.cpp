// Remainders that are carried forward in the journal (rule 9), beside what changes the log meanwhile.
#include <gmock/gmock.h>

#include "runtime/sim/sweep_testing.h"
#include "runtime/sync.h"
#include "storage/store_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::Node;
using runtime::sim::OpKind;
using runtime::sim::World;
using testing::ElementsAre;
using testing::IsEmpty;

struct OneNode {
  World world{3};
  Node& node{world.add_node("a")};
  // Tasks that nobody waits for, until the process ends.
  void start(Task<void> task) {
    auto gate = std::make_shared<runtime::Gate>();
    node.keep(gate);
    (void)gate->spawn(*runtime::Shard::current(), std::move(task));
  }
};

template <class T>
Task<void> expect_well(Task<T> task, bool* done) {
  EXPECT_TRUE((co_await std::move(task)).has_value());
  *done = true;
}

Task<void> ignored(Task<Result<void>> task) {
  (void)co_await std::move(task);
}

Task<Served<void>> configure(Log& log) {
  LogConfig config = log.config();
  config.retention_ms = 77'000;
  log.set_config(config);
  co_return {};
}

// A record that changes the structure waits for its round when the remainder is carried, with data before it. The
// remainder must not say that replay has come as far as that record.
TEST(StoreCarry, BeforeAWaitingChangeOfStructureTakesNothingFromIt) {
  enum class Change { epoch, roll, start, config };
  for (const Change change : {Change::epoch, Change::roll, Change::start, Change::config}) {
    for (const CrashKind kind : {CrashKind::kill, CrashKind::power_cut}) {
      SCOPED_TRACE(static_cast<int>(change));
      OneNode at;
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node);
        Log& log = **co_await open->store->create(partition(0), {});
        EXPECT_EQ(co_await publish(log, {"old"}), ErrorCode::none);
        log.set_high_watermark(Offset(1));
        at.node.disk().stall({.kinds = {OpKind::write}, .path = "journal/"});
        EXPECT_TRUE((co_await append_texts(log, {"under way"})).has_value());
        co_await runtime::sleep_for(1ms);
        EXPECT_TRUE((co_await append_texts(log, {"waiting"})).has_value());
        bool changed = false;
        at.start(expect_well(change == Change::epoch   ? log.begin_epoch(LeaderEpoch(1))
                             : change == Change::roll  ? log.roll()
                             : change == Change::start ? log.delete_before(Offset(1))
                                                       : configure(log),
                             &changed));
        co_await runtime::sleep_for(1ms);
        at.start(ignored(open->store->checkpoint()));
        co_await runtime::sleep_for(1ms);
        at.node.disk().release();
        at.node.disk().stall({.path = "checkpoint."});
        co_await runtime::sleep_for(5s);
        EXPECT_TRUE(changed);
        EXPECT_EQ(log.synced_end(), Offset(3));
      });
      at.node.crash(kind);
      at.node.disk().release();
      at.node.restart();
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node);
        Log& log = *open->store->find(partition(0));
        EXPECT_THAT(co_await open->store->damages(), IsEmpty());
        const Offset start(change == Change::start ? 1 : 0);
        EXPECT_EQ(log.start(), start);
        EXPECT_EQ(log.stats().segments, change == Change::roll ? 2u : 1u);
        if (change == Change::epoch) EXPECT_EQ(log.epochs().latest(), LeaderEpoch(1));
        if (change == Change::config) EXPECT_EQ(log.config().retention_ms, 77'000);
        const auto texts = co_await read_texts(log, Offset(1));
        EXPECT_THAT(texts, ElementsAre("1=under way", "2=waiting"));
        EXPECT_EQ(co_await publish(log, {"more"}, LeaderEpoch(1)), ErrorCode::none);
      });
    }
  }
}

// The carried remainder reaches behind the cut: it waits in the journal's queue, or its round is being written.
TEST(StoreCarry, ATruncationWaitsForARemainderThatIsOnItsWay) {
  for (const bool under_way : {false, true}) {
    OneNode at;
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      Log& log = **co_await open->store->create(partition(0), {});
      Log& other = **co_await open->store->create(partition(1), {});
      for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(co_await publish(log, {std::to_string(i) + std::string(600, '.')}), ErrorCode::none);
      }
      at.node.disk().stall({.kinds = {OpKind::write}, .path = "journal/"});
      // The round that hangs is the other log's, or the remainder's own.
      if (!under_way) EXPECT_TRUE((co_await append_texts(other, {"other"})).has_value());
      co_await runtime::sleep_for(1ms);
      at.start(ignored(open->store->checkpoint()));
      co_await runtime::sleep_for(1ms);
      bool cut = false;
      at.start(expect_well(log.truncate(Offset(1)), &cut));
      co_await runtime::sleep_for(1s);
      EXPECT_FALSE(cut);
      at.node.disk().release();
      co_await runtime::sleep_for(5s);
      EXPECT_TRUE(cut);
      EXPECT_EQ(co_await publish(log, {"new"}), ErrorCode::none);
      EXPECT_THAT(co_await read_texts(log, Offset(0)), ElementsAre("0=0" + std::string(600, '.'), "1=new"));
    });
    at.node.crash(CrashKind::kill);
    at.node.restart();
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      Log& log = *open->store->find(partition(0));
      EXPECT_THAT(co_await open->store->damages(), IsEmpty());
      EXPECT_THAT(co_await read_texts(log, Offset(0)), ElementsAre("0=0" + std::string(600, '.'), "1=new"));
    });
  }
}

// Deletion of records takes no turn.
TEST(StoreCarry, ATruncationLooksAgainWhenItsFileIsDeletedMeanwhile) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    LogConfig config;
    config.segment_bytes = 8000;
    Log& log = **co_await open->store->create(partition(0), config);
    for (int i = 0; i < 9; ++i) EXPECT_EQ(co_await publish(log, {std::string(2500, 'x')}), ErrorCode::none);
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  at.node.crash(CrashKind::kill);
  at.node.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log& log = *open->store->find(partition(0));
    log.set_high_watermark(Offset(9));
    at.node.disk().stall({.kinds = {OpKind::read}, .path = "topics/"});
    ErrorCode answer = ErrorCode::none;
    at.start([](Log& l, ErrorCode& code) -> Task<void> {
      const auto cut = co_await l.truncate(Offset(2));
      code = cut ? ErrorCode::none : cut.error().code;
    }(log, answer));
    co_await runtime::sleep_for(1s);
    EXPECT_TRUE((co_await log.delete_before(Offset(5))).has_value());
    at.node.disk().release();
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(answer, ErrorCode::offset_out_of_range);
    EXPECT_EQ(log.start(), Offset(5));
    EXPECT_EQ(log.end(), Offset(9));
    EXPECT_TRUE((co_await log.truncate(Offset(7))).has_value());
    EXPECT_EQ((co_await read_texts(log, Offset(5))).size(), 2u);
  });
}

// Neither deletion of records nor a restart of the log waits for a remainder that is on its way.
TEST(StoreCarry, ARemainderWhoseFileIsGoneIsNotTakenAgainWhenItsRoundWasRefused) {
  for (const bool restarted : {false, true}) {
    OneNode at;
    const Offset start(restarted ? 7 : 1);
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      Log& log = **co_await open->store->create(partition(0), {});
      // The journal has made its files.
      co_await runtime::sleep_for(3s);
      EXPECT_EQ(co_await publish(log, {"old"}), ErrorCode::none);
      log.set_high_watermark(Offset(1));
      at.node.disk().stall({.kinds = {OpKind::write}, .path = "journal/"});
      at.start(ignored(open->store->checkpoint()));
      co_await runtime::sleep_for(1ms);
      bool rolled = restarted;
      bool changed = false;
      if (!restarted) at.start(expect_well(log.roll(), &rolled));
      co_await runtime::sleep_for(1ms);
      at.start(expect_well(restarted ? log.restart_at(start) : log.delete_before(start), &changed));
      co_await runtime::sleep_for(1ms);
      EXPECT_EQ(log.start(), start);
      EXPECT_FALSE(changed) << "its round waits for the remainder's";
      at.node.disk().fail_next({.kinds = {OpKind::write}, .path = "journal/"}, ErrorKind::no_space);
      at.node.disk().release();
      co_await runtime::sleep_for(5s);
      EXPECT_TRUE(rolled);
      EXPECT_TRUE(changed);
      EXPECT_EQ(co_await publish(log, {"new"}), ErrorCode::none);
      EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    });
    at.node.crash(CrashKind::kill);
    at.node.restart();
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      Log& log = *open->store->find(partition(0));
      EXPECT_THAT(co_await open->store->damages(), IsEmpty());
      EXPECT_EQ(log.start(), start);
      EXPECT_THAT(co_await read_texts(log, start), ElementsAre(std::to_string(start.value()) + "=new"));
    });
  }
}

LogConfig interval(int64_t flush_ms) {
  LogConfig config;
  config.flush = LogConfig::Flush::interval;
  config.flush_ms = flush_ms;
  return config;
}

// The record of a change of flush waits for its round in the new journal when the remainder is carried there, in front of it.
// What the old journal has of the same version comes behind that at a start, which must not take it for missing.
TEST(StoreCarry, BeforeAWaitingChangeOfTheJournalTakesNothingFromTheOther) {
  for (const bool to_always : {true, false}) {
    for (const CrashKind kind : {CrashKind::kill, CrashKind::power_cut}) {
      SCOPED_TRACE(to_always ? "to always" : "to interval");
      const LogConfig before = to_always ? interval(300) : LogConfig{};
      const LogConfig after = to_always ? LogConfig{} : interval(300);
      OneNode at;
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node);
        Log& log = **co_await open->store->create(partition(0), before);
        Log& other = **co_await open->store->create(partition(1), after);
        EXPECT_EQ(co_await publish(other, {"first"}), ErrorCode::none);
        EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
        EXPECT_EQ(co_await publish(log, {"sealed"}), ErrorCode::none);
        EXPECT_TRUE((co_await log.roll()).has_value());
        EXPECT_EQ(co_await publish(log, {"one"}), ErrorCode::none);
        EXPECT_EQ(co_await publish(log, {"two"}), ErrorCode::none);
        at.node.disk().stall({.kinds = {OpKind::write}, .path = to_always ? "journal/" : "relaxed/"});
        EXPECT_TRUE((co_await append_texts(other, {"under way"})).has_value());
        co_await runtime::sleep_for(1ms);
        log.set_config(after);
        co_await runtime::sleep_for(1s);
        at.start(ignored(open->store->checkpoint()));
        co_await runtime::sleep_for(10ms);
        at.node.disk().release();
        at.node.disk().stall({.path = "checkpoint."});
        co_await runtime::sleep_for(5s);
        EXPECT_EQ(co_await publish(log, {"three"}), ErrorCode::none);
        co_await runtime::sleep_for(1s);
      });
      at.node.crash(kind);
      at.node.disk().release();
      at.node.restart();
      for (int life = 0; life < 2; ++life) {
        run(at.node, [&](Runtime&) -> Task<void> {
          auto open = co_await opened_store(at.node);
          Log& log = *open->store->find(partition(0));
          EXPECT_THAT(co_await open->store->damages(), IsEmpty());
          EXPECT_EQ(log.config().flush, after.flush);
          EXPECT_THAT(co_await read_texts(log, Offset(0)),
                      ElementsAre("0=sealed", "1=one", "2=two", "3=three"));
          // What was not carried then is carried now.
          EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
        });
        at.node.crash(kind);
        at.node.restart();
      }
    }
  }
}

// Publishes every `pause`; tells how long the slowest took to be acknowledged.
Task<void> publish_all_the_time(Log& log, Duration pause, MonotonicTime end, int& count, Duration& slowest) {
  while (runtime::Shard::current()->now() < end) {
    const MonotonicTime began = runtime::Shard::current()->now();
    EXPECT_EQ(co_await publish(log, {std::to_string(count)}), ErrorCode::none);
    ++count;
    slowest = std::max(slowest, runtime::Shard::current()->now() - began);
    co_await runtime::sleep_for(pause);
  }
}

// There is always something of them that is not synced yet.
TEST(StoreCarry, WhatIsSyncedOfLogsThatArePublishedToAllTheTimeGivesItsRoundsBack) {
  for (const CrashKind kind : {CrashKind::kill, CrashKind::power_cut}) {
    OneNode at;
    at.node.disk().options().sync = {30ms, 40ms};
    StoreOptions options = small_options();
    constexpr int kLogs = 20;
    std::vector<int> counts(kLogs);
    std::vector<Offset> synced(kLogs);
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node, options);
      for (int p = 0; p < kLogs; ++p) {
        EXPECT_TRUE((co_await open->store->create(partition(p), interval(300))).has_value());
        // What marks a log as one that may lose something is synced before the first is acknowledged.
        EXPECT_EQ(co_await publish(*open->store->find(partition(p)), {"first"}), ErrorCode::none);
      }
      co_await runtime::sleep_for(3s);
      const auto turns = [&] {
        return open->metrics.counter("godwit_storage_checkpoints_total", "checkpoints written").value();
      };
      const auto before = turns();
      std::vector<Task<void>> tasks;
      tasks.reserve(kLogs);
      std::vector<Duration> slowest(kLogs);
      const MonotonicTime end = runtime::Shard::current()->now() + 20s;
      for (int p = 0; p < kLogs; ++p) {
        // Not together, so that a round has only some of them.
        tasks.push_back(publish_all_the_time(*open->store->find(partition(p)), 50ms + p * 100us, end,
                                             counts[p], slowest[p]));
      }
      co_await runtime::when_all(std::move(tasks));
      EXPECT_LT(turns() - before, 30U);
      EXPECT_LT(*std::ranges::max_element(slowest), 50ms) << "nobody waits for room";
      for (int p = 0; p < kLogs; ++p) synced[p] = open->store->find(partition(p))->synced_end();
    });
    at.node.crash(kind);
    at.node.restart();
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node, options);
      EXPECT_THAT(co_await open->store->damages(), IsEmpty());
      for (int p = 0; p < kLogs; ++p) {
        Log& log = *open->store->find(partition(p));
        const Offset kept = kind == CrashKind::kill ? Offset(counts[p] + 1) : synced[p];
        EXPECT_GE(log.end(), kept) << p;
        const auto texts = co_await read_texts(log, Offset(0));
        EXPECT_EQ(texts.size(), static_cast<size_t>(log.end().value())) << p;
        for (size_t i = 1; i < texts.size(); ++i) {
          EXPECT_EQ(texts[i], std::to_string(i) + "=" + std::to_string(i - 1));
        }
      }
    });
    if (HasFailure()) return;
  }
}

// Of each log: what was acknowledged, and what is on stable storage for sure.
struct Promised {
  int64_t acknowledged = 0;
  int64_t synced = 0;
};

// Each text is its offset.
Task<void> publish_some(Log& log, int count, Promised& promised) {
  for (int i = 0; i < count; ++i) {
    const int64_t next = log.end().value();
    EXPECT_EQ(co_await publish(log, {std::to_string(next) + std::string(900, '.')}), ErrorCode::none);
    promised.acknowledged = next + 1;
    promised.synced = std::max(promised.synced, log.synced_end().value());
  }
}

// A remainder goes to the journal again behind a round that is on its way with what follows it: the older round stands behind
// the newer one. A start finds them by position, and the checkpoints after it release neither.
TEST(StoreCarry, WhatStandsBehindARemainderIsKeptOverStartsAndTheirCheckpoints) {
  for (const CrashKind kind : {CrashKind::kill, CrashKind::power_cut}) {
    SCOPED_TRACE(static_cast<int>(kind));
    OneNode at;
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      Log& log = **co_await open->store->create(partition(0), {});
      EXPECT_EQ(co_await publish(log, {"old"}), ErrorCode::none);
      at.node.disk().stall({.kinds = {OpKind::write}, .path = "journal/"});
      EXPECT_TRUE((co_await append_texts(log, {"new"})).has_value());
      co_await runtime::sleep_for(1ms);
      bool written = false;
      at.start([](Store& store, bool* done) -> Task<void> {
        EXPECT_TRUE((co_await store.checkpoint()).has_value());
        *done = true;
      }(*open->store, &written));
      co_await runtime::sleep_for(1ms);
      at.node.disk().release();
      co_await runtime::sleep_for(5s);
      EXPECT_TRUE(written);
      EXPECT_EQ(log.synced_end(), Offset(2));
    });
    // Nothing is published from here on, so that each checkpoint is one that the time asks for.
    for (int life = 0; life < 3; ++life) {
      at.node.crash(kind);
      at.node.restart();
      run(at.node, [&](Runtime&) -> Task<void> {
        StoreOptions options = small_options();
        options.checkpoint_interval = 3s;
        auto open = co_await opened_store(at.node, options);
        EXPECT_THAT(co_await open->store->damages(), IsEmpty());
        Log* const log = open->store->find(partition(0));
        EXPECT_NE(log, nullptr);
        if (log == nullptr) co_return;
        EXPECT_THAT(co_await read_texts(*log, Offset(0)), ElementsAre("0=old", "1=new"));
        co_await runtime::sleep_for(7s);
      });
    }
  }
}

// A crash wherever a part of a log goes to the journal again and its newest rounds stay.
TEST(StoreCarry, ACrashWhileAPartIsCarriedTakesNothingThatWasPromised) {
  constexpr int kLogs = 3;
  for (const CrashKind kind : {CrashKind::kill, CrashKind::power_cut}) {
    const auto result = runtime::sim::sweep_crashes(
        {.seeds_per_point = 1, .kinds = {kind}, .stride = 5}, [&](runtime::sim::CrashScenario& scenario) {
          auto promised = std::make_shared<std::vector<Promised>>(kLogs);
          Node* const node = &scenario.node();
          node->disk().options().sync = {5ms, 10ms};
          scenario.work([=](Runtime&) -> Task<void> {
            auto open = co_await opened_store(*node);
            std::vector<Log*> logs;
            logs.reserve(kLogs);
            for (int p = 0; p < kLogs; ++p) {
              logs.push_back(*co_await open->store->create(partition(p), interval(200)));
            }
            for (int turn = 0; turn < 3; ++turn) {
              for (int p = 0; p < kLogs; ++p) co_await publish_some(*logs[p], 3 + turn, (*promised)[p]);
              co_await runtime::sleep_for(300ms);
              // The next sync begins with the turn, and the one after it covers what comes meanwhile.
              for (int p = 0; p < kLogs; ++p) co_await publish_some(*logs[p], 1 + p, (*promised)[p]);
              EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
              for (int p = 0; p < kLogs; ++p) co_await publish_some(*logs[p], 1, (*promised)[p]);
              EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
            }
          });
          const auto next_life = [=](Runtime&) -> Task<void> {
            auto open = co_await opened_store(*node);
            EXPECT_THAT(co_await open->store->damages(), IsEmpty());
            for (int p = 0; p < kLogs; ++p) {
              Log* const log = open->store->find(partition(p));
              Promised& one = (*promised)[p];
              if (log == nullptr) {
                EXPECT_EQ(one.acknowledged, 0);
                continue;
              }
              EXPECT_GE(log->end().value(), kind == CrashKind::kill ? one.acknowledged : one.synced);
              const auto texts = co_await read_texts(*log, Offset(0));
              EXPECT_EQ(texts.size(), static_cast<size_t>(log->end().value()));
              for (size_t i = 0; i < texts.size(); ++i) {
                EXPECT_EQ(texts[i], std::to_string(i) + "=" + std::to_string(i) + std::string(900, '.'));
              }
              one = {.acknowledged = log->end().value(), .synced = 0};
              co_await publish_some(*log, 2, one);
            }
            EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
          };
          scenario.recover(next_life);
          scenario.recover(next_life);
        });
    EXPECT_GT(result.runs, 50U);
  }
}

}  // namespace
}  // namespace godwit::storage::store_test
