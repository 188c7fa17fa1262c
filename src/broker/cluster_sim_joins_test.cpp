// What a broker says of its disk when it joins (design-cluster rules 2 and 13): an empty disk, another disk, a full one.
#include "broker/cluster_asking_testing.h"
#include "kafka/messages/elect_leaders.h"

namespace godwit::broker {
namespace {

const std::string kTopic = "orders";

using Values = std::vector<std::string>;

bool published(ClusterStage& stage, int leader, const std::string& value) {
  const auto answer = publish_to(stage, leader, kTopic, value);
  return answer && answer->error_code == ErrorCode::none;
}

ErrorCode elect_unclean(ClusterStage& stage) {
  ErrorCode code = ErrorCode::unknown_server_error;
  EXPECT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
    kafka::ElectLeadersRequest request;
    request.election_type = 1;
    request.topic_partitions.emplace().push_back({kTopic, {PartitionIndex(0)}});
    auto answer = co_await cluster.call(peer::Target::controller(), request);
    EXPECT_TRUE(answer.has_value());
    if (answer && !answer->replica_election_results.empty())
      code = answer->replica_election_results.at(0).partition_result.at(0).error_code;
  }));
  return code;
}

void lose_disk(ClusterStage& stage, int i) {
  if (stage.node(i).alive()) stage.node(i).crash(CrashKind::power_cut);
  stage.empty_disk(i);
}
// Until these have joined, and nobody else.
bool there(ClusterStage& stage, std::set<int> brokers) {
  return stage.wait(
      [&] {
        if (!std::ranges::all_of(brokers, [&](int i) { return stage.up(i); })) return false;
        const auto image = stage.image();
        if (image->brokers.size() != brokers.size()) return false;
        return std::ranges::all_of(brokers, [&](int i) {
          const auto found = image->brokers.find(BrokerId(i));
          return found != image->brokers.end() &&
                 found->second.incarnation == stage.broker(i)->metadata().incarnation();
        });
      },
      30s);
}
// Each once more, so that the one that came with an empty disk has logs by now, and another one controls.
void restart_one_by_one(ClusterStage& stage, std::set<int> brokers) {
  for (const int i : brokers) {
    stage.node(i).crash(CrashKind::kill);
    stage.world.run_for(500ms);
    stage.start(i);
    ASSERT_TRUE(there(stage, brokers)) << stage.describe_all(kTopic);
  }
}
void expect_everywhere(ClusterStage& stage, std::set<int> brokers, const Values& values) {
  ASSERT_TRUE(stage.wait([&] { return stage.whole(kTopic); })) << stage.describe_all(kTopic);
  for (const int i : brokers) EXPECT_EQ(values_of(stage, i, kTopic), values) << "broker " << i;
}

TEST(ClusterSimJoins, TheLastInSyncWhoseDiskIsEmptyIsNotTakenBeforeAReplicaThatIsBehind) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 1, {{"min.insync.replicas", "1"}}, 2));
    ASSERT_TRUE(published(stage, 1, "on both"));
    stage.node(2).crash(CrashKind::kill);
    ASSERT_TRUE(stage.wait([&] { return stage.isr(kTopic, 0) == 1; }, 15s));
    ASSERT_TRUE(published(stage, 1, "on 1 alone"));
    lose_disk(stage, 1);
    stage.start(2);
    stage.start(1);
    ASSERT_TRUE(there(stage, {1, 2, 3})) << stage.describe_all(kTopic);
    if (seed % 2 == 0) restart_one_by_one(stage, {1, 2, 3});
    stage.world.run_for(15s);
    ASSERT_EQ(stage.leader(kTopic, 0), 0) << stage.describe_all(kTopic);
    ASSERT_EQ(elect_unclean(stage), ErrorCode::none);
    expect_everywhere(stage, {1, 2}, {"on both"});
  });
}

TEST(ClusterSimJoins, AReplicaWhoseDiskIsEmptyIsNotTakenBeforeOneThatIsBehind) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 1));
    ASSERT_TRUE(published(stage, 1, "on all"));
    stage.node(3).crash(CrashKind::kill);
    ASSERT_TRUE(stage.wait([&] { return stage.isr(kTopic, 0) == 2; }, 15s));
    ASSERT_TRUE(published(stage, 1, "on 1 and 2"));
    stage.node(2).crash(CrashKind::kill);
    lose_disk(stage, 1);
    stage.start(1);
    stage.start(3);
    ASSERT_TRUE(there(stage, {1, 3})) << stage.describe_all(kTopic);
    if (seed % 2 == 0) restart_one_by_one(stage, {1, 3});
    stage.world.run_for(15s);
    ASSERT_EQ(stage.leader(kTopic, 0), 0) << stage.describe_all(kTopic);
    ASSERT_EQ(elect_unclean(stage), ErrorCode::none);
    ASSERT_TRUE(stage.wait([&] { return stage.leader(kTopic, 0) != 0; }, 5s));
    EXPECT_EQ(stage.leader(kTopic, 0), 3);
    stage.start(2);
    expect_everywhere(stage, {1, 2, 3}, {"on all"});
  });
}

