#include <gmock/gmock.h>

#include "runtime/sim/sweep_testing.h"
#include "storage/compaction_plan.h"
#include "storage/compaction_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::CrashScenario;
using runtime::sim::OpKind;
using runtime::sim::World;
using testing::ElementsAre;
using testing::IsEmpty;

// What a compaction changes is told in records of the journal, which have a bound: a log of many segments needs several.
TEST(StoreCompaction, ALogOfVeryManySegmentsIsCompactedAndPublishingGoesOn) {
  World world{9};
  auto& node = world.add_node("a");
  constexpr int kRecords = 1000;
  run(node, [&](Runtime&) -> Task<void> {
    StoreOptions options = small_options();
    options.compaction_interval = 1000s;
    auto open = co_await opened_store(node, options);
    LogConfig config = compacted_config();
    config.segment_bytes = 300;
    Log& log = **co_await open->store->create(partition(0), config);
    // Each in a segment of its own, of which no two fit one; every fourth is written again.
    for (int i = 0; i < kRecords; ++i) {
      const std::string key = "key" + std::to_string(i % 4 == 3 ? 0 : i);
      EXPECT_TRUE((co_await put(log, {{key, std::string(150, 'v')}})).has_value());
    }
    log.set_high_watermark(log.end());
    EXPECT_TRUE((co_await log.roll()).has_value());
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    EXPECT_GT(log.stats().segments, 900U);
    co_await open->store->run_compaction();
    co_await runtime::sleep_for(10s);
    EXPECT_TRUE(open->store->health().writable);
    EXPECT_FALSE(open->diagnostics.contains("log.not_compacted"));
    EXPECT_EQ((co_await contents(log)).size(), size_t{kRecords} / 4 * 3);
    EXPECT_TRUE((co_await put(log, {{"after", "v"}})).has_value());
  });
  node.crash(CrashKind::power_cut);
  node.restart();
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log& log = *open->store->find(partition(0));
    EXPECT_EQ((co_await contents(log)).size(), size_t{kRecords} / 4 * 3 + 1);
    EXPECT_THAT(co_await open->store->damages(), IsEmpty());
  });
}

TEST(StoreCompaction, KeepsTheNewestRecordOfEachKeyAtItsOffset) {
  World world(1);
  auto& node = world.add_node("a");
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log* log = *co_await open->store->create(partition(0), compacted_config());
    for (int i = 0; i < 5; ++i) {
      (void)co_await put(*log, {{"a", wide("a" + std::to_string(i))}, {"b", wide("b" + std::to_string(i))}});
    }
    (void)co_await put(*log, {{"c", wide("c0")}});
    co_await compact(*open->store, *log);
    EXPECT_THAT(co_await contents(*log), ElementsAre("8:a=a4", "9:b=b4", "10:c=c0"));
    EXPECT_EQ(log->end(), Offset(11));
    EXPECT_EQ(log->start(), Offset(0));
    (void)co_await put(*log, {{"a", wide("a5")}});
    co_await compact(*open->store, *log);
    EXPECT_THAT(co_await contents(*log), ElementsAre("9:b=b4", "10:c=c0", "11:a=a5"));
  });
  node.crash(CrashKind::power_cut);
  node.restart();
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log* log = open->store->find(partition(0));
    EXPECT_THAT(co_await contents(*log), ElementsAre("9:b=b4", "10:c=c0", "11:a=a5"));
    // The first cleaning's files are gone.
    co_await runtime::sleep_for(1s);
    size_t files = 0;
    for (const std::string& path : node.disk().files()) files += path.ends_with(".log") ? 1 : 0;
    EXPECT_LE(files, 2u);
  });
}

TEST(StoreCompaction, TombstonesGoAfterDeleteRetention) {
  World world(1);
  auto& node = world.add_node("a");
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log* log = *co_await open->store->create(partition(0), compacted_config());
    (void)co_await put(*log, {{"a", wide("a0")}});
    (void)co_await put(*log, {{"a", std::nullopt}});
    (void)co_await put(*log, {{"b", wide("b0")}});
    co_await compact(*open->store, *log);
    EXPECT_THAT(co_await contents(*log), ElementsAre("1:a", "2:b=b0"));
    co_await runtime::sleep_for(5s);
    (void)co_await put(*log, {{"c", wide("c0")}});
    co_await compact(*open->store, *log);
    EXPECT_THAT(co_await contents(*log), ElementsAre("1:a", "2:b=b0", "3:c=c0"));
    co_await runtime::sleep_for(6s);
    (void)co_await put(*log, {{"d", wide("d0")}});
    co_await compact(*open->store, *log);
    EXPECT_THAT(co_await contents(*log), ElementsAre("2:b=b0", "3:c=c0", "4:d=d0"));
  });
}

