#include <chrono>
#include <iostream>

#include "groups/world_testing.h"

namespace godwit::groups::test {
namespace {

TEST(Loading, BeforeAndAfterItHasNoGroupsToAnswerFor) {
  GroupManager manager{GroupOptions{}};
  const Now now{MonotonicTime(1h), {}};
  const auto ask = [&](Request request) {
    manager.decide(RequestToken(1), std::move(request), now);
    return manager.take_output().replies.at(0).response;
  };
  const HeartbeatRequest heartbeat{"g", 1, "m", std::nullopt};
  const SyncRequest sync{.group = "g"};
  EXPECT_EQ(std::get<HeartbeatResponse>(ask(heartbeat)).error, ErrorCode::not_coordinator);
  EXPECT_EQ(std::get<SyncResponse>(ask(sync)).error, ErrorCode::not_coordinator);
  manager.load_begin();
  EXPECT_EQ(std::get<HeartbeatResponse>(ask(heartbeat)).error, ErrorCode::none) << "it may well be a member";
  EXPECT_EQ(std::get<SyncResponse>(ask(sync)).error, ErrorCode::coordinator_load_in_progress);
  EXPECT_EQ(std::get<ListGroupsResponse>(ask(ListGroupsRequest{})).error,
            ErrorCode::coordinator_load_in_progress);
  OffsetCommitRequest commit;
  commit.topics.push_back({"orders", {}, {{PartitionIndex(0), Offset(2), kNoLeaderEpoch, ""}}});
  EXPECT_EQ(std::get<OffsetCommitResponse>(ask(commit)).topics.at(0).partitions.at(0).error,
            ErrorCode::coordinator_load_in_progress);
  manager.load_done(now);
  EXPECT_EQ(std::get<HeartbeatResponse>(ask(heartbeat)).error, ErrorCode::unknown_member_id);
  manager.resign();
  EXPECT_EQ(std::get<HeartbeatResponse>(ask(heartbeat)).error, ErrorCode::not_coordinator);
}

TEST(Loading, AStableGroupGoesOnAfterAFailover) {
  World world;
  StablePair pair(world);
  pair.a.commits(5);
  world.passes(9s);
  world.fails_over();
  world.passes(9s);  // a whole new session
  pair.a.heartbeats().commits(6);
  pair.b.heartbeats().syncs().expect_assignment("for " + pair.b.id);
  EXPECT_EQ(world.state(), "Stable");
  pair.b.sends_join().expect_generation(1).expect_follows();
  pair.a.joins();
  pair.b.joins().expect_generation(2);
}

TEST(Loading, AGenerationWithoutAssignmentRebalances) {
  World world;
  auto a = world.client("a").joins();
  auto b = world.client("b").joins();
  world.passes(6s);
  a.expect_generation(1);
  b.expect_generation(1).syncs();
  world.fails_over();
  b.expect_sync_error(ErrorCode::not_coordinator);
  b.syncs().expect_sync_error(ErrorCode::rebalance_in_progress);
  a.syncs({a.id, b.id}).expect_sync_error(ErrorCode::rebalance_in_progress);
  a.heartbeats(ErrorCode::rebalance_in_progress).joins();
  b.joins().expect_generation(2);
  a.expect_generation(2).expect_leads({"a", "b"});
}

TEST(Loading, TooLargeAGroupRebalances) {
  World world;
  StablePair pair(world);
  GroupManager manager({.group_size_max = 1});
  manager.load_begin();
  for (const auto& r : world.log)
    manager.load(r.key, r.value ? std::optional<BytesView>(*r.value) : std::nullopt);
  manager.load_done(world.now());
  manager.decide(RequestToken(1), DescribeGroupRequest{.group = "g"}, world.now());
  EXPECT_EQ(std::get<DescribeGroupResponse>(manager.take_output().replies.at(0).response).state,
            "PreparingRebalance");
}

TEST(Loading, PassesOverWhatItDoesNotKnowAndWhatIsDamaged) {
  World world;
  world.simple_commit("orders", 0, 5);
  GroupManager manager{GroupOptions{}};
  manager.load_begin();
  const auto text = [](std::string_view t) { return as_bytes(t); };
  using namespace std::string_view_literals;
  manager.load(text("\0\3\0\1g"sv), text("\0\0"sv));      // a consumer group of KIP-848
  manager.load(text("\0\2\0\1g"sv), text("\0\x7f"sv));    // a group in a version to come
  manager.load(text("\0\2\0\x09g"sv), text("\0\3"sv));    // cut
  manager.load(text("\0\2\0\1g"sv), text("\0\3\0\0"sv));  // cut
  manager.load(text(""sv), std::nullopt);
  manager.load(world.log.at(0).key, *world.log.at(0).value);
  const auto loaded = manager.load_done(world.now());
  EXPECT_EQ(loaded.records, 6U);
  EXPECT_EQ(loaded.unknown, 2U);
  EXPECT_EQ(loaded.corrupt, 3U);
  EXPECT_EQ(manager.counts().offsets, 1U);
}

TEST(Loading, StoredNonsenseMakesAGroupThatStillHoldsTogether) {
  GenerationMade record;
  record.group = "g";
  record.generation = -5;
  record.leader = "nobody";
  record.members.push_back({"m", "i", "", "", -7, -1, {}, SharedBytes::copy(as_bytes("x"))});
  record.members.push_back({"m", std::nullopt, "", "", -7, -1, {}, {}});
  record.members.push_back({"n", "i", "", "", -7, -1, {}, {}});
  const auto encoded = encode(record, {});
  GroupManager manager{GroupOptions{}};
  const Now now{MonotonicTime(1h), {}};
  manager.load_begin();
  manager.load(encoded.key, *encoded.value);
  manager.load_done(now);
  EXPECT_EQ(manager.counts().members, 1U);
  manager.tick(now);  // its session of no length ends
  manager.committed(manager.take_output().batches.at(0).sequence, now);
  EXPECT_EQ(manager.counts().members, 0U);
}

TEST(Resigning, AnswersWhateverIsParkedOrUnderWay) {
  World world;
  StablePair pair(world);
  pair.a.joins().expect_parked();
  world.simple_commit("orders", 0, 1, "simple");
  world.writes(Writes::hold);
  OffsetCommitRequest commit;
  commit.group = "simple";
  commit.topics.push_back({"orders", {}, {{PartitionIndex(0), Offset(2), kNoLeaderEpoch, ""}}});
  const auto token = world.ask(commit);
  const auto deletion = world.ask(DeleteGroupRequest{"simple"});
  world.fails_over();  // and nobody is left without an answer
  pair.a.expect_join_error(ErrorCode::not_coordinator);
  EXPECT_EQ(world.answer<OffsetCommitResponse>(token).topics[0].partitions[0].error,
            ErrorCode::not_coordinator);
  EXPECT_EQ(world.answer<DeleteGroupResponse>(deletion).error, ErrorCode::not_coordinator);
  EXPECT_EQ(world.offset("orders", 0, "simple"), Offset(1));
  EXPECT_EQ(world.state(), "Stable");
  pair.a.heartbeats();
}

TEST(Looking, ListsByStateAndType) {
  World world;
  StablePair pair(world);
  world.simple_commit("orders", 0, 1, "simple");
  const auto list = [&](std::vector<std::string> states, std::vector<std::string> types) {
    std::vector<std::string> names;
    for (const auto& g : world.ask_now<ListGroupsResponse>(ListGroupsRequest{states, types}).groups) {
      EXPECT_EQ(g.type, "classic");
      names.push_back(g.group + " " + g.state + " " + g.protocol_type);
    }
    return names;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(list({}, {}), (Names{"g Stable consumer", "simple Empty "}));
  EXPECT_EQ(list({" stable"}, {"Classic"}), Names{"g Stable consumer"});
  EXPECT_EQ(list({"EMPTY", "Dead"}, {}), Names{"simple Empty "});
  EXPECT_EQ(list({}, {"consumer"}), Names{});
}

TEST(Looking, DescribesAStableGroupWithMetadataAndOthersWithout) {
  World world;
  StablePair pair(world);
  auto described = world.describe();
  EXPECT_EQ(described.state, "Stable");
  EXPECT_EQ(described.protocol, "range");
  EXPECT_EQ(described.protocol_type, "consumer");
  ASSERT_EQ(described.members.size(), 2U);
  EXPECT_EQ(described.members[0].client_id, "a");
  EXPECT_EQ(described.members[0].client_host, "/127.0.0.1");
  EXPECT_EQ(as_text(described.members[0].metadata.view()), "m");
  EXPECT_EQ(as_text(described.members[0].assignment.view()), "for " + pair.a.id);
  pair.a.joins();
  described = world.describe();
  EXPECT_EQ(described.protocol, "");
  EXPECT_TRUE(described.members.at(0).metadata.empty());
}

TEST(Looking, AnUnknownGroupIsDeadAndFromVersion6NotFound) {
  World world;
  auto described = world.ask_now<DescribeGroupResponse>(DescribeGroupRequest{.version = 5, .group = "x"});
  EXPECT_EQ(described.state, "Dead");
  EXPECT_EQ(described.error, ErrorCode::none);
  described = world.ask_now<DescribeGroupResponse>(DescribeGroupRequest{.version = 6, .group = "x"});
  EXPECT_EQ(described.state, "Dead");
  EXPECT_EQ(described.error, ErrorCode::group_id_not_found);
}

// Measures; only that everything arrived is checked.
TEST(Loading, TenThousandGroupsAreLoaded) {
  std::vector<EncodedRecord> log;
  for (int g = 0; g < 10'000; ++g) {
    GenerationMade made;
    made.group = "group-" + std::to_string(g);
    made.protocol_type = "consumer";
    made.generation = 3;
    made.protocol = "range";
    made.leader = "m0";
    for (int m = 0; m < 3; ++m) {
      made.members.push_back({"m" + std::to_string(m), std::nullopt, "client", "/10.0.0.1", 300'000, 45'000,
                              subscription({"orders"}), SharedBytes::own(Bytes(40))});
    }
    log.push_back(encode(made, {}));
    for (int p = 0; p < 10; ++p) {
      OffsetCommitted offset;
      offset.group = made.group;
      offset.topic = "orders";
      offset.partition = PartitionIndex(p);
      offset.offset = Offset(p);
      log.push_back(encode(offset, {}));
    }
  }
  GroupManager manager{GroupOptions{}};
  const auto begin = std::chrono::steady_clock::now();
  manager.load_begin();
  for (const auto& record : log) manager.load(record.key, *record.value);
  manager.load_done({MonotonicTime(1h), {}});
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(manager.counts().groups, 10'000U);
  EXPECT_EQ(manager.counts().members, 30'000U);
  EXPECT_EQ(manager.counts().offsets, 100'000U);
  std::cout << log.size() << " records of 10000 groups loaded in "
            << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms\n";
}

}  // namespace
}  // namespace godwit::groups::test
