// Members with a group.instance.id (KIP-345).
#include "groups/world_testing.h"

namespace godwit::groups::test {
namespace {

// Two static members in a stable group of generation 1.
struct StaticPair {
  explicit StaticPair(World& world)
      : a(world.client("a").with_instance("i-a")), b(world.client("b").with_instance("i-b")) {
    a.joins();
    b.joins();
    world.passes(6s);
    a.expect_generation(1);
    b.expect_generation(1);
    b.syncs();
    a.syncs({a.id, b.id}).expect_assignment("for " + a.id);
  }
  Client a;
  Client b;
};

TEST(StaticMembers, AreNamedAfterTheirInstanceAndNeedNoSecondJoin) {
  World world;
  auto a = world.client("a").with_instance("i-a").sends_join();
  a.expect_parked();
  world.passes(3s);
  a.expect_generation(1);
  EXPECT_EQ(a.id.substr(0, 4), "i-a-");
  EXPECT_EQ(a.joined().members.at(0).instance, "i-a");
}

TEST(StaticMembers, ComeBackWithoutARebalance) {
  World world;
  StaticPair pair(world);
  const auto old = pair.b;
  auto back = world.client("b").with_instance("i-b").sends_join();
  back.expect_generation(1).expect_follows();
  EXPECT_NE(back.id, old.id);
  EXPECT_EQ(world.state(), "Stable");
  back.syncs().expect_assignment("for " + old.id);
  pair.a.heartbeats();
  pair.b.heartbeats(ErrorCode::fenced_instance_id);
  pair.b.syncs().expect_sync_error(ErrorCode::fenced_instance_id);
  pair.b.commits(1, ErrorCode::fenced_instance_id);
  pair.b.leaves(ErrorCode::fenced_instance_id);
  pair.b.sends_join().expect_join_error(ErrorCode::fenced_instance_id);
}

TEST(StaticMembers, ALeaderThatComesBackSkipsTheAssignmentFromVersion9) {
  World world;
  StaticPair pair(world);
  auto back = world.client("a").with_instance("i-a").sends_join();
  back.expect_generation(1).expect_leads({"i", "i"});
  EXPECT_TRUE(back.joined().skip_assignment);
}

TEST(StaticMembers, ALeaderThatComesBackBeforeVersion9ThinksItFollows) {
  World world;
  StaticPair pair(world);
  auto back = world.client("a").with_instance("i-a").with_version(8).sends_join();
  back.expect_generation(1).expect_follows();
  EXPECT_EQ(back.joined().leader, pair.a.id);
  EXPECT_FALSE(back.joined().skip_assignment);
}

TEST(StaticMembers, TheNewIdIsCommittedBeforeItIsAnswered) {
  World world;
  StaticPair pair(world);
  world.writes(Writes::hold);
  auto back = world.client("b").with_instance("i-b").sends_join();
  back.expect_parked();
  pair.b.heartbeats(ErrorCode::none);  // until then the old one holds
  world.commit_held();
  back.expect_generation(1);
  world.fails_over();
  back.heartbeats();
  pair.b.heartbeats(ErrorCode::fenced_instance_id);
}

TEST(StaticMembers, AReturnThatCannotBeWrittenChangesNothing) {
  World world;
  StaticPair pair(world);
  world.writes(Writes::refuse);
  auto back = world.client("b").with_instance("i-b").sends_join();
  back.expect_join_error(ErrorCode::coordinator_not_available);
  EXPECT_EQ(back.joined().member, "");
  pair.b.heartbeats();
  EXPECT_EQ(world.state(), "Stable");
}

TEST(StaticMembers, ComeBackWithARebalanceWhereTheChosenProtocolChanges) {
  World world;
  StaticPair pair(world);
  auto back = world.client("b").with_instance("i-b").with_protocols({"sticky"}).sends_join();
  back.expect_join_error(ErrorCode::inconsistent_group_protocol);
  auto lone = World();
  auto a = lone.client("a").with_instance("i-a").with_protocols({"range", "sticky"}).joins();
  lone.passes(3s);
  a.expect_generation(1).syncs({a.id});
  auto again = lone.client("a").with_instance("i-a").with_protocols({"sticky", "range"}).sends_join();
  again.expect_generation(2);
  EXPECT_EQ(again.joined().protocol, "sticky");
}

TEST(StaticMembers, ComeBackInTheMiddleOfARebalanceInTheirOldPlace) {
  World world;
  StaticPair pair(world);
  auto c = world.client("c").joins();
  pair.b.sends_join().expect_parked();
  auto back = world.client("b").with_instance("i-b").sends_join();
  pair.b.expect_join_error(ErrorCode::fenced_instance_id);
  pair.a.sends_join();
  back.expect_generation(2);
  c.expect_generation(2);
}

TEST(StaticMembers, ComeBackBeforeTheAssignmentAndStartOver) {
  World world;
  auto a = world.client("a").with_instance("i-a").joins();
  auto b = world.client("b").with_instance("i-b").joins();
  world.passes(6s);
  a.expect_generation(1);
  b.expect_generation(1).syncs().expect_sync_parked();
  auto back = world.client("b").with_instance("i-b").sends_join();
  b.expect_sync_error(ErrorCode::fenced_instance_id);
  a.syncs().expect_sync_error(ErrorCode::rebalance_in_progress);
  a.joins().expect_generation(2);
  back.expect_generation(2);
}

TEST(StaticMembers, ThatAreAwayStayInTheGenerationUntilTheirSessionEnds) {
  World world;
  auto a = world.client("a").with_timeouts(10s, 10s).joins();
  auto s = world.client("s").with_instance("i-s").with_timeouts(60s, 10s).joins();
  world.passes(6s);
  a.expect_generation(1);
  s.expect_generation(1);
  s.syncs();
  a.syncs({a.id, s.id});
  a.sends_join();  // s does not come
  world.passes(10s);
  a.expect_generation(2).expect_leads({"a", "i"});
  a.syncs({a.id, s.id}).expect_assignment("for " + a.id);
  for (int i = 0; i < 12; ++i) a.heartbeats(), world.passes(4s);  // 58 s after s was heard of
  a.heartbeats();
  world.passes(4s);
  a.heartbeats(ErrorCode::rebalance_in_progress);
}

TEST(StaticMembers, AloneAndAwayKeepTheGroupWaiting) {
  World world;
  auto s = world.client("s").with_instance("i-s").with_timeouts(60s, 10s).joins();
  auto a = world.client("a").joins();
  world.passes(6s);
  s.expect_generation(1);
  a.expect_generation(1);
  a.syncs();
  s.syncs({a.id, s.id});
  a.leaves();
  EXPECT_EQ(world.state(), "PreparingRebalance");
  world.passes(40s);
  EXPECT_EQ(world.state(), "PreparingRebalance");
  world.passes(21s);
  EXPECT_EQ(world.state(), "Empty");
}

TEST(StaticMembers, CanBeTakenOutByTheirInstanceId) {
  World world;
  StaticPair pair(world);
  LeaveRequest request{.group = "g",
                       .members = {{"", "i-b"}, {"", "i-nobody"}, {pair.a.id, "i-b"}, {"", std::nullopt}}};
  const auto response = world.ask_now<LeaveResponse>(request);
  EXPECT_EQ(response.error, ErrorCode::none);
  ASSERT_EQ(response.members.size(), 4U);
  EXPECT_EQ(response.members[0].error, ErrorCode::none);
  EXPECT_EQ(response.members[0].instance, "i-b");
  EXPECT_EQ(response.members[1].error, ErrorCode::unknown_member_id);
  EXPECT_EQ(response.members[2].error, ErrorCode::unknown_member_id);
  EXPECT_EQ(response.members[3].error, ErrorCode::unknown_member_id);
  pair.a.heartbeats(ErrorCode::rebalance_in_progress);
  pair.b.heartbeats(ErrorCode::unknown_member_id);
}

TEST(StaticMembers, ComeBackToAFullGroup) {
  World world({.group_size_max = 2});
  StaticPair pair(world);
  world.client("b").with_instance("i-b").sends_join().expect_generation(1);
}

}  // namespace
}  // namespace godwit::groups::test
