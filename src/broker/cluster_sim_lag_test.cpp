// Who is in sync, by replica.lag.time.max.ms: however small it is, and however slow a follower's disk.
#include "broker/cluster_history_testing.h"

namespace godwit::broker {
namespace {

const std::string kTopic = "orders";

// A follower with nothing to say asks again well within that time.
TEST(ClusterSimLag, IdlePartitionsStayInSyncHoweverShortTheLagThatIsAllowed) {
  for (const size_t shards : {size_t{1}, size_t{2}}) {
    ClusterStage stage(21 + shards, shards);
    stage.adjust = [](BrokerOptions& options) { options.replica_lag_max = 500ms; };
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 3));
    stage.world.run_for(2s);
    std::vector<int64_t> versions;
    for (int p = 0; p < 3; ++p) versions.push_back(stage.state(kTopic, p)->version);
    for (int second = 0; second < 60; ++second) {
      stage.world.run_for(1s);
      for (int p = 0; p < 3; ++p) EXPECT_EQ(stage.isr(kTopic, p), 3U) << "in second " << second;
    }
    for (int p = 0; p < 3; ++p)
      EXPECT_EQ(stage.state(kTopic, p)->version, versions[static_cast<size_t>(p)])
          << "nobody left and came back meanwhile";
  }
}

// Its disk syncs more slowly than those of the ISR, and the publishers never pause.
TEST(ClusterSimLag, AFollowerWithASlowerDiskJoinsWhileRecordsStreamIn) {
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 1));
    History history;
    stage.node(3).crash(CrashKind::kill);
    ASSERT_TRUE(stage.wait([&] { return stage.isr(kTopic, 0) == 2; }, 10s));
    // acks=1, so that nobody waits for anybody.
    bool ends = false;
    size_t sent = 0;
    for (int publisher = 0; publisher < 4; ++publisher) {
      stage.client.start([&](Runtime& runtime) -> Task<void> {
        peer::Cluster cluster(runtime.network(), stage.bootstrap(), ClusterStage::patient());
        while (!ends) {
          (void)co_await produce_once(cluster, produce_request(kTopic, 0, {std::string(100, 'x')}, {}, 1));
          ++sent;
          co_await runtime::sleep_for(2ms);
        }
        cluster.close();
      });
    }
    stage.world.run_for(500ms);
    stage.node(3).disk().options().sync = {20ms, 25ms};
    stage.start(3);
    EXPECT_TRUE(stage.wait([&] { return stage.isr(kTopic, 0) == 3; }, 20s)) << stage.describe_all(kTopic);
    const size_t before = sent;
    stage.world.run_for(2s);
    EXPECT_GT(sent, before + 200) << "records did stream in";
    EXPECT_EQ(stage.isr(kTopic, 0), 3U);
    ends = true;
    stage.world.run_for(3s);
  }
}

}  // namespace
}  // namespace godwit::broker
