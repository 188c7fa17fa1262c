#include "peer/cluster.h"

#include <gtest/gtest.h>

#include "kafka/messages/create_topics.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/list_offsets.h"
#include "peer/scripted_broker_testing.h"
#include "runtime/sim/network.h"

namespace godwit::peer {
namespace {

using namespace std::chrono_literals;
using kafka::ApiKey;
using kafka::RequestFrame;
using runtime::Runtime;
using runtime::Task;

// Two brokers, b1 and b2; what they say of each other is in the members.
struct ClusterTest : testing::Test {
  runtime::sim::World world{11};
  runtime::sim::Node& first = world.add_node("b1");
  runtime::sim::Node& second = world.add_node("b2");
  runtime::sim::Node& machine = world.add_node("a");
  ScriptedBroker b1;
  ScriptedBroker b2;
  BrokerId controller{1};
  BrokerId leader{1};

  ClusterTest() {
    for (ScriptedBroker* broker : {&b1, &b2}) {
      broker->on(ApiKey::metadata,
                 [this](const RequestFrame& request) { return answer(request, metadata()); });
      broker->on(ApiKey::find_coordinator, [](const RequestFrame& request) {
        kafka::FindCoordinatorResponse response;
        response.node_id = BrokerId(2);
        response.host = "b2";
        response.port = 9092;
        return answer(request, response);
      });
    }
  }
  kafka::MetadataResponse metadata() const {
    kafka::MetadataResponse response;
    response.brokers = {{BrokerId(1), "b1", 9092, {}}, {BrokerId(2), "b2", 9092, {}}};
    response.controller_id = controller;
    kafka::MetadataResponse::Topic topic;
    topic.name = "orders";
    topic.partitions.emplace_back();
    topic.partitions[0].leader_id = leader;
    response.topics = {topic};
    return response;
  }
  void run(std::function<Task<void>(Cluster&)> scenario, ClusterOptions options = {}) {
    first.start(b1.main());
    second.start(b2.main());
    const bool ended = machine.run([&](Runtime& runtime) -> Task<void> {
      Cluster cluster(runtime.network(), {{"b1", 9092}, {"b2", 9092}}, options);
      co_await scenario(cluster);
    });
    EXPECT_TRUE(ended);
  }
};

Task<Result<kafka::CreateTopicsResponse>> create(Cluster& cluster, ClusterCallOptions options = {}) {
  kafka::CreateTopicsRequest request;
  request.topics.emplace_back();
  request.topics[0].name = "orders";
  co_return co_await cluster.call(
      Target::controller(), request,
      [](const kafka::CreateTopicsResponse& r) {
        return r.topics.empty() ? ErrorCode::none : r.topics[0].error_code;
      },
      options);
}

Reaction created(const RequestFrame& request, ErrorCode code) {
  kafka::CreateTopicsResponse response;
  response.topics.emplace_back();
  response.topics[0].name = "orders";
  response.topics[0].error_code = code;
  return answer(request, response);
}

TEST_F(ClusterTest, ARequestForTheControllerFindsItAfterItMoved) {
  b1.on(ApiKey::create_topics, [&](const RequestFrame& request) {
    controller = BrokerId(2);
    return created(request, ErrorCode::not_controller);
  });
  b2.on(ApiKey::create_topics, [](const RequestFrame& request) { return created(request, ErrorCode::none); });
  run([](Cluster& cluster) -> Task<void> {
    const auto answer = co_await create(cluster);
    EXPECT_TRUE(answer);
    if (answer) EXPECT_EQ(answer->topics[0].error_code, ErrorCode::none);
  });
  EXPECT_EQ(b1.count(ApiKey::create_topics), 1u);
  EXPECT_EQ(b2.count(ApiKey::create_topics), 1u);
}

TEST_F(ClusterTest, AControllerThatTheClusterDoesNotListAnyMoreIsWaitedFor) {
  controller = BrokerId(3);
  int asked = 0;
  const auto tell = [&](const RequestFrame& request) {
    if (++asked == 4) controller = BrokerId(2);
    return answer(request, metadata());
  };
  b1.on(ApiKey::metadata, tell);
  b2.on(ApiKey::metadata, tell);
  b2.on(ApiKey::create_topics, [](const RequestFrame& request) { return created(request, ErrorCode::none); });
  run([](Cluster& cluster) -> Task<void> {
    const auto made = co_await create(cluster);
    EXPECT_TRUE(made) << made.error().describe();
  });
  EXPECT_EQ(b2.count(ApiKey::create_topics), 1u);
}

TEST_F(ClusterTest, ARequestForALeaderIsRoutedAndFollowsANewOne) {
  const auto offsets = [&](const RequestFrame& request, ErrorCode code) {
    kafka::ListOffsetsResponse response;
    response.topics.push_back({"orders", {{}}});
    response.topics[0].partitions[0].error_code = code;
    response.topics[0].partitions[0].offset = Offset(42);
    return answer(request, response);
  };
  b1.on(ApiKey::list_offsets, [&](const RequestFrame& request) {
    leader = BrokerId(2);
    return offsets(request, ErrorCode::not_leader_or_follower);
  });
  b2.on(ApiKey::list_offsets, [&](const RequestFrame& request) { return offsets(request, ErrorCode::none); });
  run([](Cluster& cluster) -> Task<void> {
    const auto answer = co_await cluster.call(
        Target::leader("orders", PartitionIndex(0)), kafka::ListOffsetsRequest{},
        [](const kafka::ListOffsetsResponse& r) { return r.topics.at(0).partitions.at(0).error_code; });
    EXPECT_TRUE(answer);
    if (answer) EXPECT_EQ(answer->topics[0].partitions[0].offset, Offset(42));
    const auto unknown =
        co_await cluster.call(Target::leader("orders", PartitionIndex(7)), kafka::ListOffsetsRequest{});
    EXPECT_FALSE(unknown);
    if (!unknown) EXPECT_EQ(unknown.error().kind, ErrorKind::not_found);
  });
}

TEST_F(ClusterTest, ARequestForAGroupGoesToItsCoordinator) {
  b2.on(ApiKey::describe_groups,
        [](const RequestFrame& request) { return answer(request, kafka::DescribeGroupsResponse{}); });
  run([](Cluster& cluster) -> Task<void> {
    kafka::DescribeGroupsRequest request;
    request.groups = {"g"};
    EXPECT_TRUE(co_await cluster.call(Target::coordinator("g"), request));
  });
  EXPECT_EQ(b2.count(ApiKey::describe_groups), 1u);
}

TEST_F(ClusterTest, TheSecondAddressIsTakenWhereTheFirstDoesNotAnswer) {
  second.start(b2.main());
  machine.run([&](Runtime& runtime) -> Task<void> {
    Cluster cluster(runtime.network(), {{"b1", 9092}, {"b2", 9092}}, {});
    EXPECT_TRUE(co_await cluster.reach());
    EXPECT_TRUE(co_await cluster.metadata());
  });
  EXPECT_EQ(b2.count(ApiKey::metadata), 1u);
}

TEST_F(ClusterTest, NobodyAnsweringIsSaidAtOnceAndNamesWhoWasAsked) {
  std::optional<Error> error;
  const auto began = world.now();
  machine.run([&](Runtime& runtime) -> Task<void> {
    Cluster cluster(runtime.network(), {{"b1", 9092}, {"b2", 9093}}, {});
    const auto reached = co_await cluster.reach();
    if (!reached) error = reached.error();
  });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::unavailable);
  EXPECT_NE(error->message.find("b1:9092"), std::string::npos);
  EXPECT_NE(error->message.find("b2:9093"), std::string::npos);
  EXPECT_LT(world.now() - began, 1s);
}

TEST_F(ClusterTest, RetriesEndWithTheTimeForTheCall) {
  b1.on(ApiKey::create_topics,
        [](const RequestFrame& request) { return created(request, ErrorCode::not_controller); });
  const auto began = world.now();
  run(
      [](Cluster& cluster) -> Task<void> {
        const auto answer = co_await create(cluster);
        EXPECT_TRUE(answer) << "the last answer is given, with its error";
        if (answer) EXPECT_EQ(answer->topics[0].error_code, ErrorCode::not_controller);
      },
      {.timeout = 10s});
  EXPECT_LE(world.now() - began, 11s);
  // Pauses of 50, 100, 200, 400, 800 ms, then of a second.
  EXPECT_LE(b1.count(ApiKey::create_topics), 15u);
  EXPECT_GE(b1.count(ApiKey::create_topics), 10u);
}

TEST_F(ClusterTest, WhatMustNotHappenTwiceIsNotSentTwice) {
  b1.on(ApiKey::create_topics, [](const RequestFrame&) { return Reaction{{}, true}; });
  run([](Cluster& cluster) -> Task<void> {
    const auto answer = co_await create(cluster, {.version_max = codec::kNoVersion, .repeatable = false});
    EXPECT_FALSE(answer);
    if (!answer) EXPECT_EQ(answer.error().kind, ErrorKind::closed);
  });
  EXPECT_EQ(b1.count(ApiKey::create_topics), 1u);
}

TEST_F(ClusterTest, ABrokerThatDiesIsReplacedByAnother) {
  run([this](Cluster& cluster) -> Task<void> {
    EXPECT_TRUE(co_await cluster.metadata());
    first.crash(runtime::sim::CrashKind::power_cut);
    controller = BrokerId(2);
    b2.on(ApiKey::create_topics,
          [](const RequestFrame& request) { return created(request, ErrorCode::none); });
    EXPECT_TRUE(co_await create(cluster));
  });
  EXPECT_EQ(b2.count(ApiKey::create_topics), 1u);
}

}  // namespace
}  // namespace godwit::peer
