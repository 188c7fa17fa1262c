// What requests with very many entries leave to others: whatever the request, a shard turns at least once for so many entries.
#include "broker/api/turns.h"
#include "broker/stage_testing.h"

namespace godwit::broker {
namespace {

constexpr int kEntries = 100'000;

// Serves the request while somebody counts how often the shard turns: each turn serves a part of it that is bounded.
template <class Request>
Task<typename Request::Response> ask_fairly(Stage& stage, Request request,
                                            int16_t version = Request::kFormat.versions.last) {
  const auto turns = std::make_shared<size_t>(0);
  const auto ended = std::make_shared<bool>(false);
  runtime::Shard::current()->spawn([](std::shared_ptr<size_t> t, std::shared_ptr<bool> e) -> Task<void> {
    while (!*e) {
      co_await runtime::yield();
      ++*t;
    }
  }(turns, ended));
  auto response = co_await stage.ask(std::move(request), version);
  *ended = true;
  EXPECT_GE(*turns, kEntries / api::Turns::kEntriesAtOnce) << "API " << static_cast<int>(Request::kApi);
  co_return response;
}

std::string name_of(int i) {
  return "topic-" + std::to_string(i);
}

TEST(ApiTurns, ManyTopicsAreDeletedInManyTurns) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    kafka::DeleteTopicsRequest request;
    for (int i = 0; i < kEntries; ++i) request.topics.push_back({name_of(i), {}});
    // Named by its name and by its id, which is twice: neither is carried out.
    request.topics.push_back({"orders", {}});
    request.topics.push_back({std::nullopt, stage.topic_id("orders")});
    request.topics.push_back({name_of(5), {}});
    const auto response = co_await ask_fairly(stage, std::move(request));
    EXPECT_EQ(response.responses.size(), kEntries + 1);
    EXPECT_EQ(response.responses.at(4).error_code, ErrorCode::unknown_topic_or_partition);
    EXPECT_EQ(response.responses.at(5).error_code, ErrorCode::invalid_request);
    EXPECT_EQ(response.responses.back().name, "orders");
    EXPECT_EQ(response.responses.back().error_code, ErrorCode::invalid_request);
    EXPECT_EQ(response.responses.back().topic_id, stage.topic_id("orders"));
  });
}

template <class Request>
Task<void> alter_many(Stage& stage) {
  Request request;
  for (int i = 0; i < kEntries; ++i) {
    auto& resource = request.resources.emplace_back();
    resource.resource_type = 2;
    resource.resource_name = name_of(i);
  }
  request.resources.push_back(request.resources.front());
  const auto response = co_await ask_fairly(stage, std::move(request));
  EXPECT_EQ(response.responses.size(), kEntries + 1);
  EXPECT_EQ(response.responses.front().error_code, ErrorCode::invalid_request);
  EXPECT_EQ(response.responses.at(1).error_code, ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(response.responses.back().error_code, ErrorCode::invalid_request);
}

TEST(ApiTurns, ManyResourcesAreAlteredInManyTurns) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await alter_many<kafka::AlterConfigsRequest>(stage);
    co_await alter_many<kafka::IncrementalAlterConfigsRequest>(stage);
  });
}

TEST(ApiTurns, AListOfManyItemsIsAppendedToAndTakenFromWithoutLookingAtEachForEach) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    std::string many = "delete";
    for (int i = 0; i < kEntries; ++i) many += ",compact";
    for (const int8_t operation : {2, 3}) {
      kafka::IncrementalAlterConfigsRequest request;
      auto& resource = request.resources.emplace_back();
      resource.resource_type = 2;
      resource.resource_name = "orders";
      resource.configs.push_back({"cleanup.policy", operation, operation == 2 ? many : "compact,compact"});
      const auto response = co_await stage.ask(std::move(request));
      EXPECT_EQ(response.responses.at(0).error_code, ErrorCode::none);
      EXPECT_EQ(stage.broker->shard(0).image()->find("orders")->config.at("cleanup.policy"),
                operation == 2 ? "delete,compact" : "delete");
    }
  });
}

