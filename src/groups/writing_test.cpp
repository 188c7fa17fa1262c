// What clients see while records are written, and when they cannot be.
#include "groups/world_testing.h"

namespace godwit::groups::test {
namespace {

TEST(Writing, AGenerationIsCommittedBeforeItIsAnswered) {
  World world({.initial_rebalance_delay = 0s});
  world.writes(Writes::hold);
  auto a = world.client("a").joins().expect_parked();
  EXPECT_EQ(world.held(), 1U);
  EXPECT_EQ(world.state(), "PreparingRebalance");
  world.commit_held();
  a.expect_generation(1);
  EXPECT_EQ(world.state(), "CompletingRebalance");
}

TEST(Writing, AnAssignmentIsCommittedBeforeItIsAnswered) {
  World world;
  auto a = world.client("a").joins();
  auto b = world.client("b").joins();
  world.passes(6s);
  a.expect_generation(1);
  b.expect_generation(1).syncs();
  world.writes(Writes::hold);
  a.syncs({a.id, b.id}).expect_sync_parked();
  b.expect_sync_parked();
  EXPECT_EQ(world.state(), "CompletingRebalance");
  a.heartbeats();
  b.heartbeats();
  world.commit_held();
  a.expect_assignment("for " + a.id);
  b.expect_assignment("for " + b.id);
}

TEST(Writing, WhoComesMeanwhileWaitsForTheOutcome) {
  World world({.initial_rebalance_delay = 0s});
  world.writes(Writes::hold);
  auto a = world.client("a").joins();
  auto b = world.client("b").sends_join().expect_parked();
  world.commit_held();
  a.expect_generation(1);
  b.expect_join_error(ErrorCode::member_id_required);
}

TEST(Writing, AFollowersSyncThatComesWhileTheAssignmentIsWrittenGetsIt) {
  World world;
  auto a = world.client("a").joins();
  auto b = world.client("b").joins();
  world.passes(6s);
  a.expect_generation(1);
  b.expect_generation(1);
  world.writes(Writes::hold);
  a.syncs({a.id, b.id});
  b.syncs().expect_sync_parked();
  world.commit_held();
  b.expect_assignment("for " + b.id);
}

TEST(Writing, AGenerationThatFailsIsNobodysAndTheNextOneHasItsNumber) {
  World world;
  StablePair pair(world);
  world.writes(Writes::hold);
  pair.a.joins();
  pair.b.joins();
  world.refuse_held(ErrorCode::not_enough_replicas);
  pair.a.expect_join_error(ErrorCode::coordinator_not_available);
  pair.b.expect_join_error(ErrorCode::coordinator_not_available);
  EXPECT_EQ(world.state(), "PreparingRebalance");
  pair.a.heartbeats(ErrorCode::rebalance_in_progress).joins();
  pair.b.joins().expect_generation(2).expect_follows();
  pair.a.expect_generation(2).expect_leads({"a", "b"});
}

TEST(Writing, MembersThatNeverHeardTheirIdDoNotOutliveAFailure) {
  World world({.initial_rebalance_delay = 0s});
  world.writes(Writes::refuse);
  auto a = world.client("a").with_version(3).sends_join();
  a.expect_join_error(ErrorCode::coordinator_not_available);
  EXPECT_EQ(a.joined().member, "");
  EXPECT_EQ(world.manager().counts().members, 0U);
  world.writes(Writes::commit);
  world.passes(2s);
  EXPECT_EQ(world.manager().counts().groups, 0U);
  a.sends_join().expect_generation(1).expect_leads({"a"});
}

TEST(Writing, AnAssignmentThatFailsStartsARebalance) {
  World world;
  auto a = world.client("a").joins();
  auto b = world.client("b").joins();
  world.passes(6s);
  a.expect_generation(1);
  b.expect_generation(1).syncs();
  world.writes(Writes::refuse, ErrorCode::not_leader_or_follower);
  a.syncs({a.id, b.id}).expect_sync_error(ErrorCode::not_coordinator);
  b.expect_sync_error(ErrorCode::not_coordinator);
  world.writes(Writes::commit);
  a.heartbeats(ErrorCode::rebalance_in_progress).joins();
  b.joins().expect_generation(2);
}

TEST(Writing, ACommitThatFailsLeavesTheOldOffset) {
  World world;
  world.simple_commit("orders", 0, 1);
  world.writes(Writes::refuse, ErrorCode::not_enough_replicas);
  EXPECT_EQ(world.simple_commit("orders", 0, 2), ErrorCode::coordinator_not_available);
  world.writes(Writes::refuse, ErrorCode::message_too_large);
  EXPECT_EQ(world.simple_commit("orders", 0, 2), ErrorCode::unknown_server_error);
  world.writes(Writes::refuse, ErrorCode::kafka_storage_error);
  EXPECT_EQ(world.simple_commit("orders", 0, 2), ErrorCode::not_coordinator);
  EXPECT_EQ(world.simple_commit("orders", 0, 2, "unseen"), ErrorCode::not_coordinator);
  EXPECT_EQ(world.offset("orders", 0), Offset(1));
  EXPECT_EQ(world.manager().counts().groups, 1U);
}

TEST(Writing, ADeletionThatFailsLeavesTheGroup) {
  World world;
  world.simple_commit("orders", 0, 1);
  world.writes(Writes::refuse);
  EXPECT_EQ(world.ask_now<DeleteGroupResponse>(DeleteGroupRequest{"g"}).error,
            ErrorCode::coordinator_not_available);
  EXPECT_EQ(world.state(), "Empty");
  EXPECT_EQ(world.offset("orders", 0), Offset(1));
}

TEST(Writing, AnEmptyGenerationThatFailsIsTriedAgain) {
  World world;
  StablePair pair(world);
  world.writes(Writes::refuse);
  world.passes(11s);  // both sessions end
  EXPECT_EQ(world.state(), "PreparingRebalance");
  world.writes(Writes::commit);
  world.passes(1s);
  EXPECT_EQ(world.state(), "Empty");
}

TEST(Writing, WhoWaitsTooLongIsToldSoAndTheOutcomeStillCounts) {
  World world({.initial_rebalance_delay = 0s});
  world.writes(Writes::hold);
  auto a = world.client("a").joins();
  auto b = world.client("b").sends_join();
  world.passes(5s);
  const auto late = ErrorCode::coordinator_not_available;
  a.expect_join_error(late);
  b.expect_join_error(late);
  b.sends_join().expect_join_error(late);
  world.commit_held();
  EXPECT_EQ(world.state(), "CompletingRebalance");
  a.sends_join().expect_generation(1).expect_leads({"a"});  // nothing has changed for it
}

TEST(Writing, ALateCommitCountsAllTheSame) {
  World world;
  world.writes(Writes::hold);
  OffsetCommitRequest commit;
  commit.group = "g";
  commit.topics.push_back({"orders", {}, {{PartitionIndex(0), Offset(2), kNoLeaderEpoch, ""}}});
  const auto token = world.ask(commit);
  world.passes(5s);
  EXPECT_EQ(world.answer<OffsetCommitResponse>(token).topics[0].partitions[0].error,
            ErrorCode::coordinator_not_available);
  world.commit_held();
  EXPECT_EQ(world.offset("orders", 0), Offset(2));
}

TEST(Writing, SessionsDoNotEndWhileAWriteIsAwaited) {
  World world;
  auto a = world.client("a").joins();
  auto b = world.client("b").joins();
  world.passes(6s);
  a.expect_generation(1);
  b.expect_generation(1);
  world.writes(Writes::hold);
  a.syncs({a.id, b.id});
  world.passes(30s);
  world.commit_held();
  EXPECT_EQ(world.state(), "Stable");
}

TEST(Writing, WhoWaitsLosesPatienceAlsoWhileMembersCannotBeHeard) {
  World world;
  StablePair pair(world);
  world.writes(Writes::hold);
  pair.a.heartbeats();
  OffsetCommitRequest request;
  request.group = "g";
  request.generation = pair.a.generation;
  request.member = pair.a.id;
  request.topics = {{"t", {}, {{PartitionIndex(0), Offset(7), kNoLeaderEpoch, ""}}}};
  const auto commit = world.ask(request);
  for (int i = 0; i < 600; ++i) {
    world.unheard(100ms);
    if (i == 48) EXPECT_FALSE(world.answered(commit));
    if (i == 51) EXPECT_TRUE(world.answered(commit));
  }
  EXPECT_EQ(world.answer<OffsetCommitResponse>(commit).topics.at(0).partitions.at(0).error,
            ErrorCode::coordinator_not_available);
  world.commit_held().passes(9s);
  EXPECT_EQ(world.offset("t", 0), Offset(7)) << "it counts all the same";
  EXPECT_EQ(world.describe().members.size(), 2U) << "the time in which nobody was heard does not count";
  world.passes(2s);
  EXPECT_EQ(world.state(), "Empty") << "the time since does";
}

TEST(Writing, AShortTimeInWhichNobodyIsHeardEndsNoSession) {
  World world;
  StablePair pair(world);
  pair.a.heartbeats();
  pair.b.heartbeats();
  world.passes(9500ms);
  for (int i = 0; i < 9; ++i) world.unheard(100ms);
  world.passes(200ms);
  EXPECT_EQ(world.state(), "Stable");
  pair.a.heartbeats();
}

TEST(Writing, WhoIsSentAwayIsAnsweredAndMayComeAgain) {
  World world;
  StablePair pair(world);
  // One Join is parked for want of the other's; one more member knows no id yet.
  pair.a.joins().expect_parked();
  auto c = world.client("c").with_version(3).sends_join().expect_parked();
  auto d = world.client("d").in_group("h").joins();
  auto e = world.client("e").in_group("h").joins();
  world.passes(6s);
  d.expect_generation(1);
  e.expect_generation(1).syncs().expect_sync_parked();
  world.manager().turn_away(ErrorCode::not_coordinator, world.now());
  world.pump();
  pair.a.expect_join_error(ErrorCode::not_coordinator);
  c.expect_join_error(ErrorCode::not_coordinator);
  e.expect_sync_error(ErrorCode::not_coordinator);
  EXPECT_EQ(world.unanswered(), 0U);
  EXPECT_EQ(world.describe().members.size(), 2U) << "nobody could come back for the third";
  pair.a.joins();
  pair.b.joins();
  pair.a.expect_generation(2);
  d.syncs({d.id, e.id}).expect_assignment("for " + d.id);
  e.syncs().expect_assignment("for " + e.id);
}

TEST(Writing, WhoIsSentAwayWhileItsGenerationIsWrittenFindsItLater) {
  World world({.initial_rebalance_delay = 0s});
  world.writes(Writes::hold);
  auto a = world.client("a").joins().expect_parked();
  world.manager().turn_away(ErrorCode::not_coordinator, world.now());
  world.pump();
  a.expect_join_error(ErrorCode::not_coordinator);
  world.writes(Writes::commit).commit_held();
  EXPECT_EQ(world.state(), "CompletingRebalance");
  a.sends_join().expect_generation(1);
}

TEST(Writing, WhatIsUnderWayIsBounded) {
  World world({.in_flight_bytes_max = 100});
  world.writes(Writes::hold);
  OffsetCommitRequest commit;
  commit.group = "g";
  commit.topics.push_back(
      {"orders", {}, {{PartitionIndex(0), Offset(2), kNoLeaderEpoch, std::string(100, 'x')}}});
  EXPECT_FALSE(world.answered(world.ask(commit)));
  EXPECT_EQ(world.ask_now<OffsetCommitResponse>(commit).topics[0].partitions[0].error,
            ErrorCode::coordinator_not_available);
  world.commit_held();
  EXPECT_EQ(world.ask_now<OffsetCommitResponse>(commit).topics[0].partitions[0].error, ErrorCode::none);
}

TEST(Writing, OutcomesMayComeTogetherOrOutOfOrder) {
  World world;
  auto& manager = world.manager();
  for (uint64_t i = 1; i <= 3; ++i) {
    OffsetCommitRequest commit;
    commit.group = "g";
    commit.topics.push_back(
        {"orders", {}, {{PartitionIndex(static_cast<int32_t>(i)), Offset(2), kNoLeaderEpoch, ""}}});
    manager.decide(RequestToken(i), commit, world.now());
  }
  const auto output = manager.take_output();
  ASSERT_EQ(output.batches.size(), 3U);
  EXPECT_TRUE(output.replies.empty());
  manager.failed(output.batches[1].sequence, ErrorCode::not_enough_replicas, world.now());
  manager.committed(output.batches[2].sequence, world.now());
  manager.committed(output.batches[0].sequence, world.now());  // known already
  const auto replies = manager.take_output().replies;
  ASSERT_EQ(replies.size(), 3U);
  EXPECT_EQ(manager.counts().offsets, 2U);
}

}  // namespace
}  // namespace godwit::groups::test
