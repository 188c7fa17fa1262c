// A broker whose data directory is another cluster's: it is refused, and nothing of the directory is touched.
#include "broker/cluster_asking_testing.h"

namespace godwit::broker {
namespace {

struct ClusterSimRefused : testing::Test {
  ClusterStage stage{92};
  std::map<int, std::string> cluster_of;  // what the directories of these brokers say of their cluster

  ClusterSimRefused() {
    stage.adjust = [this](BrokerOptions& options) {
      const auto found = cluster_of.find(options.id.value());
      if (found == cluster_of.end()) return;
      options.cluster_id = found->second;
      options.was_member = true;
    };
  }

  // Broker 1 has records, and died before everything of them was in files: its next start has something to recover.
  void leave_records() {
    stage.start_all();
    ASSERT_TRUE(stage.create("orders", 1));
    ASSERT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
      const auto answer = co_await produce_once(cluster, produce_request("orders", 0, {"precious"}));
      EXPECT_TRUE(answer && answer->error_code == ErrorCode::none);
    }));
    cluster_of[1] = stage.image()->cluster_id;
    for (int i = 1; i <= stage.count; ++i) stage.node(i).crash(CrashKind::kill);
  }

  std::map<std::string, Bytes> files() {
    std::map<std::string, Bytes> all;
    for (const std::string& path : stage.node(1).disk().files()) {
      const auto contents = stage.node(1).disk().contents(path);
      EXPECT_TRUE(contents.has_value()) << path;
      if (contents) all[path] = *contents;
    }
    return all;
  }

  // Why broker 1 did not start; empty where it did.
  std::string refusal() {
    stage.start(1);
    EXPECT_TRUE(stage.wait([&] { return stage.up(1) || (stage.find(1) && stage.find(1)->refused); }));
    return stage.find(1) && stage.find(1)->refused ? *stage.find(1)->refused : "";
  }
};

TEST_F(ClusterSimRefused, ByTheStoreOfAnotherClusterItLeavesEveryFileAsItIs) {
  leave_records();
  const auto own = stage.server.snapshot();
  stage.server.lose_everything();
  for (const int other : {2, 3}) {
    stage.empty_disk(other);
    stage.start(other);
  }
  ASSERT_TRUE(stage.wait([&] { return stage.up(2) && stage.up(3); }));
  ASSERT_NE(stage.image()->cluster_id, cluster_of[1]);
  const auto before = files();
  ASSERT_GT(before.size(), 3u);
  const uint64_t changes = stage.node(1).disk().mutations();
  EXPECT_NE(refusal().find("belongs to cluster " + stage.image()->cluster_id), std::string::npos);
  EXPECT_EQ(files(), before);
  EXPECT_EQ(stage.node(1).disk().mutations(), changes) << "not even what changes nothing";
  // With its own store again it has what it had.
  for (const int other : {2, 3}) {
    stage.node(other).crash(CrashKind::kill);
    stage.put_disk_back(other);
  }
  stage.server.restore(own);
  stage.start_all();
  ASSERT_TRUE(stage.wait([&] { return stage.whole("orders"); })) << stage.describe_all("orders");
  EXPECT_EQ(stage.contents(1, "orders", 0), (ClusterStage::Contents{{0, "precious"}}));
}

TEST_F(ClusterSimRefused, ByAStoreThatKnowsNoClusterItLeavesEveryFileAsItIs) {
  leave_records();
  stage.server.lose_everything();
  const auto before = files();
  const uint64_t changes = stage.node(1).disk().mutations();
  EXPECT_NE(refusal().find("knows no cluster"), std::string::npos);
  EXPECT_EQ(files(), before);
  EXPECT_EQ(stage.node(1).disk().mutations(), changes);
}

// A store that does not answer says nothing of whose it is: the directory waits untouched.
TEST_F(ClusterSimRefused, WhileTheStoreDoesNotAnswerNothingIsWritten) {
  leave_records();
  const uint64_t changes = stage.node(1).disk().mutations();
  stage.server.stop();
  stage.start(1);
  stage.world.run_for(10s);
  EXPECT_FALSE(stage.up(1));
  EXPECT_GT(stage.sink.told["coordination.waiting"], 0);
  EXPECT_EQ(stage.node(1).disk().mutations(), changes);
  stage.server.start();
  stage.start(2);
  stage.start(3);
  ASSERT_TRUE(stage.wait([&] { return stage.whole("orders"); })) << stage.describe_all("orders");
}

}  // namespace
}  // namespace godwit::broker
