// What clients see when one thing goes wrong in a cluster of three (design-cluster.md; the rule stands beside each).
#include "broker/cluster_history_testing.h"
#include "kafka/messages/alter_partition_reassignments.h"
#include "kafka/messages/delete_topics.h"

namespace godwit::broker {
namespace {

struct ClusterSimFailover : testing::Test {
  ClusterStage stage{21};
  History history;
  std::string topic = "orders";

  void begin(int partitions = 1) {
    stage.start_all();
    ASSERT_TRUE(stage.create(topic, partitions));
    ASSERT_EQ(stage.leader(topic, 0), 1);
  }
  // One publish, tried once by whom metadata names.
  std::optional<kafka::ProduceResponse::Partition> publish(const std::string& value, int16_t acks = -1,
                                                           Idempotence as = {}) {
    std::optional<kafka::ProduceResponse::Partition> answer;
    EXPECT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
      answer = co_await produce_once(cluster, produce_request(topic, 0, {value}, as, acks));
    }));
    return answer;
  }
  // The same, sent to that broker whatever metadata says.
  ErrorCode publish_to(int broker, const std::string& value, int16_t acks) {
    ErrorCode code = ErrorCode::unknown_server_error;
    EXPECT_TRUE(stage.client.run([&](Runtime& runtime) -> Task<void> {
      auto connection =
          co_await peer::Connection::connect(runtime.network(), {"b" + std::to_string(broker), 9092}, {});
      EXPECT_TRUE(connection.has_value()) << connection.error().describe();
      if (!connection) co_return;
      auto answer =
          co_await (*connection)->call(produce_request(topic, 0, {value}, {}, acks), {.version_max = 12});
      EXPECT_TRUE(answer.has_value()) << answer.error().describe();
      if (answer) code = answer->responses.at(0).partition_responses.at(0).error_code;
    }));
    return code;
  }
  std::vector<std::string> values(int broker) {
    std::vector<std::string> all;
    for (const auto& [at, value] : stage.contents(broker, topic, 0)) all.push_back(value);
    return all;
  }
  bool wait_whole() {
    return stage.wait([&] { return stage.whole(topic); }, 90s);
  }
  void isolate(int broker) {
    const std::string name = stage.node(broker).name();
    stage.world.network().isolate(name);
    stage.world.network().heal({name}, {"client"});
  }
  using Values = std::vector<std::string>;
};

TEST_F(ClusterSimFailover, WhatIsAcknowledgedByAllIsSyncedOnAllInSyncReplicas) {
  begin();
  for (int n = 0; n < 20; ++n) {
    const auto answer = publish(std::to_string(n));
    ASSERT_TRUE(answer && answer->error_code == ErrorCode::none);
    for (int i = 1; i <= 3; ++i)
      EXPECT_GT(stage.replica(i, topic, 0)->log()->stable_end(), answer->base_offset) << "broker " << i;
  }
}

TEST_F(ClusterSimFailover, PublishingGoesOnWhenTheLeaderIsKilled) {
  begin();
  Load load(stage, history, topic, 1);
  stage.world.run_for(300ms);
  const size_t before = load.acknowledged();
  stage.node(1).crash(CrashKind::kill);
  EXPECT_TRUE(stage.wait([&] { return load.acknowledged() > before + 5; }, 1s)) << "within a second";
  stage.start(1);
  EXPECT_TRUE(wait_whole());
  load.finish();
  check_history(stage, history, topic, 1);
}

TEST_F(ClusterSimFailover, PublishingGoesOnWhenAFollowerLosesPower) {
  begin();
  Load load(stage, history, topic, 1);
  stage.world.run_for(300ms);
  stage.node(3).crash(CrashKind::power_cut);
  stage.world.run_for(5s);
  EXPECT_EQ(stage.isr(topic, 0), 2U);
  const size_t before = load.acknowledged();
  stage.world.run_for(1s);
  EXPECT_GT(load.acknowledged(), before);
  stage.start(3);
  EXPECT_TRUE(wait_whole());
  load.finish();
  check_history(stage, history, topic, 1);
}

TEST_F(ClusterSimFailover, AFollowerThatIsCutOffLeavesTheIsrAndIsBackAfterHealing) {
  begin();
  Load load(stage, history, topic, 1);
  // Not the controller: whom it cannot reach, the leader could not ask either.
  const int follower = stage.image()->controller == BrokerId(3) ? 2 : 3;
  stage.world.network().cut({"b1"}, {stage.node(follower).name()});
  EXPECT_TRUE(stage.wait([&] { return stage.isr(topic, 0) == 2; }, 10s));
  stage.world.network().heal();
  EXPECT_TRUE(wait_whole());
  load.finish();
  check_history(stage, history, topic, 1);
}

// Nothing is published: what is heard of an idle follower must be enough.
TEST_F(ClusterSimFailover, AnIdleFollowerStaysInTheIsrAfterItLostPower) {
  begin();
  ASSERT_TRUE(publish("a"));
  stage.node(3).crash(CrashKind::power_cut);
  stage.world.run_for(2s);
  stage.start(3);
  ASSERT_TRUE(wait_whole());
  stage.world.run_for(20s);
  EXPECT_EQ(stage.isr(topic, 0), 3U) << stage.describe_all(topic);
}

