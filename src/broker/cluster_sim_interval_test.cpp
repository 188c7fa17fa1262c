// Topics with flush=interval: what `acks=all` acknowledged is in the memory of every replica in sync, and a power cut takes
// some of it from one of them. That one leaves the in-sync replicas before it can be elected (design-cluster.md, rule 2),
// so that nothing is lost while a replica with all of it lives, or comes back.
#include <cstdlib>

#include "broker/cluster_history_testing.h"
#include "kafka/messages/cluster_command.h"
#include "kafka/messages/elect_leaders.h"

namespace godwit::broker {
namespace {

// A tail that is never synced by itself within a test.
const std::map<std::string, std::string> kInterval{{"flush", "interval"}, {"flush.ms", "60000"}};

Task<size_t> publish_all(peer::Cluster& cluster, const std::string& topic, int from, int to) {
  size_t acknowledged = 0;
  for (int n = from; n < to; ++n) {
    const auto answer = co_await produce_once(cluster, produce_request(topic, 0, {"v" + std::to_string(n)}));
    if (answer && answer->error_code == ErrorCode::none) ++acknowledged;
  }
  co_return acknowledged;
}

size_t publish(ClusterStage& stage, int from, int to) {
  size_t acknowledged = 0;
  EXPECT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
    acknowledged = co_await publish_all(cluster, "orders", from, to);
  }));
  return acknowledged;
}

bool in_isr(ClusterStage& stage, int broker) {
  const auto state = stage.state("orders", 0);
  return state && std::ranges::find(state->isr, BrokerId(broker)) != state->isr.end();
}

TEST(ClusterSimInterval, WhoLostItsTailToAPowerCutIsNotElected) {
  ClusterStage stage(31);
  stage.start_all();
  ASSERT_TRUE(stage.create("orders", 1, kInterval));
  ASSERT_EQ(stage.leader("orders", 0), 1);
  // Two are in sync, which is the minimum: the cluster keeps both in the ISR, whatever happens to them.
  stage.node(3).crash(CrashKind::kill);
  ASSERT_TRUE(stage.wait([&] { return stage.isr("orders", 0) == 2; }));
  ASSERT_EQ(publish(stage, 0, 20), 20U);
  stage.node(2).crash(CrashKind::power_cut);
  stage.node(1).crash(CrashKind::kill);
  stage.start(2);
  // It joins alone, with less than it was in sync with.
  ASSERT_TRUE(stage.wait([&] { return stage.up(2) && stage.replica(2, "orders", 0) != nullptr; }));
  EXPECT_LT(stage.contents(2, "orders", 0).size(), 20U) << "the test must see a loss";
  stage.world.run_for(20s);
  EXPECT_FALSE(in_isr(stage, 2)) << stage.describe_all("orders");
  EXPECT_EQ(stage.leader("orders", 0), 0) << stage.describe_all("orders");
  stage.start(1);
  ASSERT_TRUE(stage.wait([&] { return stage.leader("orders", 0) == 1; })) << stage.describe_all("orders");
  stage.start(3);
  ASSERT_TRUE(stage.wait([&] { return stage.whole("orders"); }, 120s)) << stage.describe_all("orders");
  for (int i = 1; i <= 3; ++i) {
    const auto log = stage.contents(i, "orders", 0);
    EXPECT_EQ(log.size(), 20U) << "broker " << i;
    for (const auto& [at, value] : log) EXPECT_EQ(value, "v" + std::to_string(at)) << "broker " << i;
  }
  // Caught up, it is as good as any other: another stop of its process changes nothing.
  stage.node(2).crash(CrashKind::kill);
  stage.start(2);
  ASSERT_TRUE(stage.wait([&] { return stage.whole("orders"); }, 120s));
  const auto told = stage.sink.told["cluster.replicas.unproven"];
  EXPECT_EQ(told, 1);
}

TEST(ClusterSimInterval, AnOnlyReplicaGoesOnAfterAPowerCut) {
  ClusterStage stage(32, 1, 1);
  stage.start_all();
  ASSERT_TRUE(stage.create("orders", 1, kInterval));
  ASSERT_EQ(publish(stage, 0, 5), 5U);
  stage.node(1).crash(CrashKind::power_cut);
  stage.start(1);
  ASSERT_TRUE(stage.wait([&] { return stage.leader("orders", 0) == 1; })) << stage.describe_all("orders");
  EXPECT_EQ(publish(stage, 5, 6), 1U);
}

