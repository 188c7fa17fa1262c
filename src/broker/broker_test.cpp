// A broker that starts, and one that cannot.
#include "broker/broker.h"

#include "broker/config_resource.h"
#include "broker/stage_testing.h"

namespace godwit::broker {
namespace {

TEST(Broker, ThatCannotOpenItsSecondListenerLeavesNothingBehindOnAnyShard) {
  runtime::sim::World world(11);
  runtime::sim::NodeOptions machine;
  machine.shards = 2;
  runtime::sim::Node& node = world.add_node("a", machine);
  EXPECT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
    BrokerOptions two = stage_options();
    two.listeners.push_back({.name = "OTHER", .bind = {"", 9093}, .advertised = {}});
    auto taken = co_await runtime.network().listen({"", 9093}, {});
    EXPECT_TRUE(taken.has_value());
    Stage& stage = node.make<Stage>(runtime, two);
    const auto refused =
        co_await Broker::start(two, runtime, stage.coordination, stage.diagnostics, stage.metrics);
    EXPECT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().kind, ErrorKind::conflict);
    taken->reset();
    // The first listener's port, and the data directory, are free again.
    co_await stage.start();
    (void)co_await stage.broker->stop();
    stage.broker.reset();
  }));
}

TEST(Broker, OfAnotherClusterLeavesNothingBehindOnAnyShard) {
  runtime::sim::World world(12);
  runtime::sim::NodeOptions machine;
  machine.shards = 2;
  runtime::sim::Node& node = world.add_node("a", machine);
  EXPECT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
    Stage& stage = node.make<Stage>(runtime);
    co_await stage.start();
    (void)co_await stage.broker->stop();
    stage.broker.reset();
    BrokerOptions stranger = stage_options();
    stranger.cluster_id = "AAAAAAAAAAAAAAAAAAAABQ";
    const auto refused =
        co_await Broker::start(stranger, runtime, stage.coordination, stage.diagnostics, stage.metrics);
    EXPECT_FALSE(refused.has_value());
    co_await stage.start();
    (void)co_await stage.broker->stop();
    stage.broker.reset();
  }));
}

Task<ErrorCode> create_one(Stage& stage, size_t shard, std::string name, int32_t partitions) {
  TopicWish wish;
  wish.name = std::move(name);
  wish.partitions = partitions;
  BrokerShard& asked = stage.broker->shard(shard);
  co_return co_await asked.shard().call([&asked, wish = std::move(wish)]() mutable -> Task<ErrorCode> {
    const auto created = co_await create_topic(asked, std::move(wish));
    co_return created ? ErrorCode::none : created.error().code;
  });
}

TEST(Broker, KeepsItsBoundOfPartitionsWhenManyAskAtOnce) {
  BrokerOptions options = stage_options();
  options.partitions_max = 10;
  run_on_stage(
      [](Stage& stage) -> Task<void> {
        std::vector<Task<ErrorCode>> asking;
        for (size_t i = 0; i < 6; ++i) asking.push_back(create_one(stage, i % 2, "t" + std::to_string(i), 4));
        const auto answers = co_await runtime::when_all(std::move(asking));
        EXPECT_EQ(std::ranges::count(answers, ErrorCode::none), 2);
        EXPECT_EQ(std::ranges::count(answers, ErrorCode::policy_violation), 4);
        kafka::CreatePartitionsRequest more;
        for (const auto& [name, topic] : stage.broker->metadata().image()->topics()) {
          more.topics.push_back({.name = name, .count = 6, .assignments = std::nullopt});
        }
        const auto added = co_await stage.ask(more);
        EXPECT_EQ(added.results.at(0).error_code, ErrorCode::none);
        EXPECT_EQ(added.results.at(1).error_code, ErrorCode::policy_violation);
      },
      options);
}

TEST(Broker, ItIsToldAtTheStartWhatMemoryIsTooSmallForTheLargestBatch) {
  const auto told = [](Stage& stage) { return stage.diagnostics.contains("storage.arena_small"); };
  run_on_stage([&](Stage& stage) -> Task<void> {
    EXPECT_FALSE(told(stage));
    co_return;
  });
  BrokerOptions options = stage_options();
  options.topic_defaults["max.message.bytes"] = "8000000";  // of 4 MiB that a shard has
  run_on_stage(
      [&](Stage& stage) -> Task<void> {
        EXPECT_TRUE(told(stage));
        co_return;
      },
      options);
}

