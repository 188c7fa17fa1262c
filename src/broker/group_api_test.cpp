// The requests of consumer groups, through their handlers, on a whole broker with two shards.
#include "broker/stage_testing.h"

namespace godwit::broker {
namespace {

kafka::FindCoordinatorRequest find_group(std::vector<std::string> groups) {
  kafka::FindCoordinatorRequest request;
  request.coordinator_keys = std::move(groups);
  return request;
}

kafka::JoinGroupRequest join_of(const std::string& group) {
  kafka::JoinGroupRequest request;
  request.group_id = group;
  request.session_timeout_ms = 30'000;
  request.rebalance_timeout_ms = 60'000;
  request.protocol_type = "consumer";
  request.protocols = {{"range", to_bytes("subscription")}, {"range", to_bytes("once more")}};
  return request;
}

kafka::OffsetCommitRequest commit_of(const std::string& group, const std::string& topic, int64_t offset) {
  kafka::OffsetCommitRequest request;
  request.group_id = group;
  auto& wanted = request.topics.emplace_back();
  wanted.name = topic;
  auto& partition = wanted.partitions.emplace_back();
  partition.committed_offset = Offset(offset);
  partition.committed_metadata = "so far";
  return request;
}

kafka::OffsetFetchRequest fetch_of(const std::string& group, const std::string& topic) {
  kafka::OffsetFetchRequest request;
  auto& wanted = request.groups.emplace_back();
  wanted.group_id = group;
  wanted.topics->push_back({topic, {}, {PartitionIndex(0)}});
  return request;
}

Task<Offset> committed(Stage& stage, std::string group, std::string topic) {
  const auto fetched = co_await stage.ask(fetch_of(group, topic), 8);
  EXPECT_EQ(fetched.groups.at(0).error_code, ErrorCode::none);
  co_return fetched.groups.at(0).topics.at(0).partitions.at(0).committed_offset;
}

TEST(GroupApi, WhoLooksForAGroupMakesTheOffsetsTopicAndFindsThisBroker) {
  run_on_stage([](Stage& stage) -> Task<void> {
    EXPECT_EQ((co_await stage.ask(kafka::HeartbeatRequest{.group_id = "g"})).error_code,
              ErrorCode::not_coordinator);
    const auto found = co_await stage.ask(find_group({"g", "h"}));
    EXPECT_EQ(found.coordinators.size(), 2U);
    for (const auto& one : found.coordinators) {
      EXPECT_EQ(one.error_code, ErrorCode::none);
      EXPECT_EQ(one.node_id, BrokerId(1));
      EXPECT_EQ(one.host, "10.0.0.1");
      EXPECT_EQ(one.port, 9092);
    }
    kafka::FindCoordinatorRequest old;
    old.key = "g";
    EXPECT_EQ((co_await stage.ask(old, 0)).node_id, BrokerId(1));
    const auto image = from_outside([&] { return stage.broker->shard(1).image(); });
    EXPECT_EQ(image->find(kConsumerOffsetsTopic)->partitions.size(), 4U);
  });
}

TEST(GroupApi, OtherCoordinatorsAreRefusedSoThatClientsDoNotAskForEver) {
  run_on_stage([](Stage& stage) -> Task<void> {
    auto request = find_group({"t"});
    request.key_type = 1;
    const auto transaction = co_await stage.ask(request);
    EXPECT_EQ(transaction.coordinators.at(0).error_code, ErrorCode::transactional_id_authorization_failed);
    EXPECT_EQ(transaction.coordinators.at(0).node_id, kNoBroker);
    request.key_type = 2;
    EXPECT_EQ((co_await stage.ask(request)).coordinators.at(0).error_code, ErrorCode::invalid_request);
  });
}

TEST(GroupApi, AMemberJoinsSyncsCommitsAndLeaves) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    for (const std::string group : {"g", "h", "i", "j"}) {  // on all partitions, so on both shards
      (void)co_await stage.ask(find_group({group}));
      auto join = join_of(group);
      const auto handed = co_await stage.ask(join);
      EXPECT_EQ(handed.error_code, ErrorCode::member_id_required);
      EXPECT_EQ(handed.member_id.substr(0, 7), "tester-");
      join.member_id = handed.member_id;
      const auto joined = co_await stage.ask(join);
      EXPECT_EQ(joined.error_code, ErrorCode::none);
      EXPECT_EQ(joined.generation_id, 1);
      EXPECT_EQ(joined.leader, joined.member_id);
      EXPECT_EQ(joined.protocol_name, "range");
      EXPECT_EQ(joined.members.at(0).metadata, to_bytes("subscription"));

      kafka::SyncGroupRequest sync;
      sync.group_id = group;
      sync.generation_id = 1;
      sync.member_id = joined.member_id;
      EXPECT_EQ((co_await stage.ask(sync)).error_code, ErrorCode::inconsistent_group_protocol);
      sync.protocol_type = "consumer";
      sync.protocol_name = "range";
      sync.assignments = {{joined.member_id, to_bytes("everything")}};
      EXPECT_EQ((co_await stage.ask(sync)).assignment, to_bytes("everything"));

      kafka::HeartbeatRequest beat{.group_id = group, .generation_id = 1, .member_id = joined.member_id};
      EXPECT_EQ((co_await stage.ask(beat)).error_code, ErrorCode::none);
      beat.generation_id = 2;
      EXPECT_EQ((co_await stage.ask(beat)).error_code, ErrorCode::illegal_generation);

      auto commit = commit_of(group, "orders", 42);
      commit.generation_id_or_member_epoch = 1;
      commit.member_id = joined.member_id;
      const auto done = co_await stage.ask(commit, 9);
      EXPECT_EQ(done.topics.at(0).partitions.at(0).error_code, ErrorCode::none);
      EXPECT_EQ(co_await committed(stage, group, "orders"), Offset(42));

      kafka::DescribeGroupsRequest describe;
      describe.groups = {group, "nobody"};
      describe.include_authorized_operations = true;
      const auto described = co_await stage.ask(describe);
      EXPECT_EQ(described.groups.at(0).group_state, "Stable");
      EXPECT_EQ(described.groups.at(0).members.at(0).client_host, "/10.0.0.9");
      EXPECT_EQ(described.groups.at(0).authorized_operations, 3400);
      EXPECT_EQ(described.groups.at(1).error_code, ErrorCode::group_id_not_found);
      EXPECT_EQ((co_await stage.ask(describe, 5)).groups.at(1).error_code, ErrorCode::none);

      kafka::DeleteGroupsRequest remove;
      remove.groups_names = {group};
      EXPECT_EQ((co_await stage.ask(remove)).results.at(0).error_code, ErrorCode::non_empty_group);
      kafka::LeaveGroupRequest leave;
      leave.group_id = group;
      leave.member_id = joined.member_id;
      EXPECT_EQ((co_await stage.ask(leave, 2)).error_code, ErrorCode::none);
    }
    EXPECT_EQ((co_await stage.ask(kafka::ListGroupsRequest{})).groups.size(), 4U);
    kafka::DeleteGroupsRequest remove;
    remove.groups_names = {"g", "nobody"};
    const auto removed = co_await stage.ask(remove);
    EXPECT_EQ(removed.results.at(0).error_code, ErrorCode::none);
    EXPECT_EQ(removed.results.at(1).error_code, ErrorCode::group_id_not_found);
    EXPECT_EQ((co_await stage.ask(kafka::ListGroupsRequest{})).groups.size(), 3U);
  });
}

