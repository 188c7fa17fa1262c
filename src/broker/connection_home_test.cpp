// On which shard a connection is served.
#include "broker/connection_testing.h"

namespace godwit::broker {
namespace {

// Of "orders", partition 0.
BrokerShard& home(Stage& stage) {
  return stage.broker->shard(stage.broker->store().shard_of({stage.topic_id("orders"), PartitionIndex(0)}));
}
BrokerShard& elsewhere(Stage& stage) {
  return stage.broker->shard(1 - home(stage).index());
}

Task<int32_t> answered_id(runtime::Stream& stream) {
  const auto answer = co_await hear(stream);
  co_return answer ? load_big<int32_t>(answer->view().data()) : -1;
}

TEST(ConnectionsHome, IsTheShardOfThePartitionsThatItAsksFor) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    std::vector<StreamPtr> streams;
    // Enough to come in on either shard.
    for (int i = 0; i < 8; ++i) {
      streams.push_back(co_await dial(stage));
      EXPECT_TRUE(co_await is_served(*streams.back()));
    }
    EXPECT_GT(elsewhere(stage).connections(), 0);
    for (size_t i = 0; i < streams.size(); ++i) {
      EXPECT_TRUE(co_await say(*streams[i], i % 2 == 0 ? produce_of(100) : fetch_orders(1 << 20)));
      EXPECT_TRUE(co_await is_answered(*streams[i]));
    }
    EXPECT_EQ(home(stage).connections(), 8);
    EXPECT_EQ(elsewhere(stage).connections(), 0);
    EXPECT_EQ(stage.broker->metrics().connections.value(), 8);
    for (const auto& stream : streams) EXPECT_TRUE(co_await is_served(*stream)) << "they stay there";
    streams.clear();
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(home(stage).connections(), 0);
    EXPECT_EQ(stage.broker->metrics().connections.value(), 0);
  });
}

TEST(ConnectionsHome, IsWhereItCameInOnceItsHomeHasMuchMoreToDo) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    std::vector<StreamPtr> streams;
    for (int i = 0; i < 60; ++i) {
      streams.push_back(co_await dial(stage));
      EXPECT_TRUE(co_await say(*streams.back(), produce_of(100)));
      EXPECT_TRUE(co_await is_answered(*streams.back()));
    }
    EXPECT_EQ(home(stage).connections() + elsewhere(stage).connections(), 60);
    EXPECT_GT(elsewhere(stage).connections(), 15);
  });
}

TEST(ConnectionsHome, IsReachedWithAllThatTheClientHasSent) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    for (int round = 0; round < 8; ++round) {
      const auto stream = co_await dial(stage);
      Chain all = produce_of(100, 1);
      for (int32_t id = 2; id <= 20; ++id) all.append(produce_of(id % 3 == 0 ? 5000 : 100, id));
      EXPECT_TRUE(co_await say(*stream, all));
      for (int32_t id = 1; id <= 20; ++id) EXPECT_EQ(co_await answered_id(*stream), id);
    }
    EXPECT_EQ(elsewhere(stage).connections(), 0);
  });
}

TEST(ConnectionsHome, IsNotLookedForWhileABrokerStops) {
  for (int delay_us = 0; delay_us < 2000; delay_us += 50) {
    run_on_stage([delay_us](Stage& stage) -> Task<void> {
      co_await stage.create("orders");
      std::vector<StreamPtr> streams;
      for (int i = 0; i < 4; ++i) streams.push_back(co_await dial(stage));
      for (const auto& stream : streams) EXPECT_TRUE(co_await say(*stream, produce_of(100)));
      co_await runtime::sleep_for(std::chrono::microseconds(delay_us));
      const MonotonicTime before = stage.runtime.shard(0).now();
      EXPECT_TRUE(co_await stage.broker->stop());
      EXPECT_LT(stage.runtime.shard(0).now() - before, 1s);
      stage.broker.reset();
      // Answered or not, each is closed.
      for (const auto& stream : streams) EXPECT_LT(co_await open_for(*stream), 1s);
    });
  }
}

}  // namespace
}  // namespace godwit::broker