// Each lost some of its tail, and nobody can say which of them has what was acknowledged: an operator decides.
TEST(ClusterSimInterval, APowerCutOfAllWaitsForAnOrderWhichSaysWhatIsGivenUp) {
  ClusterStage stage(33);
  stage.start_all();
  ASSERT_TRUE(stage.create("orders", 1, kInterval));
  ASSERT_EQ(publish(stage, 0, 20), 20U);
  for (int i = 1; i <= 3; ++i) stage.node(i).crash(CrashKind::power_cut);
  for (int i = 1; i <= 3; ++i) stage.start(i);
  ASSERT_TRUE(stage.wait([&] { return stage.formed(); }));
  stage.world.run_for(20s);
  EXPECT_EQ(stage.leader("orders", 0), 0) << stage.describe_all("orders");
  EXPECT_GT(stage.sink.told["cluster.partitions.lost"], 0);
  ErrorCode elected = ErrorCode::unknown_server_error;
  ASSERT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
    kafka::ClusterCommandRequest status;
    status.verb = "status";
    const auto before = co_await cluster.call(peer::Target::any(), status);
    EXPECT_TRUE(before.has_value());
    if (before) EXPECT_EQ(before->without_leader, 1);
    kafka::ElectLeadersRequest request;
    request.election_type = 1;
    request.topic_partitions.emplace().push_back({"orders", {PartitionIndex(0)}});
    const auto answer = co_await cluster.call(peer::Target::controller(), request);
    EXPECT_TRUE(answer.has_value());
    if (answer && !answer->replica_election_results.empty())
      elected = answer->replica_election_results.at(0).partition_result.at(0).error_code;
  }));
  EXPECT_EQ(elected, ErrorCode::none);
  ASSERT_TRUE(stage.wait([&] { return stage.whole("orders"); }, 120s)) << stage.describe_all("orders");
  EXPECT_GT(stage.sink.told["cluster.election.unclean"], 0);
  EXPECT_EQ(publish(stage, 20, 25), 5U);
  ASSERT_TRUE(stage.wait([&] { return stage.whole("orders"); }, 120s));
  const auto log = stage.contents(1, "orders", 0);
  EXPECT_LT(log.size(), 25U) << "the test must see a loss";
  for (int i = 2; i <= 3; ++i) EXPECT_EQ(stage.contents(i, "orders", 0), log) << i;
}

// Kills of any, and power cuts of one at a time, which is back in sync before the next one's. More seeds by GODWIT_SEEDS.
TEST(ClusterSimInterval, NothingIsLostWhileTheOthersKeepTheirs) {
  const char* const more = std::getenv("GODWIT_SEEDS");
  const uint64_t seeds = more == nullptr ? 5 : std::strtoull(more, nullptr, 10);
  for (uint64_t seed = 1; seed <= seeds && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ClusterStage stage(seed + 400);
    stage.start_all();
    ASSERT_TRUE(stage.create("orders", 1, kInterval));
    History history;
    Load load(stage, history, "orders", 1, 10ms);
    auto& random = stage.world.random();
    for (int round = 0; round < 3 && !HasFailure(); ++round) {
      const auto moments = [&](uint64_t most) {
        stage.world.run_for(std::chrono::milliseconds(random.between(0, most)));
      };
      moments(500);
      const int cut = static_cast<int>(random.between(1, 3));
      const auto kill = [&](int i) {
        if (i == cut || !stage.node(i).alive() || random.below(3) == 0) return;
        stage.node(i).crash(CrashKind::kill);
        moments(random.coin() ? 20 : 5000);
      };
      for (int i = 1; i <= 3; ++i) kill(i);
      stage.node(cut).crash(CrashKind::power_cut);
      for (int i = 1; i <= 3; ++i) kill(i);
      moments(random.coin() ? 20 : 5000);
      stage.start(cut);
      moments(6000);
      for (int i = 3; i >= 1; --i) {
        if (!stage.node(i).alive()) stage.start(i);
        moments(500);
      }
      EXPECT_TRUE(stage.wait([&] { return stage.whole("orders"); }, 120s)) << stage.describe_all("orders");
    }
    load.finish();
    EXPECT_TRUE(stage.wait([&] { return stage.whole("orders"); }, 120s)) << stage.describe_all("orders");
    EXPECT_GT(load.acknowledged(), 0U);
    check_history(stage, history, "orders", 1);
  }
}

}  // namespace
}  // namespace godwit::broker
