// A broker's side of the cluster: three brokers over one coordination store, in virtual time.
#include <gmock/gmock.h>

#include "cluster/cluster_world_testing.h"
#include "cluster/controller.h"

namespace godwit::cluster {
namespace {

using runtime::Task;

class ClusterTest : public testing::Test {
 protected:
  ClusterWorld cluster{11, &Controller::open};
  void form() {
    for (int i : {1, 2, 3}) cluster.start(i);
    ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }));
  }
};

TEST_F(ClusterTest, ThreeBrokersFormOneClusterWithOneController) {
  form();
  EXPECT_LT(cluster.world.elapsed(), 500ms);
  for (int i : {1, 2, 3}) {
    EXPECT_EQ(cluster.metadata(i).image()->cluster_id, cluster.metadata(1).image()->cluster_id);
    EXPECT_FALSE(cluster.metadata(i).image()->cluster_id.empty());
    EXPECT_EQ(cluster.metadata(i).image()->controller, BrokerId(cluster.controller()));
  }
}

TEST_F(ClusterTest, WhenTheControllerCrashesAnotherTakesTheOfficeAndItsPartitionsGetALeaderWithin100Ms) {
  form();
  cluster.world.run_for(5s);
  ASSERT_TRUE(cluster.create_topic("t", 3, 3));
  const int dead = cluster.controller();
  const size_t index = static_cast<size_t>(dead - 1);
  const int alive = dead == 1 ? 2 : 1;
  ASSERT_TRUE(cluster.wait([&] { return cluster.partition(alive, "t", index) != nullptr; }));
  const PartitionState before = *cluster.partition(alive, "t", index);
  ASSERT_EQ(before.leader, BrokerId(dead));
  const auto crashed = cluster.world.now();
  cluster.crash(dead);
  ASSERT_TRUE(cluster.wait([&] {
    const auto* const now = cluster.partition(alive, "t", index);
    return now->leader != BrokerId(dead) && now->leader != kNoBroker;
  }));
  EXPECT_LT(cluster.world.now() - crashed, 100ms);
  EXPECT_GT(cluster.partition(alive, "t", index)->leader_epoch, before.leader_epoch);
}

// The key of the office tells the others who it is before that one has read the cluster's state.
TEST_F(ClusterTest, WhoAsksTheNextControllerBeforeItHasOpenedIsAnsweredAsSoonAsItHas) {
  form();
  for (int round = 0; round < 5; ++round) {
    cluster.server.slow(std::chrono::milliseconds(10 * round));
    const int dead = cluster.controller();
    ASSERT_NE(dead, 0);
    cluster.crash(dead);
    ASSERT_TRUE(cluster.wait([&] { return cluster.controller() != 0; }, 5s));
    const int next = cluster.controller();
    const int other = 6 - dead - next;
    const auto knows = [&] { return cluster.metadata(other).image()->controller == BrokerId(next); };
    EXPECT_TRUE(cluster.wait(knows, 5ms)) << "round " << round;
    cluster.server.slow({});
    cluster.start(dead);
    ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }));
  }
}

TEST_F(ClusterTest, AStoppedControllerIsReplacedWithinTheSessionTimeoutAndASecond) {
  form();
  ASSERT_TRUE(cluster.create_topic("t", 3, 3));
  cluster.world.run_for(2s);
  const int stopped = cluster.controller();
  const size_t index = static_cast<size_t>(stopped - 1);
  const int alive = stopped == 1 ? 2 : 1;
  const uint64_t incarnation = cluster.metadata(stopped).incarnation();
  const auto from = cluster.world.now();
  cluster.node(stopped).pause();
  ASSERT_TRUE(cluster.wait([&] {
    const auto* const now = cluster.partition(alive, "t", index);
    return now->leader != BrokerId(stopped) && now->leader != kNoBroker;
  }));
  EXPECT_LT(cluster.world.now() - from, 4s);
  EXPECT_GT(cluster.world.now() - from, 2s);

  // When it goes on it believes in nothing any more, and comes back under a new incarnation.
  cluster.node(stopped).resume();
  EXPECT_FALSE(cluster.metadata(stopped).lease_holds());
  ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }));
  EXPECT_GT(cluster.metadata(stopped).incarnation(), incarnation);
  EXPECT_NE(cluster.controller(), stopped);
}

