// Rule 11: without a valid checkpoint a start puts all logs together from the journal and the segment files.
#include <gmock/gmock.h>

#include "storage/store_model_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::Node;
using runtime::sim::World;
using testing::ElementsAre;

struct OneNode {
  explicit OneNode(uint64_t seed = 1) : world(seed), node(world.add_node("a")) {}
  World world;
  Node& node;
  void restart() {
    node.crash(CrashKind::power_cut);
    node.restart();
  }
  // Both copies rot, or those that are there.
  void rot_checkpoint(std::string_view copies = "ab") {
    for (const char copy : copies) {
      const std::string path = std::string(kDirectory) + "/checkpoint." + copy;
      for (uint64_t at = 0; at < 200; ++at) (void)node.disk().flip_bit(path, at, 3);
    }
  }
};

LogConfig small_segments() {
  LogConfig config;
  config.segment_bytes = 20'000;
  config.file_delete_delay_ms = 0;
  return config;
}

// What is in files alone, in files and journal, and in the journal alone.
Task<void> fill(Store& store, StoreModel& model) {
  for (int p = 0; p < 4; ++p) co_await model.create(store, partition(p), small_segments());
  for (int i = 0; i < 30; ++i) co_await model.publish(store, partition(0), 3000);
  for (int i = 0; i < 12; ++i) co_await model.publish(store, partition(1), 3000);
  co_await model.publish(store, partition(2), 100);
  EXPECT_TRUE((co_await store.checkpoint()).has_value());
  for (int i = 0; i < 5; ++i) co_await model.publish(store, partition(0), 3000);
  co_await model.truncate(store, partition(1), Offset(7));
  for (int i = 0; i < 3; ++i) co_await model.publish(store, partition(1), 3000, LeaderEpoch(2));
  co_await model.delete_before(store, partition(0), Offset(9));
  co_await model.drop(store, partition(3));
}

Task<void> go_on(Store& store, StoreModel& model) {
  co_await model.check(store);
  for (int p = 0; p < 3; ++p) co_await model.publish(store, partition(p), 50, LeaderEpoch(2));
  co_await model.check(store);
}

TEST(StoreRebuild, WhatWasAcknowledgedIsThereAndWhatWasTruncatedIsNot) {
  for (const bool checkpointed : {false, true}) {
    OneNode at;
    StoreModel model;
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      co_await fill(*open->store, model);
      if (checkpointed) EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
      co_await runtime::sleep_for(3s);
    });
    at.rot_checkpoint();
    for (int life = 0; life < 3; ++life) {
      at.restart();
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node);
        EXPECT_EQ(open->diagnostics.contains("checkpoint.lost"), life == 0);
        co_await go_on(*open->store, model);
        EXPECT_TRUE((co_await open->store->damages()).empty());
        // Until somebody compared it with other replicas.
        EXPECT_FALSE((co_await open->store->unproven()).empty());
      });
    }
  }
}

TEST(StoreRebuild, AnOlderCheckpointThatTheJournalWentPastIsNotEnough) {
  OneNode at;
  StoreModel model;
  StoreOptions options = small_options();
  options.journal_file_bytes = 128 << 10;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node, options);
    co_await model.create(*open->store, partition(0), small_segments());
    // Several turns of the journal.
    for (int i = 0; i < 150; ++i) co_await model.publish(*open->store, partition(0), 9000);
    co_await runtime::sleep_for(3s);
  });
  for (const std::string_view copy : {"a", "b"}) {
    at.rot_checkpoint(copy);
    at.restart();
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node, options);
      co_await model.check(*open->store);
      EXPECT_TRUE((co_await open->store->damages()).empty());
      EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
      EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
      co_await runtime::sleep_for(3s);
    });
  }
}

TEST(StoreRebuild, ProducersAndEpochsAreFoundInTheBatches) {
  OneNode at;
  Producer producer{.id = 77, .epoch = 1};
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    const auto log = co_await open->store->create(partition(0), small_segments());
    for (int i = 0; i < 8; ++i) {
      const auto appended =
          co_await append_texts(**log, {std::string(5000, 'x')}, LeaderEpoch(i / 4), &producer);
      EXPECT_TRUE(appended.has_value());
      if (appended)
        EXPECT_EQ(co_await (*log)->wait_stable(
                      appended->last_offset + 1,
                      (*log)->end() >= Offset(0) ? runtime::Shard::current()->now() + 5s : MonotonicTime{}),
                  ErrorCode::none);
    }
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    co_await runtime::sleep_for(3s);
  });
  at.rot_checkpoint();
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = open->store->find(partition(0));
    EXPECT_EQ(log->epochs().epoch_at(Offset(3)), LeaderEpoch(0));
    EXPECT_EQ(log->epochs().epoch_at(Offset(4)), LeaderEpoch(1));
    Producer again = producer;
    again.sequence = producer.sequence - 1;
    const auto repeated = co_await append_texts(*log, {std::string(5000, 'x')}, LeaderEpoch(1), &again);
    EXPECT_TRUE(repeated && repeated->duplicate && repeated->base_offset == Offset(7));
    const auto next = co_await append_texts(*log, {"next"}, LeaderEpoch(1), &producer);
    EXPECT_TRUE(next && !next->duplicate && next->base_offset == Offset(8));
    EXPECT_EQ(co_await open->store->producer_id_max(), 77);
  });
}

// The rebuilding itself may be cut off anywhere.
TEST(StoreRebuild, ACrashDuringItChangesNothing) {
  for (uint64_t step = 1; step < 200; step += 3) {
    OneNode at(step);
    StoreModel model;
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      co_await fill(*open->store, model);
      co_await runtime::sleep_for(3s);
    });
    at.rot_checkpoint();
    at.restart();
    at.node.disk().crash_at(at.node.disk().mutations() + step, runtime::sim::CrashPoint::during,
                            step % 2 == 0 ? CrashKind::kill : CrashKind::power_cut);
    bool opened = false;
    (void)at.node.run([&](Runtime&) -> Task<void> {
      auto open = co_await open_store(at.node);
      opened = open.has_value();
    });
    at.restart();
    SCOPED_TRACE("step " + std::to_string(step));
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      co_await go_on(*open->store, model);
    });
    if (HasFailure() || opened) break;
  }
}

}  // namespace
}  // namespace godwit::storage::store_test
