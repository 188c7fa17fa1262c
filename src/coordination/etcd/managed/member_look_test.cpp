#include "coordination/etcd/managed/member_look.h"

#include <gtest/gtest.h>

namespace godwit::coordination::etcd {
namespace {

using State = EngineMember::State;
using Answers = std::vector<Reply<StatusReply>>;

const ManagedEtcdAddress kThree{{{BrokerId(1), {"10.0.0.1", 2379}},
                                 {BrokerId(2), {"10.0.0.2", 2379}},
                                 {BrokerId(3), {"10.0.0.3", 2379}}}};

StatusReply status(uint64_t member, uint64_t leader, uint64_t index) {
  return {.cluster = 7, .member = member, .leader = leader, .database_bytes = 4096, .raft_index = index};
}

Reply<StatusReply> silence() {
  return tl::unexpected(Failure{Failure::Kind::not_sent, "connection refused"});
}

TEST(MemberLook, SaysWhoLeadsWhoFollowsAndHowFarBehind) {
  const auto seen =
      describe_members(kThree, true, 7, Answers{status(11, 12, 95), status(12, 12, 100), silence()}, {});
  EXPECT_EQ(seen[0],
            (EngineMember{BrokerId(1), "broker-1", "https://10.0.0.1:2380", State::follower, "", 5, 4096}));
  EXPECT_EQ(seen[1],
            (EngineMember{BrokerId(2), "broker-2", "https://10.0.0.2:2380", State::leader, "", 0, 4096}));
  EXPECT_EQ(seen[2], (EngineMember{BrokerId(3), "broker-3", "https://10.0.0.3:2380", State::unreachable,
                                   "connection refused"}));
}

TEST(MemberLook, OneThatAnswersWithoutAMajorityOrWithAFaultIsNotWell) {
  StatusReply full = status(11, 12, 100);
  full.faults = {std::string(1000, 'x')};
  StatusReply alone = status(13, 0, 40);
  alone.faults = {"etcdserver: no leader"};
  const auto seen = describe_members(kThree, false, 7, Answers{full, status(12, 12, 100), alone}, {});
  EXPECT_EQ(seen[0].state, State::faulty);
  EXPECT_EQ(seen[0].fault, std::string(200, 'x') + "…") << "what somebody else says is bounded";
  EXPECT_EQ(seen[2].state, State::leaderless);
  EXPECT_EQ(seen[2].fault, "etcdserver: no leader");
  EXPECT_EQ(seen[2].lag, 60);
}

TEST(MemberLook, OneThatWasTakenOutByHandIsNotMissed) {
  const Answers answers{status(11, 12, 100), status(12, 12, 100), silence()};
  const MemberReply one{11, "broker-1", {"http://10.0.0.1:2380"}};
  const MemberReply two{12, "broker-2", {"http://10.0.0.2:2380"}};
  EXPECT_EQ(describe_members(kThree, false, 7, answers, {one, two}).size(), 2u);
  const MemberReply added{13, "", {"http://10.0.0.3:2380"}};
  EXPECT_EQ(describe_members(kThree, false, 7, answers, {one, two, added}).size(), 3u)
      << "it has not started yet";
  const MemberReply moved{13, "broker-3", {"http://10.0.0.9:2380"}};
  EXPECT_EQ(describe_members(kThree, false, 7, answers, {one, two, moved}).size(), 3u);
}

TEST(MemberLook, AnEtcdOfAnotherClusterIsNoMember) {
  StatusReply other = status(11, 11, 100000);
  other.cluster = 8;
  const auto seen = describe_members(kThree, false, 7, Answers{other, status(12, 12, 100), silence()}, {});
  EXPECT_EQ(seen[0].state, State::unreachable);
  EXPECT_EQ(seen[0].fault, "an etcd of another cluster answers there");
  EXPECT_EQ(seen[0].lag, -1);
  EXPECT_EQ(seen[1].lag, 0);
}

}  // namespace
}  // namespace godwit::coordination::etcd
