// The network is cut between brokers that all reach the coordination store, so that nobody's lease ends (docs/decisions/0012); and
// clocks that disagree.
#include "cluster/cluster_world_testing.h"
#include "cluster/controller.h"

namespace godwit::cluster {
namespace {

using runtime::Task;

class Reach : public testing::Test {
 protected:
  ClusterWorld cluster{31, &Controller::open};
  int controller = 0;
  int leader = 0;  // of partition leader - 1, and not the controller
  int third = 0;

  void form() {
    for (int i : {1, 2, 3}) cluster.start(i);
    ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }));
    ASSERT_TRUE(cluster.create_topic("t", 3, 3));
    cluster.world.run_for(2s);
    controller = cluster.controller();
    leader = controller == 1 ? 2 : 1;
    third = 6 - controller - leader;
  }
  void cut(int i, std::vector<int> others) {
    for (int other : others)
      cluster.world.network().cut({ClusterWorld::name(i)}, {ClusterWorld::name(other)});
  }
  PartitionState led_by_leader(int seen_by) {
    return *cluster.partition(seen_by, "t", static_cast<size_t>(leader - 1));
  }
  bool in_isr(const PartitionState& state, int i) {
    return std::ranges::find(state.isr, BrokerId(i)) != state.isr.end();
  }
  int count(std::string_view event) {
    return static_cast<int>(std::ranges::count(cluster.sink.events, event, &Diagnostic::name));
  }
};

TEST_F(Reach, ALeaderThatTheControllerDoesNotHearIsReplacedSoonAfterASessionTimeout) {
  form();
  const uint64_t incarnation = cluster.metadata(leader).incarnation();
  const LeaderEpoch epoch = led_by_leader(third).leader_epoch;
  const auto from = cluster.world.now();
  cut(leader, {controller});
  ASSERT_TRUE(cluster.wait([&] { return led_by_leader(third).leader != BrokerId(leader); }, 6s));
  EXPECT_GT(cluster.world.now() - from, 2s);
  EXPECT_LT(cluster.world.now() - from, 5s);
  EXPECT_GT(led_by_leader(third).leader_epoch, epoch);
  EXPECT_FALSE(in_isr(led_by_leader(third), leader)) << "acks=all would wait for it";
  EXPECT_TRUE(cluster.told("cluster.broker.unheard"));
  // It is not dead, follows in the other ISRs as before, and knows of itself that it is cut off.
  EXPECT_TRUE(cluster.metadata(third).image()->brokers.contains(BrokerId(leader)));
  EXPECT_TRUE(in_isr(*cluster.partition(third, "t", static_cast<size_t>(third - 1)), leader));
  EXPECT_TRUE(cluster.wait([&] { return !cluster.metadata(leader).lease_holds(); }, 5s));
  EXPECT_EQ(cluster.controller(), controller);
  // The third broker tells it what the controller does not.
  EXPECT_TRUE(cluster.wait([&] { return led_by_leader(leader) == led_by_leader(third); }, 3s));
  cluster.world.run_for(10s);
  EXPECT_EQ(count("cluster.broker.unheard"), 1);

  cluster.world.network().heal();
  ASSERT_TRUE(cluster.wait([&] { return cluster.metadata(leader).lease_holds(); }, 5s));
  ASSERT_TRUE(cluster.wait([&] { return led_by_leader(leader) == led_by_leader(third); }, 5s));
  EXPECT_TRUE(cluster.wait([&] { return cluster.told("cluster.broker.heard"); }, 2s));
  EXPECT_EQ(cluster.metadata(leader).incarnation(), incarnation);
  EXPECT_EQ(count("cluster.broker.dead"), 0);
}

TEST_F(Reach, ALeaderThatReachesNobodyButTheStoreIsReplaced) {
  form();
  cut(leader, {controller, third});
  ASSERT_TRUE(cluster.wait([&] { return led_by_leader(third).leader != BrokerId(leader); }, 6s));
  EXPECT_FALSE(in_isr(led_by_leader(third), leader));
  EXPECT_TRUE(cluster.wait([&] { return !cluster.metadata(leader).lease_holds(); }, 5s));
  EXPECT_EQ(cluster.controller(), controller);
  cluster.world.network().heal();
  EXPECT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }));
  EXPECT_EQ(count("cluster.broker.dead"), 0);
}

