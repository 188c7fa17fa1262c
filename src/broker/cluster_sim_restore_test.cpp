// A coordination store that came back from a backup under running brokers, and replicas that moved while a broker was away: whose
// logs go and whose stay (design-cluster rule 3).
#include <set>

#include "broker/cluster_asking_testing.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/init_producer_id.h"

namespace godwit::broker {
namespace {

struct ClusterSimRestore : testing::Test {
  ClusterStage stage{91};
  std::string topic = "orders";

  TopicPartition partition(const std::string& name) {
    return {stage.image()->find(name)->id, PartitionIndex(0)};
  }
  bool publish(const std::string& name, const std::string& value) {
    bool well = false;
    return stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
      while (!well) {
        const auto answer = co_await produce_once(cluster, produce_request(name, 0, {value}));
        well = answer && answer->error_code == ErrorCode::none;
        if (!well) co_await runtime::sleep_for(20ms);
      }
    }) && well;
  }
  bool moved(int from, int to) {
    return stage.wait([&] {
      const auto state = stage.state(topic, 0);
      return state && state->leader == BrokerId(to) && state->adding.empty() && state->removing.empty() &&
             !stage.has_log(from, partition(topic));
    });
  }
};

TEST_F(ClusterSimRestore, AReplicaIsNotDeletedBecauseAnOlderStoreKnowsNothingOfIt) {
  stage.start_all();
  ASSERT_TRUE(stage.create(topic, 1, {}, 1));
  ASSERT_EQ(stage.leader(topic, 0), 1);
  ASSERT_TRUE(publish(topic, "a"));
  const auto backup = stage.server.snapshot();
  ASSERT_EQ(stage.reassign(topic, 0, std::vector<int>{3}), ErrorCode::none);
  ASSERT_TRUE(moved(1, 3)) << stage.describe_all(topic);
  ASSERT_TRUE(publish(topic, "b"));
  stage.server.restore(backup);
  // The controller goes on with what it knows; the next one reads the store.
  const int controller = stage.image()->controller.value();
  ASSERT_NE(controller, 3);
  stage.node(controller).crash(CrashKind::kill);
  ASSERT_TRUE(
      stage.wait([&] { return stage.state(topic, 0)->replicas == std::vector<BrokerId>{BrokerId(1)}; }));
  stage.world.run_for(10s);
  EXPECT_TRUE(stage.has_log(3, partition(topic))) << "the only copy";
  EXPECT_GT(stage.sink.told["cluster.store_is_older"], 0);
  EXPECT_EQ(stage.contents(3, topic, 0), (ClusterStage::Contents{{0, "a"}, {1, "b"}}));
  // Also over a restart.
  stage.node(3).crash(CrashKind::kill);
  stage.world.run_for(1s);
  stage.start(3);
  ASSERT_TRUE(stage.wait([&] { return stage.up(3); }));
  stage.world.run_for(5s);
  EXPECT_TRUE(stage.has_log(3, partition(topic)));
}

TEST_F(ClusterSimRestore, BrokersFollowAControllerWhoseStoreIsOlderThanWhatTheyKnow) {
  stage.start_all();
  ASSERT_TRUE(stage.create(topic, 1));
  const auto backup = stage.server.snapshot();
  for (int n = 0; n < 3; ++n) {
    const int controller = stage.image()->controller.value();
    stage.node(controller).crash(CrashKind::kill);
    ASSERT_TRUE(stage.wait([&] { return stage.image()->controller != BrokerId(controller); }));
    stage.start(controller);
    ASSERT_TRUE(stage.wait([&] { return stage.whole(topic); }, 90s)) << stage.describe_all(topic);
  }
  const auto fence = stage.image()->version.fence;
  stage.server.restore(backup);
  EXPECT_TRUE(stage.wait([&] { return stage.image()->version.fence > fence; }, 60s));
  EXPECT_TRUE(stage.wait([&] { return stage.formed(); }, 60s));
  ASSERT_TRUE(stage.create("later", 1)) << "changes go on";
  EXPECT_TRUE(publish("later", "a"));
}

// What a later manager of the store's counter cannot know: an id that was given and has not been used yet, and one that stands
// in the log of another broker alone.
TEST_F(ClusterSimRestore, ProducerIdsAreNotGivenAgainByAnOlderStore) {
  stage.start_all();
  ASSERT_TRUE(stage.create(topic, 1, {}, 1));
  std::set<int64_t> given;
  size_t asked = 0;
  const auto ask_for_id = [&](int broker) {
    ++asked;
    kafka::InitProducerIdRequest request;
    request.transactional_id.reset();
    const auto answer = ask(stage, broker, request);
    ASSERT_TRUE(answer);
    ASSERT_EQ(answer->error_code, ErrorCode::none);
    EXPECT_GE(answer->producer_id, 0);
    EXPECT_TRUE(given.insert(answer->producer_id).second) << answer->producer_id << " was given before";
    const Idempotence as{answer->producer_id, 0, 0};
    const auto published = publish_to(stage, stage.leader(topic, 0), topic, std::to_string(asked), as);
    ASSERT_TRUE(published);
    EXPECT_EQ(published->error_code, ErrorCode::none);
  };
  ask_for_id(1);
  const auto backup = stage.server.snapshot();
  // The next blocks.
  ask_for_id(2);
  ask_for_id(3);
  stage.server.restore(backup);
  for (int i = 1; i <= 3; ++i) stage.node(i).crash(CrashKind::kill);
  for (int i = 1; i <= 3; ++i) stage.start(i);
  ASSERT_TRUE(stage.wait([&] { return stage.formed() && stage.whole(topic); }, 60s));
  for (int i = 1; i <= 3; ++i) ask_for_id(i);
  EXPECT_EQ(stage.contents(1, topic, 0).size(), asked) << "no batch was taken for another one's repetition";
}

TEST_F(ClusterSimRestore, ALogWhoseReplicaMovedWhileItsBrokerWasDownGoes) {
  stage.start_all();
  ASSERT_TRUE(stage.create(topic, 1, {}, 2));
  ASSERT_TRUE(publish(topic, "a"));
  const TopicPartition id = partition(topic);
  stage.node(1).crash(CrashKind::kill);
  ASSERT_TRUE(stage.wait([&] { return stage.leader(topic, 0) == 2; }));
  // The controller may have died.
  ASSERT_TRUE(stage.wait([&] {
    return stage.reassign(topic, 0, std::vector<int>{2, 3}) == ErrorCode::none;
  }));
  ASSERT_TRUE(stage.wait([&] {
    const auto state = stage.state(topic, 0);
    return state && state->replicas == std::vector<BrokerId>{BrokerId(2), BrokerId(3)};
  })) << stage.describe_all(topic);
  stage.start(1);
  ASSERT_TRUE(stage.wait([&] { return stage.up(1); }));
  EXPECT_FALSE(stage.has_log(1, id));
  EXPECT_TRUE(stage.has_log(2, id));
  EXPECT_TRUE(stage.has_log(3, id));
}

}  // namespace
}  // namespace godwit::broker