// Rule 14.
TEST_F(ClusterSimFailover, ALeaderThatIsCutOffFromStoreAndFollowersRefuses) {
  begin();
  ASSERT_TRUE(publish("a"));
  isolate(1);
  stage.server.cut("b1");
  ASSERT_TRUE(stage.wait(
      [&] { return stage.replica(2, topic, 0)->leading() || stage.replica(3, topic, 0)->leading(); }, 15s));
  stage.world.run_for(1s);
  EXPECT_EQ(publish_to(1, "lost", 1), ErrorCode::not_leader_or_follower);
  EXPECT_EQ(publish_to(1, "lost", -1), ErrorCode::not_leader_or_follower);
  stage.world.network().heal();
  stage.server.heal();
  EXPECT_TRUE(wait_whole());
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(values(i), Values{"a"}) << "broker " << i;
}

// Rule 7.
TEST_F(ClusterSimFailover, WithoutEnoughReplicasNothingIsAppended) {
  begin();
  ASSERT_TRUE(publish("a"));
  stage.node(2).crash(CrashKind::power_cut);
  stage.node(3).crash(CrashKind::power_cut);
  stage.world.run_for(8s);
  ASSERT_TRUE(stage.replica(1, topic, 0)->leading());
  EXPECT_EQ(publish_to(1, "b", -1), ErrorCode::not_enough_replicas);
  EXPECT_EQ(stage.replica(1, topic, 0)->log()->end(), Offset(1));
  stage.start(2);
  stage.start(3);
  EXPECT_TRUE(wait_whole());
  const auto answer = publish("c");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error_code, ErrorCode::none);
  EXPECT_EQ(answer->base_offset, Offset(1));
}

TEST_F(ClusterSimFailover, AfterAPowerCutOfAllEverythingAcknowledgedIsThere) {
  begin(2);
  Load load(stage, history, topic, 2);
  stage.world.run_for(700ms);
  for (int i = 1; i <= 3; ++i) stage.node(i).crash(CrashKind::power_cut);
  stage.world.run_for(1s);
  for (int i = 1; i <= 3; ++i) stage.start(i);
  EXPECT_TRUE(wait_whole());
  const size_t before = load.acknowledged();
  stage.world.run_for(1s);
  EXPECT_GT(load.acknowledged(), before);
  load.finish();
  check_history(stage, history, topic, 2);
}

// Rules 1 and 8: it is another incarnation, and what it alone had is cut off.
TEST_F(ClusterSimFailover, ALeaderThatIsBackAtOnceDoesNotServeWhatItAloneHad) {
  begin();
  ASSERT_TRUE(publish("a"));
  isolate(1);
  EXPECT_EQ(publish_to(1, "tail", 1), ErrorCode::none) << "the leader's own disk has it";
  stage.node(1).crash(CrashKind::kill);
  stage.world.network().isolate("b1");
  stage.world.run_for(20ms);
  stage.start(1);
  ASSERT_TRUE(stage.wait([&] { return stage.leader(topic, 0) > 1; }, 15s)) << stage.describe_all(topic);
  ASSERT_TRUE(stage.wait([&] {
    const auto answer = publish("b");
    return answer && answer->error_code == ErrorCode::none;
  }));
  stage.world.network().heal();
  EXPECT_TRUE(wait_whole()) << stage.describe_all(topic);
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(values(i), (Values{"a", "b"})) << "broker " << i;
  EXPECT_GE(stage.sink.told["replication.truncated"], 1);
}

// Rule 10: the new leader knows the producer by the log.
TEST_F(ClusterSimFailover, ARepeatedBatchIsAnsweredWithItsOffsetByTheNextLeader) {
  begin();
  const Idempotence as{.producer = 7000, .epoch = 0, .sequence = 0};
  ASSERT_TRUE(publish("before"));
  const auto first = publish("once", -1, as);
  ASSERT_TRUE(first && first->error_code == ErrorCode::none);
  stage.node(1).crash(CrashKind::power_cut);
  ASSERT_TRUE(stage.wait([&] { return stage.leader(topic, 0) > 1; }, 15s));
  std::optional<kafka::ProduceResponse::Partition> again;
  ASSERT_TRUE(stage.wait([&] {
    again = publish("once", -1, as);
    return again && again->error_code == ErrorCode::none;
  }));
  EXPECT_EQ(again->base_offset, first->base_offset);
  stage.start(1);
  EXPECT_TRUE(wait_whole());
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(values(i), (Values{"before", "once"})) << "broker " << i;
}