TEST(ApiTurns, WhatOnlyLooksOrIsRefusedTurnsAsOften) {
  run_on_stage([](Stage& stage) -> Task<void> {
    kafka::MetadataRequest metadata;
    metadata.topics.emplace();
    metadata.allow_auto_topic_creation = false;
    for (int i = 0; i < kEntries; ++i) metadata.topics->emplace_back().name = name_of(i);
    EXPECT_EQ((co_await ask_fairly(stage, std::move(metadata))).topics.size(), kEntries);

    kafka::CreatePartitionsRequest grow;
    for (int i = 0; i < kEntries; ++i) grow.topics.emplace_back().name = name_of(i);
    EXPECT_EQ((co_await ask_fairly(stage, std::move(grow))).results.size(), kEntries);

    kafka::CreateTopicsRequest create;
    for (int i = 0; i < kEntries; ++i) create.topics.emplace_back().name = "one";
    EXPECT_EQ((co_await ask_fairly(stage, std::move(create))).topics.size(), 1);

    kafka::ListPartitionReassignmentsRequest moves;
    moves.topics.emplace();
    for (int i = 0; i < kEntries; ++i) moves.topics->emplace_back().name = name_of(i);
    (void)co_await ask_fairly(stage, std::move(moves));

    kafka::AlterPartitionReassignmentsRequest move;
    auto& moved = move.topics.emplace_back();
    moved.name = "none";
    moved.partitions.resize(kEntries);
    EXPECT_EQ((co_await ask_fairly(stage, std::move(move))).responses.at(0).partitions.size(), kEntries);

    kafka::ElectLeadersRequest elect;
    elect.topic_partitions.emplace();
    auto& elected = elect.topic_partitions->emplace_back();
    elected.topic = "none";
    elected.partitions.resize(kEntries);
    (void)co_await ask_fairly(stage, std::move(elect));

    kafka::OffsetForLeaderEpochRequest epochs;
    epochs.topics.emplace_back().partitions.resize(kEntries);
    (void)co_await ask_fairly(stage, std::move(epochs));

    kafka::DescribeLogDirsRequest sizes;
    sizes.topics.emplace();
    sizes.topics->emplace_back().partitions.resize(kEntries);
    (void)co_await ask_fairly(stage, std::move(sizes));
  });
}

kafka::ListOffsetsRequest list_offsets(const std::string& topic, int count, int64_t timestamp) {
  kafka::ListOffsetsRequest request;
  auto& asked = request.topics.emplace_back();
  asked.name = topic;
  asked.partitions.resize(static_cast<size_t>(count));
  for (auto& partition : asked.partitions) partition.timestamp = timestamp;
  return request;
}

TEST(ApiTurns, OffsetsOfManyPartitionsAreLookedUpInManyTurns) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    for (const char* topic : {"orders", "none"}) {
      for (const int64_t timestamp : {-1, -3, 5}) {
        const auto response = co_await ask_fairly(stage, list_offsets(topic, kEntries, timestamp));
        const auto& found = response.topics.at(0).partitions;
        EXPECT_EQ(found.size(), kEntries);
        const bool known = std::string(topic) == "orders";
        for (const auto& one : found) {
          EXPECT_EQ(one.error_code, known ? ErrorCode::none : ErrorCode::unknown_topic_or_partition);
          EXPECT_EQ(one.offset, Offset(known && timestamp == -1 ? 0 : -1));
          if (testing::Test::HasFailure()) co_return;
        }
      }
    }
    kafka::DeleteRecordsRequest remove;
    auto& asked = remove.topics.emplace_back();
    asked.name = "none";
    asked.partitions.resize(kEntries);
    EXPECT_EQ((co_await ask_fairly(stage, std::move(remove))).topics.at(0).partitions.size(), kEntries);
  });
}

