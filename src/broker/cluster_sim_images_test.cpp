// What a broker makes of images while some of its partitions wait for the disk: each partition goes its own way, and none goes back.
#include "broker/cluster_history_testing.h"

namespace godwit::broker {
namespace {

struct ClusterSimImages : testing::Test {
  ClusterStage stage{91, 1};  // the images are given to the shard of both
  BrokerShard* shard = nullptr;
  std::shared_ptr<const cluster::Image> newest;
  size_t applied = 0;

  void begin() {
    stage.start_all();
    ASSERT_TRUE(stage.create("waits", 1));
    ASSERT_TRUE(stage.create("other", 1));
    stage.world.run_for(1s);
    shard = &stage.broker(1)->shard(0);
    newest = shard->image();
  }
  TopicPartition id(const std::string& topic) { return {newest->find(topic)->id, PartitionIndex(0)}; }
  std::shared_ptr<Partition> partition(const std::string& topic) { return shard->find(id(topic)); }
  // The next image, with another state of the topic's partition.
  void next(const std::string& topic, const std::function<void(cluster::PartitionState&)>& change) {
    auto image = std::make_shared<cluster::Image>(*newest);
    ++image->version.sequence;
    auto changed = std::make_shared<cluster::Topic>(*image->find(topic));
    change(changed->partitions[0]);
    ++changed->partitions[0].version;
    image->put(std::move(changed));
    newest = image;
  }
  void elects(const std::string& topic, int leader) {
    next(topic, [&](cluster::PartitionState& state) {
      state.leader = BrokerId(leader);
      state.leader_incarnation = newest->brokers.at(state.leader).incarnation;
      state.leader_epoch = LeaderEpoch(state.leader_epoch.value() + 1);
    });
  }
  void apply() {
    stage.node(1).start([this, image = newest](Runtime&) -> Task<void> {
      co_await shard->apply(image);
      ++applied;
    });
    stage.world.run_for(1ms);
  }
  void hold_disk() { stage.node(1).disk().stall({.kinds = {runtime::sim::OpKind::write}}); }
};

TEST_F(ClusterSimImages, APartitionThatWaitsForTheDiskHoldsUpNoOther) {
  begin();
  hold_disk();
  elects("waits", 1);  // a new epoch is written first
  apply();
  EXPECT_EQ(applied, 0U);
  EXPECT_FALSE(partition("waits")->leading());
  elects("other", 2);
  apply();
  EXPECT_EQ(shard->image(), newest);
  EXPECT_FALSE(partition("other")->leading()) << "it resigns without waiting for the other partition";
  EXPECT_EQ(partition("other")->leader_epoch(), newest->find(id("other"))->leader_epoch);
  EXPECT_EQ(applied, 1U) << "and that image is done";
  stage.node(1).disk().release();
  stage.world.run_for(100ms);
  EXPECT_EQ(applied, 2U);
  EXPECT_TRUE(partition("waits")->leading());
}

TEST_F(ClusterSimImages, APartitionTakesUpTheNewestImageOnceItIsDoneWithAnOlderOne) {
  begin();
  const LeaderEpoch before = partition("waits")->leader_epoch();
  hold_disk();
  elects("waits", 1);
  apply();
  const auto first = newest;
  elects("waits", 2);
  apply();
  elects("waits", 1);
  apply();
  // One that is older than what came before changes nothing.
  newest = first;
  apply();
  EXPECT_EQ(applied, 0U) << "each is done when the partition is";
  EXPECT_FALSE(partition("waits")->leading());
  stage.node(1).disk().release();
  stage.world.run_for(100ms);
  EXPECT_EQ(applied, 4U);
  EXPECT_TRUE(partition("waits")->leading());
  EXPECT_EQ(partition("waits")->leader_epoch(), LeaderEpoch(before.value() + 3));
  const auto& epochs = partition("waits")->log()->epochs();
  EXPECT_EQ(epochs.latest(), LeaderEpoch(before.value() + 3));
}

TEST_F(ClusterSimImages, ATopicThatGoesWhileItsPartitionWaitsIsGoneAfterwards) {
  begin();
  const auto waits = partition("waits");
  const TopicPartition gone = id("waits");
  hold_disk();
  elects("waits", 1);
  apply();
  auto image = std::make_shared<cluster::Image>(*newest);
  ++image->version.sequence;
  image->remove(*image->find("waits"));
  newest = image;
  apply();
  EXPECT_NE(shard->find(gone), nullptr) << "its epoch is being written";
  stage.node(1).disk().release();
  stage.world.run_for(200ms);
  EXPECT_EQ(applied, 2U);
  EXPECT_EQ(shard->find(gone), nullptr);
  EXPECT_TRUE(waits->closed());
}

}  // namespace
}  // namespace godwit::broker
