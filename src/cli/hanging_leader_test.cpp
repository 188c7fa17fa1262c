// What an operator is told while a broker hangs.
#include <gtest/gtest.h>

#include "cli/cli.h"
#include "cli/recording_console_testing.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/describe_log_dirs.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/offset_fetch.h"
#include "peer/scripted_broker_testing.h"

namespace godwit::cli {
namespace {

using kafka::ApiKey;
using kafka::RequestFrame;
using peer::answer;
using runtime::Runtime;
using runtime::Task;

// Three brokers, each the leader of one partition of `orders`. The first answers, the second takes requests and never
// answers, the third is whatever a test makes of it. All are still taken for alive.
struct HangingLeader : testing::Test {
  runtime::sim::World world{3};
  runtime::sim::Node& machine = world.add_node("a");
  runtime::sim::Node& first = world.add_node("b");
  runtime::sim::Node& second = world.add_node("c");
  runtime::sim::Node& third = world.add_node("d");
  peer::ScriptedBroker answering;
  peer::ScriptedBroker hanging;
  peer::ScriptedBroker other;
  RecordingConsole console;
  MonotonicTime began;
  MonotonicTime ended;

  HangingLeader() {
    answering.on(ApiKey::metadata, [](const RequestFrame& request) { return answer(request, metadata()); });
    answering.on(ApiKey::find_coordinator, [](const RequestFrame& request) {
      kafka::FindCoordinatorResponse response;
      response.node_id = BrokerId(1);
      response.host = "b";
      response.port = 9092;
      return answer(request, response);
    });
    for (peer::ScriptedBroker* broker : {&answering, &other}) {
      broker->on(ApiKey::list_offsets, [](const RequestFrame& request) {
        return answer(request, offsets(request, ErrorCode::none));
      });
      broker->on(ApiKey::describe_log_dirs, [](const RequestFrame& request) {
        return answer(request, kafka::DescribeLogDirsResponse{});
      });
    }
    for (const ApiKey key : {ApiKey::list_offsets, ApiKey::describe_log_dirs, ApiKey::metadata}) {
      hanging.on(key, [](const RequestFrame&) { return peer::Reaction{}; });
    }
  }

  static kafka::MetadataResponse metadata() {
    kafka::MetadataResponse response;
    response.brokers = {
        {BrokerId(1), "b", 9092, {}}, {BrokerId(2), "c", 9092, {}}, {BrokerId(3), "d", 9092, {}}};
    response.controller_id = BrokerId(1);
    auto& topic = response.topics.emplace_back();
    topic.name = "orders";
    for (int32_t i = 0; i < 3; ++i) {
      auto& partition = topic.partitions.emplace_back();
      partition.partition_index = PartitionIndex(i);
      partition.leader_id = BrokerId(i + 1);
      partition.leader_epoch = LeaderEpoch(4);
      partition.replica_nodes = partition.isr_nodes = {BrokerId(i + 1)};
    }
    return response;
  }
  static kafka::ListOffsetsResponse offsets(const RequestFrame& request, ErrorCode code) {
    kafka::ListOffsetsResponse response;
    for (const auto& topic : peer::decode<kafka::ListOffsetsRequest>(request).topics) {
      auto& told = response.topics.emplace_back();
      told.name = topic.name;
      for (const auto& asked : topic.partitions) {
        auto& partition = told.partitions.emplace_back();
        partition.partition_index = asked.partition_index;
        partition.error_code = code;
        partition.offset = Offset(code != ErrorCode::none ? -1 : asked.timestamp == -2 ? 10 : 110);
      }
    }
    return response;
  }

  int run(std::vector<std::string> words) {
    if (!started_) {
      first.start(answering.main());
      second.start(hanging.main());
      third.start(other.main());
    }
    started_ = true;
    console = {};
    words.insert(words.end(), {"--brokers", "b:9092"});
    return run_cli(words, {}, console, [&](std::function<Task<int>(Runtime&)> main) {
      int code = -1;
      machine.run([&](Runtime& runtime) -> Task<void> {
        began = runtime::Shard::current()->now();
        code = co_await main(runtime);
        ended = runtime::Shard::current()->now();
      });
      return code;
    });
  }