TEST(GroupApi, ACommitForWhatDoesNotExistSaysSoAndKeepsTheRest) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    (void)co_await stage.ask(find_group({"g"}));
    auto commit = commit_of("g", "nothing", 1);
    commit.topics.push_back(commit_of("g", "orders", 5).topics.at(0));
    auto beyond = commit.topics.at(1).partitions.at(0);
    beyond.partition_index = PartitionIndex(9);
    commit.topics.at(1).partitions.push_back(beyond);
    const auto done = co_await stage.ask(commit, 9);
    EXPECT_EQ(done.topics.at(0).partitions.at(0).error_code, ErrorCode::unknown_topic_or_partition);
    EXPECT_EQ(done.topics.at(1).partitions.at(0).error_code, ErrorCode::none);
    EXPECT_EQ(done.topics.at(1).partitions.at(1).error_code, ErrorCode::unknown_topic_or_partition);
    EXPECT_EQ(co_await committed(stage, "g", "orders"), Offset(5));
    EXPECT_EQ(co_await committed(stage, "nobody", "orders"), Offset(-1));
  });
}

TEST(GroupApi, TopicsAreNamedByTheirIdsInVersion10) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    (void)co_await stage.ask(find_group({"g"}));
    auto commit = commit_of("g", "", 5);
    commit.topics.at(0).topic_id = stage.topic_id("orders");
    commit.topics.push_back(commit.topics.at(0));
    commit.topics.at(1).topic_id = *Uuid::parse("AAAAAAAAAAAAAAAAAAAABQ");
    const auto done = co_await stage.ask(commit);
    EXPECT_EQ(done.topics.at(0).partitions.at(0).error_code, ErrorCode::none);
    EXPECT_EQ(done.topics.at(0).topic_id, stage.topic_id("orders"));
    EXPECT_EQ(done.topics.at(1).partitions.at(0).error_code, ErrorCode::unknown_topic_id);

    auto fetch = fetch_of("g", "");
    fetch.groups.at(0).topics->at(0).topic_id = stage.topic_id("orders");
    auto all = fetch.groups.at(0);
    all.topics.reset();
    fetch.groups.push_back(all);
    const auto fetched = co_await stage.ask(fetch);
    for (const auto& group : fetched.groups) {
      EXPECT_EQ(group.topics.at(0).topic_id, stage.topic_id("orders"));
      EXPECT_EQ(group.topics.at(0).partitions.at(0).committed_offset, Offset(5));
      EXPECT_EQ(group.topics.at(0).partitions.at(0).metadata, "so far");
    }
  });
}

