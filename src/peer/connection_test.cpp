#include "peer/connection.h"

#include <gtest/gtest.h>

#include "kafka/messages/describe_cluster.h"
#include "kafka/messages/list_groups.h"
#include "kafka/messages/produce.h"
#include "peer/scripted_broker_testing.h"
#include "runtime/sim/network.h"
#include "runtime/sync.h"

namespace godwit::peer {
namespace {

using namespace std::chrono_literals;
using kafka::ApiKey;
using kafka::RequestFrame;
using runtime::Runtime;
using runtime::Task;

using Clusters = Result<kafka::DescribeClusterResponse>;

struct ConnectionTest : testing::Test {
  runtime::sim::World world{7};
  runtime::sim::Node& server = world.add_node("b");
  runtime::sim::Node& machine = world.add_node("a");
  ScriptedBroker broker;

  // Runs `scenario` with a connection to the broker.
  void with_connection(std::function<Task<void>(Connection&)> scenario, ConnectionOptions options = {}) {
    server.start(broker.main());
    const bool ended = machine.run([&](Runtime& runtime) -> Task<void> {
      auto connection = co_await Connection::connect(runtime.network(), {"b", 9092}, options);
      EXPECT_TRUE(connection) << connection.error().describe();
      if (connection) co_await scenario(**connection);
    });
    EXPECT_TRUE(ended);
  }
  // The error of one call to the broker.
  std::optional<Error> error_of_a_call(ConnectionOptions options = {}) {
    std::optional<Error> error;
    with_connection(
        [&](Connection& connection) -> Task<void> {
          const auto answer = co_await connection.call(kafka::DescribeClusterRequest{});
          if (!answer) error = answer.error();
          EXPECT_FALSE(connection.open());
          const auto next = co_await connection.call(kafka::DescribeClusterRequest{});
          EXPECT_FALSE(next);
          if (!next) EXPECT_EQ(next.error().kind, ErrorKind::closed);
        },
        options);
    return error;
  }
  // The error of connecting.
  std::optional<Error> error_of_connecting() {
    server.start(broker.main());
    std::optional<Error> error;
    machine.run([&](Runtime& runtime) -> Task<void> {
      const auto connection = co_await Connection::connect(runtime.network(), {"b", 9092}, {});
      if (!connection) error = connection.error();
    });
    return error;
  }
};

Reaction cluster_named(const RequestFrame& request, std::string name) {
  kafka::DescribeClusterResponse response;
  response.cluster_id = std::move(name);
  return answer(request, response);
}

Task<void> describe(Connection& connection, std::vector<Clusters>& answers) {
  answers.push_back(co_await connection.call(kafka::DescribeClusterRequest{}));
}

TEST_F(ConnectionTest, ACallGetsItsAnswer) {
  broker.on(ApiKey::describe_cluster, [](const RequestFrame& r) { return cluster_named(r, "one"); });
  with_connection([](Connection& connection) -> Task<void> {
    const auto answer = co_await connection.call(kafka::DescribeClusterRequest{});
    EXPECT_TRUE(answer);
    if (answer) EXPECT_EQ(answer->cluster_id, "one");
    EXPECT_TRUE(connection.open());
    EXPECT_EQ(connection.calls_under_way(), 0u);
  });
}

TEST_F(ConnectionTest, ManyCallsUnderWayGetTheirOwnAnswersInOrder) {
  int number = 0;
  broker.on(ApiKey::describe_cluster,
            [&](const RequestFrame& r) { return cluster_named(r, std::to_string(number++)); });
  with_connection([](Connection& connection) -> Task<void> {
    std::vector<Clusters> answers;
    std::vector<Task<void>> calls;
    for (int i = 0; i < 100; ++i) calls.push_back(describe(connection, answers));
    co_await runtime::when_all(std::move(calls));
    EXPECT_EQ(answers.size(), 100u);
    for (size_t i = 0; i < answers.size(); ++i) {
      EXPECT_TRUE(answers[i]);
      if (answers[i]) EXPECT_EQ(answers[i]->cluster_id, std::to_string(i));
    }
  });
}

TEST_F(ConnectionTest, MoreCallsThanAllowedAreRefusedWithoutHarm) {
  broker.on(ApiKey::describe_cluster, [](const RequestFrame& r) { return cluster_named(r, "x"); });
  with_connection(
      [](Connection& connection) -> Task<void> {
        std::vector<Clusters> answers;
        std::vector<Task<void>> calls;
        for (int i = 0; i < 3; ++i) calls.push_back(describe(connection, answers));
        co_await runtime::when_all(std::move(calls));
        size_t refused = 0;
        for (const auto& answer : answers) refused += !answer && answer.error().kind == ErrorKind::limit;
        EXPECT_EQ(refused, 1u);
        EXPECT_TRUE(connection.open());
      },
      {.calls_max = 2});
}

TEST_F(ConnectionTest, TheHighestCommonVersionIsTaken) {
  broker.on(ApiKey::api_versions, [](const RequestFrame& request) {
    kafka::ApiVersionsResponse response;
    response.api_keys = {{static_cast<int16_t>(ApiKey::list_groups), 1, 3}};
    return answer(request, response);
  });
  int16_t seen = -1;
  broker.on(ApiKey::list_groups, [&](const RequestFrame& request) {
    seen = request.version;
    return answer(request, kafka::ListGroupsResponse{});
  });
  with_connection([&](Connection& connection) -> Task<void> {
    EXPECT_TRUE(co_await connection.call(kafka::ListGroupsRequest{}));
    EXPECT_EQ(seen, 3);
    EXPECT_TRUE(co_await connection.call(kafka::ListGroupsRequest{}, {.timeout = {}, .version_max = 2}));
    EXPECT_EQ(seen, 2);
    const auto unknown = co_await connection.call(kafka::DescribeClusterRequest{});
    EXPECT_FALSE(unknown);
    if (!unknown) EXPECT_EQ(unknown.error().kind, ErrorKind::unsupported);
    EXPECT_TRUE(connection.open());
  });
}

TEST_F(ConnectionTest, AnOldBrokerIsAskedForItsVersionsInItsOwnWay) {
  std::vector<int16_t> asked;
  broker.on(ApiKey::api_versions, [&](const RequestFrame& request) -> Reaction {
    asked.push_back(request.version);
    kafka::ApiVersionsResponse response;
    if (request.version > 0) response.error_code = ErrorCode::unsupported_version;
    response.api_keys = {{static_cast<int16_t>(ApiKey::list_groups), 0, 1}};
    return {kafka::encode_response(request.correlation_id, response, 0)->flatten()};
  });
  with_connection([&](Connection& connection) -> Task<void> {
    EXPECT_EQ(asked, (std::vector<int16_t>{4, 0}));
    EXPECT_EQ(*connection.versions().highest_common(ApiKey::list_groups), 1);
    co_return;
  });
}

TEST_F(ConnectionTest, AWrongCorrelationIdEndsTheConnection) {
  broker.on(ApiKey::describe_cluster, [](RequestFrame request) {
    ++request.correlation_id;
    return cluster_named(request, "for somebody else");
  });
  const auto error = error_of_a_call();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::corrupt);
  EXPECT_NE(error->message.find("correlation id"), std::string::npos);
}

TEST_F(ConnectionTest, GarbageInAnAnswerEndsTheConnection) {
  broker.on(ApiKey::describe_cluster, [](const RequestFrame& request) {
    Reaction reaction = cluster_named(request, "a name of some length");
    for (size_t i = 9; i < reaction.bytes.size(); ++i) reaction.bytes[i] = std::byte{0xff};
    return reaction;
  });
  const auto error = error_of_a_call();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::corrupt);
}

