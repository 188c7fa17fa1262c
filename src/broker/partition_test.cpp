#include "broker/partition.h"

#include <gtest/gtest.h>

#include "broker/fake_log_testing.h"
#include "runtime/sim/node.h"

namespace godwit::broker {
namespace {

using runtime::Runtime;
using runtime::Task;
using test::FakeLog;
using namespace std::chrono_literals;

// A partition that this broker leads alone.
struct Stage {
  explicit Stage(Runtime& runtime) : shard(runtime.shard(0)) {}

  Task<ErrorCode> append() {
    Bytes batch(100);
    const auto appended = co_await partition.append(batch, shard.wall_now(), shard.now() + 1s, true);
    co_return appended ? ErrorCode::none : appended.error().code;
  }

  runtime::Shard& shard;
  bool leased = true;
  Partition::Surroundings surroundings{.shard = &shard,
                                       .self = BrokerId(1),
                                       .incarnation = 1,
                                       .lag_max = 3s,
                                       .wants_isr = [](Partition&) {},
                                       .lease_holds = [this] { return leased; }};
  FakeLog log;
  Partition partition{TopicPartition{}, "orders", log, surroundings};
};

TEST(Partition, AnIdempotentProducerIsNotEndedByWhoHasLostItsLease) {
  runtime::sim::World world(7);
  runtime::sim::Node& node = world.add_node("a");
  EXPECT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
    Stage& stage = node.make<Stage>(runtime);
    const cluster::PartitionState state{.version = 1,
                                        .leader = BrokerId(1),
                                        .leader_incarnation = 1,
                                        .leader_epoch = LeaderEpoch(3),
                                        .replicas = {BrokerId(1)},
                                        .isr = {BrokerId(1)}};
    EXPECT_TRUE(co_await stage.partition.lead(state, 1, {}));
    stage.log.writes(FakeLog::Writes::refuse, ErrorCode::out_of_order_sequence_number);
    EXPECT_EQ(co_await stage.append(), ErrorCode::out_of_order_sequence_number);
    stage.leased = false;
    EXPECT_EQ(co_await stage.append(), ErrorCode::not_leader_or_follower);
    stage.log.writes(FakeLog::Writes::refuse, ErrorCode::kafka_storage_error);
    EXPECT_EQ(co_await stage.append(), ErrorCode::kafka_storage_error) << "only what a producer cannot bear";
  }));
}

TEST(Partition, WhoResignsTakesNothingOfItsOwnReignAnyMore) {
  runtime::sim::World world(7);
  runtime::sim::Node& node = world.add_node("a");
  EXPECT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
    Stage& stage = node.make<Stage>(runtime);
    cluster::PartitionState state{.version = 1,
                                  .leader = BrokerId(1),
                                  .leader_incarnation = 1,
                                  .leader_epoch = LeaderEpoch(3),
                                  .replicas = {BrokerId(1), BrokerId(2)},
                                  .isr = {BrokerId(1), BrokerId(2)}};
    EXPECT_TRUE(co_await stage.partition.lead(state, 1, {}));
    EXPECT_LE(stage.log.fenced, LeaderEpoch(3));
    state.leader = BrokerId(2);
    state.leader_epoch = LeaderEpoch(4);
    stage.partition.resign(state);
    EXPECT_EQ(stage.log.fenced, LeaderEpoch(4)) << "also what waits inside the log";
  }));
}

}  // namespace
}  // namespace godwit::broker
