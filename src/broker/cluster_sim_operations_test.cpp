// What operators order and what groups keep, while brokers fail.
#include "broker/cluster_history_testing.h"
#include "kafka/messages/alter_partition_reassignments.h"
#include "kafka/messages/create_partitions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/elect_leaders.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"

namespace godwit::broker {
namespace {

TEST(ClusterSimOperations, AReplicaMovesWhilePublishingGoesOn) {
  ClusterStage stage(31, 1, 4);
  stage.start_all();
  ASSERT_TRUE(stage.create("orders", 1));
  History history;
  Load load(stage, history, "orders", 1);
  stage.world.run_for(300ms);
  // The leader goes too.
  ASSERT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
    kafka::AlterPartitionReassignmentsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = "orders";
    topic.partitions.push_back({PartitionIndex(0), std::vector{BrokerId(4), BrokerId(2), BrokerId(3)}});
    auto answer = co_await cluster.call(peer::Target::controller(), request);
    EXPECT_TRUE(answer && answer->error_code == ErrorCode::none);
    if (answer) EXPECT_EQ(answer->responses.at(0).partitions.at(0).error_code, ErrorCode::none);
  }));
  EXPECT_TRUE(stage.wait([&] {
    const auto state = stage.state("orders", 0);
    return state->adding.empty() && state->removing.empty() && stage.whole("orders");
  })) << stage.describe_all("orders");
  EXPECT_EQ(stage.state("orders", 0)->replicas, (std::vector{BrokerId(4), BrokerId(2), BrokerId(3)}));
  const size_t before = load.acknowledged();
  EXPECT_TRUE(stage.wait([&] { return load.acknowledged() > before + 5; }, 2s));
  load.finish();
  EXPECT_EQ(stage.replica(1, "orders", 0), nullptr);
  check_history(stage, history, "orders", 1);
}

TEST(ClusterSimOperations, AGroupGoesOnWithItsNextManager) {
  ClusterStage stage(32);
  stage.start_all();
  ASSERT_TRUE(stage.create("orders", 1));
  for (int64_t n = 1; n <= 3; ++n) {
    ASSERT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
      kafka::OffsetCommitRequest request;
      request.group_id = "readers";
      auto& topic = request.topics.emplace_back();
      topic.name = "orders";
      topic.partitions.push_back({.partition_index = PartitionIndex(0), .committed_offset = Offset(n)});
      auto answer = co_await cluster.call(
          peer::Target::coordinator("readers"), request,
          [](const auto& r) { return r.topics.at(0).partitions.at(0).error_code; }, {.version_max = 9});
      EXPECT_TRUE(answer.has_value());
      if (answer) EXPECT_EQ(answer->topics.at(0).partitions.at(0).error_code, ErrorCode::none);
    }));
    const int manager = stage.leader("__consumer_offsets", 0);
    ASSERT_GT(manager, 0);
    stage.node(manager).crash(n % 2 == 0 ? CrashKind::kill : CrashKind::power_cut);
    Offset found;
    ASSERT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
      kafka::OffsetFetchRequest request;
      request.group_id = "readers";
      request.topics.emplace().push_back({"orders", {PartitionIndex(0)}});
      auto answer = co_await cluster.call(peer::Target::coordinator("readers"), request,
                                          [](const auto& r) { return r.error_code; }, {.version_max = 7});
      EXPECT_TRUE(answer.has_value()) << answer.error().describe();
      if (answer) found = answer->topics.at(0).partitions.at(0).committed_offset;
    }));
    EXPECT_EQ(found, Offset(n)) << "after the death of " << manager;
    stage.start(manager);
    ASSERT_TRUE(stage.wait([&] { return stage.whole("__consumer_offsets"); }))
        << stage.describe_all("__consumer_offsets");
  }
}

