// What a power cut takes of flush=interval topics is known to the next start: a log that may have lost something that it
// acknowledged says that it is unproven (cluster rule 2), at the cost of a sync when it begins to be published to, not of
// one for each batch.
#include <algorithm>

#include "runtime/sim/sweep_testing.h"
#include "storage/store_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::CrashScenario;
using runtime::sim::OpKind;

StoreOptions options_in(const std::string& boot) {
  StoreOptions options = small_options();
  options.boot_id = boot;
  return options;
}

LogConfig interval() {
  LogConfig config;
  config.flush = LogConfig::Flush::interval;
  return config;
}

// A machine whose store is opened again and again.
struct OneMachine {
  runtime::sim::World world{7};
  runtime::sim::Node& node{world.add_node("a")};
  int boots = 1;

  StoreOptions options() const { return options_in("boot " + std::to_string(boots)); }
  void crash(CrashKind kind) {
    node.crash(kind);
    if (kind == CrashKind::power_cut) ++boots;
    node.restart();
  }
  // Opens the store, on the process that is there.
  void open(std::function<Task<void>(OpenStore&)> body) {
    run(node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(node, options());
      co_await body(*open);
    });
  }
};

Task<std::vector<int32_t>> unproven(Store& store) {
  std::vector<int32_t> found;
  for (const auto& one : co_await store.unproven()) {
    EXPECT_TRUE(one.tail_only) << one.why;
    found.push_back(one.id.partition.value());
  }
  std::ranges::sort(found);
  co_return found;
}

Task<void> publish_to(Store& store, int32_t index, int count) {
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(co_await publish(*store.find(partition(index)), {"text"}), ErrorCode::none);
  }
}

using Doubted = std::vector<int32_t>;

TEST(StoreUnsynced, APowerCutPutsThoseInDoubtThatAcknowledgedAndAKillNone) {
  for (const CrashKind kind : {CrashKind::kill, CrashKind::power_cut}) {
    OneMachine at;
    at.open([](OpenStore& open) -> Task<void> {
      for (int32_t p = 0; p < 3; ++p) {
        EXPECT_TRUE(
            (co_await open.store->create(partition(p), p == 1 ? LogConfig{} : interval())).has_value());
      }
      // 1 is of flush=always, nothing was published to 2.
      co_await publish_to(*open.store, 0, 3);
      co_await publish_to(*open.store, 1, 3);
      EXPECT_EQ(co_await unproven(*open.store), Doubted{});
    });
    at.crash(kind);
    const Doubted expected = kind == CrashKind::kill ? Doubted{} : Doubted{0};
    at.open([&](OpenStore& open) -> Task<void> {
      EXPECT_EQ(co_await unproven(*open.store), expected);
      EXPECT_EQ(open.diagnostics.contains("logs.tail_doubted"), kind == CrashKind::power_cut);
      // What it writes in this run of the machine does not end the doubt, nor does the next crash of the process.
      co_await publish_to(*open.store, 0, 1);
    });
    at.crash(CrashKind::kill);
    at.open([&](OpenStore& open) -> Task<void> { EXPECT_EQ(co_await unproven(*open.store), expected); });
  }
}

TEST(StoreUnsynced, TheDoubtLastsUntilTheLogIsProven) {
  OneMachine at;
  at.open([](OpenStore& open) -> Task<void> {
    EXPECT_TRUE((co_await open.store->create(partition(0), interval())).has_value());
    co_await publish_to(*open.store, 0, 3);
  });
  at.crash(CrashKind::power_cut);
  at.open([](OpenStore& open) -> Task<void> {
    EXPECT_EQ(co_await unproven(*open.store), Doubted{0});
    EXPECT_TRUE((co_await open.store->close()).has_value());
  });
  at.crash(CrashKind::kill);
  at.open([](OpenStore& open) -> Task<void> {
    EXPECT_EQ(co_await unproven(*open.store), Doubted{0});
    open.store->set_proven(partition(0));
    EXPECT_EQ(co_await unproven(*open.store), Doubted{});
    co_await runtime::sleep_for(1s);
  });
  // No checkpoint was written since.
  at.crash(CrashKind::kill);
  at.open([](OpenStore& open) -> Task<void> {
    EXPECT_EQ(co_await unproven(*open.store), Doubted{});
    // Published to only then: this run of the machine is not over.
    co_await publish_to(*open.store, 0, 1);
    EXPECT_EQ(co_await unproven(*open.store), Doubted{});
  });
  at.crash(CrashKind::kill);
  at.open([](OpenStore& open) -> Task<void> { EXPECT_EQ(co_await unproven(*open.store), Doubted{}); });
  at.crash(CrashKind::power_cut);
  at.open([](OpenStore& open) -> Task<void> { EXPECT_EQ(co_await unproven(*open.store), Doubted{0}); });
}