 private:
  bool started_ = false;
};

TEST_F(HangingLeader, DoesNotHideTheOthersOffsets) {
  EXPECT_EQ(run({"topic", "describe", "orders"}), 0);
  EXPECT_EQ(console.out,
            "TOPIC   PARTITION  LEADER  EPOCH  REPLICAS  LAG  IN SYNC  OFFLINE  FIRST  END\n"
            "orders  0          1       4      1         ?    1        -        10     110\n"
            "orders  1          2       4      2         ?    2        -        -      -\n"
            "orders  2          3       4      3         ?    3        -        10     110\n");
  EXPECT_NE(console.error.find("godwit: offsets of orders-1 are not known: broker 2: "), std::string::npos)
      << console.error;
  EXPECT_EQ(std::ranges::count(console.error, '\n'), 1) << "once for both ends: " << console.error;
  EXPECT_LT(ended - began, std::chrono::seconds(10));
  EXPECT_EQ(run({"topic", "describe", "orders", "--json"}), 0);
  EXPECT_NE(console.out.find(R"("first":10,"end":110)"), std::string::npos) << console.out;
  EXPECT_NE(console.out.find(R"("first":null,"end":null)"), std::string::npos) << console.out;
}

TEST_F(HangingLeader, AndOneThatIsNoLeaderYetIsAskedAgain) {
  int left = 2;  // one for each end
  other.on(ApiKey::list_offsets, [&](const RequestFrame& request) {
    return answer(request,
                  offsets(request, left-- > 0 ? ErrorCode::not_leader_or_follower : ErrorCode::none));
  });
  EXPECT_EQ(run({"topic", "describe", "orders"}), 0);
  EXPECT_NE(
      console.out.find("orders  2          3       4      3         ?    3        -        10     110\n"),
      std::string::npos)
      << console.out;
  other.on(ApiKey::list_offsets, [&](const RequestFrame& request) {
    return answer(request, offsets(request, ErrorCode::not_leader_or_follower));
  });
  EXPECT_EQ(run({"topic", "describe", "orders"}), 0);
  EXPECT_NE(console.error.find("godwit: offsets of orders-2 are not known: NOT_LEADER_OR_FOLLOWER\n"),
            std::string::npos)
      << console.error;
}

TEST_F(HangingLeader, DoesNotHideWhatAGroupCommittedNorTheOtherEnds) {
  answering.on(ApiKey::describe_groups, [](const RequestFrame& request) {
    kafka::DescribeGroupsResponse response;
    auto& group = response.groups.emplace_back();
    group.group_id = "billing";
    group.group_state = "Empty";
    return answer(request, response);
  });
  answering.on(ApiKey::offset_fetch, [](const RequestFrame& request) {
    kafka::OffsetFetchResponse response;
    auto& group = response.groups.emplace_back();
    group.group_id = "billing";
    auto& topic = group.topics.emplace_back();
    topic.name = "orders";
    topic.partitions.resize(2);
    topic.partitions[1].partition_index = PartitionIndex(1);
    for (auto& partition : topic.partitions) partition.committed_offset = Offset(60);
    return answer(request, response);
  });
  EXPECT_EQ(run({"group", "describe", "billing"}), 0);
  EXPECT_EQ(console.out,
            "group billing: Empty, 0 members\n"
            "TOPIC   PARTITION  COMMITTED  END  LAG  MEMBER  HOST\n"
            "orders  0          60         110  50   -       -\n"
            "orders  1          60         -    -    -       -\n");
  EXPECT_NE(console.error.find("offsets of orders-1 are not known"), std::string::npos) << console.error;
  EXPECT_LT(ended - began, std::chrono::seconds(10));
  EXPECT_EQ(run({"group", "describe", "billing", "--json"}), 0);
  EXPECT_NE(console.out.find(R"("committed":60,"end":null,"lag":null)"), std::string::npos) << console.out;
}

}  // namespace
}  // namespace godwit::cli
