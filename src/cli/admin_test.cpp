#include <gtest/gtest.h>

#include "cli/cli.h"
#include "cli/recording_console_testing.h"
#include "kafka/messages/alter_partition_reassignments.h"
#include "kafka/messages/cluster_command.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_groups.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/describe_configs.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/describe_log_dirs.h"
#include "kafka/messages/elect_leaders.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/incremental_alter_configs.h"
#include "kafka/messages/list_groups.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/list_partition_reassignments.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"
#include "peer/scripted_broker_testing.h"

namespace godwit::cli {
namespace {

using kafka::ApiKey;
using kafka::RequestFrame;
using peer::answer;
using runtime::Runtime;
using runtime::Task;

// One broker with the topic `orders` of two partitions (offsets 10 to 110, and 5 to 5) and the group `billing`.
struct Admin : testing::Test {
  runtime::sim::World world{3};
  runtime::sim::Node& server = world.add_node("b");
  runtime::sim::Node& machine = world.add_node("a");
  peer::ScriptedBroker broker;
  RecordingConsole console;
  std::optional<kafka::OffsetCommitRequest> committed;
  bool serving = true;
  int64_t bytes_held = 1000;

  Admin() {
    broker.on(ApiKey::metadata,
              [](const RequestFrame& request) { return answer(request, metadata(request)); });
    broker.on(ApiKey::find_coordinator, [](const RequestFrame& request) {
      kafka::FindCoordinatorResponse response;
      response.node_id = BrokerId(1);
      response.host = "b";
      response.port = 9092;
      return answer(request, response);
    });
    broker.on(ApiKey::list_offsets,
              [](const RequestFrame& request) { return answer(request, offsets(request)); });
    broker.on(ApiKey::describe_log_dirs,
              [this](const RequestFrame& request) { return answer(request, log_dirs(request)); });
    broker.on(ApiKey::offset_fetch, [](const RequestFrame& request) {
      kafka::OffsetFetchResponse response;
      auto& group = response.groups.emplace_back();
      group.group_id = "billing";
      auto& topic = group.topics.emplace_back();
      topic.name = "orders";
      topic.partitions.resize(1);
      topic.partitions[0].committed_offset = Offset(60);
      return answer(request, response);
    });
    broker.on(ApiKey::offset_commit, [this](const RequestFrame& request) {
      committed = peer::decode<kafka::OffsetCommitRequest>(request);
      kafka::OffsetCommitResponse response;
      response.topics.push_back({"orders", {}, {{}}});
      return answer(request, response);
    });
  }

  static kafka::MetadataResponse metadata(const RequestFrame& request) {
    kafka::MetadataResponse response;
    response.brokers = {{BrokerId(1), "b", 9092, "rack-1"}};
    response.controller_id = BrokerId(1);
    response.cluster_id = "the-cluster";
    kafka::MetadataResponse::Topic topic;
    topic.name = "orders";
    topic.partitions.resize(2);
    for (int32_t i = 0; i < 2; ++i) {
      auto& partition = topic.partitions[static_cast<size_t>(i)];
      partition.partition_index = PartitionIndex(i);
      partition.leader_id = BrokerId(1);
      partition.leader_epoch = LeaderEpoch(4);
      partition.replica_nodes = partition.isr_nodes = {BrokerId(1)};
    }
    const auto asked = peer::decode<kafka::MetadataRequest>(request).topics;
    if (!asked) response.topics = {topic};
    for (const auto& one : asked.value_or(std::vector<kafka::MetadataRequest::Topic>{})) {
      if (one.name != "orders") {
        response.topics.emplace_back().name = one.name;
        response.topics.back().error_code = ErrorCode::unknown_topic_or_partition;
      } else {
        response.topics.push_back(topic);
      }
    }
    return response;
  }
  static kafka::ListOffsetsResponse offsets(const RequestFrame& request) {
    kafka::ListOffsetsResponse response;
    for (const auto& topic : peer::decode<kafka::ListOffsetsRequest>(request).topics) {
      auto& told = response.topics.emplace_back();
      told.name = topic.name;
      for (const auto& asked : topic.partitions) {
        auto& partition = told.partitions.emplace_back();
        partition.partition_index = asked.partition_index;
        const bool first = asked.partition_index.value() == 0;
        partition.offset = Offset(asked.timestamp == -2   ? (first ? 10 : 5)
                                  : asked.timestamp == -1 ? (first ? 110 : 5)
                                  : first                 ? 77
                                                          : -1);
      }
    }
    return response;
  }