TEST(GroupApi, ATopicsDeletionForgetsItsOffsets) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    (void)co_await stage.ask(find_group({"g"}));
    (void)co_await stage.ask(commit_of("g", "orders", 5), 9);
    kafka::DeleteTopicsRequest remove;
    remove.topics.push_back({"orders", {}});
    EXPECT_EQ((co_await stage.ask(remove)).responses.at(0).error_code, ErrorCode::none);
    EXPECT_EQ((co_await stage.ask(commit_of("g", "orders", 6), 9)).topics.at(0).partitions.at(0).error_code,
              ErrorCode::unknown_topic_or_partition);
    co_await stage.create("orders");
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(co_await committed(stage, "g", "orders"), Offset(-1));
  });
}

TEST(GroupApi, ATopicMadeAnewWhileTheBrokerIsDownHasNoneOfTheOldOnesOffsets) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    co_await stage.create("bills");
    (void)co_await stage.ask(find_group({"g"}));
    (void)co_await stage.ask(commit_of("g", "orders", 5), 9);
    (void)co_await stage.ask(commit_of("g", "bills", 6), 9);
    const TopicId old = stage.topic_id("orders");
    (void)co_await stage.broker->stop();
    stage.broker.reset();
    {
      auto metadata = co_await cluster::Metadata::start({.self = {.id = BrokerId(1)}, .cluster_id = ""},
                                                        stage.coordination, stage.runtime, stage.diagnostics);
      EXPECT_TRUE(metadata.has_value());
      EXPECT_TRUE(co_await (*metadata)->delete_topic(old));
      EXPECT_TRUE(co_await (*metadata)->create_topic({.name = "orders"}, false));
      co_await (*metadata)->close();
    }
    co_await stage.start();
    co_await runtime::sleep_for(1s);
    EXPECT_NE(stage.topic_id("orders"), old);
    EXPECT_EQ(co_await committed(stage, "g", "orders"), Offset(-1));
    EXPECT_EQ(co_await committed(stage, "g", "bills"), Offset(6));
  });
}

// Nobody drove the groups when it went, and none of its name was there when they were loaded.
TEST(GroupApi, ATopicMadeAnewAfterItsGroupsWereLoadedHasNoneOfTheOldOnesOffsets) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders", 2);
    co_await stage.create("bills");
    (void)co_await stage.ask(find_group({"g"}));
    (void)co_await stage.ask(commit_of("g", "orders", 5), 9);
    (void)co_await stage.ask(commit_of("g", "bills", 6), 9);
    const TopicId old = stage.topic_id("orders");
    (void)co_await stage.broker->stop();
    stage.broker.reset();
    {
      auto metadata = co_await cluster::Metadata::start({.self = {.id = BrokerId(1)}, .cluster_id = ""},
                                                        stage.coordination, stage.runtime, stage.diagnostics);
      EXPECT_TRUE(metadata.has_value());
      EXPECT_TRUE(co_await (*metadata)->delete_topic(old));
      co_await (*metadata)->close();
    }
    co_await stage.start();
    co_await runtime::sleep_for(1s);
    co_await stage.create("orders", 2);
    auto all = fetch_of("g", "");
    all.groups.at(0).topics.reset();
    for (const int16_t version : {int16_t{9}, int16_t{10}}) {
      const auto none = co_await stage.ask(all, version);
      EXPECT_EQ(none.groups.at(0).topics.size(), 1U) << "bills alone, in version " << version;
    }
    EXPECT_EQ(co_await committed(stage, "g", "orders"), Offset(-1));
    EXPECT_EQ(co_await committed(stage, "g", "bills"), Offset(6));
    // One partition's is new, the other's of the topic that is gone.
    auto commit = commit_of("g", "orders", 7);
    commit.topics.at(0).partitions.at(0).partition_index = PartitionIndex(1);
    (void)co_await stage.ask(commit, 9);
    const auto some = co_await stage.ask(all, 9);
    EXPECT_EQ(some.groups.at(0).topics.size(), 2U);
    for (const auto& topic : some.groups.at(0).topics) {
      if (topic.name != "orders") continue;
      EXPECT_EQ(topic.partitions.size(), 1U);
      EXPECT_EQ(topic.partitions.at(0).partition_index, PartitionIndex(1));
      EXPECT_EQ(topic.partitions.at(0).committed_offset, Offset(7));
    }
  });
}