TEST_F(ClusterTest, AStoppedFollowerIsDeclaredDeadByItsLeaseAndAProbe) {
  form();
  const int stopped = cluster.controller() == 3 ? 2 : 3;
  const auto from = cluster.world.now();
  cluster.node(stopped).pause();
  ASSERT_TRUE(cluster.wait(
      [&] { return !cluster.metadata(cluster.controller()).image()->brokers.contains(BrokerId(stopped)); }));
  EXPECT_LT(cluster.world.now() - from, 4s);
  cluster.node(stopped).resume();
  EXPECT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }));
}

TEST_F(ClusterTest, AllBrokersMayCrashAndComeBackInEitherOrder) {
  form();
  ASSERT_TRUE(cluster.create_topic("t", 3, 3));
  for (const std::vector<int>& order : {std::vector<int>{1, 2, 3}, std::vector<int>{3, 2, 1}}) {
    const LeaderEpoch before = cluster.partition(1, "t", 0)->leader_epoch;
    for (int i : order) {
      cluster.crash(i);
      cluster.world.run_for(700ms);
    }
    cluster.world.run_for(10s);
    for (int i : order) {
      cluster.start(i, {.was_member = true});
      cluster.world.run_for(700ms);
    }
    ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }));
    ASSERT_TRUE(cluster.wait([&] { return cluster.partition(1, "t", 0)->leader != kNoBroker; }));
    EXPECT_GT(cluster.partition(1, "t", 0)->leader_epoch, before);
  }
}

TEST_F(ClusterTest, ABrokerThatIsBackBeforeItsLeaseEndedLeadsUnderANewEpochOnly) {
  form();
  ASSERT_TRUE(cluster.create_topic("t", 3, 1));
  for (int i : {1, 2, 3}) {
    const uint64_t incarnation = cluster.metadata(i).incarnation();
    const int other = i == 1 ? 2 : 1;
    const PartitionState before = *cluster.partition(other, "t", 0);
    cluster.crash(i);
    cluster.world.run_for(5ms);
    cluster.start(i, {.was_member = true});
    ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }, 2s)) << i;
    EXPECT_GT(cluster.metadata(i).incarnation(), incarnation);
    if (before.leader != BrokerId(i)) continue;
    ASSERT_TRUE(cluster.wait([&] { return cluster.partition(other, "t", 0)->leader != kNoBroker; }));
    EXPECT_GT(cluster.partition(other, "t", 0)->leader_epoch, before.leader_epoch);
  }
}

TEST_F(ClusterTest, WhileTheStoreIsGoneNobodyIsDeadAndImagesStay) {
  form();
  ASSERT_TRUE(cluster.create_topic("t", 3, 3));
  cluster.world.run_for(1s);
  const auto before = cluster.metadata(2).image();
  std::map<int, uint64_t> incarnations;
  for (int i : {1, 2, 3}) incarnations[i] = cluster.metadata(i).incarnation();
  for (const auto leases :
       {coordination::MemoryServer::Leases::expired, coordination::MemoryServer::Leases::extended}) {
    cluster.server.stop();
    cluster.world.run_for(20s);
    for (int i : {1, 2, 3}) {
      EXPECT_FALSE(cluster.metadata(i).lease_holds());
      EXPECT_EQ(cluster.metadata(i).image()->brokers.size(), 3u);
      EXPECT_EQ(*cluster.metadata(i).image()->find("t"), *before->find("t"));
    }
    cluster.server.start(leases);
    const auto back = cluster.world.now();
    ASSERT_TRUE(cluster.wait([&] {
      return cluster.formed({1, 2, 3}) && cluster.metadata(1).lease_holds();
    })) << cluster.describe_all();
    EXPECT_LT(cluster.world.now() - back, 4s);
    cluster.world.run_for(10s);
    // The same processes, so nobody's leadership was touched.
    for (int i : {1, 2, 3}) {
      EXPECT_EQ(cluster.metadata(i).incarnation(), incarnations[i]);
      EXPECT_TRUE(cluster.metadata(i).lease_holds());
      EXPECT_EQ(cluster.metadata(i).image()->find("t")->partitions, before->find("t")->partitions);
    }
  }
}