TEST(ApiTurns, EachPartitionIsAnsweredInItsPlaceHoweverOftenItIsNamed) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    kafka::ListOffsetsRequest request = list_offsets("orders", 1000, 5);
    auto& asked = request.topics.at(0).partitions;
    for (size_t i = 0; i < asked.size(); i += 3) asked[i].timestamp = -2;
    for (size_t i = 0; i < asked.size(); i += 7) asked[i].partition_index = PartitionIndex(9);
    request.topics.push_back(request.topics.front());
    const auto response = co_await stage.ask(std::move(request));
    EXPECT_EQ(response.topics.size(), 2);
    for (const auto& topic : response.topics) {
      for (size_t i = 0; i < topic.partitions.size(); ++i) {
        const auto& one = topic.partitions[i];
        EXPECT_EQ(one.partition_index, PartitionIndex(i % 7 == 0 ? 9 : 0)) << i;
        EXPECT_EQ(one.error_code, i % 7 == 0 ? ErrorCode::unknown_topic_or_partition : ErrorCode::none) << i;
        EXPECT_EQ(one.offset, Offset(i % 7 != 0 && i % 3 == 0 ? 0 : -1)) << i;
      }
    }
  });
}

TEST(ApiTurns, MorePartitionsThanABrokerHasAreNotLookedUp) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    const auto listed = co_await stage.ask(list_offsets("orders", 200'001, -1));
    EXPECT_EQ(listed.topics.at(0).partitions.back().error_code, ErrorCode::invalid_request);
    kafka::FetchRequest fetch;
    fetch.session_epoch = -1;
    auto& asked = fetch.topics.emplace_back();
    asked.topic = "orders";
    asked.partitions.resize(200'001);
    EXPECT_EQ((co_await stage.ask(fetch, 12)).error_code, ErrorCode::invalid_request);
    // Nor may few bytes stand for many.
    asked.topic = std::string(30'000, 'x');
    asked.partitions.resize(5000);
    EXPECT_EQ((co_await stage.ask(fetch, 12)).error_code, ErrorCode::invalid_request);
    asked.topic = "none";
    EXPECT_EQ((co_await stage.ask(fetch, 12)).responses.at(0).partitions.size(), 5000);
  });
}

TEST(ApiTurns, APartitionThatIsNamedOftenIsReadInManyTurns) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    kafka::FetchRequest fetch;
    fetch.session_epoch = -1;
    auto& asked = fetch.topics.emplace_back();
    asked.topic = "orders";
    asked.partitions.resize(kEntries);
    EXPECT_EQ((co_await ask_fairly(stage, std::move(fetch), 12)).responses.at(0).partitions.size(), kEntries);
  });
}

TEST(ApiTurns, ManyGroupsAreAskedInManyTurns) {
  run_on_stage([](Stage& stage) -> Task<void> {
    kafka::FindCoordinatorRequest find;
    for (int i = 0; i < kEntries; ++i) find.coordinator_keys.push_back(name_of(i));
    EXPECT_EQ((co_await ask_fairly(stage, std::move(find))).coordinators.size(), kEntries);

    kafka::DescribeGroupsRequest describe;
    for (int i = 0; i < kEntries; ++i) describe.groups.push_back(name_of(i));
    EXPECT_EQ((co_await ask_fairly(stage, std::move(describe))).groups.size(), kEntries);

    kafka::DeleteGroupsRequest remove;
    for (int i = 0; i < kEntries; ++i) remove.groups_names.push_back(name_of(i));
    EXPECT_EQ((co_await ask_fairly(stage, std::move(remove))).results.size(), kEntries);

    kafka::OffsetFetchRequest fetch;
    for (int i = 0; i < kEntries; ++i) fetch.groups.emplace_back().group_id = name_of(i);
    EXPECT_EQ((co_await ask_fairly(stage, std::move(fetch))).groups.size(), kEntries);

    kafka::OffsetDeleteRequest forget;
    forget.group_id = "readers";
    forget.topics.emplace_back().partitions.resize(kEntries);
    (void)co_await ask_fairly(stage, std::move(forget));
  });
}

}  // namespace
}  // namespace godwit::broker