TEST(GroupApi, OffsetsOfUnknownPartitionsCannotBeDeleted) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    (void)co_await stage.ask(find_group({"g"}));
    (void)co_await stage.ask(commit_of("g", "orders", 5), 9);
    kafka::OffsetDeleteRequest request{.group_id = "g", .topics = {}};
    request.topics.push_back({"orders", {{PartitionIndex(9)}, {PartitionIndex(0)}}});
    request.topics.push_back({"nothing", {{PartitionIndex(0)}}});
    const auto done = co_await stage.ask(request);
    EXPECT_EQ(done.error_code, ErrorCode::none);
    EXPECT_EQ(done.topics.size(), 2U);
    EXPECT_EQ(done.topics.at(0).partitions.at(0).partition_index, PartitionIndex(9));
    EXPECT_EQ(done.topics.at(0).partitions.at(0).error_code, ErrorCode::unknown_topic_or_partition);
    EXPECT_EQ(done.topics.at(0).partitions.at(1).error_code, ErrorCode::none);
    EXPECT_EQ(done.topics.at(1).partitions.at(0).error_code, ErrorCode::unknown_topic_or_partition);
    EXPECT_EQ(co_await committed(stage, "g", "orders"), Offset(-1));
  });
}

TEST(GroupApi, WhatWasCommittedSurvivesARestart) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    (void)co_await stage.ask(find_group({"g"}));
    for (int i = 0; i < 10; ++i) (void)co_await stage.ask(commit_of("g" + std::to_string(i), "orders", i), 9);
    co_await stage.restart();
    co_await runtime::sleep_for(1s);
    for (int i = 0; i < 10; ++i) {
      EXPECT_EQ(co_await committed(stage, "g" + std::to_string(i), "orders"), Offset(i));
    }
  });
}

TEST(GroupApi, AStopAnswersWhoeverWaitsForTheGroupAndIsNotHeldUp) {
  run_on_stage([](Stage& stage) -> Task<void> {
    (void)co_await stage.ask(find_group({"g"}));
    constexpr int16_t kVersion = 3;
    auto frame = kafka::encode_request(77, "tester", join_of("g"), kVersion);
    EXPECT_TRUE(frame.has_value());
    std::vector<Task<SharedBytes>> tasks;
    tasks.push_back(converse(stage.runtime, std::move(*frame)));
    tasks.push_back([](Stage& s) -> Task<SharedBytes> {
      co_await runtime::sleep_for(1s);
      const MonotonicTime before = s.runtime.shard(0).now();
      EXPECT_TRUE(co_await s.broker->stop());
      EXPECT_LT(s.runtime.shard(0).now() - before, 1s) << "the limit for requests under way is longer";
      s.broker.reset();
      co_return SharedBytes();
    }(stage));
    const auto answers = co_await runtime::when_all(std::move(tasks));
    auto answered = kafka::parse_response(answers.at(0), kafka::ApiKey::join_group, kVersion);
    EXPECT_TRUE(answered.has_value());
    EXPECT_EQ(answered->correlation_id, 77);
    const auto response = codec::decode<kafka::JoinGroupResponse>(answered->body, kVersion);
    EXPECT_TRUE(response.has_value());
    EXPECT_EQ(response->error_code, ErrorCode::not_coordinator);
  });
}

}  // namespace
}  // namespace godwit::broker