TEST_F(ClusterTest, WhoDiedWhileTheStoreWasGoneIsFoundOutOnItsReturn) {
  form();
  ASSERT_TRUE(cluster.create_topic("t", 3, 3));
  cluster.world.run_for(1s);
  cluster.server.stop();
  cluster.world.run_for(10s);
  cluster.crash(1);
  cluster.world.run_for(10s);
  EXPECT_EQ(cluster.partition(2, "t", 0)->leader, BrokerId(1));
  cluster.server.start();
  ASSERT_TRUE(cluster.wait([&] {
    return cluster.partition(2, "t", 0)->leader == BrokerId(2) ||
           cluster.partition(2, "t", 0)->leader == BrokerId(3);
  }));
  EXPECT_TRUE(cluster.wait([&] { return cluster.formed({2, 3}); }));
}

TEST_F(ClusterTest, AStoreThatComesBackEmptyWipesNothingAndIsRefusedAtStart) {
  form();
  ASSERT_TRUE(cluster.create_topic("t", 3, 3));
  cluster.world.run_for(1s);
  const auto topics = cluster.metadata(1).image()->topics().size();
  const std::string id = cluster.metadata(1).image()->cluster_id;
  cluster.server.lose_everything();
  cluster.world.run_for(20s);
  for (int i : {1, 2, 3}) {
    EXPECT_EQ(cluster.metadata(i).image()->topics().size(), topics);
    EXPECT_EQ(cluster.metadata(i).image()->brokers.size(), 3u);
    EXPECT_FALSE(cluster.metadata(i).controls());
  }
  EXPECT_EQ(cluster.server.keys().size(), 0u) << "nobody forms a new cluster by mistake";
  cluster.crash(1);
  cluster.start(1, {.cluster_id = id, .was_member = true});
  ASSERT_TRUE(cluster.wait([&] { return cluster.process(1)->started.has_value(); }));
  ASSERT_FALSE(cluster.process(1)->started->has_value());
  EXPECT_EQ(cluster.process(1)->started->error().kind, ErrorKind::conflict);
  EXPECT_THAT(cluster.process(1)->started->error().message, testing::HasSubstr("backup"));
  EXPECT_EQ(cluster.server.keys().size(), 0u);
}

TEST_F(ClusterTest, ABrokerThatIsCutFromTheStoreAloneIsNotDead) {
  form();
  cluster.world.run_for(1s);
  const int away = cluster.controller() == 3 ? 2 : 3;
  const uint64_t incarnation = cluster.metadata(away).incarnation();
  cluster.server.cut(ClusterWorld::name(away));
  cluster.world.run_for(15s);
  EXPECT_FALSE(cluster.metadata(away).lease_holds());
  EXPECT_EQ(cluster.metadata(1).image()->brokers.size(), 3u);
  // And it hears of what is new.
  ASSERT_TRUE(cluster.create_topic("t", 1, 3));
  EXPECT_TRUE(cluster.wait([&] { return cluster.metadata(away).image()->find("t") != nullptr; }, 1s));
  // Also from a controller of whom it cannot read.
  cluster.crash(cluster.controller());
  ASSERT_TRUE(cluster.wait([&] { return cluster.controller() != 0; }));
  ASSERT_TRUE(cluster.wait(
      [&] { return cluster.metadata(away).image()->controller == BrokerId(cluster.controller()); }, 5s));
  cluster.server.heal();
  ASSERT_TRUE(cluster.wait([&] { return cluster.metadata(away).lease_holds(); }));
  cluster.world.run_for(5s);
  EXPECT_EQ(cluster.metadata(away).incarnation(), incarnation);
}

TEST_F(ClusterTest, AControllerThatIsCutFromTheStoreGivesWayAndNobodyDies) {
  form();
  cluster.world.run_for(1s);
  const int away = cluster.controller();
  cluster.server.cut(ClusterWorld::name(away));
  ASSERT_TRUE(cluster.wait([&] { return cluster.controller() != 0 && cluster.controller() != away; }, 5s));
  cluster.world.run_for(10s);
  EXPECT_EQ(cluster.metadata(away).image()->brokers.size(), 3u);
  EXPECT_EQ(cluster.metadata(away).image()->controller, BrokerId(cluster.controller()));
  EXPECT_FALSE(cluster.metadata(away).controls());
}

