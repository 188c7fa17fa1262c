#include "groups/world_testing.h"

namespace godwit::groups::test {
namespace {

TEST(Joining, TheFirstGenerationWaitsForMoreMembers) {
  World world;
  auto a = world.client("a").joins();
  world.passes(2900ms);
  a.expect_parked();
  world.passes(100ms);
  a.expect_generation(1).expect_leads({"a"});
}

TEST(Joining, TheWaitIsExtendedWhileMembersArrive) {
  World world;
  auto a = world.client("a").joins();
  world.passes(2s);
  auto b = world.client("b").joins();
  world.passes(3s);  // 5 s: the second wait lasts until 6 s
  a.expect_parked();
  auto c = world.client("c").joins();
  world.passes(3s);  // 8 s: the third until 9 s
  a.expect_parked();
  world.passes(1s);
  a.expect_generation(1).expect_leads({"a", "b", "c"});
  b.expect_generation(1).expect_follows();
  c.expect_generation(1).expect_follows();
}

TEST(Joining, TheWaitIsNeverLongerThanTheRebalanceTimeout) {
  World world;
  auto a = world.client("a").with_timeouts(10s, 7s).joins();
  for (int i = 0; i < 6; ++i) {
    world.passes(1s);
    world.client("x" + std::to_string(i)).with_timeouts(10s, 7s).joins();
  }
  world.passes(900ms);
  a.expect_parked();
  world.passes(100ms);  // 3 + 3 + 1 s
  a.expect_generation(1);
}

TEST(Joining, WithoutADelayTheFirstMemberStartsAtOnce) {
  World world({.initial_rebalance_delay = 0s});
  world.client("a").joins().expect_generation(1).expect_leads({"a"});
}

TEST(Joining, FromVersion4AMemberIsFirstGivenAnId) {
  World world;
  auto a = world.client("a").with_version(4).sends_join().expect_join_error(ErrorCode::member_id_required);
  EXPECT_EQ(a.joined().member.substr(0, 2), "a-");
  EXPECT_EQ(a.joined().member.size(), 2U + 36U);
  EXPECT_EQ(a.joined().generation, -1);
  EXPECT_EQ(world.manager().counts().pending_members, 1U);
  a.with_id(a.joined().member).sends_join();
  world.passes(3s);
  a.expect_generation(1);
}

TEST(Joining, BeforeVersion4TheIdComesWithTheGeneration) {
  World world;
  auto a = world.client("a").with_version(3).sends_join().expect_parked();
  world.passes(3s);
  a.expect_generation(1);
  EXPECT_EQ(a.id.substr(0, 2), "a-");
}

TEST(Joining, InVersion0TheRebalanceTimeoutIsTheSessionTimeout) {
  World world;
  auto a = world.client("a").with_version(0).with_timeouts(8s, 0s).sends_join();
  world.passes(3s);
  a.expect_generation(1).syncs({a.id}).expect_assignment("for " + a.id);
  auto b = world.client("b").with_version(0).with_timeouts(6s, 0s).sends_join();
  world.passes(7900ms);
  b.expect_parked();
  world.passes(200ms);  // a did not join again
  b.expect_generation(2).expect_leads({"b"});
}

TEST(Joining, AnIdThatIsNotUsedIsForgottenAfterTheSessionTimeout) {
  World world;
  auto a = world.client("a").sends_join();
  a.with_id(a.joined().member);
  world.passes(10s);
  EXPECT_EQ(world.manager().counts().pending_members, 0U);
  a.sends_join().expect_join_error(ErrorCode::unknown_member_id);
  EXPECT_EQ(world.manager().counts().groups, 0U) << "a group that nobody ever joined leaves nothing";
  EXPECT_TRUE(world.log.empty());
}

TEST(Joining, ARebalanceWaitsForThoseWhoWereGivenAnId) {
  World world;
  StablePair pair(world);
  auto c = world.client("c").sends_join();
  pair.a.joins();
  pair.b.joins();
  pair.a.expect_parked();
  c.with_id(c.joined().member).sends_join();
  pair.a.expect_generation(2).expect_leads({"a", "b", "c"});
}

TEST(Joining, AnUnknownIdIsNeverAdopted) {
  World world;
  world.client("a").with_id("made-up").sends_join().expect_join_error(ErrorCode::unknown_member_id);
  StablePair pair(world);
  world.client("a").with_id("made-up").sends_join().expect_join_error(ErrorCode::unknown_member_id);
}

TEST(Joining, TheGroupNeedsAName) {
  World world;
  auto a = world.client("a").in_group("").sends_join().expect_join_error(ErrorCode::invalid_group_id);
  a.syncs().expect_sync_error(ErrorCode::invalid_group_id);
  a.heartbeats(ErrorCode::invalid_group_id).leaves(ErrorCode::invalid_group_id);
}

TEST(Joining, TheSessionTimeoutHasBounds) {
  World world;
  const auto refused = ErrorCode::invalid_session_timeout;
  world.client("a").with_timeouts(5999ms, 60s).sends_join().expect_join_error(refused);
  world.client("a").with_timeouts(30min + 1ms, 60s).sends_join().expect_join_error(refused);
  world.client("a").with_timeouts(6s, 60s).sends_join().expect_join_error(ErrorCode::member_id_required);
  world.client("a").with_timeouts(30min, 60s).sends_join().expect_join_error(ErrorCode::member_id_required);
}

TEST(Joining, ProtocolsMustHaveSomethingInCommon) {
  World world;
  const auto refused = ErrorCode::inconsistent_group_protocol;
  world.client("x").with_protocols({}).sends_join().expect_join_error(refused);
  world.client("x").with_type("").sends_join().expect_join_error(refused);
  auto a = world.client("a").with_protocols({"range", "sticky"}).joins();
  world.client("x").with_protocols({"other"}).sends_join().expect_join_error(refused);
  world.client("x").with_type("connect").sends_join().expect_join_error(refused);
  auto b = world.client("b").with_protocols({"sticky"}).joins();
  world.client("x").with_protocols({"range"}).sends_join().expect_join_error(refused);
  world.passes(6s);
  a.expect_generation(1);
  EXPECT_EQ(a.joined().protocol, "sticky");
  EXPECT_EQ(as_text(a.joined().members.at(0).metadata.view()), "m-sticky");
}

TEST(Joining, EachMemberVotesForItsFirstProtocolThatAllSupport) {
  World world;
  auto a = world.client("a").with_protocols({"x", "range", "sticky"}).joins();
  auto b = world.client("b").with_protocols({"sticky", "range"}).joins();
  auto c = world.client("c").with_protocols({"sticky", "range"}).joins();
  world.passes(6s);
  a.expect_generation(1);
  EXPECT_EQ(a.joined().protocol, "sticky");
  EXPECT_EQ(b.joined().protocol, "sticky");
}

TEST(Joining, AnEmptyGroupMayTakeAnotherProtocolType) {
  World world;
  StablePair pair(world);
  pair.a.leaves();
  pair.b.leaves();
  EXPECT_EQ(world.state(), "Empty");
  auto c = world.client("c").with_type("connect").with_protocols({"default"}).joins();
  world.passes(3s);
  c.expect_generation(3);
  EXPECT_EQ(c.joined().protocol_type, "connect");
}

TEST(Joining, AGroupHasAGreatestSize) {
  World world({.group_size_max = 2});
  StablePair pair(world);
  auto c = world.client("c").sends_join().expect_join_error(ErrorCode::group_max_size_reached);
  EXPECT_EQ(c.joined().member, "");
  pair.b.leaves();
  c.sends_join().expect_join_error(ErrorCode::member_id_required);
  c.with_id(c.joined().member).sends_join();
  auto d = world.client("d").sends_join().expect_join_error(ErrorCode::member_id_required);
  pair.a.joins();
  // While a rebalance gathers members, the first to join are the ones who stay.
  d.with_id(d.joined().member).sends_join().expect_join_error(ErrorCode::group_max_size_reached);
  pair.a.expect_generation(2).expect_leads({"a", "c"});
}

TEST(Joining, AGroupShrinksWhereItsBoundWasLowered) {
  World world;
  StablePair pair(world);
  world.manager().set_options({.group_size_max = 1});
  pair.a.joins();
  pair.b.joins();
  pair.b.expect_join_error(ErrorCode::group_max_size_reached);
  pair.a.expect_generation(2).expect_leads({"a"});
}

TEST(Joining, IdsHandedOutAreBoundedOverAllGroups) {
  World world({.pending_members_max = 2});
  for (const auto* group : {"g1", "g2"}) {
    world.client("a").in_group(group).sends_join().expect_join_error(ErrorCode::member_id_required);
  }
  world.client("a").in_group("g3").sends_join().expect_join_error(ErrorCode::coordinator_not_available);
  world.passes(10s);
  world.client("a").in_group("g3").sends_join().expect_join_error(ErrorCode::member_id_required);
}

TEST(Joining, ANewMemberWhoseClientIsGoneDoesNotStayForEver) {
  World world;
  auto a = world.client("a").with_timeouts(10s, 20min).joins();
  world.passes(3s);
  a.expect_generation(1).syncs({a.id});
  auto b = world.client("b").with_version(3).with_timeouts(10s, 20min).sends_join();
  for (int i = 0; i < 74; ++i) a.heartbeats(ErrorCode::rebalance_in_progress), world.passes(4s);
  b.expect_parked();
  for (int i = 0; i < 2; ++i) a.heartbeats(ErrorCode::rebalance_in_progress), world.passes(4s);
  b.expect_join_error(ErrorCode::unknown_member_id);
}

TEST(Joining, AClientThatAsksTwiceIsAnsweredTwice) {
  World world;
  auto a = world.client("a").joins();
  auto again = a;
  again.sends_join();
  a.expect_join_error(ErrorCode::rebalance_in_progress);
  world.passes(3s);
  again.expect_generation(1);
}

TEST(Joining, AVeryLongClientIdStillGivesAnId) {
  World world;
  auto a = world.client(std::string(32'767, 'a')).joins();
  world.passes(3s);
  a.expect_generation(1);
  EXPECT_EQ(a.id.size(), 32'767U);
}

}  // namespace
}  // namespace godwit::groups::test
