// What a node sees of a MemoryServer that fails: calls without an outcome, watches over a cut, a store that was lost.
#include <gtest/gtest.h>

#include "coordination/memory/memory_server_testing.h"

namespace godwit::coordination {
namespace {

using namespace std::chrono_literals;
using runtime::Runtime;
using runtime::Shard;
using runtime::Task;
using runtime::sim::CrashKind;
using runtime::sim::Node;

constexpr Duration kRoundTrip = 7ms;

Transaction put(std::string key, std::string_view value) {
  Transaction t;
  t.put(std::move(key), to_bytes(value));
  return t;
}

class MemoryFaults : public testing::Test {
 protected:
  std::unique_ptr<Coordination> connect(Runtime& runtime) { return sim.connect(runtime, "a"); }
  bool stored(const std::string& key) const { return sim.server.keys().get(key).has_value(); }
  void change(std::string key, std::string_view value) {
    ASSERT_TRUE(sim.server.change(put(std::move(key), value)));
  }

  StoreWorld sim{7};
  Node& a = sim.add("a");
};

// --- calls

TEST_F(MemoryFaults, ACallTakesTheLinksDelayEachWay) {
  Duration shortest = 1h;
  Duration longest{};
  ASSERT_TRUE(a.run([&](Runtime& runtime) -> Task<void> {
    const auto store =
        coordination::connect(sim.server, runtime, {.node = "a", .delay_min = 10ms, .delay_max = 20ms});
    for (int i = 0; i < 100; ++i) {
      const MonotonicTime begin = runtime.shard(0).now();
      EXPECT_TRUE(co_await store->get("/a"));
      const Duration took = runtime.shard(0).now() - begin;
      shortest = std::min(shortest, took);
      longest = std::max(longest, took);
    }
  }));
  EXPECT_GE(shortest, 20ms);
  EXPECT_LT(shortest, 26ms);
  EXPECT_GT(longest, 34ms);
  EXPECT_LT(longest, 41ms);
}

// Asks while nobody can answer. Neither kind may be missing: callers must be ready for both.
Task<void> fail_calls(Coordination& store, Shard& shard, std::map<ErrorKind, int>& kinds) {
  for (int i = 0; i < 50; ++i) {
    const MonotonicTime begin = shard.now();
    const auto found = co_await store.get("/a");
    EXPECT_FALSE(found);
    if (!found) ++kinds[found.error().kind];
    EXPECT_LE(shard.now() - begin, kMemoryCallDeadline + 2us) << "and a turn of the loop";
  }
}

TEST_F(MemoryFaults, WithoutAServerOrAWayToItCallsEndWithinTheirDeadlineInBothWays) {
  for (const bool cut : {true, false}) {
    cut ? sim.server.cut("a") : sim.server.stop();
    std::map<ErrorKind, int> kinds;
    ASSERT_TRUE(a.run([&](Runtime& runtime) -> Task<void> {
      const auto store = connect(runtime);
      co_await fail_calls(*store, runtime.shard(0), kinds);
    }));
    EXPECT_GT(kinds[ErrorKind::unavailable], 10);
    EXPECT_GT(kinds[ErrorKind::timed_out], 10);
    EXPECT_EQ(kinds.size(), 2);
    sim.server.heal();
    sim.server.start();
  }
}

TEST_F(MemoryFaults, ACutConcernsTheNodeThatItNamesAlone) {
  Node& b = sim.add("b");
  sim.server.cut("b");
  ASSERT_TRUE(a.run([&](Runtime& runtime) -> Task<void> {
    const auto store = connect(runtime);
    EXPECT_TRUE(co_await store->commit(put("/a", "x")));
  }));
  sim.server.heal("b");
  ASSERT_TRUE(b.run([&](Runtime& runtime) -> Task<void> {
    const auto store = sim.connect(runtime, "b");
    EXPECT_TRUE(*co_await store->get("/a"));
  }));
}

// Every commit writes a key of its own, so that the store tells what became of each.
TEST_F(MemoryFaults, UnavailableMeansNotAppliedAndTimedOutMeansEither) {
  std::map<std::string, std::optional<ErrorKind>> outcomes;
  sim.server.lose_randomly(1, 3);
  ASSERT_TRUE(a.run([&](Runtime& runtime) -> Task<void> {
    const auto store = connect(runtime);
    for (int i = 0; i < 300; ++i) {
      const std::string key = "/k/" + std::to_string(i);
      const auto outcome = co_await store->commit(put(key, "x"));
      outcomes[key] = outcome ? std::nullopt : std::optional(outcome.error().kind);
    }
  }));
  sim.world.run_for(5s);
  std::map<std::pair<ErrorKind, bool>, int> seen;
  for (const auto& [key, outcome] : outcomes) {
    if (!outcome) EXPECT_TRUE(stored(key)) << key;
    if (outcome) ++seen[{*outcome, stored(key)}];
  }
  EXPECT_GT((seen[{ErrorKind::unavailable, false}]), 10);
  EXPECT_EQ((seen[{ErrorKind::unavailable, true}]), 0);
  EXPECT_GT((seen[{ErrorKind::timed_out, false}]), 10);
  EXPECT_GT((seen[{ErrorKind::timed_out, true}]), 10);
  EXPECT_EQ(seen.size(), 4) << "no other error";
}

TEST_F(MemoryFaults, ASlowServerCarriesOutWhatTheCallerGaveUpPartlyAfterItsDeadline) {
  sim.server.slow(600ms);
  int timed_out = 0;
  size_t when_told = 0;
  ASSERT_TRUE(a.run([&](Runtime& runtime) -> Task<void> {
    const auto store = connect(runtime);
    for (int i = 0; i < 30; ++i) {
      const auto outcome = co_await store->commit(put("/k/" + std::to_string(i), "x"));
      timed_out += !outcome && outcome.error().kind == ErrorKind::timed_out;
      when_told += stored("/k/" + std::to_string(i));
    }
  }));
  EXPECT_EQ(timed_out, 30);
  EXPECT_EQ(when_told, 0);
  sim.world.run_for(1s);
  EXPECT_GT(sim.server.keys().size(), 5);
  EXPECT_LT(sim.server.keys().size(), 25);
}

TEST_F(MemoryFaults, WhatWasSentOverACutMayArriveWhenItHeals) {
  int arrived = 0;
  ASSERT_TRUE(a.run([&](Runtime& runtime) -> Task<void> {
    const auto store = connect(runtime);
    for (int i = 0; i < 40; ++i) {
      sim.server.cut("a");
      const std::string key = "/k/" + std::to_string(i);
      const auto outcome = co_await store->commit(put(key, "x"));
      EXPECT_FALSE(outcome);
      const bool before = stored(key);
      EXPECT_FALSE(before);
      sim.server.heal("a");
      co_await runtime::sleep_for(2s);
      arrived += stored(key);
      EXPECT_TRUE(!stored(key) || outcome.error().kind == ErrorKind::timed_out);
    }
  }));
  EXPECT_GT(arrived, 0);
  EXPECT_LT(arrived, 20);
}

// Commits, and has something happen when the store has carried it out and the answer is under way.
std::map<std::string, int> outcomes_when(StoreWorld& sim, Node& node, const std::function<void()>& happens,
                                         const std::function<void()>& ends) {
  std::map<std::string, int> outcomes;
  for (int i = 0; i < 40; ++i) {
    const std::string key = "/k/" + std::to_string(i);
    std::optional<Result<void>> outcome;
    node.start([&](Runtime& runtime) -> Task<void> {
      const Link link{.node = "a", .delay_min = 10ms, .delay_max = 10ms};
      const auto store = coordination::connect(sim.server, runtime, link);
      outcome = co_await store->commit(put(key, "x"));
    });
    sim.world.run_for(15ms);
    EXPECT_TRUE(sim.server.keys().get(key));
    EXPECT_FALSE(outcome);
    happens();
    sim.world.run_for(1s);
    EXPECT_TRUE(outcome);
    ++outcomes[!outcome || *outcome ? "done" : std::string(to_string(outcome->error().kind))];
    ends();
    sim.world.run_for(1s);
  }
  return outcomes;
}

TEST_F(MemoryFaults, AnAnswerDoesNotPassACutAndItsCallerNeverHearsThatNothingHappened) {
  const auto outcomes = outcomes_when(
      sim, a, [&] { sim.server.cut("a"); }, [&] { sim.server.heal("a"); });
  EXPECT_EQ(outcomes, (std::map<std::string, int>{{"timed_out", 40}}));
}

TEST_F(MemoryFaults, AServerThatStopsAfterItCarriedACallOutMayHaveAnsweredIt) {
  auto outcomes = outcomes_when(
      sim, a, [&] { sim.server.stop(); }, [&] { sim.server.start(); });
  EXPECT_GT(outcomes["done"], 5);
  EXPECT_GT(outcomes["timed_out"], 5);
  EXPECT_EQ(outcomes.size(), 2);
}

TEST_F(MemoryFaults, WhatWaitsAtAFrozenServerIsCarriedOutAtTheThawAndLostByAStop) {
  for (const bool thaws : {true, false}) {
    const std::string key = thaws ? "/thawed" : "/stopped";
    std::optional<Result<void>> outcome;
    a.start([&](Runtime& runtime) -> Task<void> {
      const auto store = connect(runtime);
      outcome = co_await store->commit(put(key, "x"));
    });
    sim.server.freeze();
    sim.world.run_for(400ms);
    EXPECT_FALSE(stored(key));
    EXPECT_FALSE(outcome);
    if (!thaws) sim.server.stop();
    thaws ? sim.server.thaw() : sim.server.start();
    sim.world.run_for(200ms);
    EXPECT_EQ(stored(key), thaws);
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->has_value(), thaws);
  }
}

TEST_F(MemoryFaults, WhatACrashedNodeSentIsCarriedOutAndNothingOfItResumes) {
  int resumed = 0;
  int applied = 0;
  for (int i = 0; i < 50; ++i) {
    a.start([&, i](Runtime& runtime) -> Task<void> {
      auto& store = *static_cast<Node&>(runtime).make<std::unique_ptr<Coordination>>(connect(runtime));
      (void)co_await store.commit(put("/k/" + std::to_string(i), "x"));
      ++resumed;
    });
    sim.world.run_for(20us);  // sent, and not answered before 0.6 ms have passed
    a.crash(i % 2 == 0 ? CrashKind::kill : CrashKind::power_cut);
    sim.world.run_for(1s);
    applied += stored("/k/" + std::to_string(i));
    a.restart();
  }
  EXPECT_EQ(resumed, 0);
  EXPECT_EQ(applied, 50);
}

TEST_F(MemoryFaults, APausedNodeHearsItsAnswersWhenItGoesOn) {
  std::optional<Result<void>> outcome;
  a.start([&](Runtime& runtime) -> Task<void> {
    const auto store = connect(runtime);
    outcome = co_await store->commit(put("/k", "x"));
  });
  sim.world.run_for(20us);
  a.pause();
  sim.world.run_for(400ms);
  EXPECT_TRUE(stored("/k"));
  EXPECT_FALSE(outcome);
  a.resume();
  sim.world.run_for(1ms);
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(*outcome);
}

TEST_F(MemoryFaults, CallsAreCountedByKindAndAnIdleClientMakesNone) {
  uint64_t idle_from = 0;
  ASSERT_TRUE(a.run([&](Runtime& runtime) -> Task<void> {
    const auto store = connect(runtime);
    const auto watch = store->watch("/");
    const auto lease = co_await store->grant(3s);
    EXPECT_TRUE(co_await (*lease)->commit(put("/a", "x")));
    EXPECT_TRUE(co_await store->commit(put("/b", "x")));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(co_await store->get("/a"));
    EXPECT_TRUE(co_await store->list("/"));
    idle_from = sim.server.calls_asked();
    co_await runtime::sleep_for(10s);
    EXPECT_EQ(sim.server.calls_asked(), idle_from);
    EXPECT_TRUE(co_await (*lease)->revoke());
  }));
  EXPECT_EQ(idle_from, 8);
  const std::map<CallKind, uint64_t> expected{
      {CallKind::get, 3},         {CallKind::list, 1},   {CallKind::commit, 2}, {CallKind::grant, 1},
      {CallKind::keep_alive, 10}, {CallKind::revoke, 1}, {CallKind::watch, 1}};
  for (const auto& [kind, count] : expected)
    EXPECT_EQ(sim.server.calls(kind), count) << static_cast<int>(kind);
}

// --- watches

class MemoryWatches : public MemoryFaults {
 protected:
  // Counts what the watch of a node tells.
  void start_watch() {
    a.start([&](Runtime& runtime) -> Task<void> {
      const auto store = connect(runtime);
      const auto watch = store->watch("/topics/");
      while (co_await watch->changed()) ++told;
    });
    sim.world.run_for(1s);
    ASSERT_EQ(told, 0);
  }
  int told = 0;
};

TEST_F(MemoryWatches, AWatchIsToldWithinTheLinksDelay) {
  start_watch();
  change("/topics/a", "1");
  EXPECT_EQ(told, 0);
  sim.world.run_for(kRoundTrip);
  EXPECT_EQ(told, 1);
  change("/topics", "not under the prefix");
  sim.world.run_for(1s);
  EXPECT_EQ(told, 1);
}

TEST_F(MemoryWatches, AWatchIsToldAfterTheCutHasHealedWhetherOrNotItMissedSomething) {
  start_watch();
  sim.server.cut("a");
  change("/topics/a", "1");
  sim.world.run_for(1min);
  EXPECT_EQ(told, 0);
  sim.server.heal("a");
  sim.world.run_for(200ms);
  EXPECT_EQ(told, 1);
  sim.world.run_for(1min);
  EXPECT_EQ(told, 1);
  sim.server.cut("a");
  sim.server.heal("a");
  sim.world.run_for(200ms);
  EXPECT_EQ(told, 2) << "it cannot know that nothing happened";
}

TEST_F(MemoryWatches, ANewsThatACutSwallowedOnItsWayIsToldAfterwards) {
  start_watch();
  change("/topics/a", "1");
  sim.world.run_for(100us);  // the notification is under way for 0.3 ms at least
  sim.server.cut("a");
  sim.world.run_for(1s);
  EXPECT_EQ(told, 0);
  sim.server.heal();
  sim.world.run_for(200ms);
  EXPECT_EQ(told, 1);
}

TEST_F(MemoryWatches, AWatchIsToldAfterTheServersReturn) {
  start_watch();
  sim.server.stop();
  change("/topics/a", "1");
  sim.world.run_for(1min);
  EXPECT_EQ(told, 0);
  sim.server.start();
  sim.world.run_for(200ms);
  EXPECT_EQ(told, 1);
}

TEST_F(MemoryWatches, AWatchIsToldWhenTheStoreWasLostOrRestored) {
  start_watch();
  const auto backup = sim.server.snapshot();
  sim.server.lose_everything();
  sim.world.run_for(200ms);
  EXPECT_EQ(told, 1);
  sim.server.restore(backup);
  sim.world.run_for(200ms);
  EXPECT_EQ(told, 2);
}

TEST_F(MemoryWatches, NoNewsIsLostForEverOnALineThatLosesHalfOfThem) {
  start_watch();
  sim.server.lose_randomly(1, 2);
  for (int i = 1; i <= 100; ++i) {
    const int before = told;
    change("/topics/a", std::to_string(i));
    ASSERT_TRUE(sim.world.run_until([&] { return told > before; }, 10s)) << i;
    sim.world.run_for(2s);
  }
}

TEST_F(MemoryWatches, APausedNodeIsToldWhenItGoesOn) {
  start_watch();
  a.pause();
  change("/topics/a", "1");
  change("/topics/a", "2");
  sim.world.run_for(1min);
  EXPECT_EQ(told, 0);
  a.resume();
  sim.world.run_for(1ms);
  EXPECT_EQ(told, 1) << "states may be skipped";
}

TEST_F(MemoryWatches, WhatChangedBeforeTheWatchIsNoNews) {
  ASSERT_TRUE(a.run([&](Runtime& runtime) -> Task<void> {
    const auto store = connect(runtime);
    const auto first = store->watch("/other/");  // news goes to this client already
    for (int i = 0; i < 30; ++i) {
      EXPECT_TRUE(co_await store->commit(put("/topics/a", "1")));
      const auto watch = store->watch("/topics/");
      bool news = false;
      runtime.shard(0).spawn([](Watch& w, bool& flag) -> Task<void> {
        flag = (co_await w.changed()).has_value();
      }(*watch, news));
      co_await runtime::sleep_for(100ms);
      EXPECT_FALSE(news);
      EXPECT_TRUE(co_await store->commit(put("/topics/a", "2")));
      co_await runtime::sleep_for(100ms);
      EXPECT_TRUE(news);
    }
  }));
}

TEST_F(MemoryWatches, ACrashedNodeIsToldNothing) {
  start_watch();
  change("/topics/a", "1");
  sim.world.run_for(100us);
  a.crash(CrashKind::kill);
  sim.world.run_for(1s);
  change("/topics/a", "2");
  sim.world.run_for(1s);
  EXPECT_EQ(told, 0);
}

// --- a store that is not what it was

TEST_F(MemoryFaults, AStoreThatWasLostIsEmptyAndGivesOldVersionsAnew) {
  ASSERT_TRUE(a.run([&](Runtime& runtime) -> Task<void> {
    const auto store = connect(runtime);
    EXPECT_TRUE(co_await store->commit(put("/a", "old")));
    const Version old = (**co_await store->get("/a")).version;
    sim.server.lose_everything();
    EXPECT_TRUE((co_await store->list(""))->empty());
    EXPECT_TRUE(co_await store->commit(put("/a", "new")));
    // Why no version enters durable data of a broker (design-cluster rule 3).
    EXPECT_EQ((**co_await store->get("/a")).version, old);
  }));
}

TEST_F(MemoryFaults, AStoreFromABackupHasForgottenWhatCameAfterIt) {
  change("/a", "1");
  const auto backup = sim.server.snapshot();
  change("/a", "2");
  change("/b", "1");
  sim.server.restore(backup);
  ASSERT_TRUE(a.run([&](Runtime& runtime) -> Task<void> {
    const auto store = connect(runtime);
    EXPECT_EQ(as_text((**co_await store->get("/a")).value), "1");
    EXPECT_FALSE(*co_await store->get("/b"));
  }));
}

}  // namespace
}  // namespace godwit::coordination