TEST(StoreUnsynced, AfterAStopOrARestOfHalfAMinuteNothingIsInDoubt) {
  for (const bool stopped : {true, false}) {
    OneMachine at;
    at.open([&](OpenStore& open) -> Task<void> {
      for (int32_t p = 0; p < 2; ++p) {
        EXPECT_TRUE((co_await open.store->create(partition(p), interval())).has_value());
        co_await publish_to(*open.store, p, 3);
      }
      if (stopped) {
        EXPECT_TRUE((co_await open.store->close()).has_value());
        co_return;
      }
      co_await runtime::sleep_for(30s);
      // Again, to one of them.
      co_await publish_to(*open.store, 1, 1);
    });
    at.crash(CrashKind::power_cut);
    at.open([&](OpenStore& open) -> Task<void> {
      EXPECT_EQ(co_await unproven(*open.store), stopped ? Doubted{} : Doubted{1});
      EXPECT_EQ(open.store->find(partition(0))->end(), Offset(3));
    });
  }
}

TEST(StoreUnsynced, WhereTheRunOfTheMachineIsNotKnownEveryCrashIsAPowerCut) {
  OneMachine at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node, options_in(""));
    EXPECT_TRUE((co_await open->store->create(partition(0), interval())).has_value());
    co_await publish_to(*open->store, 0, 1);
  });
  at.crash(CrashKind::kill);
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node, options_in(""));
    EXPECT_EQ(co_await unproven(*open->store), Doubted{0});
  });
}

TEST(StoreUnsynced, ATopicThatIsSyncedAlwaysFromNowOnIsInNoDoubt) {
  OneMachine at;
  at.open([](OpenStore& open) -> Task<void> {
    EXPECT_TRUE((co_await open.store->create(partition(0), interval())).has_value());
    co_await publish_to(*open.store, 0, 3);
    open.store->find(partition(0))->set_config({});
    co_await runtime::sleep_for(3s);
    co_await publish_to(*open.store, 0, 3);
  });
  at.crash(CrashKind::power_cut);
  at.open([](OpenStore& open) -> Task<void> {
    EXPECT_EQ(co_await unproven(*open.store), Doubted{});
    EXPECT_EQ(open.store->find(partition(0))->end(), Offset(6));
  });
}

TEST(StoreUnsynced, ABatchCostsNoSync) {
  OneMachine at;
  at.open([&](OpenStore& open) -> Task<void> {
    LogConfig config = interval();
    config.flush_ms = 60'000;
    EXPECT_TRUE((co_await open.store->create(partition(0), config)).has_value());
    co_await publish_to(*open.store, 0, 1);
    // The first one may share its sync with nothing; those that follow ask for none.
    const MonotonicTime before = runtime::Shard::current()->now();
    const auto synced = open.store->find(partition(0))->synced_end();
    co_await publish_to(*open.store, 0, 100);
    EXPECT_EQ(open.store->find(partition(0))->synced_end(), synced);
    EXPECT_LT(runtime::Shard::current()->now() - before, 5s);
  });
}

TEST(StoreUnsynced, KillsInARowLoseNothing) {
  OneMachine at;
  int64_t end = 0;
  for (int32_t life = 0; life < 6; ++life) {
    at.open([&](OpenStore& open) -> Task<void> {
      LogConfig config = interval();
      config.retention_ms += life / 3;
      const auto log = co_await open.store->create(partition(0), config);
      EXPECT_TRUE(log.has_value());
      if (!log) co_return;
      EXPECT_EQ((*log)->end(), Offset(end));
      EXPECT_TRUE((co_await open.store->damages()).empty());
      EXPECT_TRUE((co_await (*log)->begin_epoch(LeaderEpoch(life))).has_value());
      for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(co_await publish(**log, {"text"}, LeaderEpoch(life)), ErrorCode::none);
        if (life == 4 && i == 10) co_await runtime::sleep_for(30s);
      }
      end += 20;
    });
    at.crash(CrashKind::kill);
    if (HasFailure()) break;
  }
}