TEST_F(ClusterTest, ABrokerIdThatIsInUseIsRefusedAndTheMessageSaysByWhom) {
  form();
  cluster.start(4, {.id = 2});
  ASSERT_TRUE(cluster.wait([&] { return cluster.process(4)->started.has_value(); }));
  ASSERT_FALSE(cluster.process(4)->started->has_value());
  EXPECT_EQ(cluster.process(4)->started->error().kind, ErrorKind::conflict);
  EXPECT_THAT(cluster.process(4)->started->error().message,
              testing::AllOf(testing::HasSubstr("broker id 2"), testing::HasSubstr("b2:9092")));
  cluster.crash(4);
  EXPECT_TRUE(cluster.formed({1, 2, 3}));
}

TEST_F(ClusterTest, AnotherDataDirectoryUnderAKnownIdWaitsForTheOldLease) {
  form();
  cluster.crash(3, runtime::sim::CrashKind::power_cut);
  const auto from = cluster.world.now();
  cluster.start(3, {.storage_id = ClusterWorld::storage(9)});
  ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }));
  EXPECT_GT(cluster.world.now() - from, 1s);
  EXPECT_TRUE(cluster.told("broker.id_in_use"));
}

TEST_F(ClusterTest, ABrokerOfAnotherClusterIsRefused) {
  form();
  cluster.start(4, {.cluster_id = "another", .was_member = true});
  ASSERT_TRUE(cluster.wait([&] { return cluster.process(4)->started.has_value(); }));
  ASSERT_FALSE(cluster.process(4)->started->has_value());
  EXPECT_EQ(cluster.process(4)->started->error().kind, ErrorKind::conflict);
  EXPECT_THAT(cluster.process(4)->started->error().message, testing::HasSubstr("another"));
}

TEST_F(ClusterTest, ACopyOfADataDirectoryStaysOutWhileTheOtherProcessRuns) {
  form();
  // A process with the same ids on another machine: as a start it replaces the registration, and the first one yields.
  cluster.start(4, {.was_member = true, .storage_id = ClusterWorld::storage(2), .id = 2});
  ASSERT_TRUE(cluster.wait([&] { return cluster.told("broker.superseded"); }));
  cluster.world.run_for(10s);
  EXPECT_TRUE(cluster.up(4));
  const auto image = cluster.metadata(1).image();
  EXPECT_EQ(image->brokers.at(BrokerId(2)).incarnation, cluster.metadata(4).incarnation());
}

TEST_F(ClusterTest, WithoutAStoreAStartWaitsAndSaysSo) {
  cluster.server.stop();
  cluster.start(1);
  cluster.world.run_for(35s);
  EXPECT_FALSE(cluster.process(1)->started.has_value());
  EXPECT_EQ(std::ranges::count(cluster.sink.events, "coordination.waiting", &Diagnostic::name), 4);
  cluster.server.start();
  EXPECT_TRUE(cluster.wait([&] { return cluster.up(1); }, 3s));
  EXPECT_TRUE(cluster.told("coordination.back"));
}

TEST_F(ClusterTest, ABrokerThatMakesNoProgressLosesItsLeaseAndItsLife) {
  form();
  const int sick = cluster.controller() == 3 ? 2 : 3;
  cluster.process(sick)->healthy = false;
  ASSERT_TRUE(cluster.wait(
      [&] { return !cluster.metadata(cluster.controller()).image()->brokers.contains(BrokerId(sick)); }, 5s));
}

