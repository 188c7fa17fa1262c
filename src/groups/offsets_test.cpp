#include "groups/world_testing.h"

namespace godwit::groups::test {
namespace {

constexpr TopicId topic_id(uint8_t n) {
  TopicId id;
  id.bytes[15] = static_cast<std::byte>(n);
  return id;
}

TEST(Offsets, AnUnknownGroupHasCommittedNothingAndThatIsNoError) {
  World world;
  OffsetFetchRequest request;
  request.group = "nobody";
  request.topics.emplace().push_back({"orders", {}, {PartitionIndex(0), PartitionIndex(5)}});
  const auto response = world.ask_now<OffsetFetchResponse>(request);
  EXPECT_EQ(response.error, ErrorCode::none);
  ASSERT_EQ(response.topics.at(0).partitions.size(), 2U);
  for (const auto& partition : response.topics[0].partitions) {
    EXPECT_EQ(partition.error, ErrorCode::none);
    EXPECT_EQ(partition.offset, Offset(-1));
    EXPECT_EQ(partition.leader_epoch, kNoLeaderEpoch);
    EXPECT_EQ(partition.metadata, "");
  }
  request.topics.reset();
  EXPECT_TRUE(world.ask_now<OffsetFetchResponse>(request).topics.empty());
}

TEST(Offsets, ComeBackWithEpochAndMetadata) {
  World world;
  OffsetCommitRequest request;
  request.group = "g";
  request.topics.push_back({"orders", {}, {{PartitionIndex(3), Offset(42), LeaderEpoch(7), "note"}}});
  EXPECT_EQ(world.ask_now<OffsetCommitResponse>(request).topics.at(0).partitions.at(0).error,
            ErrorCode::none);
  world.fails_over();
  const auto all = world.ask_now<OffsetFetchResponse>(OffsetFetchRequest{.group = "g", .topics = {}});
  ASSERT_EQ(all.topics.size(), 1U);
  EXPECT_EQ(all.topics[0].name, "orders");
  const auto& partition = all.topics[0].partitions.at(0);
  EXPECT_EQ(partition.partition, PartitionIndex(3));
  EXPECT_EQ(partition.offset, Offset(42));
  EXPECT_EQ(partition.leader_epoch, LeaderEpoch(7));
  EXPECT_EQ(partition.metadata, "note");
}

TEST(Offsets, MetadataHasAGreatestSize) {
  World world;
  OffsetCommitRequest request;
  request.group = "g";
  request.topics.push_back({"orders",
                            {},
                            {{PartitionIndex(0), Offset(1), kNoLeaderEpoch, std::string(4096, 'x')},
                             {PartitionIndex(1), Offset(1), kNoLeaderEpoch, std::string(4097, 'x')}}});
  const auto response = world.ask_now<OffsetCommitResponse>(request);
  EXPECT_EQ(response.topics.at(0).partitions.at(0).error, ErrorCode::none);
  EXPECT_EQ(response.topics.at(0).partitions.at(1).error, ErrorCode::offset_metadata_too_large);
  EXPECT_EQ(world.offset("orders", 0), Offset(1));
  EXPECT_EQ(world.offset("orders", 1), Offset(-1));
}

TEST(Offsets, ACommitWithAGenerationNeedsTheGroup) {
  World world;
  OffsetCommitRequest request;
  request.group = "g";
  request.generation = 4;
  request.member = "m";
  request.topics.push_back({"orders", {}, {{PartitionIndex(0), Offset(1), kNoLeaderEpoch, ""}}});
  EXPECT_EQ(world.ask_now<OffsetCommitResponse>(request).topics[0].partitions[0].error,
            ErrorCode::group_id_not_found);
  request.version = 8;
  EXPECT_EQ(world.ask_now<OffsetCommitResponse>(request).topics[0].partitions[0].error,
            ErrorCode::illegal_generation);
}

TEST(Offsets, AreVisibleWhenCommittedAndNotBefore) {
  World world;
  world.simple_commit("orders", 0, 1);
  world.writes(Writes::hold);
  OffsetCommitRequest commit;
  commit.group = "g";
  commit.topics.push_back({"orders", {}, {{PartitionIndex(0), Offset(2), kNoLeaderEpoch, ""}}});
  const auto token = world.ask(commit);
  EXPECT_FALSE(world.answered(token));
  EXPECT_EQ(world.offset("orders", 0), Offset(1));
  OffsetFetchRequest stable;
  stable.group = "g";
  stable.topics.emplace().push_back({"orders", {}, {PartitionIndex(0)}});
  stable.require_stable = true;
  const auto waiting = world.ask(stable);
  EXPECT_FALSE(world.answered(waiting));
  world.commit_held();
  EXPECT_TRUE(world.answered(token));
  EXPECT_EQ(world.answer<OffsetFetchResponse>(waiting).topics.at(0).partitions.at(0).offset, Offset(2));
}

TEST(Offsets, OfATopicWithAnotherIdAreNotThisTopics) {
  World world;
  world.simple_commit("orders", 0, 9, "g", topic_id(1));
  OffsetFetchRequest request;
  request.group = "g";
  request.topics.emplace().push_back({"orders", topic_id(2), {PartitionIndex(0)}});
  EXPECT_EQ(world.ask_now<OffsetFetchResponse>(request).topics.at(0).partitions.at(0).offset, Offset(-1));
  request.topics->at(0).id = topic_id(1);
  EXPECT_EQ(world.ask_now<OffsetFetchResponse>(request).topics.at(0).partitions.at(0).offset, Offset(9));
}

TEST(Offsets, GoWithTheirTopic) {
  World world;
  world.simple_commit("orders", 0, 1, "g", topic_id(1));
  world.simple_commit("orders", 1, 2, "g", topic_id(2));
  world.simple_commit("orders", 2, 3, "other");
  world.simple_commit("bills", 0, 4);
  EXPECT_EQ(world.manager().topics(), (std::vector<std::string>{"bills", "orders"}));
  world.manager().topic_deleted("orders", topic_id(1), world.now());
  world.pump();
  EXPECT_EQ(world.offset("orders", 0), Offset(-1));
  EXPECT_EQ(world.offset("orders", 1), Offset(2));  // of the topic that has the name now
  EXPECT_EQ(world.offset("orders", 2, "other"), Offset(-1));
  EXPECT_EQ(world.offset("bills", 0), Offset(4));
  EXPECT_EQ(world.describe("other").error, ErrorCode::none) << "as in Kafka the next clean-up takes it";
  world.passes(20min);
  EXPECT_EQ(world.describe("other").error, ErrorCode::group_id_not_found) << "a simple group is its offsets";
  EXPECT_EQ(world.describe("g").error, ErrorCode::none);
}

TEST(Offsets, OfATopicThatWasMadeAnewUnderItsNameGo) {
  World world;
  world.simple_commit("orders", 0, 1, "g", topic_id(1));
  world.simple_commit("orders", 1, 2, "g", topic_id(2));
  world.simple_commit("orders", 2, 3, "g");  // of before topic ids: nobody knows which topic it was
  world.fails_over();
  world.manager().topic_is("orders", topic_id(2), world.now());
  world.pump();
  EXPECT_EQ(world.offset("orders", 0), Offset(-1));
  EXPECT_EQ(world.offset("orders", 1), Offset(2));
  EXPECT_EQ(world.offset("orders", 2), Offset(3));
  EXPECT_EQ(world.tombstones(), 1U);
  world.manager().topic_is("orders", {}, world.now());
  world.pump();
  EXPECT_EQ(world.manager().counts().offsets, 0U) << "there is no such topic at all";
}

TEST(Offsets, ATopicThatWasMadeAnewIsLookedForInWhatWasCommittedUntilThen) {
  World world;
  EXPECT_EQ(world.simple_commit("orders", 0, 5, "g", topic_id(1)), ErrorCode::none);
  world.manager().topic_is("orders", topic_id(1), world.now());
  world.manager().topic_is("payments", topic_id(7), world.now());
  world.pump();
  EXPECT_EQ(world.offset("orders", 0), Offset(5));
  EXPECT_EQ(world.simple_commit("payments", 0, 6, "h", topic_id(3)), ErrorCode::none);
  EXPECT_EQ(world.simple_commit("payments", 0, 7, "g", topic_id(3)), ErrorCode::none);
  world.manager().topic_is("payments", topic_id(7), world.now());
  world.pump();
  EXPECT_EQ(world.offset("payments", 0, "h"), Offset(-1));
  EXPECT_EQ(world.offset("payments", 0, "g"), Offset(-1));
  EXPECT_EQ(world.offset("orders", 0), Offset(5));
}

TEST(Offsets, UnderWayWhenTheirTopicIsDeletedGoToo) {
  World world;
  world.writes(Writes::hold);
  OffsetCommitRequest commit;
  commit.group = "g";
  commit.topics.push_back({"orders", topic_id(1), {{PartitionIndex(0), Offset(2), kNoLeaderEpoch, ""}}});
  world.ask(commit);
  world.manager().topic_deleted("orders", topic_id(1), world.now());
  world.pump();
  world.commit_held();
  EXPECT_EQ(world.offset("orders", 0), Offset(-1));
  EXPECT_EQ(world.tombstones(), 1U);
}

TEST(Offsets, OfManyPartitionsGoInBatchesOfBoundedSize) {
  World world;
  for (int32_t p = 0; p < 1200; ++p) world.simple_commit("orders", p, p);
  world.writes(Writes::hold);
  world.manager().topic_deleted("orders", {}, world.now());
  world.pump();
  EXPECT_EQ(world.held(), 3U);
  world.commit_held();
  EXPECT_EQ(world.manager().counts().offsets, 0U);
}

TEST(OffsetDelete, SparesTopicsThatMembersRead) {
  World world;
  auto a = world.client("a").with_subscription({"orders"}).joins();
  world.passes(3s);
  a.expect_generation(1).syncs({a.id}).commits(5);
  OffsetDeleteRequest request{"g", {{"orders", {PartitionIndex(0)}}, {"bills", {PartitionIndex(0)}}}};
  const auto response = world.ask_now<OffsetDeleteResponse>(request);
  EXPECT_EQ(response.topics.at(0).partitions.at(0).error, ErrorCode::group_subscribed_to_topic);
  EXPECT_EQ(response.topics.at(1).partitions.at(0).error, ErrorCode::none);
  EXPECT_EQ(world.offset("orders", 0), Offset(5));
  a.leaves();
  EXPECT_EQ(world.ask_now<OffsetDeleteResponse>(request).topics.at(0).partitions.at(0).error,
            ErrorCode::none);
  EXPECT_EQ(world.offset("orders", 0), Offset(-1));
}

TEST(OffsetDelete, OfTheLastOffsetLeavesTheGroupToTheNextCleanUp) {
  World world;
  world.simple_commit("orders", 0, 1);
  const OffsetDeleteRequest request{"g", {{"orders", {PartitionIndex(0)}}}};
  for (int i = 0; i < 2; ++i) {
    const auto response = world.ask_now<OffsetDeleteResponse>(request);
    EXPECT_EQ(response.error, ErrorCode::none);
    EXPECT_EQ(response.topics.at(0).partitions.at(0).error, ErrorCode::none);
  }
  EXPECT_EQ(world.state(), "Empty");
  world.fails_over();
  EXPECT_EQ(world.state(), "Empty");
  world.passes(20min);
  EXPECT_EQ(world.ask_now<OffsetDeleteResponse>(request).error, ErrorCode::group_id_not_found);
  world.fails_over();
  EXPECT_EQ(world.manager().counts().groups, 0U) << "it does not come back with the log";
}

TEST(OffsetDelete, NeedsAGroupOfConsumers) {
  World world;
  const OffsetDeleteRequest request{"g", {{"orders", {PartitionIndex(0)}}}};
  EXPECT_EQ(world.ask_now<OffsetDeleteResponse>(request).error, ErrorCode::group_id_not_found);
  EXPECT_EQ(world.ask_now<OffsetDeleteResponse>(OffsetDeleteRequest{"", {}}).error,
            ErrorCode::invalid_group_id);
  auto a = world.client("a").with_type("connect").joins();
  world.passes(3s);
  a.expect_generation(1);
  EXPECT_EQ(world.ask_now<OffsetDeleteResponse>(request).error, ErrorCode::non_empty_group);
}

TEST(OffsetExpiry, NothingExpiresUnlessConfigured) {
  World world;
  StablePair pair(world);
  pair.a.commits(5);
  world.passes(24h * 400);
  EXPECT_EQ(world.state(), "Empty");
  EXPECT_EQ(world.offset("orders", 0), Offset(5));
}

TEST(OffsetExpiry, CountsFromWhenTheGroupBecameEmpty) {
  World world({.offsets_retention = 24h});
  StablePair pair(world);
  pair.a.commits(5);
  for (int i = 0; i < 800; ++i) {  // 2 h
    world.passes(9s);
    pair.a.heartbeats();
    pair.b.heartbeats();
  }
  pair.a.leaves();
  pair.b.leaves();
  world.passes(23h);
  EXPECT_EQ(world.offset("orders", 0), Offset(5));
  world.passes(2h);
  EXPECT_EQ(world.offset("orders", 0), Offset(-1));
  world.passes(20min);
  EXPECT_EQ(world.describe().error, ErrorCode::group_id_not_found) << "and the group goes after them";
  world.fails_over();
  EXPECT_EQ(world.manager().counts().groups, 0U);
}

TEST(OffsetExpiry, OfTheLastOffsetTakesTheGroupInOneGo) {
  World world({.offsets_retention = 24h});
  world.simple_commit("orders", 0, 1);
  world.simple_commit("bills", 0, 1);
  world.passes(23h);
  world.writes(Writes::hold);
  world.passes(80min);
  EXPECT_EQ(world.held(), 1U);
  world.commit_held();
  EXPECT_EQ(world.tombstones(), 3U) << "two offsets, and the group";
  EXPECT_EQ(world.manager().counts().groups, 0U);
}

TEST(OffsetExpiry, OfSimpleGroupsCountsFromTheCommit) {
  World world({.offsets_retention = 24h});
  world.simple_commit("orders", 0, 1);
  world.passes(20h);
  world.simple_commit("orders", 1, 2);
  world.passes(5h);
  EXPECT_EQ(world.offset("orders", 0), Offset(-1));
  EXPECT_EQ(world.offset("orders", 1), Offset(2));
}

TEST(OffsetExpiry, SparesWhatMembersReadAndTakesWhatTheyDoNot) {
  World world({.offsets_retention = 1h});
  auto a = world.client("a").with_subscription({"orders"}).joins();
  world.passes(3s);
  a.expect_generation(1).syncs({a.id}).commits(5);
  OffsetCommitRequest other;
  other.group = "g";
  other.generation = 1;
  other.member = a.id;
  other.topics.push_back({"bills", {}, {{PartitionIndex(0), Offset(6), kNoLeaderEpoch, ""}}});
  world.ask(other);
  for (int i = 0; i < 500; ++i) world.passes(9s), a.heartbeats();
  EXPECT_EQ(world.offset("orders", 0), Offset(5));
  EXPECT_EQ(world.offset("bills", 0), Offset(-1));
}

TEST(OffsetExpiry, AnOldClientMayAskForARetentionTime) {
  World world;
  OffsetCommitRequest request;
  request.version = 2;
  request.group = "g";
  request.retention_ms = 3'600'000;
  request.topics.push_back({"orders", {}, {{PartitionIndex(0), Offset(6), kNoLeaderEpoch, ""}}});
  world.ask(request);
  world.fails_over();
  world.passes(55min);
  EXPECT_EQ(world.offset("orders", 0), Offset(6));
  world.passes(20min);
  EXPECT_EQ(world.offset("orders", 0), Offset(-1));
}

TEST(DeleteGroup, TakesAnEmptyGroupWithItsOffsets) {
  World world;
  const DeleteGroupRequest request{"g"};
  EXPECT_EQ(world.ask_now<DeleteGroupResponse>(request).error, ErrorCode::group_id_not_found);
  StablePair pair(world);
  pair.a.commits(5);
  EXPECT_EQ(world.ask_now<DeleteGroupResponse>(request).error, ErrorCode::non_empty_group);
  pair.a.leaves();
  EXPECT_EQ(world.ask_now<DeleteGroupResponse>(request).error, ErrorCode::non_empty_group);
  pair.b.leaves();
  EXPECT_EQ(world.ask_now<DeleteGroupResponse>(request).error, ErrorCode::none);
  EXPECT_EQ(world.offset("orders", 0), Offset(-1));
  world.fails_over();
  EXPECT_EQ(world.manager().counts().groups, 0U);
}

TEST(DeleteGroup, WaitsForCommitsUnderWay) {
  World world;
  world.simple_commit("orders", 0, 1);
  world.writes(Writes::hold);
  OffsetCommitRequest commit;
  commit.group = "g";
  commit.topics.push_back({"orders", {}, {{PartitionIndex(1), Offset(2), kNoLeaderEpoch, ""}}});
  world.ask(commit);
  const auto deletion = world.ask(DeleteGroupRequest{"g"});
  EXPECT_FALSE(world.answered(deletion));
  world.commit_held();
  EXPECT_EQ(world.answer<DeleteGroupResponse>(deletion).error, ErrorCode::none);
  world.fails_over();
  EXPECT_EQ(world.manager().counts().offsets, 0U);
}

TEST(DeleteGroup, OfManyOffsetsTakesSeveralBatches) {
  World world;
  for (int32_t p = 0; p < 1200; ++p) world.simple_commit("orders", p, p);
  EXPECT_EQ(world.ask_now<DeleteGroupResponse>(DeleteGroupRequest{"g"}).error, ErrorCode::none);
  EXPECT_EQ(world.tombstones(), 1201U);
  world.fails_over();
  EXPECT_EQ(world.manager().counts().groups, 0U);
}

}  // namespace
}  // namespace godwit::groups::test
