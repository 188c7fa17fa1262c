// A broker that is gone for good, and one that is gone for a moment: how many replicas topics have then.
#include "broker/cluster_history_testing.h"
#include "kafka/messages/cluster_command.h"
#include "kafka/messages/offset_commit.h"

namespace godwit::broker {
namespace {

class Shrinking : public ClusterStage {
 public:
  using ClusterStage::ClusterStage;

  kafka::ClusterCommandResponse order(std::string verb, int broker = -1) {
    kafka::ClusterCommandResponse response;
    EXPECT_TRUE(as_client([&](peer::Cluster& cluster) -> Task<void> {
      kafka::ClusterCommandRequest request;
      request.verb = std::move(verb);
      request.broker_id = BrokerId(broker);
      auto answer =
          co_await cluster.call(peer::Target::any(), request, [](const auto& r) { return r.error_code; });
      EXPECT_TRUE(answer.has_value()) << answer.error().describe();
      if (answer) response = std::move(*answer);
    }));
    EXPECT_EQ(response.error_code, ErrorCode::none) << response.message;
    return response;
  }
  // Why the controller does not create it; empty: it did. A factor of -1: nobody says how many replicas.
  std::string place(const std::string& topic, int32_t partitions, int16_t factor) {
    std::string message = "nobody answered";
    EXPECT_TRUE(as_client([&](peer::Cluster& cluster) -> Task<void> {
      kafka::CreateTopicsRequest request;
      auto& wish = request.topics.emplace_back();
      wish.name = topic;
      wish.num_partitions = partitions;
      wish.replication_factor = factor;
      const auto answer = co_await cluster.call(peer::Target::controller(), request);
      if (answer) message = answer->topics.at(0).error_message.value_or("");
    }));
    return message;
  }
  bool known(int broker) {
    return std::ranges::any_of(order("status").brokers,
                               [&](const auto& one) { return one.id == BrokerId(broker); });
  }
  bool three_everywhere(const std::string& topic) {
    const auto now = image();
    return std::ranges::all_of(now->find(topic)->partitions, [](const auto& one) {
      return one.replicas.size() >= 3 && one.replicas.size() - one.removing.size() == 3;
    });
  }
};

TEST(ClusterSimRemove, ThreeReplicasStayThreeUntilAFourthBrokerTakesTheirsOver) {
  Shrinking stage(81, 1, 4);
  for (int i = 1; i <= 3; ++i) stage.start(i);
  ASSERT_TRUE(stage.wait(
      [&] { return stage.up(1) && stage.up(2) && stage.up(3) && stage.image()->brokers.size() == 3; }));
  ASSERT_EQ(stage.place("orders", 2, -1), "");
  ASSERT_TRUE(stage.wait([&] { return stage.whole("orders"); }));
  History history;
  Load load(stage, history, "orders", 2, 20ms);
  stage.world.run_for(500ms);
  stage.node(3).crash(CrashKind::power_cut);
  ASSERT_TRUE(stage.wait([&] { return !stage.image()->brokers.contains(BrokerId(3)); }));
  stage.order("remove", 3);
  for (int i = 0; i < 40; ++i) {
    stage.world.run_for(1s);
    ASSERT_TRUE(stage.three_everywhere("orders")) << stage.describe_all("orders");
  }
  const auto status = stage.order("status");
  ASSERT_EQ(status.waits.size(), 1u);
  EXPECT_EQ(status.waits[0].broker, BrokerId(3));
  EXPECT_EQ(status.waits[0].needs, kafka::ClusterCommandResponse::Wait::kBroker);
  EXPECT_EQ(status.waits[0].named, (std::vector<std::string>{"orders-0", "orders-1"}));
  const size_t before = load.acknowledged();
  EXPECT_TRUE(stage.wait([&] { return load.acknowledged() > before + 20; }, 5s)) << "publishing goes on";
  stage.start(4);
  EXPECT_TRUE(stage.wait([&] { return stage.up(4) && stage.whole("orders") && !stage.known(3); }, 60s))
      << stage.describe_all("orders");
  EXPECT_TRUE(stage.three_everywhere("orders")) << stage.describe_all("orders");
  load.finish();
  check_history(stage, history, "orders", 2);
}

TEST(ClusterSimRemove, TopicsThatAreMadeWhileOneOfThreeIsDownAreWholeWhenItIsBack) {
  Shrinking stage(82, 1);
  stage.start_all();
  stage.node(2).crash(CrashKind::power_cut);
  ASSERT_TRUE(stage.wait([&] { return !stage.image()->brokers.contains(BrokerId(2)); }));
  ASSERT_EQ(stage.place("usual", 2, -1), "");
  ASSERT_EQ(stage.place("asked", 2, 3), "");
  EXPECT_NE(stage.place("more", 1, 4).find("only 3 broker(s) are registered"), std::string::npos);
  ASSERT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
    kafka::OffsetCommitRequest request;
    request.group_id = "readers";
    auto& topic = request.topics.emplace_back();
    topic.name = "usual";
    topic.partitions.push_back({.partition_index = PartitionIndex(0), .committed_offset = Offset(0)});
    const auto answer = co_await cluster.call(
        peer::Target::coordinator("readers"), request,
        [](const auto& r) { return r.topics.at(0).partitions.at(0).error_code; }, {.version_max = 9});
    EXPECT_TRUE(answer && answer->topics.at(0).partitions.at(0).error_code == ErrorCode::none);
  }));
  const std::vector<std::string> topics = {"usual", "asked", "__consumer_offsets"};
  for (const std::string& topic : topics) {
    EXPECT_TRUE(stage.three_everywhere(topic)) << stage.describe_all(topic);
    EXPECT_EQ(stage.isr(topic, 0), 2u) << topic;
  }
  History history;
  Load load(stage, history, "usual", 2, 20ms);
  stage.world.run_for(500ms);
  stage.start(2);
  for (const std::string& topic : topics) {
    EXPECT_TRUE(stage.wait([&] { return stage.whole(topic); })) << stage.describe_all(topic);
  }
  const size_t before = load.acknowledged();
  EXPECT_TRUE(stage.wait([&] { return load.acknowledged() > before + 20; }, 5s));
  load.finish();
  check_history(stage, history, "usual", 2);
}

}  // namespace
}  // namespace godwit::broker