TEST_F(ClusterTest, WhoLeavesHandsOverItsLeadershipAndTheOffice) {
  form();
  ASSERT_TRUE(cluster.create_topic("t", 3, 3));
  cluster.world.run_for(1s);
  const int leaver = cluster.controller();
  const auto from = cluster.world.now();
  ASSERT_TRUE(cluster.on(leaver, [](ClusterMetadata& metadata) -> Task<void> {
    co_await metadata.leave(5s);
    co_await metadata.close();
  }));
  EXPECT_LT(cluster.world.now() - from, 1s);
  ASSERT_TRUE(cluster.wait([&] { return cluster.controller() != 0; }, 100ms));
  const int alive = leaver == 1 ? 2 : 1;
  for (size_t p = 0; p < 3; ++p) EXPECT_NE(cluster.partition(alive, "t", p)->leader, BrokerId(leaver));
  cluster.crash(leaver);
  EXPECT_TRUE(
      cluster.wait([&] { return !cluster.metadata(alive).image()->brokers.contains(BrokerId(leaver)); }, 5s));
}

TEST_F(ClusterTest, OneBrokerAloneStartsAtOnceAndStopsAtOnce) {
  cluster.start(1);
  ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1}); }));
  // A dozen round trips to the store of up to 6 ms each, and no wait.
  EXPECT_LT(cluster.world.elapsed(), 120ms);
  const auto from = cluster.world.now();
  ASSERT_TRUE(cluster.on(1, [](ClusterMetadata& metadata) -> Task<void> {
    co_await metadata.leave(30s);
    co_await metadata.close();
  }));
  EXPECT_LT(cluster.world.now() - from, 120ms);
}

TEST_F(ClusterTest, RequestsAreForwardedToTheController) {
  form();
  for (int i : {1, 2, 3}) {
    Result<Bytes> answer = fail(ErrorKind::io, "");
    kafka::ForwardRequest request;
    request.body = to_bytes("echo");
    cluster.on(
        i, [&](ClusterMetadata& metadata) -> Task<void> { answer = co_await metadata.forward(request, 1s); });
    ASSERT_TRUE(answer);
    EXPECT_EQ(*answer, request.body);
  }
  // Nobody to take it.
  const int alone = cluster.controller();
  cluster.server.stop();
  for (int i : {1, 2, 3})
    if (i != alone) cluster.crash(i);
  cluster.world.run_for(10s);
  Result<Bytes> answer = to_bytes("");
  const auto from = cluster.world.now();
  cluster.on(alone, [&](ClusterMetadata& metadata) -> Task<void> {
    answer = co_await metadata.forward(kafka::ForwardRequest{}, 1s);
  });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
  EXPECT_LE(cluster.world.now() - from, 1100ms);
}

TEST_F(ClusterTest, IsrChangesReachTheControllerFromEverywhere) {
  form();
  ASSERT_TRUE(cluster.create_topic("t", 3, 3));
  for (int i : {1, 2, 3}) {
    // Each leads the partition before its number.
    const auto index = static_cast<size_t>(i - 1);
    const PartitionState state = *cluster.partition(i, "t", index);
    const TopicId topic = cluster.metadata(i).image()->find("t")->id;
    const TopicPartition id{topic, PartitionIndex(i - 1)};
    const int kept = i == 3 ? 1 : i + 1;
    IsrChange change{id, state.leader_epoch, state.version, {}};
    for (int member : {i, kept}) change.isr[BrokerId(member)] = cluster.metadata(member).incarnation();
    IsrChange stale = change;
    stale.version -= 1;
    IsrChange unknown = change;
    unknown.id.topic = ClusterWorld::storage(7);
    std::vector<IsrOutcome> outcomes;
    cluster.on(i, [&](ClusterMetadata& metadata) -> Task<void> {
      outcomes = co_await metadata.alter_isr({change, unknown});
      const auto late = co_await metadata.alter_isr({stale});
      outcomes.insert(outcomes.end(), late.begin(), late.end());
    });
    ASSERT_EQ(outcomes.size(), 3u);
    EXPECT_EQ(outcomes[0].id, id);
    EXPECT_EQ(outcomes[0].code, ErrorCode::none);
    EXPECT_EQ(outcomes[0].version, state.version + 1);
    EXPECT_EQ(outcomes[1].code, ErrorCode::unknown_topic_or_partition);
    EXPECT_EQ(outcomes[2].code, ErrorCode::invalid_update_version);
    ASSERT_TRUE(cluster.wait([&] { return cluster.partition(i, "t", index)->isr.size() == 2; }, 1s));
  }
}

