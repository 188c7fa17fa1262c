// Every state of a group against every request of its members.
#include "groups/world_testing.h"

namespace godwit::groups::test {
namespace {

// --- Empty

TEST(AnEmptyGroup, BeginsARebalanceWithAJoin) {
  World world;
  world.simple_commit("orders", 0, 1);
  EXPECT_EQ(world.state(), "Empty");
  world.client("a").joins().expect_parked();
  EXPECT_EQ(world.state(), "PreparingRebalance");
}

TEST(AnEmptyGroup, KnowsNoMembers) {
  World world;
  StablePair pair(world);
  pair.a.leaves();
  pair.b.leaves();
  ASSERT_EQ(world.state(), "Empty");
  const auto unknown = ErrorCode::unknown_member_id;
  pair.a.syncs().expect_sync_error(unknown);
  pair.a.heartbeats(unknown).commits(1, unknown).leaves(unknown);
  pair.a.sends_join().expect_join_error(unknown);
}

TEST(AnEmptyGroup, TakesSimpleCommits) {
  World world;
  EXPECT_EQ(world.simple_commit("orders", 0, 7), ErrorCode::none);
  EXPECT_EQ(world.simple_commit("orders", 0, 8), ErrorCode::none);
  EXPECT_EQ(world.offset("orders", 0), Offset(8));
}

// --- PreparingRebalance

struct Preparing {
  explicit Preparing(World& world) : pair(world), c(world.client("c").joins()) {
    EXPECT_EQ(world.state(), "PreparingRebalance");
  }
  StablePair pair;
  Client c;
};

TEST(APreparingGroup, ParksJoinsUntilAllMembersHaveComeAgain) {
  World world;
  Preparing g(world);
  g.pair.a.joins().expect_parked();
  g.pair.b.joins().expect_generation(2);
  g.pair.a.expect_generation(2).expect_leads({"a", "b", "c"});
  g.c.expect_generation(2).expect_follows();
}

TEST(APreparingGroup, GoesOnWithoutThoseWhoDoNotComeInTime) {
  World world;
  StablePair pair(world);
  auto slow = world.client("c").with_timeouts(30s, 90s).joins();
  for (int i = 0; i < 15; ++i) {
    pair.a.heartbeats(ErrorCode::rebalance_in_progress);
    pair.b.heartbeats(ErrorCode::rebalance_in_progress);
    if (i == 3) pair.b.joins();
    world.passes(4s);
    if (i > 3) break;
  }
  // The time is the largest that any member asked for when the rebalance began: 90 s.
  for (int i = 0; i < 17; ++i) {
    pair.a.heartbeats(ErrorCode::rebalance_in_progress);
    world.passes(4s);
  }
  pair.b.expect_parked();
  pair.a.heartbeats(ErrorCode::rebalance_in_progress);
  world.passes(3s);
  pair.b.expect_generation(2).expect_leads({"b", "c"});
  slow.expect_generation(2).expect_follows();
  pair.a.heartbeats(ErrorCode::unknown_member_id);
}

TEST(APreparingGroup, SendsSyncsBack) {
  World world;
  Preparing g(world);
  g.pair.a.syncs().expect_sync_error(ErrorCode::rebalance_in_progress);
}

TEST(APreparingGroup, AsksHeartbeatsToJoinAndKeepsTheirSessions) {
  World world;
  Preparing g(world);
  for (int i = 0; i < 5; ++i) {
    world.passes(8s);
    g.pair.a.heartbeats(ErrorCode::rebalance_in_progress);
  }
  g.pair.b.heartbeats(ErrorCode::unknown_member_id);  // was silent for 40 s
}

TEST(APreparingGroup, TakesCommitsOfTheCurrentGeneration) {
  World world;
  Preparing g(world);
  g.pair.a.commits(5);
  EXPECT_EQ(world.offset("orders", 0), Offset(5));
  EXPECT_EQ(world.simple_commit("orders", 0, 6), ErrorCode::unknown_member_id);
}

// --- CompletingRebalance

struct Completing {
  explicit Completing(World& world) : a(world.client("a").joins()), b(world.client("b").joins()) {
    world.passes(6s);
    a.expect_generation(1);
    b.expect_generation(1);
    EXPECT_EQ(world.state(), "CompletingRebalance");
  }
  Client a;
  Client b;
};

TEST(ACompletingGroup, GivesTheGenerationAgainToWhoJoinsUnchanged) {
  World world;
  Completing g(world);
  g.b.sends_join().expect_generation(1).expect_follows();
  g.a.sends_join().expect_generation(1).expect_leads({"a", "b"});
  EXPECT_EQ(world.state(), "CompletingRebalance");
}

TEST(ACompletingGroup, StartsOverWhenAMemberHasChanged) {
  World world;
  Completing g(world);
  g.a.syncs().expect_assignment("");
  World other;
  Completing h(other);
  h.b.syncs().expect_sync_parked();
  h.a.with_protocols({"range"}).sends_join().expect_parked();
  h.b.expect_sync_error(ErrorCode::rebalance_in_progress);
  h.b.joins();
  h.a.expect_generation(2);
}

TEST(ACompletingGroup, ParksFollowersUntilTheLeadersSync) {
  World world;
  Completing g(world);
  g.b.syncs().expect_sync_parked();
  g.a.syncs({g.a.id, g.b.id}).expect_assignment("for " + g.a.id);
  g.b.expect_assignment("for " + g.b.id);
  EXPECT_EQ(world.state(), "Stable");
}

TEST(ACompletingGroup, AnswersHeartbeatsWithSuccess) {
  World world;
  Completing g(world);
  for (int i = 0; i < 5; ++i) {
    world.passes(8s);
    g.a.heartbeats(ErrorCode::none);
    g.b.heartbeats(ErrorCode::none);
  }
}

TEST(ACompletingGroup, TakesNoCommits) {
  World world;
  Completing g(world);
  g.a.commits(1, ErrorCode::rebalance_in_progress);
  EXPECT_EQ(world.simple_commit("orders", 0, 6), ErrorCode::unknown_member_id);
}

TEST(ACompletingGroup, DropsThoseWhoNeverSync) {
  World world;
  Completing g(world);
  g.a.syncs({g.a.id, g.b.id});
  for (int i = 0; i < 7; ++i) {
    g.a.heartbeats();
    g.b.heartbeats();
    world.passes(8s);
  }
  g.a.heartbeats();
  g.b.heartbeats();
  world.passes(4s);  // 60 s after the generation
  g.b.heartbeats(ErrorCode::unknown_member_id);
  g.a.heartbeats(ErrorCode::rebalance_in_progress);
}

TEST(ACompletingGroup, DropsALeaderThatNeverSyncs) {
  World world;
  Completing g(world);
  g.b.syncs();
  for (int i = 0; i < 15; ++i) {
    g.a.heartbeats();
    world.passes(4s);
  }
  g.a.heartbeats(ErrorCode::unknown_member_id);
  g.b.expect_sync_error(ErrorCode::rebalance_in_progress);
  g.b.joins().expect_generation(2).expect_leads({"b"});
}

// --- Stable

TEST(AStableGroup, RebalancesWhenItsLeaderJoinsAgain) {
  World world;
  StablePair pair(world);
  pair.a.sends_join().expect_parked();
  EXPECT_EQ(world.state(), "PreparingRebalance");
  pair.b.heartbeats(ErrorCode::rebalance_in_progress).joins().expect_generation(2);
}

TEST(AStableGroup, RebalancesWhenAFollowerHasChanged) {
  World world;
  StablePair pair(world);
  pair.b.with_subscription({"other"}).sends_join().expect_parked();
  EXPECT_EQ(world.state(), "PreparingRebalance");
}

TEST(AStableGroup, GivesTheGenerationAgainToAFollowerThatJoinsUnchanged) {
  World world;
  StablePair pair(world);
  pair.b.sends_join().expect_generation(1).expect_follows();
  EXPECT_EQ(world.state(), "Stable");
  pair.a.heartbeats();
}

TEST(AStableGroup, ReturnsAssignmentsAsOftenAsAsked) {
  World world;
  StablePair pair(world);
  pair.b.syncs().expect_assignment("for " + pair.b.id).syncs().expect_assignment("for " + pair.b.id);
  // Another assignment of the leader comes too late.
  pair.a.syncs({pair.b.id}).expect_assignment("for " + pair.a.id);
}

TEST(AStableGroup, AnswersHeartbeatsAndTakesCommitsOfItsMembers) {
  World world;
  StablePair pair(world);
  pair.a.heartbeats().commits(11);
  EXPECT_EQ(world.offset("orders", 0), Offset(11));
  EXPECT_EQ(world.simple_commit("orders", 0, 6), ErrorCode::unknown_member_id);
}

// --- Dead: its deletion is being written

TEST(ADeadGroup, SendsEverybodyToLookForItsManagerAgain) {
  World world;
  StablePair pair(world);
  pair.a.leaves();
  pair.b.leaves();
  world.writes(Writes::hold);
  const auto deletion = world.ask(DeleteGroupRequest{"g"});
  EXPECT_EQ(world.state(), "Dead");
  const auto away = ErrorCode::coordinator_not_available;
  world.client("c").sends_join().expect_join_error(away);
  pair.a.sends_join().expect_join_error(away);
  pair.a.syncs().expect_sync_error(away);
  pair.a.heartbeats(away).commits(1, away).leaves(away);
  EXPECT_EQ(world.simple_commit("orders", 0, 1), away);
  EXPECT_EQ(world.ask_now<DeleteGroupResponse>(DeleteGroupRequest{"g"}).error, ErrorCode::group_id_not_found);
  EXPECT_FALSE(world.answered(deletion));
  world.commit_held();
  EXPECT_EQ(world.answer<DeleteGroupResponse>(deletion).error, ErrorCode::none);
  EXPECT_EQ(world.describe().error, ErrorCode::group_id_not_found);
}

// --- a group that nobody has heard of

TEST(AnUnknownGroup, HasNoMembersAndNoOffsets) {
  World world;
  auto a = world.client("a").with_id("a-1");
  a.generation = 3;
  a.syncs().expect_sync_error(ErrorCode::unknown_member_id);
  a.heartbeats(ErrorCode::unknown_member_id).leaves(ErrorCode::unknown_member_id);
  a.commits(1, ErrorCode::group_id_not_found);
  EXPECT_EQ(world.offset("orders", 0), Offset(-1));
  EXPECT_EQ(world.manager().counts().groups, 0U);
}

}  // namespace
}  // namespace godwit::groups::test
