// What a long poll hears of the partitions that it watches.
#include "broker/fetch_wait.h"

#include "broker/stage_testing.h"

namespace godwit::broker {
namespace {

Task<void> tell_of_news(Stage& stage, TopicPartition id) {
  BrokerShard& owner = stage.broker->shard(stage.broker->store().shard_of(id));
  co_await owner.shard().call([&owner, id] { owner.find(id)->followed(); });
}

Task<void> watch(Stage& stage, FetchWait& wait, std::vector<FetchWait::Target> targets) {
  for (const auto& target : targets) {
    BrokerShard& owner = stage.broker->shard(stage.broker->store().shard_of(target.id));
    co_await owner.shard().call([&] { wait.watch_here(owner, target); });
  }
}

TEST(FetchWait, APartitionThatIsWatchedAgainAndAgainIsWatchedOnce) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    co_await stage.create("birds");
    const TopicPartition orders{stage.topic_id("orders"), PartitionIndex(0)};
    const TopicPartition birds{stage.topic_id("birds"), PartitionIndex(0)};
    FetchWait wait(stage.broker->shard(0), stage.client);
    for (int i = 0; i < 50; ++i) co_await watch(stage, wait, {{orders, 0}, {birds, 1}});
    co_await tell_of_news(stage, orders);
    const MonotonicTime soon = stage.runtime.shard(0).now() + 50ms;
    const std::vector<size_t> changed = co_await wait.changed(soon);
    EXPECT_EQ(changed, std::vector<size_t>{0});
    EXPECT_EQ(co_await wait.changed(soon), std::vector<size_t>{}) << "told once, and watched no more";
    co_await watch(stage, wait, {{orders, 0}});
    co_await tell_of_news(stage, orders);
    EXPECT_EQ(co_await wait.changed(stage.runtime.shard(0).now() + 50ms), std::vector<size_t>{0});
    // Another partition takes over the place of one that is watched still.
    co_await watch(stage, wait, {{orders, 1}});
    co_await tell_of_news(stage, orders);
    EXPECT_EQ(co_await wait.changed(stage.runtime.shard(0).now() + 50ms), std::vector<size_t>{1});
    wait.close();
  });
}

TEST(FetchWait, TellsWhatChangedUntilItIsStopped) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    BrokerShard& shard = stage.broker->shard(0);
    const TopicPartition id{stage.topic_id("orders"), PartitionIndex(0)};
    FetchWait wait(shard, stage.client);
    std::vector<FetchWait::Target> targets{{id, 5}, {{stage.topic_id("orders"), PartitionIndex(9)}, 7}};
    co_await watch(stage, wait, targets);
    const MonotonicTime start = shard.shard().now();
    EXPECT_EQ(co_await wait.changed(start + 1s), std::vector<size_t>{7}) << "a partition that is not there";
    EXPECT_EQ(co_await wait.changed(start + 1s), std::vector<size_t>{}) << "the deadline";
    EXPECT_GE(shard.shard().now(), start + 1s);
    shard.end_long_polls();
    const MonotonicTime stopped = shard.shard().now();
    EXPECT_EQ(co_await wait.changed(stopped + 1h), std::vector<size_t>{});
    EXPECT_LT(shard.shard().now(), stopped + 1s);
    wait.close();
  });
}

TEST(FetchWait, OfAClientThatHasGoneWaitsForNothing) {
  run_on_stage([](Stage& stage) -> Task<void> {
    stage.client.gone = true;
    BrokerShard& shard = stage.broker->shard(0);
    FetchWait wait(shard, stage.client);
    const MonotonicTime start = shard.shard().now();
    EXPECT_EQ(co_await wait.changed(start + 1h), std::vector<size_t>{});
    EXPECT_LT(shard.shard().now(), start + 1s);
    wait.close();
  });
}

}  // namespace
}  // namespace godwit::broker