// Rule 2: who lost what it had does not lead by itself; an operator's order elects it, and it is recorded.
TEST(ClusterSimOperations, LogsOfWhatWasMadeWhileABrokerWasDownAreMadeAtItsStart) {
  ClusterStage stage(34);
  stage.start_all();
  ASSERT_TRUE(stage.create("old", 1));
  stage.node(3).crash(CrashKind::power_cut);
  ASSERT_TRUE(stage.wait([&] { return stage.isr("old", 0) == 2; }, 10s));
  ASSERT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
    const std::vector replicas{BrokerId(1), BrokerId(2), BrokerId(3)};
    kafka::CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = "new";
    topic.num_partitions = -1;
    topic.replication_factor = -1;
    topic.assignments.push_back({PartitionIndex(0), replicas});
    auto made = co_await cluster.call(peer::Target::controller(), request,
                                      [](const auto& r) { return r.topics.at(0).error_code; });
    EXPECT_TRUE(made && made->topics.at(0).error_code == ErrorCode::none);
    kafka::CreatePartitionsRequest more;
    auto& grown = more.topics.emplace_back();
    grown.name = "old";
    grown.count = 2;
    grown.assignments.emplace();
    grown.assignments->push_back({replicas});
    auto added = co_await cluster.call(peer::Target::controller(), more,
                                       [](const auto& r) { return r.results.at(0).error_code; });
    EXPECT_TRUE(added && added->results.at(0).error_code == ErrorCode::none);
    auto published = co_await produce_once(cluster, produce_request("new", 0, {"a"}, {}, -1));
    EXPECT_TRUE(published && published->error_code == ErrorCode::none);
  }));
  stage.start(3);
  ASSERT_TRUE(stage.wait([&] { return stage.whole("old") && stage.whole("new"); }, 30s))
      << stage.describe_all("old") << stage.describe_all("new");
  EXPECT_NE(stage.replica(3, "old", 1), nullptr);
  EXPECT_EQ(stage.contents(3, "new", 0).size(), 1u);
}

TEST(ClusterSimOperations, OnlyAnOrderElectsALeaderOutsideTheIsr) {
  ClusterStage stage(33);
  stage.start_all();
  ASSERT_TRUE(stage.create("orders", 1, {{"min.insync.replicas", "1"}}));
  const auto publish = [&](std::string value) {
    std::optional<kafka::ProduceResponse::Partition> answer;
    EXPECT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
      answer = co_await produce_once(cluster, produce_request("orders", 0, {value}));
    }));
    return answer && answer->error_code == ErrorCode::none;
  };
  ASSERT_TRUE(publish("a"));
  stage.node(2).crash(CrashKind::kill);
  stage.node(3).crash(CrashKind::kill);
  ASSERT_TRUE(stage.wait([&] { return stage.isr("orders", 0) == 1; }, 15s)) << stage.describe_all("orders");
  ASSERT_TRUE(publish("only on 1"));
  stage.node(1).crash(CrashKind::power_cut);
  stage.start(2);
  stage.start(3);
  stage.world.run_for(15s);
  EXPECT_EQ(stage.leader("orders", 0), 0) << stage.describe_all("orders");
  ErrorCode code = ErrorCode::unknown_server_error;
  ASSERT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
    kafka::ElectLeadersRequest request;
    request.election_type = 1;
    request.topic_partitions.emplace().push_back({"orders", {PartitionIndex(0)}});
    auto answer = co_await cluster.call(peer::Target::controller(), request);
    EXPECT_TRUE(answer.has_value());
    if (answer) code = answer->replica_election_results.at(0).partition_result.at(0).error_code;
  }));
  EXPECT_EQ(code, ErrorCode::none);
  ASSERT_TRUE(stage.wait([&] { return stage.leader("orders", 0) > 1; }, 5s));
  EXPECT_TRUE(stage.wait([&] { return publish("b"); }, 10s));
  stage.start(1);
  EXPECT_TRUE(stage.wait([&] { return stage.whole("orders"); })) << stage.describe_all("orders");
  for (int i = 1; i <= 3; ++i) {
    const auto log = stage.contents(i, "orders", 0);
    EXPECT_EQ(log, (ClusterStage::Contents{{0, "a"}, {1, "b"}})) << "broker " << i;
  }
  EXPECT_GE(stage.sink.told["replication.truncated"], 1) << "what broker 1 alone had is given up";
}

}  // namespace
}  // namespace godwit::broker