  // The first partition has 1000 bytes and lacks 7 records; of others the broker does not know how far they are.
  kafka::DescribeLogDirsResponse log_dirs(const RequestFrame& request) {
    kafka::DescribeLogDirsResponse response;
    auto& directory = response.results.emplace_back();
    const auto asked = peer::decode<kafka::DescribeLogDirsRequest>(request);
    for (const auto& topic : asked.topics.value()) {
      auto& told = directory.topics.emplace_back();
      told.name = topic.topic;
      for (const PartitionIndex index : topic.partitions)
        told.partitions.push_back({index, bytes_held, index.value() == 0 ? 7 : -1, false});
    }
    return response;
  }

  int run(std::vector<std::string> words) {
    console = {};
    if (serving && server.incarnation() == 1 && !started_) server.start(broker.main());
    started_ = true;
    words.insert(words.end(), {"--brokers", "b:9092"});
    return run_cli(words, {}, console, [&](std::function<Task<int>(Runtime&)> main) {
      int code = -1;
      machine.run([&](Runtime& runtime) -> Task<void> { code = co_await main(runtime); });
      return code;
    });
  }

 private:
  bool started_ = false;
};

TEST_F(Admin, NobodyThereSaysWhatToDo) {
  serving = false;
  EXPECT_EQ(run({"topic", "list"}), 1);
  EXPECT_NE(console.error.find("no broker answers (b:9092"), std::string::npos) << console.error;
  EXPECT_NE(console.error.find("godwit serve --data-dir data"), std::string::npos);
  EXPECT_EQ(console.out, "");
}

TEST_F(Admin, TopicsAreListedAsATableAndAsJson) {
  EXPECT_EQ(run({"topic", "list"}), 0);
  EXPECT_EQ(console.out,
            "TOPIC   PARTITIONS  REPLICAS  INTERNAL\n"
            "orders  2           1         no\n");
  EXPECT_EQ(run({"topic", "list", "--json"}), 0);
  EXPECT_EQ(
      console.out,
      R"({"topic":"orders","id":"AAAAAAAAAAAAAAAAAAAAAA","partitions":2,"replicationFactor":1,"internal":false})"
      "\n");
}

TEST_F(Admin, ATopicIsDescribedWithItsOffsets) {
  EXPECT_EQ(run({"topic", "describe", "orders"}), 0);
  EXPECT_EQ(console.out,
            "TOPIC   PARTITION  LEADER  EPOCH  REPLICAS  LAG  IN SYNC  OFFLINE  FIRST  END\n"
            "orders  0          1       4      1         7    1        -        10     110\n"
            "orders  1          1       4      1         ?    1        -        5      5\n");
  EXPECT_EQ(run({"topic", "describe", "orders", "--json"}), 0);
  EXPECT_NE(console.out.find(R"("state":[{"broker":1,"lagRecords":7,"bytes":1000}])"), std::string::npos)
      << console.out;
  EXPECT_NE(console.out.find(R"("state":[{"broker":1,"lagRecords":null,"bytes":1000}])"), std::string::npos);
}

TEST_F(Admin, AnUnknownTopicIsNamedAndTheOthersAreDescribed) {
  EXPECT_EQ(run({"topic", "describe", "orders", "nothing"}), 1);
  EXPECT_NE(console.out.find("orders  1"), std::string::npos);
  EXPECT_NE(console.error.find("topic nothing: UNKNOWN_TOPIC_OR_PARTITION: 'godwit topic list'"),
            std::string::npos)
      << console.error;
}

TEST_F(Admin, CreatingATopicSendsWhatWasAskedAndPrintsWhatWasMade) {
  kafka::CreateTopicsRequest seen;
  ErrorCode code = ErrorCode::none;
  broker.on(ApiKey::create_topics, [&](const RequestFrame& request) {
    seen = peer::decode<kafka::CreateTopicsRequest>(request);
    kafka::CreateTopicsResponse response;
    auto& topic = response.topics.emplace_back();
    topic.name = "new";
    topic.error_code = code;
    topic.error_message = code == ErrorCode::none ? "" : "there is a topic 'new'";
    topic.num_partitions = 6;
    topic.replication_factor = 1;
    return answer(request, response);
  });
  EXPECT_EQ(run({"topic", "create", "new", "--partitions", "6", "--config", "retention.ms=5"}), 0);
  EXPECT_EQ(console.out, "created topic new: 6 partitions, 1 replica of each\n");
  ASSERT_EQ(seen.topics.size(), 1u);
  EXPECT_EQ(seen.topics[0].num_partitions, 6);
  EXPECT_EQ(seen.topics[0].replication_factor, -1);
  EXPECT_EQ(seen.topics[0].configs.at(0).value, "5");

  code = ErrorCode::topic_already_exists;
  EXPECT_EQ(run({"topic", "create", "new"}), 1);
  EXPECT_NE(console.error.find("there is a topic 'new': choose another name"), std::string::npos)
      << console.error;
  EXPECT_EQ(run({"topic", "create", "new", "--if-not-exists"}), 0);
}

TEST_F(Admin, DeletingTopicsTellsOfEach) {
  broker.on(ApiKey::delete_topics, [](const RequestFrame& request) {
    kafka::DeleteTopicsResponse response;
    for (const auto& name : peer::decode<kafka::DeleteTopicsRequest>(request).topic_names) {
      auto& topic = response.responses.emplace_back();
      topic.name = name;
      if (name != "orders") topic.error_code = ErrorCode::unknown_topic_or_partition;
    }
    return answer(request, response);
  });
  EXPECT_EQ(run({"topic", "delete", "orders", "nothing"}), 1);
  EXPECT_EQ(console.out, "deleted topic orders\n");
  EXPECT_EQ(run({"topic", "delete", "nothing", "--if-exists"}), 0);
}

TEST_F(Admin, SettingsAreSetAndRemovedInOneRequest) {
  kafka::IncrementalAlterConfigsRequest seen;
  broker.on(ApiKey::incremental_alter_configs, [&](const RequestFrame& request) {
    seen = peer::decode<kafka::IncrementalAlterConfigsRequest>(request);
    kafka::IncrementalAlterConfigsResponse response;
    response.responses.emplace_back().resource_name = "orders";
    return answer(request, response);
  });
  EXPECT_EQ(run({"topic", "alter", "orders", "--config", "a=1", "--delete-config", "b"}), 0);
  ASSERT_EQ(seen.resources.at(0).configs.size(), 2u);
  EXPECT_EQ(seen.resources[0].configs[0].config_operation, 0);
  EXPECT_EQ(seen.resources[0].configs[1].config_operation, 1);
}

TEST_F(Admin, SettingsAtTheirDefaultAreShownOnDemand) {
  broker.on(ApiKey::describe_configs, [](const RequestFrame& request) {
    kafka::DescribeConfigsResponse response;
    auto& resource = response.results.emplace_back();
    resource.configs.resize(2);
    resource.configs[0].name = "retention.ms";
    resource.configs[0].value = "5";
    resource.configs[0].config_source = 1;
    resource.configs[1].name = "cleanup.policy";
    resource.configs[1].value = "delete";
    resource.configs[1].config_source = 5;
    return answer(request, response);
  });
  EXPECT_EQ(run({"topic", "config", "orders"}), 0);
  EXPECT_EQ(console.out,
            "SETTING       VALUE  FROM\n"
            "retention.ms  5      topic\n");
  EXPECT_EQ(run({"topic", "config", "orders", "--all"}), 0);
  EXPECT_NE(console.out.find("cleanup.policy  delete  default"), std::string::npos);
}

TEST_F(Admin, TheClusterIsDescribed) {
  EXPECT_EQ(run({"cluster", "info"}), 0);
  EXPECT_EQ(console.out,
            "cluster the-cluster\n\n"
            "BROKER  ADDRESS  RACK    CONTROLLER\n"
            "1       b:9092   rack-1  yes\n");
}

TEST_F(Admin, TheClustersStateIsShownAndChecked) {
  kafka::ClusterCommandResponse status;
  status.controller = BrokerId(1);
  status.fence = 7;
  status.partitions = 2;
  status.brokers = {{BrokerId(1), "live", 4, "r1", "b:9092", 2, 2, 0, true},
                    {BrokerId(2), "dead", 3, "", "c:9092", 0, 2, 1, false}};
  // A broker of an older build has no etcd members to tell of, and knows no such command.
  broker.on(ApiKey::cluster_command, [&](const RequestFrame& request) {
    const std::string verb = peer::decode<kafka::ClusterCommandRequest>(request).verb;
    kafka::ClusterCommandResponse unknown;
    unknown.error_code = ErrorCode::invalid_request;
    EXPECT_TRUE(verb == "status" || verb == "members") << verb;
    return answer(request, verb == "status" ? status : unknown);
  });
  EXPECT_EQ(run({"cluster", "status", "--check"}), 0);
  EXPECT_EQ(console.out,
            "controller: broker 1, term of office 7\n"
            "feature level: 1\n"
            "2 partitions: 0 without a leader, 0 with a replica out of sync, 0 below min.insync.replicas, 0 "
            "moving\n\n"
            "BROKER  STATE  ADDRESS  RACK  LEADS  REPLICAS  OUT OF SYNC  WRITES   INCARNATION\n"
            "1       live   b:9092   r1    2      2         0            yes      4\n"
            "2       dead   c:9092   -     0      2         1            refused  3\n");
  status.under_replicated = 1;
  EXPECT_EQ(run({"cluster", "status"}), 0);
  EXPECT_EQ(run({"cluster", "status", "--check", "--json"}), 1);
  EXPECT_NE(console.out.find(R"("underReplicated":1)"), std::string::npos) << console.out;
  EXPECT_EQ(console.out.find("--unclean"), std::string::npos) << console.out;
  status.without_leader = 1;
  EXPECT_EQ(run({"cluster", "status"}), 0);
  EXPECT_NE(console.out.find("'godwit topic elect --unclean'"), std::string::npos) << console.out;
}

// One partition moves to broker 1, which copies 10 MiB a second; broker 2 has all of it. Another one waits.
TEST_F(Admin, TheStateTellsHowFarMovesAreAndHowLongTheyWillTake) {
  kafka::ClusterCommandResponse status;
  status.controller = BrokerId(1);
  status.partitions = 2;
  status.moving = 1;
  status.brokers = {{BrokerId(1), "live", 4, "", "b:9092", 0, 1, 1, true}};
  status.moves = {{"orders", PartitionIndex(1), {BrokerId(2)}, {BrokerId(1)}}};
  broker.on(ApiKey::cluster_command, [&](const RequestFrame& request) { return answer(request, status); });
  broker.on(ApiKey::list_partition_reassignments, [&](const RequestFrame& request) {
    kafka::ListPartitionReassignmentsResponse response;
    if (status.moving > 0) {
      response.topics.push_back(
          {"orders", {{PartitionIndex(0), {BrokerId(1), BrokerId(2)}, {BrokerId(1)}, {BrokerId(2)}}}});
    }
    return answer(request, response);
  });
  int looks = 0;
  broker.on(ApiKey::describe_log_dirs, [&](const RequestFrame& request) {
    bytes_held = (100 + 10 * looks++) << 20;
    return answer(request, log_dirs(request));
  });
  EXPECT_EQ(run({"cluster", "status"}), 0);
  // Nobody else tells, so what is there is taken for all there will be of the first; the second is still to be copied.
  EXPECT_NE(console.out.find("1 partition moves, 1 waits: 110.0 MiB of 220.0 MiB copied"), std::string::npos)
      << console.out;
  EXPECT_EQ(run({"cluster", "status", "--json"}), 0);
  EXPECT_NE(console.out.find(R"("moving":1,"planned":1,"bytesToCopy":)"), std::string::npos) << console.out;
  EXPECT_EQ(run({"cluster", "status", "--check"}), 0);
  looks = 0;
  broker.on(ApiKey::cluster_command, [&](const RequestFrame& request) {
    auto now = status;
    if (looks >= 3) {
      now.moving = status.moving = 0;
      now.moves.clear();
    }
    if (peer::decode<kafka::ClusterCommandRequest>(request).verb == "rebalance") now.moves = status.moves;
    return answer(request, now);
  });
  EXPECT_EQ(run({"cluster", "rebalance", "--wait"}), 0);
  EXPECT_EQ(looks, 3);
  EXPECT_NE(console.out.find("all have moved"), std::string::npos) << console.out;
}

TEST_F(Admin, AThrottleIsSetBeforeAnythingMoves) {
  std::vector<std::pair<std::string, int64_t>> asked;
  broker.on(ApiKey::cluster_command, [&](const RequestFrame& request) {
    const auto one = peer::decode<kafka::ClusterCommandRequest>(request);
    asked.emplace_back(one.verb, one.number);
    return answer(request, kafka::ClusterCommandResponse{});
  });
  EXPECT_EQ(run({"cluster", "drain", "1", "--throttle", "50MB/s"}), 0);
  EXPECT_EQ(run({"cluster", "rebalance", "--throttle", "off"}), 0);
  EXPECT_EQ(run({"cluster", "rebalance", "--throttle", "1MB/s", "--dry-run"}), 0);
  EXPECT_EQ(
      asked,
      (std::vector<std::pair<std::string, int64_t>>{
          {"throttle", 50'000'000}, {"drain", 0}, {"throttle", 0}, {"rebalance", 0}, {"rebalance", 0}}));
  EXPECT_EQ(run({"cluster", "throttle", "50MiB"}), 0);
  EXPECT_EQ(console.out,
            "replicas that move take at most 50.0 MiB a second of each broker, in each direction\n");
  EXPECT_EQ(run({"cluster", "throttle", "default"}), 0);
  EXPECT_EQ(asked.back(), std::pair(std::string("throttle"), int64_t{-1}));
}

TEST_F(Admin, EventsAreShownWithTimeAndReason) {
  broker.on(ApiKey::cluster_command, [&](const RequestFrame& request) {
    EXPECT_EQ(peer::decode<kafka::ClusterCommandRequest>(request).number, 3);
    kafka::ClusterCommandResponse response;
    response.events = {{9, 0, BrokerId(1), "broker.dead", "broker 2: refused"}};
    return answer(request, response);
  });
  EXPECT_EQ(run({"cluster", "events", "--count", "3"}), 0);
  EXPECT_EQ(console.out,
            "TIME                      CONTROLLER  EVENT        DETAIL\n"
            "1970-01-01T00:00:00.000Z  1           broker.dead  broker 2: refused\n");
}

TEST_F(Admin, ADrainIsOrderedAndWaitedFor) {
  int looks = 0;
  broker.on(ApiKey::cluster_command, [&](const RequestFrame& request) {
    const auto asked = peer::decode<kafka::ClusterCommandRequest>(request);
    kafka::ClusterCommandResponse response;
    if (asked.verb == "drain" && asked.broker_id != BrokerId(2)) {
      response.error_code = ErrorCode::broker_id_not_registered;
      response.message = "there is no broker 9";
    }
    if (asked.verb == "status")
      response.brokers = {{BrokerId(2), "draining", 1, "", "", 0, 3 - looks++, 0, true}};
    return answer(request, response);
  });
  EXPECT_EQ(run({"cluster", "drain", "2", "--wait"}), 0);
  EXPECT_EQ(looks, 4);
  EXPECT_NE(console.out.find("broker 2 is drained"), std::string::npos) << console.out;
  EXPECT_EQ(run({"cluster", "drain", "9"}), 1);
  EXPECT_NE(console.error.find("there is no broker 9: 'godwit cluster status'"), std::string::npos)
      << console.error;
  looks = -100;
  EXPECT_EQ(run({"cluster", "drain", "2", "--wait", "--timeout", "2s"}), 1);
  EXPECT_NE(console.error.find("the drain goes on"), std::string::npos) << console.error;
}

TEST_F(Admin, ARebalanceShowsWhatMoves) {
  std::vector<kafka::ClusterCommandResponse::Move> moves{
      {"orders", PartitionIndex(1), {BrokerId(1)}, {BrokerId(2)}}};
  broker.on(ApiKey::cluster_command, [&](const RequestFrame& request) {
    EXPECT_TRUE(peer::decode<kafka::ClusterCommandRequest>(request).dry_run);
    kafka::ClusterCommandResponse response;
    response.moves = moves;
    return answer(request, response);
  });
  EXPECT_EQ(run({"cluster", "rebalance", "--dry-run"}), 0);
  EXPECT_NE(console.out.find("orders  1          1     2"), std::string::npos) << console.out;
  EXPECT_NE(console.out.find("1 partition would move"), std::string::npos) << console.out;
  moves.clear();
  EXPECT_EQ(run({"cluster", "rebalance", "--dry-run"}), 0);
  EXPECT_EQ(console.out, "nothing moves: the load is even\n");
}

TEST_F(Admin, PartitionsAreMovedAndFollowed) {
  kafka::AlterPartitionReassignmentsRequest seen;
  broker.on(ApiKey::alter_partition_reassignments, [&](const RequestFrame& request) {
    seen = peer::decode<kafka::AlterPartitionReassignmentsRequest>(request);
    kafka::AlterPartitionReassignmentsResponse response;
    auto& topic = response.responses.emplace_back();
    topic.name = "orders";
    for (const auto& partition : seen.topics.at(0).partitions) {
      const bool idle = !partition.replicas && partition.partition_index == PartitionIndex(0);
      topic.partitions.push_back({partition.partition_index,
                                  idle ? ErrorCode::no_reassignment_in_progress : ErrorCode::none,
                                  std::nullopt});
    }
    return answer(request, response);
  });
  broker.on(ApiKey::list_partition_reassignments, [](const RequestFrame& request) {
    kafka::ListPartitionReassignmentsResponse response;
    auto& topic = response.topics.emplace_back();
    topic.name = "orders";
    topic.partitions.push_back(
        {PartitionIndex(1), {BrokerId(1), BrokerId(3)}, {BrokerId(1), BrokerId(3)}, {BrokerId(2)}});
    return answer(request, response);
  });
  EXPECT_EQ(run({"topic", "reassign", "orders", "--partition", "1", "--replicas", "1,3"}), 0)
      << console.error;
  EXPECT_EQ(seen.topics.at(0).partitions.at(0).replicas, (std::vector{BrokerId(1), BrokerId(3)}));
  EXPECT_EQ(run({"topic", "reassign", "orders"}), 0);
  EXPECT_EQ(console.out,
            "TOPIC   PARTITION  REPLICAS  ADDING  CAUGHT UP  REMOVING\n"
            "orders  1          1,3       1,3     1          2\n");
  // Without a partition all are given up that move; those that do not are no mistake.
  EXPECT_EQ(run({"topic", "reassign", "orders", "--cancel"}), 0);
  EXPECT_EQ(console.out, "topic orders, partition 1: goes back to the brokers from before\n");
  EXPECT_EQ(run({"topic", "reassign", "orders", "--partition", "0", "--cancel"}), 1);
  EXPECT_NE(console.error.find("NO_REASSIGNMENT_IN_PROGRESS"), std::string::npos) << console.error;
  EXPECT_EQ(run({"topic", "reassign", "orders", "--partition", "7", "--cancel"}), 1);
  EXPECT_NE(console.error.find("topic orders has no partition 7"), std::string::npos) << console.error;
}

TEST_F(Admin, AnUncleanElectionIsAskedForByName) {
  kafka::ElectLeadersRequest seen;
  broker.on(ApiKey::elect_leaders, [&](const RequestFrame& request) {
    seen = peer::decode<kafka::ElectLeadersRequest>(request);
    kafka::ElectLeadersResponse response;
    response.replica_election_results = {{"orders", {{PartitionIndex(1), ErrorCode::none, std::nullopt}}}};
    return answer(request, response);
  });
  EXPECT_EQ(run({"topic", "elect", "orders", "--partition", "1", "--unclean"}), 0);
  EXPECT_EQ(seen.election_type, 1);
  EXPECT_EQ(console.out, "topic orders, partition 1: a leader was elected\n");
}

TEST_F(Admin, GroupsAreListedAndDescribedWithTheirLag) {
  broker.on(ApiKey::list_groups, [](const RequestFrame& request) {
    kafka::ListGroupsResponse response;
    response.groups = {{"billing", "consumer", "Empty", "classic"}};
    return answer(request, response);
  });
  broker.on(ApiKey::describe_groups, [](const RequestFrame& request) {
    kafka::DescribeGroupsResponse response;
    auto& group = response.groups.emplace_back();
    group.group_id = "billing";
    group.group_state = "Empty";
    return answer(request, response);
  });
  EXPECT_EQ(run({"group", "list"}), 0);
  EXPECT_EQ(console.out,
            "GROUP    STATE  PROTOCOL  TYPE\n"
            "billing  Empty  consumer  classic\n");
  EXPECT_EQ(run({"group", "describe", "billing"}), 0);
  EXPECT_EQ(console.out,
            "group billing: Empty, 0 members\n"
            "TOPIC   PARTITION  COMMITTED  END  LAG  MEMBER  HOST\n"
            "orders  0          60         110  50   -       -\n");
}

TEST_F(Admin, AResetIsOnlyShownUnlessItIsToBeExecuted) {
  EXPECT_EQ(run({"group", "reset-offsets", "billing", "--to-earliest"}), 0);
  EXPECT_EQ(console.out,
            "TOPIC   PARTITION  COMMITTED  NEW\n"
            "orders  0          60         10\n");
  EXPECT_NE(console.error.find("--execute"), std::string::npos);
  EXPECT_FALSE(committed);
  EXPECT_EQ(run({"group", "reset-offsets", "billing", "--to-earliest", "--execute"}), 0);
  ASSERT_TRUE(committed);
  EXPECT_EQ(committed->group_id, "billing");
  EXPECT_EQ(committed->generation_id_or_member_epoch, -1);
  EXPECT_EQ(committed->topics.at(0).partitions.at(0).committed_offset, Offset(10));
}

TEST_F(Admin, AResetStaysInsideTheLog) {
  const auto moved_to = [&](std::vector<std::string> how) {
    how.insert(how.begin(), {"group", "reset-offsets", "billing", "--execute"});
    committed.reset();
    EXPECT_EQ(run(how), 0) << console.error;
    return committed ? committed->topics.at(0).partitions.at(0).committed_offset.value() : -1;
  };
  EXPECT_EQ(moved_to({"--to-latest"}), 110);
  EXPECT_EQ(moved_to({"--to-offset", "50"}), 50);
  EXPECT_EQ(moved_to({"--to-offset", "5000"}), 110);
  EXPECT_EQ(moved_to({"--to-offset", "1"}), 10);
  EXPECT_EQ(moved_to({"--shift-by", "-20"}), 40);
  EXPECT_EQ(moved_to({"--shift-by", "9223372036854775807"}), 110);
  EXPECT_EQ(moved_to({"--shift-by", "-9223372036854775808"}), 10);
  EXPECT_EQ(moved_to({"--to-datetime", "2026-11-21"}), 77);
  EXPECT_EQ(moved_to({"--by-duration", "1h"}), 77);
  // No record is that young in partition 1: its end.
  EXPECT_EQ(moved_to({"--by-duration", "1h", "--topic", "orders:1"}), 5);
}

TEST_F(Admin, AGroupWithMembersIsNotMovedNorDeleted) {
  broker.on(ApiKey::offset_commit, [](const RequestFrame& request) {
    kafka::OffsetCommitResponse response;
    response.topics.push_back({"orders", {}, {{PartitionIndex(0), ErrorCode::unknown_member_id}}});
    return answer(request, response);
  });
  EXPECT_EQ(run({"group", "reset-offsets", "billing", "--to-latest", "--execute"}), 1);
  EXPECT_NE(console.error.find("it has members; stop them first"), std::string::npos) << console.error;
  broker.on(ApiKey::delete_groups, [](const RequestFrame& request) {
    kafka::DeleteGroupsResponse response;
    response.results = {{"billing", ErrorCode::non_empty_group}};
    return answer(request, response);
  });
  EXPECT_EQ(run({"group", "delete", "billing"}), 1);
  EXPECT_NE(console.error.find("stop its members first"), std::string::npos) << console.error;
}

TEST_F(Admin, APartitionThatDoesNotExistIsNotReset) {
  EXPECT_EQ(run({"group", "reset-offsets", "billing", "--to-latest", "--topic", "orders:7"}), 1);
  EXPECT_NE(console.error.find("topic orders has no partition 7"), std::string::npos) << console.error;
}

}  // namespace
}  // namespace godwit::cli