TEST(Broker, ThePartitionsOfTheOffsetsTopicStayAsTheyAre) {
  run_on_stage([](Stage& stage) -> Task<void> {
    EXPECT_TRUE(co_await create_offsets_topic(stage.broker->shard(0)));
    kafka::CreatePartitionsRequest more;
    more.topics.push_back(
        {.name = std::string(kConsumerOffsetsTopic), .count = 9, .assignments = std::nullopt});
    EXPECT_EQ((co_await stage.ask(more)).results.at(0).error_code, ErrorCode::invalid_request);
    // Nor does the setting for a new one change it: groups are found by the count that there is.
    stage.options.offsets_topic_partitions = 7;
    co_await stage.restart();
    const auto image = from_outside([&] { return stage.broker->shard(1).image(); });
    EXPECT_EQ(image->find(kConsumerOffsetsTopic)->partitions.size(), 4U);
  });
}

kafka::IncrementalAlterConfigsRequest set_on_broker(const std::string& broker, const std::string& name,
                                                    const std::string& value) {
  kafka::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = static_cast<int8_t>(ResourceType::broker);
  resource.resource_name = broker;
  resource.configs.push_back({name, 0, value});
  return request;
}

TEST(Broker, ADynamicDefaultTakesEffectForTopicsThatSetNothingThemselves) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("before");
    const auto set = co_await stage.ask(set_on_broker("", "log.retention.ms", "5000"));
    EXPECT_EQ(set.responses.at(0).error_code, ErrorCode::none);
    co_await stage.create("after");
    for (const std::string topic : {"before", "after"}) {
      for (size_t i = 0; i < 2; ++i) {
        const TopicSettings* const settings =
            from_outside([&] { return stage.broker->shard(i).settings(stage.topic_id(topic)); });
        EXPECT_EQ(settings->log.retention_ms, 5000) << topic;
      }
      const auto shown = describe_resource(stage.broker->shard(0), ResourceType::topic, topic);
      const auto view = std::ranges::find(*shown, "retention.ms", &SettingView::name);
      EXPECT_EQ(view->value, "5000");
      EXPECT_EQ(view->source, kSourceDynamicDefaultBroker);
    }
    (void)co_await stage.ask(set_on_broker("1", "log.retention.ms", "7000"));
    co_await stage.restart();
    EXPECT_EQ(stage.broker->shard(0).settings(stage.topic_id("before"))->log.retention_ms, 7000);
  });
}

TEST(Broker, ADynamicDefaultThatNoTopicCouldSetIsRefused) {
  run_on_stage([](Stage& stage) -> Task<void> {
    const auto set = [&](std::string broker, std::string name, std::string value) -> Task<ErrorCode> {
      const auto answer = co_await stage.ask(set_on_broker(broker, name, value));
      co_return answer.responses.at(0).error_code;
    };
    EXPECT_EQ(co_await set("", "remote.storage.enable", "true"), ErrorCode::invalid_config);
    EXPECT_EQ(co_await set("1", "compression.gzip.level", "0"), ErrorCode::invalid_config);
    EXPECT_EQ(co_await set("", "leader.replication.throttled.replicas", "all"), ErrorCode::invalid_config);
    EXPECT_TRUE(stage.broker->metadata().image()->broker_configs.empty());
    // A lag is compared with what holds below: for all brokers, then for one, then for a topic.
    EXPECT_EQ(co_await set("", "log.cleaner.max.compaction.lag.ms", "1000"), ErrorCode::none);
    EXPECT_EQ(co_await set("", "log.cleaner.min.compaction.lag.ms", "1001"), ErrorCode::invalid_config);
    EXPECT_EQ(co_await set("1", "log.cleaner.min.compaction.lag.ms", "1001"), ErrorCode::invalid_config);
    EXPECT_EQ(co_await set("1", "log.cleaner.min.compaction.lag.ms", "1000"), ErrorCode::none);
    TopicWish wish;
    wish.name = "hasty";
    wish.config = {{"max.compaction.lag.ms", "999"}};
    const auto made = co_await create_topic(stage.broker->shard(0), wish);
    EXPECT_FALSE(made.has_value());
    if (!made) EXPECT_EQ(made.error().code, ErrorCode::invalid_config);
  });
}

TEST(Broker, SettingsOfGroupsAreReadAtStartAsInKafka) {
  run_on_stage([](Stage& stage) -> Task<void> {
    const auto refused = co_await stage.ask(set_on_broker("", "group.initial.rebalance.delay.ms", "0"));
    EXPECT_EQ(refused.responses.at(0).error_code, ErrorCode::invalid_config);
  });
}

}  // namespace
}  // namespace godwit::broker