// The data disk was not mounted once, so the broker was rebuilt on another one; then the first is there again: nothing on it is
// damaged, and all of it is old.
TEST(ClusterSimJoins, ADiskOfBeforeDoesNotLeadWithWhatItHadThen) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 1));
    ASSERT_TRUE(published(stage, 1, "before"));
    lose_disk(stage, 2);
    stage.start(2);
    ASSERT_TRUE(stage.wait([&] { return stage.whole(kTopic); })) << stage.describe_all(kTopic);
    stage.node(3).crash(CrashKind::kill);
    ASSERT_TRUE(stage.wait([&] { return stage.isr(kTopic, 0) == 2; }, 15s));
    ASSERT_TRUE(published(stage, 1, "after"));
    // The in-sync replicas are at their bound: both stay in.
    stage.node(2).crash(CrashKind::kill);
    stage.put_disk_back(2);
    stage.node(1).crash(CrashKind::kill);
    stage.start(2);
    ASSERT_TRUE(there(stage, {2})) << stage.describe_all(kTopic);
    EXPECT_FALSE(stage.wait([&] { return stage.leader(kTopic, 0) != 0; }, 15s)) << stage.describe_all(kTopic);
    stage.start(1);
    stage.start(3);
    ASSERT_TRUE(stage.wait([&] { return stage.leader(kTopic, 0) == 1; }, 15s)) << stage.describe_all(kTopic);
    expect_everywhere(stage, {1, 2, 3}, {"before", "after"});
  });
}

// A disk that is full from outside.
class FullDisk {
 public:
  static constexpr uint64_t kCapacity = 64 << 20;
  static void prepare(ClusterStage& stage) {
    stage.adjust = [](BrokerOptions& options) { options.store.reserve_bytes = 2 << 20; };
    for (int i = 1; i <= stage.count; ++i) stage.node(i).disk().set_capacity(kCapacity);
  }
  static void fill(ClusterStage& stage, int i) {
    auto& disk = stage.node(i).disk();
    disk.install("/elsewhere", Bytes(kCapacity - disk.used() - (1 << 20)));
  }
  static void make_room(ClusterStage& stage, int i) { stage.node(i).disk().set_capacity(4 * kCapacity); }
};

TEST(ClusterSimJoins, ABrokerThatStartsOnAFullDiskDoesNotLeadUntilThereIsRoom) {
  for_seeds(
      [](uint64_t seed) {
        ClusterStage stage(seed, 1 + seed % 2);
        FullDisk::prepare(stage);
        stage.start_all();
        ASSERT_TRUE(stage.create(kTopic, 1));
        ASSERT_TRUE(published(stage, 1, "a"));
        FullDisk::fill(stage, 1);
        ASSERT_TRUE(stage.wait([&] { return stage.leader(kTopic, 0) > 1; }, 5s))
            << stage.describe_all(kTopic);
        // Nothing is published: it stays in sync, and could be elected.
        stage.node(1).crash(seed % 2 == 0 ? CrashKind::kill : CrashKind::power_cut);
        stage.world.run_for(1s);
        stage.start(1);
        ASSERT_TRUE(there(stage, {1, 2, 3})) << stage.describe_all(kTopic);
        // It is the preferred leader, is in sync, and was steady for long.
        ASSERT_TRUE(stage.wait([&] { return stage.isr(kTopic, 0) == 3; }, 10s));
        EXPECT_FALSE(stage.wait([&] { return stage.leader(kTopic, 0) == 1; }, 60s))
            << stage.describe_all(kTopic);
        EXPECT_EQ(stage.isr(kTopic, 0), 3U);
        EXPECT_TRUE(stage.wait([&] { return published(stage, stage.leader(kTopic, 0), "b"); }, 5s));
        FullDisk::make_room(stage, 1);
        EXPECT_TRUE(stage.wait([&] { return stage.leader(kTopic, 0) == 1; }, 90s))
            << stage.describe_all(kTopic);
        EXPECT_TRUE(stage.wait([&] { return published(stage, 1, "c"); }, 5s));
      },
      4);
}

TEST(ClusterSimJoins, ABrokerWhoseDiskFailsHandsOverAndLeadsAgainAfterARestart) {
  for_seeds(
      [](uint64_t seed) {
        ClusterStage stage(seed, 1 + seed % 2);
        stage.start_all();
        ASSERT_TRUE(stage.create(kTopic, 1));
        ASSERT_TRUE(published(stage, 1, "a"));
        stage.node(1).disk().fail_next({.kinds = {runtime::sim::OpKind::sync}}, ErrorKind::io);
        const auto refused = publish_to(stage, 1, kTopic, "lost");
        EXPECT_TRUE(!refused || refused->error_code != ErrorCode::none);
        ASSERT_TRUE(stage.wait([&] { return stage.leader(kTopic, 0) > 1; }, 5s))
            << stage.describe_all(kTopic);
        EXPECT_EQ(stage.sink.told["storage.failed"], 1);
        ASSERT_TRUE(
            stage.wait([&] { return published(stage, std::max(1, stage.leader(kTopic, 0)), "b"); }, 5s));
        // Not again as long as it runs, though it is preferred.
        EXPECT_FALSE(stage.wait([&] { return stage.leader(kTopic, 0) == 1; }, 30s))
            << stage.describe_all(kTopic);
        stage.node(1).crash(CrashKind::kill);
        stage.world.run_for(1s);
        stage.start(1);
        EXPECT_TRUE(stage.wait([&] { return stage.whole(kTopic) && stage.leader(kTopic, 0) == 1; }, 90s))
            << stage.describe_all(kTopic);
        const Values values = values_of(stage, 1, kTopic);
        EXPECT_EQ(std::ranges::count(values, "a"), 1);
        EXPECT_GE(std::ranges::count(values, "b"), 1);
        for (const int i : {2, 3}) EXPECT_EQ(values_of(stage, i, kTopic), values);
      },
      4);
}

}  // namespace
}  // namespace godwit::broker
