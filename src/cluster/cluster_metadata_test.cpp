// A broker's side of the cluster: three brokers over one coordination store, in virtual time.
#include "cluster/cluster_world_testing.h"
#include "cluster/small_controller_testing.h"

namespace godwit::cluster {
namespace {

using runtime::Task;

class ClusterTest : public testing::Test {
 protected:
  ClusterWorld cluster{11, &SmallController::open};
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

}  // namespace
}  // namespace godwit::cluster