TEST_F(Reach, WhatNobodyElseCanLeadStaysWhereItIs) {
  form();
  ASSERT_TRUE(cluster.on(controller, [&](ClusterMetadata& metadata) -> Task<void> {
    NewTopic topic;
    topic.name = "alone";
    topic.assignment = {{BrokerId(leader)}};
    EXPECT_TRUE(co_await metadata.create_topic(topic, false));
  }));
  cut(leader, {controller});
  ASSERT_TRUE(cluster.wait([&] { return led_by_leader(third).leader != BrokerId(leader); }, 6s));
  cluster.world.run_for(5s);
  EXPECT_EQ(cluster.partition(third, "alone", 0)->leader, BrokerId(leader));
}

TEST_F(Reach, AFollowerThatTheControllerDoesNotHearKeepsItsPlace) {
  form();
  cut(third, {controller});
  cluster.world.run_for(10s);
  EXPECT_TRUE(in_isr(led_by_leader(controller), third));
  EXPECT_EQ(led_by_leader(controller).leader, BrokerId(leader));
}

TEST_F(Reach, AControllerThatFewerThanHalfReachGivesTheOfficeUpAndLosesWhatItLeads) {
  form();
  const int alone = controller;
  cut(alone, {leader, third});
  ASSERT_TRUE(cluster.wait([&] { return cluster.controller() != 0 && cluster.controller() != alone; }, 10s));
  EXPECT_TRUE(cluster.told("controller.isolated"));
  const auto index = static_cast<size_t>(alone - 1);
  ASSERT_TRUE(
      cluster.wait([&] { return cluster.partition(leader, "t", index)->leader != BrokerId(alone); }, 10s));
  // The others did not lose theirs to the one who was cut off.
  EXPECT_EQ(led_by_leader(third).leader, BrokerId(leader));
  cluster.world.run_for(30s);
  EXPECT_NE(cluster.controller(), alone);
  cluster.world.network().heal();
  EXPECT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }));
  EXPECT_EQ(count("cluster.broker.dead"), 0);
}

TEST_F(Reach, AControllerThatCannotGiveTheOfficeUpAtOnceTriesAgain) {
  form();
  const int alone = controller;
  cut(alone, {leader, third});
  ASSERT_TRUE(cluster.wait([&] { return cluster.told("controller.isolated"); }, 10s));
  // Its lease lives on.
  cluster.server.cut(ClusterWorld::name(alone));
  cluster.world.run_for(1s);
  cluster.server.heal();
  EXPECT_TRUE(cluster.wait([&] { return cluster.controller() != 0 && cluster.controller() != alone; }, 3s));
}

// It had let the others go first; they are gone.
TEST_F(Reach, WhoGaveTheOfficeUpForItsIsolationTakesItSoonAfterTheDeathOfWhoFollowed) {
  form();
  const int alone = controller;
  cut(alone, {leader, third});
  ASSERT_TRUE(cluster.wait([&] { return cluster.controller() != 0 && cluster.controller() != alone; }, 10s));
  const int next = cluster.controller();
  cluster.crash(leader + third - next);
  cluster.world.network().heal();
  cluster.world.run_for(2s);  // the two see one another again
  ASSERT_EQ(cluster.controller(), next);
  cluster.crash(next);
  EXPECT_TRUE(cluster.wait([&] { return cluster.controller() == alone; }, 1500ms));
}

TEST(ReachOfSeveralSeeds, WhoGaveTheOfficeUpForItsIsolationDoesNotTakeItAgainWhileOthersCan) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    ClusterWorld cluster(seed, &Controller::open);
    for (int i : {1, 2, 3}) cluster.start(i);
    ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); })) << seed;
    const int alone = cluster.controller();
    for (int i : {1, 2, 3}) {
      if (i != alone) cluster.world.network().cut({ClusterWorld::name(alone)}, {ClusterWorld::name(i)});
    }
    const auto passed = [&] { return cluster.controller() != 0 && cluster.controller() != alone; };
    ASSERT_TRUE(cluster.wait(passed, 10s)) << seed;
    // The office is vacant at once, and the one that is cut off learns of it as soon as the third.
    const int next = cluster.controller();
    cluster.world.run_for(1s);
    ASSERT_TRUE(
        cluster.on(next, [](ClusterMetadata& metadata) -> Task<void> { co_await metadata.leave(1s); }));
    ASSERT_TRUE(cluster.wait([&] { return cluster.controller() == 6 - alone - next; }, 3s))
        << seed << ": broker " << cluster.controller() << " took it";
  }
}