TEST_F(ConnectionTest, AnAnswerWithBytesTooManyEndsTheConnection) {
  broker.on(ApiKey::describe_cluster, [](const RequestFrame& request) {
    Reaction reaction = cluster_named(request, "x");
    reaction.bytes.push_back(std::byte{0});
    store_big<int32_t>(reaction.bytes.data(), static_cast<int32_t>(reaction.bytes.size() - 4));
    return reaction;
  });
  const auto error = error_of_a_call();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::corrupt);
}

TEST_F(ConnectionTest, AnOversizedOrNegativeLengthEndsTheConnectionBeforeItIsStored) {
  for (const int32_t length : {1001, -1, std::numeric_limits<int32_t>::max()}) {
    runtime::sim::World fresh(8);
    ScriptedBroker script;
    script.on(ApiKey::describe_cluster, [length](const RequestFrame&) {
      Reaction reaction{Bytes(4)};
      store_big(reaction.bytes.data(), length);
      return reaction;
    });
    fresh.add_node("b").start(script.main());
    std::optional<Error> error;
    fresh.add_node("a").run([&](Runtime& runtime) -> Task<void> {
      ConnectionOptions options;
      options.frame_bytes_max = 1000;
      auto connection = co_await Connection::connect(runtime.network(), {"b", 9092}, options);
      EXPECT_TRUE(connection);
      if (!connection) co_return;
      const auto answer = co_await (*connection)->call(kafka::DescribeClusterRequest{});
      if (!answer) error = answer.error();
    });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, ErrorKind::corrupt) << length;
  }
}

