// Brokers that reach the coordination store and not one another, orderly stops and restarts, clocks apart: what clients and
// operators see (docs/decisions/0012).
#include "broker/cluster_history_testing.h"
#include "kafka/messages/delete_topics.h"

namespace godwit::broker {
namespace {

struct ClusterSimReach : testing::Test {
  ClusterStage stage{77};
  History history;
  std::string topic = "orders";
  int controller = 0;

  void begin() {
    stage.start_all();
    ASSERT_TRUE(stage.create(topic, 1));
    controller = stage.image()->controller.value();
  }
};

TEST_F(ClusterSimReach, PublishingGoesOnWhenTheLeaderIsCutFromTheControllerAlone) {
  begin();
  const int leader = stage.leader(topic, 0);
  if (leader == controller) {
    // The office goes elsewhere with a crash, the leadership comes back.
    ASSERT_TRUE(stage.stop(leader));
    stage.start(leader);
    ASSERT_TRUE(stage.wait([&] { return stage.whole(topic) && stage.leader(topic, 0) == leader; }, 120s));
    controller = stage.image()->controller.value();
    ASSERT_NE(controller, leader);
  }
  Load load(stage, history, topic, 1);
  stage.world.run_for(1s);
  const int dead = stage.sink.told["cluster.broker.dead"];
  stage.world.network().cut({stage.node(leader).name()}, {stage.node(controller).name()});
  ASSERT_TRUE(stage.wait([&] { return stage.leader(topic, 0) != leader; }, 6s));
  const size_t before = load.acknowledged();
  EXPECT_TRUE(stage.wait([&] { return load.acknowledged() > before + 5; }, 10s));
  stage.world.run_for(20s);
  stage.world.network().heal();
  EXPECT_TRUE(stage.wait([&] { return stage.whole(topic); }, 90s)) << stage.describe_all(topic);
  load.finish();
  check_history(stage, history, topic, 1);
  EXPECT_EQ(stage.sink.told["cluster.broker.dead"], dead) << "it was not dead";
}

TEST_F(ClusterSimReach, AnOrderlyStopHoldsUpNoPublisherWhoeverStops) {
  begin();
  Load load(stage, history, topic, 1);
  stage.world.run_for(1s);
  for (int i = 1; i <= 3; ++i) {
    const size_t before = load.acknowledged();
    ASSERT_TRUE(stage.stop(i));
    // Well before a session timeout.
    EXPECT_TRUE(stage.wait([&] { return load.acknowledged() > before + 5; }, 1500ms)) << "broker " << i;
    stage.start(i);
    ASSERT_TRUE(stage.wait([&] { return stage.whole(topic); }, 90s)) << stage.describe_all(topic);
  }
  load.finish();
  check_history(stage, history, topic, 1);
}

TEST_F(ClusterSimReach, AnOrdinaryRestartWarnsOfNoStranger) {
  begin();
  for (int i = 1; i <= 3; ++i) {
    stage.node(i).crash(CrashKind::kill);
    stage.world.run_for(100ms);
    stage.start(i);
    ASSERT_TRUE(stage.wait([&] { return stage.whole(topic); }, 90s)) << stage.describe_all(topic);
  }
  EXPECT_EQ(stage.sink.told["connection.refused"], 0);
  EXPECT_EQ(stage.sink.warned["replica.refused"], 0);
}

TEST_F(ClusterSimReach, ALogOfADeletedTopicGoesOnceItsTombstoneCanBeRead) {
  begin();
  const TopicId id = stage.image()->find(topic)->id;
  const TopicPartition partition{id, PartitionIndex(0)};
  const int away = controller == 3 ? 2 : 3;
  const auto has_log = [&](int i) { return stage.has_log(i, partition); };
  stage.server.cut("b" + std::to_string(away));
  stage.world.run_for(1s);
  kafka::DeleteTopicsRequest request;
  request.topics.push_back({.name = topic, .topic_id = {}});
  EXPECT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
    auto answer = co_await cluster.call(peer::Target::controller(), request,
                                        [](const auto& r) { return r.responses.at(0).error_code; });
    EXPECT_TRUE(answer.has_value());
  }));
  ASSERT_TRUE(
      stage.wait([&] { return stage.broker(away)->metadata().image()->find(topic) == nullptr; }, 20s));
  stage.world.run_for(10s);
  EXPECT_TRUE(has_log(away)) << "nothing proves that the topic was deleted";
  EXPECT_FALSE(has_log(controller));
  EXPECT_EQ(stage.sink.told["storage.unknown_partition"], 0);
  EXPECT_EQ(stage.server.keys().list("/tombstones/").size(), 1U);
  stage.server.heal();
  EXPECT_TRUE(stage.wait([&] { return !has_log(away); }, 20s));
  EXPECT_TRUE(stage.wait([&] { return stage.server.keys().list("/tombstones/").empty(); }, 20s));
  EXPECT_EQ(stage.sink.told["storage.unknown_partition"], 0);
}

TEST_F(ClusterSimReach, ClocksThatAreAnHourApartLoseNothing) {
  // Beyond an hour the topic refuses what clients stamp (message.timestamp.after.max.ms), as Kafka does.
  const Duration off[] = {0min, 50min, -50min, 20min};
  for (int i = 1; i <= 3; ++i) stage.node(i).set_wall_offset(off[i]);
  begin();
  Load load(stage, history, topic, 1);
  stage.world.run_for(1s);
  stage.node(stage.leader(topic, 0)).crash(CrashKind::kill);
  const size_t before = load.acknowledged();
  EXPECT_TRUE(stage.wait([&] { return load.acknowledged() > before + 5; }, 1s)) << "within a second";
  for (int i = 1; i <= 3; ++i) {
    if (!stage.up(i)) stage.start(i);
    stage.node(i).set_wall_offset(-off[i]);
  }
  EXPECT_TRUE(stage.wait([&] { return stage.whole(topic); }, 90s)) << stage.describe_all(topic);
  stage.world.run_for(10s);
  load.finish();
  check_history(stage, history, topic, 1);
  EXPECT_EQ(stage.sink.told["cluster.broker.unheard"], 0);
}

}  // namespace
}  // namespace godwit::broker