TEST_F(Reach, OfTwoTheOneWithTheOfficeGoesOn) {
  for (int i : {1, 2}) cluster.start(i);
  ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2}); }));
  controller = cluster.controller();
  leader = 3 - controller;
  ASSERT_TRUE(cluster.on(controller, [&](ClusterMetadata& metadata) -> Task<void> {
    NewTopic topic;
    topic.name = "t";
    topic.assignment = {{BrokerId(leader), BrokerId(controller)}};
    EXPECT_TRUE(co_await metadata.create_topic(topic, false));
  }));
  cut(leader, {controller});
  ASSERT_TRUE(cluster.wait(
      [&] { return cluster.partition(controller, "t", 0)->leader == BrokerId(controller); }, 6s));
  cluster.world.run_for(20s);
  EXPECT_EQ(cluster.controller(), controller);
  EXPECT_EQ(cluster.partition(controller, "t", 0)->isr, std::vector{BrokerId(controller)});
}

TEST_F(Reach, AControllerThatSleptTakesNobodysLeadership) {
  form();
  for (int n = 0; n < 3; ++n) {
    cluster.node(controller).pause();
    cluster.world.run_for(2500ms);
    cluster.node(controller).resume();
    cluster.world.run_for(5s);
  }
  EXPECT_EQ(count("cluster.broker.unheard"), 0);
  EXPECT_EQ(led_by_leader(third).leader, BrokerId(leader));
}

TEST_F(Reach, BrokersWhoseWallClocksAreHoursApartFormElectAndOutliveTheStoreAsAnyOthers) {
  const Duration off[] = {0h, 1h, -3h, 24h};
  for (int i : {1, 2, 3}) cluster.node(i).set_wall_offset(off[i]);
  form();
  cluster.world.run_for(20s);
  for (int i : {1, 2, 3}) EXPECT_TRUE(cluster.metadata(i).lease_holds());
  EXPECT_EQ(count("cluster.broker.dead"), 0);
  EXPECT_EQ(count("cluster.broker.unheard"), 0);
  // A clock that is set, back and forth, while the broker runs.
  for (int i : {1, 2, 3}) cluster.node(i).set_wall_offset(-off[i]);
  cluster.world.run_for(10s);
  EXPECT_EQ(cluster.controller(), controller);
  // A crash is noticed as fast as ever,
  const auto crashed = cluster.world.now();
  cluster.crash(controller);
  ASSERT_TRUE(cluster.wait([&] {
    return cluster.partition(leader, "t", static_cast<size_t>(controller - 1))->leader !=
           BrokerId(controller);
  }));
  EXPECT_LT(cluster.world.now() - crashed, 100ms);
  cluster.start(controller, {.was_member = true});
  ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }));
  // a hang after the session timeout,
  const auto paused = cluster.world.now();
  cluster.node(third).pause();
  ASSERT_TRUE(cluster.wait(
      [&] { return !cluster.metadata(leader).image()->brokers.contains(BrokerId(third)); }, 10s));
  EXPECT_GT(cluster.world.now() - paused, 2s);
  EXPECT_LT(cluster.world.now() - paused, 5s);
  cluster.node(third).resume();
  ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }));
  // and a store that was away costs nobody its life.
  const auto dead = count("cluster.broker.dead");
  cluster.server.stop();
  cluster.world.run_for(20s);
  cluster.server.start();
  cluster.world.run_for(20s);
  EXPECT_EQ(count("cluster.broker.dead"), dead);
  EXPECT_TRUE(cluster.formed({1, 2, 3}));
}

}  // namespace
}  // namespace godwit::cluster
