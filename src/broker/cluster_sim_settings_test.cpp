// Settings of topics and brokers as they take effect in a whole cluster, and as tools are shown them.
#include "broker/cluster_asking_testing.h"
#include "broker/topic_settings_view.h"
#include "kafka/messages/describe_configs.h"

namespace godwit::broker {
namespace {

using Config = kafka::DescribeConfigsResponse::Config;
constexpr int8_t kTopicResource = 2;
constexpr int8_t kBrokerResource = 4;

Config min_insync(ClusterStage& stage, int8_t type, const std::string& name) {
  kafka::DescribeConfigsRequest request;
  request.include_synonyms = true;
  request.resources.push_back({type, name, std::vector{std::string("min.insync.replicas")}});
  const auto answer = ask(stage, 1, request);
  EXPECT_TRUE(answer && answer->results.at(0).configs.size() == 1) << name;
  return answer ? answer->results.at(0).configs.at(0) : Config();
}

// Creates the topic by asking broker 2; gives min.insync.replicas as the answer tells it.
kafka::CreateTopicsResponse::Config created_with(ClusterStage& stage, const std::string& topic,
                                                 int16_t replicas) {
  kafka::CreateTopicsRequest request;
  auto& wish = request.topics.emplace_back();
  wish.name = topic;
  wish.num_partitions = 1;
  wish.replication_factor = replicas;
  const auto answer = ask(stage, 2, request);
  EXPECT_TRUE(answer && answer->topics.at(0).error_code == ErrorCode::none) << topic;
  EXPECT_TRUE(stage.wait([&] { return stage.whole(topic); }));
  const auto& configs = *answer->topics.at(0).configs;
  return *std::ranges::find(configs, "min.insync.replicas", &kafka::CreateTopicsResponse::Config::name);
}

// What the leader goes by.
int enforced(ClusterStage& stage, const std::string& topic) {
  return stage.replica(stage.leader(topic, 0), topic, 0)->leader()->min_insync();
}

TEST(ClusterSimSettings, ToolsAreShownTheMinInsyncReplicasThatIsEnforced) {
  ClusterStage stage(41);
  stage.start_all();
  const std::pair<int16_t, const char*> expected[] = {
      {int16_t{1}, "1"}, {int16_t{2}, "1"}, {int16_t{3}, "2"}};
  for (const auto& [replicas, value] : expected) {
    const std::string topic = "of-" + std::to_string(replicas);
    const auto created = created_with(stage, topic, replicas);
    EXPECT_EQ(created.value, value) << topic;
    EXPECT_EQ(created.config_source, kSourceDefault) << topic;
    const Config shown = min_insync(stage, kTopicResource, topic);
    EXPECT_EQ(shown.value, value) << topic;
    EXPECT_EQ(shown.config_source, kSourceDefault) << topic;
    ASSERT_EQ(shown.synonyms.size(), 1u) << topic;
    EXPECT_EQ(shown.synonyms[0].value, value) << topic;
    EXPECT_EQ(std::to_string(enforced(stage, topic)), value) << topic;
  }
  const Config broker = min_insync(stage, kBrokerResource, "1");
  EXPECT_EQ(broker.value, "2") << "topics get three replicas where nobody says";
  EXPECT_EQ(broker.config_source, kSourceDefault);
}

TEST(ClusterSimSettings, AMinInsyncReplicasOfOneThatWasConfiguredHoldsWithThreeReplicas) {
  ClusterStage stage(42);
  stage.adjust = [](BrokerOptions& options) { options.topic_defaults = {{"min.insync.replicas", "1"}}; };
  stage.start_all();
  const auto created = created_with(stage, "orders", 3);
  EXPECT_EQ(created.value, "1");
  EXPECT_EQ(created.config_source, kSourceStaticBroker);
  EXPECT_EQ(enforced(stage, "orders"), 1);
  const Config shown = min_insync(stage, kTopicResource, "orders");
  EXPECT_EQ(shown.value, "1");
  ASSERT_EQ(shown.synonyms.size(), 2u);
  EXPECT_EQ(shown.synonyms[1].value, "2") << "what would hold without";
}

// One broker, an idempotent producer that published once and was silent for a minute, and the answer to what it publishes then,
// as if batches were missing between the two.
ErrorCode after_a_silent_minute(std::optional<Duration> expiration) {
  ClusterStage stage(43, 1, 1);
  stage.adjust = [&](BrokerOptions& options) {
    options.store.retention_interval = 1s;
    if (expiration) options.producer_expiration = *expiration;
  };
  stage.start_all();
  EXPECT_TRUE(stage.create("orders", 1));
  const auto first = publish_to(stage, 1, "orders", "a", {.producer = 7000, .epoch = 0, .sequence = 0});
  EXPECT_TRUE(first && first->error_code == ErrorCode::none);
  stage.world.run_for(60s);
  const auto later = publish_to(stage, 1, "orders", "b", {.producer = 7000, .epoch = 0, .sequence = 5});
  EXPECT_TRUE(later);
  return later ? later->error_code : ErrorCode::unknown_server_error;
}

TEST(ClusterSimSettings, AProducerIsForgottenWhenItWasSilentForAsLongAsTheSettingSays) {
  EXPECT_EQ(after_a_silent_minute(std::nullopt), ErrorCode::out_of_order_sequence_number);
  EXPECT_EQ(after_a_silent_minute(90s), ErrorCode::out_of_order_sequence_number);
  EXPECT_EQ(after_a_silent_minute(30s), ErrorCode::none);
}

}  // namespace
}  // namespace godwit::broker