TEST(StoreCompaction, AProducersLastBatchStaysAndItsSequenceGoesOn) {
  World world(1);
  auto& node = world.add_node("a");
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log* log = *co_await open->store->create(partition(0), compacted_config());
    (void)co_await put(*log, {{"a", wide("a0")}}, {.id = 9});
    (void)co_await put(*log, {{"a", wide("a1")}});
    co_await compact(*open->store, *log);
    EXPECT_THAT(co_await contents(*log), ElementsAre("1:a=a1"));
    const auto repeated = co_await put(*log, {{"a", wide("a0")}}, {.id = 9});
    EXPECT_TRUE(repeated && repeated->duplicate);
    const auto next = co_await put(*log, {{"a", wide("a2")}}, {.id = 9, .sequence = 1});
    EXPECT_TRUE(next && !next->duplicate);
  });
}

TEST(StoreCompaction, ALogWhoseSealedPartIsAllSupersededGoesOnBehindAGap) {
  World world(1);
  auto& node = world.add_node("a");
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    LogConfig config = compacted_config();
    config.delete_retention_ms = 0;
    Log* log = *co_await open->store->create(partition(0), config);
    (void)co_await put(*log, {{"a", std::nullopt}});
    co_await compact(*open->store, *log);
    co_await runtime::sleep_for(1s);
    (void)co_await put(*log, {{"b", std::nullopt}});
    co_await compact(*open->store, *log);
    co_await runtime::sleep_for(1s);
    (void)co_await put(*log, {{"c", wide("c0")}});
    co_await compact(*open->store, *log);
    EXPECT_THAT(co_await contents(*log), ElementsAre("2:c=c0"));
  });
}

size_t log_files(const runtime::sim::Disk& disk) {
  return static_cast<size_t>(
      std::ranges::count_if(disk.files(), [](const std::string& path) { return path.ends_with(".log"); }));
}

// Rule 14: a later sync of the checkpoint would succeed over what this one lost.
TEST(StoreCompaction, AnErrorOfAWriteOrSyncEndsPublishingAndNoSpaceDoesNot) {
  struct Case {
    OpKind kind;
    const char* path;
    ErrorKind error;
  };
  for (const Case& fault :
       {Case{OpKind::sync_filesystem, "", ErrorKind::io},
        Case{OpKind::sync_filesystem, "", ErrorKind::no_space}, Case{OpKind::write, ".log", ErrorKind::io},
        Case{OpKind::sync, ".log", ErrorKind::io}, Case{OpKind::create, ".log", ErrorKind::io},
        Case{OpKind::write, ".log", ErrorKind::no_space}}) {
    SCOPED_TRACE(std::string(to_string(fault.kind)) + (fault.error == ErrorKind::io ? " io" : " no space"));
    World world(1);
    auto& node = world.add_node("a");
    run(node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(node);
      Log* log = *co_await open->store->create(partition(0), compacted_config());
      for (int i = 0; i < 5; ++i) (void)co_await put(*log, {{"a", wide("a" + std::to_string(i))}});
      EXPECT_TRUE((co_await log->roll()).has_value());
      EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
      log->set_high_watermark(log->end());
      const size_t before = log_files(node.disk());
      node.disk().fail_next({.kinds = {fault.kind}, .path = fault.path}, fault.error);
      co_await open->store->run_compaction();
      co_await runtime::sleep_for(1s);
      const bool fails = fault.error == ErrorKind::io || fault.kind == OpKind::sync_filesystem;
      EXPECT_EQ(open->store->health().state, fails ? Store::Health::State::failed : Store::Health::State::ok);
      EXPECT_EQ(log_files(node.disk()), before) << "what was begun is removed";
      EXPECT_EQ((co_await contents(*log)).size(), 5u);
      if (!fails) {
        co_await open->store->run_compaction();
        EXPECT_THAT(co_await contents(*log), ElementsAre("4:a=a4"));
      }
    });
    node.crash(CrashKind::power_cut);
    node.restart();
    run(node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(node);
      Log* log = open->store->find(partition(0));
      EXPECT_EQ((co_await contents(*log)).back(), "4:a=a4");
      EXPECT_EQ(open->store->health().state, Store::Health::State::ok);
    });
  }
}

