// What batches take that are opened, and stored in another codec than they come in.
#include "broker/connection_testing.h"

namespace godwit::broker {
namespace {

constexpr int16_t kVersion = 9;

// A batch of one record of so many zeros, which takes next to nothing on the way, and does not say what it becomes.
Bytes bomb(size_t bytes) {
  BatchBuilder builder({.compression = {CompressionType::gzip}});
  const std::string zeros(bytes, '\0');
  builder.add({.timestamp_ms = 1000, .key = as_bytes("key"), .value = as_bytes(zeros)});
  return *builder.build();
}

// The answers to one request with the batch for each of so many partitions of the topic.
Task<std::vector<kafka::ProduceResponse::Partition>> publish(Stage& stage, std::string topic, int partitions,
                                                             Bytes batch) {
  kafka::ProduceRequest request;
  request.acks = -1;
  request.timeout_ms = 5000;
  auto& data = request.topic_data.emplace_back();
  data.name = topic;
  for (int i = 0; i < partitions; ++i)
    data.partition_data.push_back({PartitionIndex(i), SharedBytes::own(Bytes(batch))});
  const auto stream = co_await dial(stage);
  EXPECT_TRUE(co_await say(*stream, *kafka::encode_request(1, "tester", request, kVersion)));
  auto answer = co_await hear(*stream);
  EXPECT_TRUE(answer.has_value());
  auto frame = kafka::parse_response(std::move(*answer), kafka::ApiKey::produce, kVersion);
  auto response = codec::decode<kafka::ProduceResponse>(frame->body, kVersion);
  EXPECT_TRUE(response.has_value());
  co_return response->responses.at(0).partition_responses;
}

Task<void> create(Stage& stage, std::string name, int32_t partitions, cluster::ConfigMap config) {
  TopicWish wish;
  wish.name = std::move(name);
  wish.partitions = partitions;
  wish.config = std::move(config);
  const auto created = co_await create_topic(stage.broker->shard(0), std::move(wish));
  EXPECT_TRUE(created.has_value());
}

TEST(ProduceMemory, ABatchThatIsTooLargeInTheTopicsCodecIsRefused) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await create(stage, "plain", 1, {{"compression.type", "uncompressed"}});
    EXPECT_EQ((co_await publish(stage, "plain", 1, bomb(2 << 20))).at(0).error_code,
              ErrorCode::message_too_large);
    // Just above the limit with its header, just below without.
    EXPECT_EQ((co_await publish(stage, "plain", 1, bomb(1'048'550))).at(0).error_code,
              ErrorCode::message_too_large);
    EXPECT_EQ((co_await publish(stage, "plain", 1, bomb(1'000'000))).at(0).error_code, ErrorCode::none);
    // Where it stays small it may be opened.
    co_await create(stage, "zstd", 1, {{"compression.type", "zstd"}});
    EXPECT_EQ((co_await publish(stage, "zstd", 1, bomb(2 << 20))).at(0).error_code, ErrorCode::none);
  });
}

TEST(ProduceMemory, AThousandBombsInOneRequestAreRefusedAndOthersHaveTheirTurn) {
  run_on_stage(
      [](Stage& stage) -> Task<void> {
        co_await create(stage, "plain", 1000, {{"compression.type", "uncompressed"}});
        const auto turns = std::make_shared<size_t>(0);
        const auto ended = std::make_shared<bool>(false);
        runtime::Shard::current()->spawn(
            [](std::shared_ptr<size_t> t, std::shared_ptr<bool> e) -> Task<void> {
              while (!*e) {
                co_await runtime::yield();
                ++*t;
              }
            }(turns, ended));
        const auto answers = co_await publish(stage, "plain", 1000, bomb(2 << 20));
        *ended = true;
        EXPECT_EQ(answers.size(), 1000);
        for (const auto& answer : answers) EXPECT_EQ(answer.error_code, ErrorCode::message_too_large);
        EXPECT_GE(*turns, 1000);
      },
      stage_options(), stage_machine(1));
}

TEST(ProduceMemory, WhatARequestBecomesInTheTopicsCodecIsBoundedAsAWhole) {
  BrokerOptions options = stage_options();
  options.request_memory = 16 << 20;  // a quarter: four batches of this test
  options.store.arena_bytes = 64 << 20;
  options.store.journal_file_bytes = 16 << 20;
  run_on_stage(
      [](Stage& stage) -> Task<void> {
        co_await create(stage, "plain", 100, {{"compression.type", "uncompressed"}});
        const auto answers = co_await publish(stage, "plain", 100, bomb(1'000'000));
        const auto taken =
            std::ranges::count(answers, ErrorCode::none, &kafka::ProduceResponse::Partition::error_code);
        EXPECT_EQ(taken, 4);
        EXPECT_EQ(answers.at(0).error_code, ErrorCode::none);
        EXPECT_EQ(answers.at(99).error_code, ErrorCode::message_too_large);
        // And the next request has as much again.
        EXPECT_EQ((co_await publish(stage, "plain", 1, bomb(1'000'000))).at(0).error_code, ErrorCode::none);
      },
      options);
}

TEST(ProduceMemory, FaultsOfRecordsAreListedUpToABoundForTheWholeRequest) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await create(stage, "keyed", 4, {{"cleanup.policy", "compact"}});
    BatchBuilder builder({});
    for (int i = 0; i < 6000; ++i) builder.add({.timestamp_ms = 1000, .value = as_bytes("no key")});
    const auto answers = co_await publish(stage, "keyed", 4, *builder.build());
    size_t listed = 0;
    for (const auto& answer : answers) {
      EXPECT_EQ(answer.error_code, ErrorCode::invalid_record);
      listed += answer.record_errors.size();
    }
    EXPECT_EQ(listed, 10'000);
  });
}

}  // namespace
}  // namespace godwit::broker