TEST_F(ConnectionTest, AnAnswerThatNobodyAskedForEndsTheConnection) {
  broker.on(ApiKey::describe_cluster, [](const RequestFrame& request) {
    Reaction reaction = cluster_named(request, "x");
    const Bytes twice = reaction.bytes;
    reaction.bytes.insert(reaction.bytes.end(), twice.begin(), twice.end());
    return reaction;
  });
  with_connection([](Connection& connection) -> Task<void> {
    EXPECT_TRUE(co_await connection.call(kafka::DescribeClusterRequest{}));
    co_await runtime::sleep_for(1s);
    EXPECT_FALSE(connection.open());
  });
}

TEST_F(ConnectionTest, ABrokerThatDiesInTheMiddleOfAnAnswerEndsAllCalls) {
  broker.on(ApiKey::describe_cluster, [](const RequestFrame& request) {
    Reaction reaction = cluster_named(request, "a name of some length");
    reaction.bytes.resize(reaction.bytes.size() / 2);
    reaction.hang_up = true;
    return reaction;
  });
  with_connection([](Connection& connection) -> Task<void> {
    std::vector<Clusters> answers;
    std::vector<Task<void>> calls;
    for (int i = 0; i < 3; ++i) calls.push_back(describe(connection, answers));
    co_await runtime::when_all(std::move(calls));
    EXPECT_EQ(answers.size(), 3u);
    for (const auto& answer : answers) {
      EXPECT_FALSE(answer);
      if (!answer) EXPECT_EQ(answer.error().kind, ErrorKind::closed);
    }
  });
}

TEST_F(ConnectionTest, ACallThatIsNotAnsweredInTimeEndsTheConnection) {
  broker.on(ApiKey::describe_cluster, [](const RequestFrame&) { return Reaction{}; });
  const auto began = world.now();
  const auto error = error_of_a_call({.request_timeout = 3s});
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::timed_out);
  EXPECT_GE(world.now() - began, 3s);
  EXPECT_LT(world.now() - began, 4s);
}

TEST_F(ConnectionTest, ClosingEndsTheCallsUnderWay) {
  broker.on(ApiKey::describe_cluster, [](const RequestFrame&) { return Reaction{}; });
  with_connection([](Connection& connection) -> Task<void> {
    std::vector<Clusters> answers;
    runtime::Gate gate;
    gate.spawn(*runtime::Shard::current(), describe(connection, answers));
    co_await runtime::sleep_for(10ms);
    EXPECT_EQ(connection.calls_under_way(), 1u);
    connection.close();
    co_await gate.close();
    EXPECT_EQ(answers.size(), 1u);
    EXPECT_FALSE(answers[0]);
    if (!answers[0]) EXPECT_EQ(answers[0].error().kind, ErrorKind::closed);
  });
}

TEST_F(ConnectionTest, AProduceThatGetsNoAnswerIsNotWaitedFor) {
  with_connection([](Connection& connection) -> Task<void> {
    kafka::ProduceRequest request;
    request.acks = 0;
    const auto answer = co_await connection.call(request);
    EXPECT_FALSE(answer);
    if (!answer) EXPECT_EQ(answer.error().kind, ErrorKind::invalid);
    EXPECT_TRUE(connection.open());
  });
}

TEST_F(ConnectionTest, NobodyThereIsRefused) {
  std::optional<Error> error;
  machine.run([&](Runtime& runtime) -> Task<void> {
    const auto connection = co_await Connection::connect(runtime.network(), {"b", 9092}, {});
    if (!connection) error = connection.error();
  });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::refused);
}

TEST_F(ConnectionTest, SomebodyWhoSpeaksHttpIsNotABroker) {
  broker.on(ApiKey::api_versions,
            [](const RequestFrame&) { return Reaction{to_bytes("HTTP/1.1 400 Bad Request\r\n\r\n")}; });
  const auto error = error_of_connecting();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::corrupt);
  EXPECT_NE(error->message.find("is it a Kafka broker?"), std::string::npos);
}

TEST_F(ConnectionTest, ABrokerThatSaysNothingTimesOutWhileConnecting) {
  broker.on(ApiKey::api_versions, [](const RequestFrame&) { return Reaction{}; });
  const auto error = error_of_connecting();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::timed_out);
}

}  // namespace
}  // namespace godwit::peer