TEST(StoreCompaction, ASegmentThatCannotBeReadIsNotedAndLeavesNoFilesBehind) {
  World world(1);
  auto& node = world.add_node("a");
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log* log = *co_await open->store->create(partition(0), compacted_config());
    for (int i = 0; i < 6; ++i) (void)co_await put(*log, {{"k" + std::to_string(i), wide("v")}});
    co_await compact(*open->store, *log);
    co_await runtime::sleep_for(1s);
    std::string newest;
    for (const std::string& path : node.disk().files()) {
      if (path.ends_with(".log")) newest = std::max(newest, path);
    }
    // In the last file that was cleaned: those before it are copied before it is read.
    EXPECT_TRUE(node.disk().flip_bit(newest, 300, 2));
    (void)co_await put(*log, {{"k0", wide("w")}});
    EXPECT_TRUE((co_await log->roll()).has_value());
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    log->set_high_watermark(log->end());
    const size_t before = log_files(node.disk());
    for (int pass = 0; pass < 10; ++pass) co_await open->store->run_compaction();
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(log_files(node.disk()), before);
    EXPECT_EQ(log->damages().size(), 1u);
    EXPECT_EQ(open->store->health().state, Store::Health::State::ok);
    EXPECT_EQ(std::ranges::count(open->diagnostics.events, "log.not_compacted", &Diagnostic::name), 1);
  });
}

TEST(StoreCompaction, IsWholeOrAbsentAfterACrashAnywhere) {
  const auto result = runtime::sim::sweep_crashes(
      {.seeds_per_point = 1, .crashes_in_recovery = true, .stride = 3}, [&](CrashScenario& scenario) {
        auto* const node = &scenario.node();
        auto ready = std::make_shared<bool>(false);
        scenario.work([=](Runtime&) -> Task<void> {
          auto open = co_await opened_store(*node);
          Log* log = *co_await open->store->create(partition(0), compacted_config());
          for (int i = 0; i < 4; ++i) {
            (void)co_await put(*log,
                               {{"a", wide("a" + std::to_string(i))}, {"b", wide("b" + std::to_string(i))}});
          }
          *ready = true;
          co_await compact(*open->store, *log);
          co_await compact(*open->store, *log);
          co_await open->store->close();
        });
        const auto next_life = [=](Runtime&) -> Task<void> {
          auto open = co_await opened_store(*node);
          Log* log = open->store->find(partition(0));
          if (!*ready) co_return;
          EXPECT_NE(log, nullptr);
          if (log == nullptr) co_return;
          const auto before = co_await contents(*log);
          EXPECT_THAT(before, testing::AnyOf(ElementsAre("6:a=a3", "7:b=b3"), testing::SizeIs(8)));
          co_await compact(*open->store, *log);
          EXPECT_THAT(co_await contents(*log), ElementsAre("6:a=a3", "7:b=b3"));
          EXPECT_EQ(log->end(), Offset(8));
        };
        scenario.recover(next_life);
        scenario.recover(next_life);
      });
  EXPECT_GT(result.runs, 50u);
}

TEST(CompactionPlan, WaitsForTheRatioUnlessARecordIsOverdue) {
  LogState state;
  state.config = compacted_config();
  state.config.min_cleanable_dirty_ratio = 0.5;
  for (int i = 0; i < 4; ++i) {
    SegmentState segment{.id = FileId(static_cast<uint64_t>(i) + 1),
                         .base = Offset(i * 10),
                         .next = Offset(i * 10 + 10),
                         .end = Position(100),
                         .timestamp_max = 1000,
                         .first_append_ms = 1000};
    segment.set_whole();
    state.segments.push_back(segment);
  }
  state.end = state.high_watermark = Offset(40);
  state.cleaned_to = Offset(20);
  EXPECT_FALSE(plan_compaction(state, {2000}).has_value());
  EXPECT_TRUE(plan_compaction(state, {2000}, true).has_value());
  state.config.max_compaction_lag_ms = 500;
  EXPECT_TRUE(plan_compaction(state, {2000}).has_value());
  state.config.max_compaction_lag_ms = INT64_MAX;
  state.cleaned_to = Offset(10);
  const auto plan = plan_compaction(state, {2000});
  EXPECT_TRUE(plan.has_value());
  if (plan) EXPECT_EQ(plan->segments.size(), 3u) << "never the active one";
  state.config.min_compaction_lag_ms = 1500;
  EXPECT_FALSE(plan_compaction(state, {2000}).has_value());
  state.config.min_compaction_lag_ms = 0;
  state.high_watermark = Offset(15);
  EXPECT_FALSE(plan_compaction(state, {2000}, true).has_value())
      << "a follower may still be cut back to there";
}

}  // namespace
}  // namespace godwit::storage::store_test
