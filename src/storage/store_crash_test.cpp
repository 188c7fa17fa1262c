// Crashes at the writes, syncs, renames and removals of a scenario, and again during the recovery
// (docs/formats/data-directory.md: the crash table; CrashSweepOptions::stride: at how many of them).
#include <functional>

#include "runtime/sim/sweep_testing.h"
#include "runtime/sync.h"
#include "storage/store_model_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashScenario;
using runtime::sim::CrashSweepOptions;

constexpr uint64_t kStride = 4;
// Of those with more mutations. A longer one would leave out some of them in every run.
constexpr uint64_t kStrideMax = 6;

// Publishers that do not wait for each other, several at one log, on several shards.
Task<void> publish_at_once(Store& store, StoreModel& model, int from, int to) {
  std::vector<Task<void>> publishers;
  for (int i = from; i < to; ++i) {
    publishers.push_back(model.publish(store, partition(i % 4), i % 3 == 0 ? 4000 : 200));
  }
  co_await runtime::when_all(std::move(publishers));
}

using Work = std::function<Task<void>(Store&, StoreModel&)>;

StoreOptions tiny_options() {
  StoreOptions options = small_options();
  options.journal_file_bytes = 128 << 10;
  options.arena_bytes = 2 << 20;
  // As large rounds are: payloads are not looked at until they are loaded.
  options.journal_scan_payload_max = 0;
  return options;
}

// Runs `work` with crashes at its mutations, then two more lives, each of which checks what the ones before
// were promised, and goes on.
runtime::sim::CrashSweepResult sweep(CrashSweepOptions sweep_options, StoreOptions options, Work work) {
  return runtime::sim::sweep_crashes(sweep_options, [&](CrashScenario& run) {
    auto model = std::make_shared<StoreModel>();
    auto* const node = &run.node();
    run.work([=](Runtime&) -> Task<void> {
      auto open = co_await opened_store(*node, options);
      if (node->shard_count() > 1) model->runtime = node;
      co_await work(*open->store, *model);
      EXPECT_TRUE((co_await open->store->close()).has_value());
    });
    const auto next_life = [=](Runtime&) -> Task<void> {
      auto open = co_await opened_store(*node, options);
      if (node->shard_count() > 1) model->runtime = node;
      co_await model->check(*open->store);
      for (auto& [id, log] : model->logs) co_await model->publish(*open->store, id);
      EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
      for (auto& [id, log] : model->logs) co_await model->publish(*open->store, id);
      co_await model->check(*open->store);
      EXPECT_TRUE((co_await open->store->close()).has_value());
    };
    run.recover(next_life);
    run.recover(next_life);
  });
}

TEST(StoreCrash, WhilePublishingAndWritingBack) {
  const auto result = sweep({.seeds_per_point = 1, .crashes_in_recovery = true, .stride = kStride},
                            tiny_options(), [](Store& store, StoreModel& model) -> Task<void> {
                              co_await model.create(store, partition(0));
                              co_await model.create(store, partition(1));
                              for (int i = 0; i < 4; ++i) {
                                co_await model.publish(store, partition(0), 3000);
                                co_await model.publish(store, partition(1), 10);
                              }
                              EXPECT_TRUE((co_await store.checkpoint()).has_value());
                              for (int i = 0; i < 2; ++i) co_await model.publish(store, partition(0), 5000);
                            });
  EXPECT_GT(result.runs, 30u);
}

TEST(StoreCrash, WhileRollingAndTruncating) {
  LogConfig config;
  config.segment_bytes = 8000;
  config.file_delete_delay_ms = 0;
  const auto result = sweep({.seeds_per_point = 1, .crashes_in_recovery = true, .stride = kStride},
                            tiny_options(), [=](Store& store, StoreModel& model) -> Task<void> {
                              co_await model.create(store, partition(0), config);
                              for (int i = 0; i < 7; ++i) co_await model.publish(store, partition(0), 3000);
                              EXPECT_TRUE((co_await store.checkpoint()).has_value());
                              co_await model.publish(store, partition(0), 3000);
                              co_await model.truncate(store, partition(0), Offset(5));
                              co_await model.publish(store, partition(0), 3000, LeaderEpoch(1));
                              co_await model.truncate(store, partition(0), Offset(1));
                              for (int i = 0; i < 3; ++i) {
                                co_await model.publish(store, partition(0), 3000, LeaderEpoch(2));
                              }
                              EXPECT_TRUE((co_await store.checkpoint()).has_value());
                            });
  EXPECT_GT(result.runs, 30u);
}

TEST(StoreCrash, WhileDeletingRecordsAndLogs) {
  LogConfig config;
  config.segment_bytes = 8000;
  config.file_delete_delay_ms = 0;
  const auto result = sweep({.seeds_per_point = 1, .crashes_in_recovery = true, .stride = kStride},
                            tiny_options(), [=](Store& store, StoreModel& model) -> Task<void> {
                              co_await model.create(store, partition(0), config);
                              co_await model.create(store, partition(1), config);
                              for (int i = 0; i < 6; ++i) co_await model.publish(store, partition(0), 3000);
                              for (int i = 0; i < 3; ++i) co_await model.publish(store, partition(1), 5000);
                              EXPECT_TRUE((co_await store.checkpoint()).has_value());
                              co_await model.delete_before(store, partition(0), Offset(4));
                              co_await model.drop(store, partition(1));
                              co_await model.create(store, partition(1), config);
                              co_await model.publish(store, partition(1), 100);
                              co_await model.delete_before(store, partition(0), Offset(6));
                              EXPECT_TRUE((co_await store.checkpoint()).has_value());
                              co_await model.publish(store, partition(0), 100);
                            });
  EXPECT_GT(result.runs, 30u);
}

TEST(StoreCrash, WhileTheJournalTurns) {
  const auto result = sweep({.seeds_per_point = 1, .crashes_in_recovery = true, .stride = kStrideMax},
                            tiny_options(), [](Store& store, StoreModel& model) -> Task<void> {
                              for (int p = 0; p < 3; ++p) co_await model.create(store, partition(p));
                              for (int i = 0; i < 30; ++i) {
                                co_await model.publish(store, partition(i % 2), 20'000);
                                if (i % 10 == 0) co_await model.publish(store, partition(2), 500);
                              }
                            });
  EXPECT_GT(result.runs, 30u);
}

TEST(StoreCrash, WithConcurrentPublishersOnSeveralShards) {
  CrashSweepOptions sweep_options{.seeds_per_point = 1, .crashes_in_recovery = true, .stride = kStrideMax};
  sweep_options.node.shards = 3;
  const auto result = sweep(sweep_options, tiny_options(), [](Store& store, StoreModel& model) -> Task<void> {
    for (int p = 0; p < 4; ++p) co_await model.create(store, partition(p));
    co_await publish_at_once(store, model, 0, 24);
    EXPECT_TRUE((co_await store.checkpoint()).has_value());
    co_await publish_at_once(store, model, 24, 48);
  });
  EXPECT_GT(result.runs, 20u);
}

}  // namespace
}  // namespace godwit::storage::store_test