// A checkpoint knows of a log what is synced: the rounds of what is not must stay until it is, also where the journal turns and
// remainders are carried forward.
TEST(StoreUnsynced, WhenTheJournalTurnsBeforeASyncAKillLosesNothing) {
  OneMachine at;
  StoreOptions options = at.options();
  options.journal_file_bytes = 128 << 10;
  constexpr int kCount = 600;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node, options);
    LogConfig config = interval();
    config.flush_ms = 60'000;
    EXPECT_TRUE((co_await open->store->create(partition(0), config)).has_value());
    for (int i = 0; i < kCount; ++i) {
      co_await publish_to(*open->store, 0, 1);
      co_await runtime::sleep_for(5ms);
    }
  });
  at.crash(CrashKind::kill);
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node, options);
    EXPECT_TRUE((co_await open->store->damages()).empty());
    EXPECT_EQ((co_await read_texts(*open->store->find(partition(0)), Offset(0))).size(),
              static_cast<size_t>(kCount));
  });
}

// The property itself: after a crash at any write and sync, whatever is missing of what was acknowledged is in doubt.
TEST(StoreUnsynced, WhatIsMissingAfterACrashAnywhereIsInDoubt) {
  size_t lost = 0;
  const auto result = runtime::sim::sweep_crashes(
      {.seeds_per_point = 2, .crashes_in_recovery = true, .stride = 4}, [&](CrashScenario& scenario) {
        auto acknowledged = std::make_shared<std::vector<std::string>>();
        auto doubted = std::make_shared<bool>(false);
        auto* const node = &scenario.node();
        const bool power = scenario.plan().kind == CrashKind::power_cut;
        const auto options = [=] {
          return options_in("boot" + (power ? std::to_string(node->incarnation()) : std::string()));
        };
        scenario.work([=](Runtime&) -> Task<void> {
          auto open = co_await opened_store(*node, options());
          LogConfig config = interval();
          config.flush_ms = 300;
          config.segment_bytes = 8000;
          const auto log = co_await open->store->create(partition(0), config);
          if (!log) co_return;
          for (int i = 0; i < 12; ++i) {
            std::string text = std::to_string(i) + std::string(1500, '.');
            if (co_await publish(**log, {text}) == ErrorCode::none) acknowledged->push_back(text);
            // A rest in which the mark is taken back, and a sync that is due by itself.
            if (i == 4) co_await runtime::sleep_for(25s);
            if (i == 7) co_await runtime::sleep_for(1s);
            if (i == 9) (void)co_await open->store->checkpoint();
          }
          (void)co_await open->store->close();
        });
        const auto next_life = [=, &lost](Runtime&) -> Task<void> {
          auto open = co_await opened_store(*node, options());
          Log* const log = open->store->find(partition(0));
          if (log == nullptr) {
            EXPECT_TRUE(acknowledged->empty());
            co_return;
          }
          std::vector<std::string> expected;
          for (size_t i = 0; i < acknowledged->size(); ++i) {
            expected.push_back(std::to_string(i) + "=" + (*acknowledged)[i]);
          }
          auto there = co_await read_texts(*log, log->start());
          const bool in_doubt = !(co_await open->store->unproven()).empty();
          if (there.size() < expected.size()) {
            ++lost;
            EXPECT_TRUE(in_doubt) << "only " << there.size() << " of " << expected.size() << " are there";
          }
          // What is there is what was published, from the start on.
          there.resize(std::min(there.size(), expected.size()));
          expected.resize(there.size());
          EXPECT_EQ(there, expected);
          if (!power) EXPECT_FALSE(in_doubt);
          EXPECT_TRUE(in_doubt || !*doubted) << "the doubt was forgotten";
          *doubted = *doubted || in_doubt;
        };
        scenario.recover(next_life);
        scenario.recover(next_life);
      });
  EXPECT_GT(result.runs, 100u);
  EXPECT_GT(lost, 10u) << "the test must see losses";
}

}  // namespace
}  // namespace godwit::storage::store_test
