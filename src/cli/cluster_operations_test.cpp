// What `godwit cluster …` says of a cluster that does not do as it should.
#include <gtest/gtest.h>

#include "cli/cli.h"
#include "cli/recording_console_testing.h"
#include "kafka/messages/cluster_command.h"
#include "kafka/messages/metadata.h"
#include "peer/scripted_broker_testing.h"

namespace godwit::cli {
namespace {

using kafka::ApiKey;
using kafka::RequestFrame;
using peer::answer;
using runtime::Runtime;
using runtime::Task;

// One broker, that answers for the controller.
struct ClusterOperations : testing::Test {
  runtime::sim::World world{5};
  runtime::sim::Node& server = world.add_node("b");
  runtime::sim::Node& machine = world.add_node("a");
  peer::ScriptedBroker broker;
  RecordingConsole console;

  ClusterOperations() {
    broker.on(ApiKey::metadata, [](const RequestFrame& request) {
      kafka::MetadataResponse response;
      response.brokers = {{BrokerId(1), "b", 9092, std::nullopt}};
      response.controller_id = BrokerId(1);
      return answer(request, response);
    });
    server.start(broker.main());
  }

  int run(std::vector<std::string> words) {
    console = {};
    words.insert(words.end(), {"--brokers", "b:9092"});
    return run_cli(words, {}, console, [&](std::function<Task<int>(Runtime&)> main) {
      int code = -1;
      machine.run([&](Runtime& runtime) -> Task<void> { code = co_await main(runtime); });
      return code;
    });
  }
};

TEST_F(ClusterOperations, TopicsThatAreLeftAsideFailTheCheck) {
  kafka::ClusterCommandResponse status;
  status.partitions = 2;
  broker.on(ApiKey::cluster_command, [&](const RequestFrame& request) { return answer(request, status); });
  EXPECT_EQ(run({"cluster", "status", "--check"}), 0);
  EXPECT_EQ(run({"cluster", "status", "--check", "--json"}), 0);
  EXPECT_NE(console.out.find(R"("leftAside":[])"), std::string::npos) << console.out;
  status.aside = {"orders", "payments"};
  EXPECT_EQ(run({"cluster", "status"}), 0);
  EXPECT_NE(console.out.find("2 topics are not served"), std::string::npos) << console.out;
  EXPECT_NE(console.out.find(": orders, payments;"), std::string::npos) << console.out;
  EXPECT_EQ(run({"cluster", "status", "--check"}), 1);
  EXPECT_EQ(run({"cluster", "status", "--check", "--json"}), 1);
  EXPECT_NE(console.out.find(R"("leftAside":["orders","payments"])"), std::string::npos) << console.out;
}

TEST_F(ClusterOperations, EtcdMembersOfBrokersAreShownAndOneThatIsNotWellFailsTheCheck) {
  kafka::ClusterCommandResponse status;
  status.brokers = {{BrokerId(1), "live", 1, "", "", 0, 0, 0, true}};
  kafka::ClusterCommandResponse told;
  broker.on(ApiKey::cluster_command, [&](const RequestFrame& request) {
    const bool members = peer::decode<kafka::ClusterCommandRequest>(request).verb == "members";
    return answer(request, members ? told : status);
  });
  EXPECT_EQ(run({"cluster", "status", "--check"}), 0);
  EXPECT_EQ(console.out.find("ETCD"), std::string::npos) << console.out;
  EXPECT_EQ(run({"cluster", "status", "--json"}), 0);
  EXPECT_EQ(console.out.find("etcd"), std::string::npos) << console.out;
  told.members = {{BrokerId(1), "broker-1", "https://10.0.0.1:2380", "leader", "", 0, 3 << 20},
                  {BrokerId(2), "broker-2", "https://10.0.0.2:2380", "follower", "", 7, 3 << 20}};
  EXPECT_EQ(run({"cluster", "status", "--check"}), 0);
  EXPECT_NE(console.out.find("broker-2     2       follower  https://10.0.0.2:2380  7    3.0 MiB"),
            std::string::npos)
      << console.out;
  told.members.push_back(
      {BrokerId(3), "broker-3", "https://10.0.0.3:2380", "unreachable", "connection refused"});
  EXPECT_EQ(run({"cluster", "status"}), 0);
  EXPECT_NE(console.out.find("1 of 3 etcd members is not well: broker-3 (unreachable: connection refused)"),
            std::string::npos)
      << console.out;
  EXPECT_EQ(run({"cluster", "status", "--check", "--json"}), 1);
  EXPECT_NE(console.out.find(
                R"({"broker":3,"name":"broker-3","peer":"https://10.0.0.3:2380","state":"unreachable",)"
                R"("well":false,"fault":"connection refused","lag":null,"databaseBytes":null})"),
            std::string::npos)
      << console.out;
}

TEST_F(ClusterOperations, WhereABrokerThatLivesCannotBeAskedForEtcdMembersTheCheckFails) {
  kafka::ClusterCommandResponse status;
  status.brokers = {{BrokerId(1), "live", 1, "", "", 0, 0, 0, true}};
  broker.on(ApiKey::cluster_command, [&](const RequestFrame& request) {
    if (peer::decode<kafka::ClusterCommandRequest>(request).verb == "members")
      return peer::Reaction{.hang_up = true};
    return answer(request, status);
  });
  EXPECT_EQ(run({"cluster", "status", "--check"}), 1);
  EXPECT_NE(console.out.find("how those do, is not known: no answer from broker 1\n"), std::string::npos)
      << console.out;
  EXPECT_EQ(run({"cluster", "status", "--check", "--json"}), 1);
  EXPECT_NE(console.out.find(R"("etcdMembers":null)"), std::string::npos) << console.out;
}

TEST_F(ClusterOperations, ARemovalThatHasToWaitSaysForWhat) {
  kafka::ClusterCommandResponse status;
  status.brokers = {{BrokerId(2), "removing", 1, "", "", 0, 12, 12, true}};
  auto& wait = status.waits.emplace_back();
  wait.broker = BrokerId(2);
  wait.needs = kafka::ClusterCommandResponse::Wait::kBroker;
  wait.partitions = 12;
  for (int i = 0; i < 12; ++i) wait.named.push_back("orders-" + std::to_string(i));
  broker.on(ApiKey::cluster_command, [&](const RequestFrame& request) { return answer(request, status); });
  EXPECT_EQ(run({"cluster", "remove", "2"}), 0);
  const std::string told =
      "12 replicas of broker 2 (orders-0, orders-1, orders-2, orders-3, orders-4, orders-5, "
      "orders-6, orders-7, orders-8, orders-9, …) wait for another broker";
  EXPECT_NE(console.out.find(told), std::string::npos) << console.out;
  EXPECT_EQ(run({"cluster", "remove", "3"}), 0);
  EXPECT_EQ(console.out.find("wait for"), std::string::npos) << "another one waits: " << console.out;
  EXPECT_EQ(run({"cluster", "status"}), 0);
  EXPECT_NE(console.out.find(told), std::string::npos) << console.out;
  EXPECT_EQ(run({"cluster", "status", "--json"}), 0);
  EXPECT_NE(console.out.find(R"("waits":[{"broker":2,"needs":"broker","partitions":12,"named":["orders-0",)"),
            std::string::npos)
      << console.out;
  status.brokers[0].state = "draining";
  EXPECT_EQ(run({"cluster", "drain", "2", "--wait", "--timeout", "2s"}), 1);
  EXPECT_NE(console.error.find("wait for another broker"), std::string::npos) << console.error;
}

// The order stands: it drains on when it is there again.
TEST_F(ClusterOperations, ADrainIsWaitedForWhileItsBrokerStartsAgain) {
  const std::vector<std::string> states = {"draining", "dead", "joining", "draining"};
  size_t looks = 0;
  broker.on(ApiKey::cluster_command, [&](const RequestFrame& request) {
    kafka::ClusterCommandResponse response;
    if (peer::decode<kafka::ClusterCommandRequest>(request).verb == "status") {
      const std::string state = looks < states.size() ? states[looks] : "drained";
      response.brokers = {{BrokerId(2), state, 1, "", "", 0, looks < states.size() ? 3 : 0, 0, true}};
      ++looks;
    }
    return answer(request, response);
  });
  EXPECT_EQ(run({"cluster", "drain", "2", "--wait"}), 0) << console.error;
  EXPECT_EQ(looks, 5u);
  looks = 0;
  broker.on(ApiKey::cluster_command, [&](const RequestFrame& request) {
    kafka::ClusterCommandResponse response;
    response.brokers = {{BrokerId(2), looks++ < 3 ? "draining" : "live", 1, "", "", 0, 3, 0, true}};
    return answer(request, response);
  });
  EXPECT_EQ(run({"cluster", "drain", "2", "--wait"}), 1);
  EXPECT_NE(console.error.find("somebody took the drain back"), std::string::npos) << console.error;
}

}  // namespace
}  // namespace godwit::cli