TEST_F(ClusterTest, ABrokerThatMissedMoreChangesThanAreKeptIsSentEverything) {
  form();
  const int away = cluster.controller() == 3 ? 2 : 3;
  cluster.world.network().isolate(ClusterWorld::name(away));
  const int controller = cluster.controller();
  for (int i = 0; i < 80; ++i) {
    cluster.on(controller, [i](ClusterMetadata& metadata) -> Task<void> {
      NewTopic topic;
      topic.name = "t" + std::to_string(i);
      EXPECT_TRUE(co_await metadata.create_topic(topic, false));
    });
  }
  EXPECT_TRUE(cluster.metadata(away).image()->topics().empty());
  // Its lease lives, and it counts itself out all the same.
  EXPECT_TRUE(cluster.server.keys().get("/brokers/" + std::to_string(away)));
  EXPECT_FALSE(cluster.metadata(away).lease_holds());
  cluster.world.network().heal();
  ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); })) << cluster.describe_all();
  EXPECT_EQ(cluster.metadata(away).image()->topics().size(), 80u);
  for (const auto& [name, topic] : cluster.metadata(controller).image()->topics())
    EXPECT_EQ(*topic, *cluster.metadata(away).image()->find(name));
}

TEST_F(ClusterTest, ABrokenConnectionMakesASuspectUntilItIsBack) {
  form();
  cluster.world.run_for(1s);
  const int dead = cluster.controller() == 3 ? 2 : 3;
  const int other = dead == 3 ? 2 : 3;
  cluster.world.network().break_connections(ClusterWorld::name(other), ClusterWorld::name(dead));
  ASSERT_TRUE(cluster.wait([&] { return cluster.metadata(other).suspected(BrokerId(dead)); }, 100ms));
  ASSERT_TRUE(cluster.wait([&] { return !cluster.metadata(other).suspected(BrokerId(dead)); }, 100ms));
  EXPECT_EQ(cluster.process(other)->suspicions, std::vector{BrokerId(dead)});
  EXPECT_TRUE(cluster.formed({1, 2, 3}));
  cluster.crash(dead);
  ASSERT_TRUE(cluster.wait([&] { return cluster.metadata(other).suspected(BrokerId(dead)); }, 500ms));
  ASSERT_TRUE(cluster.wait([&] { return !cluster.metadata(other).image()->brokers.contains(BrokerId(dead)); },
                           500ms));
  EXPECT_TRUE(cluster.metadata(other).suspected(BrokerId(dead))) << "who is dead is none to go to";
  cluster.start(dead);
  ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }));
  EXPECT_TRUE(cluster.wait([&] { return !cluster.metadata(other).suspected(BrokerId(dead)); }, 100ms));
}

TEST(ClusterTraceTest, TheSameSeedGivesTheSameRun) {
  const auto run = [](uint64_t seed) {
    ClusterWorld cluster(seed, &Controller::open);
    for (int i : {1, 2, 3}) cluster.start(i);
    cluster.wait([&] { return cluster.formed({1, 2, 3}); });
    cluster.crash(cluster.controller());
    cluster.world.run_for(3s);
    return cluster.world.trace_hash();
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5), run(6));
}

TEST(ClusterTroubleTest, OverAStoreThatLosesMessagesAClusterFormsAndHasOneControllerUnderEachFence) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    ClusterWorld cluster(seed, &Controller::open);
    cluster.server.lose_randomly(1, 10);
    for (int i : {1, 2, 3}) cluster.start(i);
    EXPECT_TRUE(cluster.wait([&] { return cluster.up(1) && cluster.up(2) && cluster.up(3); }, 120s)) << seed;
    cluster.server.lose_randomly(0, 1);
    EXPECT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }, 60s)) << seed;
    std::map<std::string, std::string> holders;
    for (const auto& event : cluster.sink.events) {
      if (event.name != "controller.taken") continue;
      EXPECT_TRUE(holders.emplace(event.fields[1].second, event.fields[0].second).second)
          << seed << ": fence " << event.fields[1].second << " twice";
    }
  }
}

}  // namespace
}  // namespace godwit::cluster
