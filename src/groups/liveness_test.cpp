#include "groups/world_testing.h"

namespace godwit::groups::test {
namespace {

TEST(Sessions, EndWithoutHeartbeats) {
  World world;
  StablePair pair(world);
  world.passes(9900ms);
  pair.a.heartbeats();
  world.passes(200ms);
  pair.b.heartbeats(ErrorCode::unknown_member_id);
  pair.a.heartbeats(ErrorCode::rebalance_in_progress).joins().expect_generation(2).expect_leads({"a"});
}

TEST(Sessions, ACommitKeepsThem) {
  World world;
  StablePair pair(world);
  for (int i = 0; i < 4; ++i) world.passes(8s), pair.a.commits(i);
  pair.a.heartbeats(ErrorCode::rebalance_in_progress);
  pair.b.heartbeats(ErrorCode::unknown_member_id);
}

TEST(Sessions, DoNotEndWhileAJoinIsParked) {
  World world;
  StablePair pair(world);
  pair.a.joins().expect_parked();
  for (int i = 0; i < 7; ++i) world.passes(8s), pair.b.heartbeats(ErrorCode::rebalance_in_progress);
  pair.a.expect_parked();
  pair.b.joins();
  pair.a.expect_generation(2);
}

TEST(Sessions, DoNotEndWhileASyncIsParked) {
  World world;
  auto a = world.client("a").joins();
  auto b = world.client("b").joins();
  world.passes(6s);
  a.expect_generation(1);
  b.expect_generation(1).syncs();
  for (int i = 0; i < 6; ++i) a.heartbeats(), world.passes(8s);
  b.expect_sync_parked();
  a.syncs({a.id, b.id});
  b.expect_assignment("for " + b.id);
  world.passes(9s);
  b.heartbeats();  // a whole session since the answer
}

TEST(Sessions, OfAnOldGenerationAreNotHeard) {
  World world;
  StablePair pair(world);
  pair.a.joins();
  auto old = pair.b;
  pair.b.joins().expect_generation(2);
  old.heartbeats(ErrorCode::illegal_generation);
  old.syncs().expect_sync_error(ErrorCode::illegal_generation);
  old.commits(1, ErrorCode::illegal_generation);
}

TEST(Sessions, GetBackTheTimeInWhichTheProcessStoodStill) {
  World world;
  StablePair pair(world);
  world.passes(5s);
  world.stands_still(120s);
  pair.a.heartbeats();  // was waiting in its socket; b's comes a moment later
  world.passes(4s);
  pair.b.heartbeats();
  world.passes(5s);
  pair.a.heartbeats();
  world.passes(4s);
  pair.b.heartbeats();
  world.passes(11s);
  pair.a.heartbeats(ErrorCode::unknown_member_id);  // from then on as ever
}

TEST(Sessions, EndAllAtOnceAndLeaveAnEmptyGroup) {
  World world;
  StablePair pair(world);
  pair.a.commits(4);
  world.passes(11s);
  EXPECT_EQ(world.state(), "Empty");
  EXPECT_EQ(world.offset("orders", 0), Offset(4));
  auto c = world.client("c").joins();
  world.passes(3s);
  c.expect_generation(3);
}

TEST(Leaving, MakesTheOthersRebalanceAtOnce) {
  World world;
  StablePair pair(world);
  pair.a.leaves();
  pair.b.heartbeats(ErrorCode::rebalance_in_progress).joins().expect_generation(2).expect_leads({"b"});
}

TEST(Leaving, TheLastOneLeavesAnEmptyGroupInTheLog) {
  World world;
  StablePair pair(world);
  pair.a.leaves();
  pair.b.leaves();
  EXPECT_EQ(world.state(), "Empty");
  world.fails_over();
  EXPECT_EQ(world.state(), "Empty");
  pair.b.heartbeats(ErrorCode::unknown_member_id);
}

TEST(Leaving, IsAnsweredWhenWhatItCausedIsCommitted) {
  World world;
  auto a = world.client("a").joins();
  world.passes(3s);
  a.expect_generation(1).syncs({a.id});
  world.writes(Writes::hold);
  const auto leaving = world.ask(LeaveRequest{.group = "g", .members = {{a.id, std::nullopt}}});
  EXPECT_FALSE(world.answered(leaving));
  world.commit_held();
  EXPECT_EQ(world.answer<LeaveResponse>(leaving).members.at(0).error, ErrorCode::none);
}

TEST(Leaving, CompletesARebalanceThatWaitedForTheOneWhoLeft) {
  World world;
  StablePair pair(world);
  pair.a.joins().expect_parked();
  pair.b.leaves();
  pair.a.expect_generation(2);
}

TEST(Leaving, AnIdThatWasNotUsedYetMayLeave) {
  World world;
  StablePair pair(world);
  auto c = world.client("c").sends_join();
  c.with_id(c.joined().member).leaves();
  EXPECT_EQ(world.manager().counts().pending_members, 0U);
  EXPECT_EQ(world.state(), "Stable");
  c.sends_join().expect_join_error(ErrorCode::unknown_member_id);
}

TEST(Leaving, AnswersWhatTheMemberHadParked) {
  World world;
  StablePair pair(world);
  pair.a.joins().expect_parked();
  auto other = pair.a;
  other.leaves();
  pair.a.expect_join_error(ErrorCode::unknown_member_id);
}

TEST(Leaving, OldVersionsHaveOneErrorForOneMember) {
  World world;
  StablePair pair(world);
  LeaveRequest request{.version = 2, .group = "g", .members = {{"nobody", std::nullopt}}};
  EXPECT_EQ(world.ask_now<LeaveResponse>(request).error, ErrorCode::unknown_member_id);
  request.members.at(0).member = pair.a.id;
  EXPECT_EQ(world.ask_now<LeaveResponse>(request).error, ErrorCode::none);
  request.group = "nowhere";
  EXPECT_EQ(world.ask_now<LeaveResponse>(request).error, ErrorCode::unknown_member_id);
}

TEST(Syncing, MissingAssignmentsAreEmpty) {
  World world;
  auto a = world.client("a").joins();
  auto b = world.client("b").joins();
  world.passes(6s);
  a.expect_generation(1);
  b.expect_generation(1).syncs();
  a.syncs({a.id, "stranger"}).expect_assignment("for " + a.id);
  b.expect_assignment("");
}

TEST(Syncing, ProtocolTypeAndNameMustBeTheGroups) {
  World world;
  StablePair pair(world);
  auto request = pair.a.sync_request();
  request.protocol_type = "connect";
  EXPECT_EQ(world.ask_now<SyncResponse>(request).error, ErrorCode::inconsistent_group_protocol);
  request.protocol_type = "consumer";
  request.protocol = "sticky";
  EXPECT_EQ(world.ask_now<SyncResponse>(request).error, ErrorCode::inconsistent_group_protocol);
  request.protocol = "range";
  const auto response = world.ask_now<SyncResponse>(request);
  EXPECT_EQ(response.error, ErrorCode::none);
  EXPECT_EQ(response.protocol, "range");
  EXPECT_EQ(response.protocol_type, "consumer");
}

}  // namespace
}  // namespace godwit::groups::test