TEST_F(ClusterSimFailover, ARollingRestartFailsNoPublish) {
  begin(2);
  Load load(stage, history, topic, 2);
  for (int i = 1; i <= 3; ++i) {
    stage.world.run_for(200ms);
    EXPECT_TRUE(stage.stop(i)) << "broker " << i;
    const size_t before = load.acknowledged();
    EXPECT_TRUE(stage.wait([&] { return load.acknowledged() > before + 5; }, 2s)) << "without broker " << i;
    stage.start(i);
    EXPECT_TRUE(wait_whole());
  }
  load.finish();
  check_history(stage, history, topic, 2);
}

// Rule 17.
TEST_F(ClusterSimFailover, APublishThatWaitsIsAnsweredAtOnceWhenItsLeaderResigns) {
  begin();
  ASSERT_TRUE(publish("a"));
  stage.world.network().cut({"b1"}, {"b2", "b3"});
  std::optional<ErrorCode> code;
  stage.client.start([&](Runtime& runtime) -> Task<void> {
    auto connection = co_await peer::Connection::connect(runtime.network(), {"b1", 9092}, {});
    if (!connection) co_return;
    auto answer = co_await (*connection)
                      ->call(produce_request(topic, 0, {"parked"}, {}, -1, 60'000), {.version_max = 12});
    if (answer) code = answer->responses.at(0).partition_responses.at(0).error_code;
  });
  stage.world.run_for(1s);
  EXPECT_FALSE(code) << "it waits for the followers";
  stage.server.cut("b1");
  EXPECT_TRUE(stage.wait(
      [&] { return stage.replica(2, topic, 0)->leading() || stage.replica(3, topic, 0)->leading(); }, 20s));
  stage.world.network().heal();
  stage.server.heal();
  EXPECT_TRUE(stage.wait([&] { return code.has_value(); }, 5s)) << stage.describe_all(topic);
  EXPECT_EQ(code, ErrorCode::not_leader_or_follower);
}

// Their versions have no field for the new leader: it is left out, and not the answer.
TEST_F(ClusterSimFailover, AnOlderClientIsToldThatItAsksTheWrongBroker) {
  begin();
  EXPECT_TRUE(stage.client.run([&](Runtime& runtime) -> Task<void> {
    auto connection = co_await peer::Connection::connect(runtime.network(), {"b2", 9092}, {});
    EXPECT_TRUE(connection.has_value());
    if (!connection) co_return;
    const auto produced = co_await (*connection)->call(produce_request(topic, 0, {"a"}), {.version_max = 9});
    EXPECT_TRUE(produced.has_value()) << produced.error().describe();
    if (!produced) co_return;
    EXPECT_EQ(produced->responses.at(0).partition_responses.at(0).error_code,
              ErrorCode::not_leader_or_follower);
    kafka::FetchRequest request;
    request.topics.push_back(
        {.topic = topic, .topic_id = {}, .partitions = {{.partition = PartitionIndex(0)}}});
    const auto fetched = co_await (*connection)->call(request, {.version_max = 10});
    EXPECT_TRUE(fetched.has_value()) << fetched.error().describe();
    if (!fetched) co_return;
    EXPECT_EQ(fetched->responses.at(0).partitions.at(0).error_code, ErrorCode::not_leader_or_follower);
  }));
}

// Rule 2.
TEST_F(ClusterSimFailover, ABrokerWithAnEmptyDiskIsRebuiltAndNeverVotesForItsEmptiness) {
  begin();
  for (const char* value : {"a", "b", "c"}) ASSERT_TRUE(publish(value));
  stage.node(1).crash(CrashKind::power_cut);
  stage.empty_disk(1);
  stage.world.run_for(20ms);
  stage.start(1);
  EXPECT_TRUE(wait_whole()) << stage.describe_all(topic);
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(values(i), (Values{"a", "b", "c"})) << "broker " << i;
}

// Rule 3.
TEST_F(ClusterSimFailover, ATopicThatIsDeletedWhileABrokerIsDownIsGoneThereToo) {
  begin();
  ASSERT_TRUE(publish("a"));
  const TopicId id = stage.replica(3, topic, 0)->id().topic;
  stage.node(3).crash(CrashKind::kill);
  ASSERT_TRUE(stage.wait([&] { return stage.isr(topic, 0) == 2; }, 10s));
  ASSERT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
    kafka::DeleteTopicsRequest request;
    request.topics.push_back({.name = topic, .topic_id = {}});
    auto answer = co_await cluster.call(peer::Target::controller(), request,
                                        [](const auto& r) { return r.responses.at(0).error_code; });
    EXPECT_TRUE(answer && answer->responses.at(0).error_code == ErrorCode::none);
  }));
  stage.start(3);
  ASSERT_TRUE(stage.wait([&] { return stage.formed(); }));
  ASSERT_TRUE(stage.create(topic, 1)) << "the same name again";
  EXPECT_NE(stage.replica(3, topic, 0)->id().topic, id);
  EXPECT_TRUE(values(3).empty());
  EXPECT_TRUE(stage.node(3).run([&](Runtime&) -> Task<void> {
    for (const TopicPartition& one : co_await stage.broker(3)->store().list()) EXPECT_NE(one.topic, id);
  }));
}

}  // namespace
}  // namespace godwit::broker
