#include "coordination/etcd/managed/formation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <random>

namespace godwit::coordination::etcd {
namespace {

using testing::HasSubstr;

Uuid nonce(uint8_t value) {
  Uuid made;
  made.bytes.fill(static_cast<std::byte>(value));
  return made;
}

MemberState fresh(int broker, uint8_t own) {
  return {BrokerId(broker), "managed-etcd://…", "main", nonce(own), {}};
}
MemberState decided(int broker, uint8_t own, Nonces nonces) {
  auto state = fresh(broker, own);
  state.decided = std::move(nonces);
  return state;
}
const Nonces kAll{{BrokerId(1), nonce(1)}, {BrokerId(2), nonce(2)}, {BrokerId(3), nonce(3)}};

// What 1 does, having heard 2 and 3.
Step step(MemberState own, Heard two, Heard three) {
  return next_step(own, {{BrokerId(2), std::move(two)}, {BrokerId(3), std::move(three)}});
}

TEST(Formation, AFreshMemberWaitsUntilAllHaveAnswered) {
  const Step waiting = step(fresh(1, 1), fresh(2, 2), Silence{});
  EXPECT_THAT(std::get<Wait>(waiting).why, HasSubstr("broker 3"));
  EXPECT_TRUE(std::holds_alternative<Wait>(step(fresh(1, 1), fresh(2, 2), Mute{})));
  EXPECT_EQ(std::get<Decide>(step(fresh(1, 1), fresh(2, 2), fresh(3, 3))).nonces, kAll);
}

TEST(Formation, AFreshMemberFollowsOneThatHasDecidedWithIt) {
  EXPECT_EQ(std::get<Decide>(step(fresh(1, 1), decided(2, 2, kAll), Silence{})).nonces, kAll);
  EXPECT_THAT(std::get<Stuck>(step(fresh(1, 9), decided(2, 2, kAll), fresh(3, 3))).why,
              HasSubstr("that is gone"));
}

TEST(Formation, ADecidedMemberStartsOnlyWhenAllHaveDecidedAlike) {
  const MemberState own = decided(1, 1, kAll);
  EXPECT_TRUE(std::holds_alternative<Form>(step(own, decided(2, 2, kAll), decided(3, 3, kAll))));
  EXPECT_THAT(std::get<Wait>(step(own, decided(2, 2, kAll), fresh(3, 3))).why, HasSubstr("broker 3"));
  EXPECT_THAT(std::get<Wait>(step(own, Silence{}, decided(3, 3, kAll))).why, HasSubstr("broker 2"));
  EXPECT_TRUE(std::holds_alternative<Wait>(step(own, decided(2, 2, kAll), Mute{})));
  EXPECT_TRUE(std::holds_alternative<Form>(step(own, SomethingElse{}, Silence{})))
      << "2 knew that all had decided";
  EXPECT_THAT(std::get<Stuck>(step(own, decided(2, 2, kAll), fresh(3, 9))).why, HasSubstr("broker 3"));
}

TEST(Formation, AFreshMemberThatMeetsAnEtcdJoinsIt) {
  EXPECT_TRUE(std::holds_alternative<Join>(step(fresh(1, 1), SomethingElse{}, Silence{})));
  EXPECT_TRUE(std::holds_alternative<Join>(step(fresh(1, 1), SomethingElse{}, fresh(3, 3))));
}

TEST(Formation, AMemberAloneFormsAtOnce) {
  EXPECT_EQ(std::get<Decide>(next_step(fresh(1, 1), {})).nonces, (Nonces{{BrokerId(1), nonce(1)}}));
  EXPECT_TRUE(std::holds_alternative<Form>(next_step(decided(1, 1, {{BrokerId(1), nonce(1)}}), {})));
}

TEST(Formation, MembersThatWereToldDifferentThingsSaySo) {
  EXPECT_THAT(std::get<Stuck>(step(fresh(1, 1), fresh(3, 3), fresh(3, 3))).why,
              HasSubstr("broker 3 answers"));
  auto other = fresh(2, 2);
  other.members = "managed-etcd://others";
  EXPECT_THAT(std::get<Stuck>(step(fresh(1, 1), other, fresh(3, 3))).why, HasSubstr("others"));
  other = fresh(2, 2);
  other.cluster = "test";
  EXPECT_THAT(std::get<Stuck>(step(fresh(1, 1), other, fresh(3, 3))).why, HasSubstr("'test'"));
}

TEST(Formation, WhatAMemberSaysIsReadBack) {
  for (const auto& state : {fresh(1, 1), decided(2, 2, kAll)}) EXPECT_EQ(parse_state(to_text(state)), state);
  const std::string whole = to_text(decided(2, 2, kAll));
  for (size_t cut = 0; cut < whole.size(); ++cut) EXPECT_FALSE(parse_state(whole.substr(0, cut))) << cut;
  EXPECT_FALSE(parse_state(whole + "x"));
  EXPECT_FALSE(parse_state("HTTP/1.0 404 Not Found\r\n\r\n404 page not found\n"));
}

// Members that hear each other (or not), crash, lose their disks and start: in no order may two clusters form, and no disk
// that was lost after its member had started may be started as new.
TEST(Formation, InNoOrderDoTwoClustersFormOrALostDiskStartAsNew) {
  int formed = 0;
  int joined = 0;
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    uint8_t next_nonce = 1;
    struct Member {
      MemberState state;
      bool up = true;
      bool runs = false;          // its etcd
      bool ever_started = false;  // under this id, on any disk
    };
    std::map<BrokerId, Member> members;
    for (int i = 1; i <= 3; ++i) members[BrokerId(i)].state = fresh(i, next_nonce++);
    std::optional<Nonces> cluster;
    int losses = 2;
    for (int turn = 0; turn < 60; ++turn) {
      const BrokerId id(static_cast<int32_t>(1 + random() % 3));
      Member& member = members[id];
      const auto dice = random() % 20;
      if (dice == 0) {
        member.up = !member.up;  // the broker; its etcd runs on
        continue;
      }
      if (dice == 1 && losses > 0) {
        --losses;
        member.state = fresh(id.value(), next_nonce++);
        member.runs = false;
        continue;
      }
      if (!member.up || member.runs) continue;
      std::map<BrokerId, Heard> others;
      for (const auto& [other, there] : members) {
        if (other == id) continue;
        Heard heard = Silence{};
        if (there.runs) {
          heard = SomethingElse{};
        } else if (there.up && random() % 4 != 0) {
          heard = there.state;
        }
        others.emplace(other, std::move(heard));
      }
      const Step what = next_step(member.state, others);
      if (const auto* decide = std::get_if<Decide>(&what)) member.state.decided = decide->nonces;
      if (std::holds_alternative<Form>(what)) {
        ASSERT_TRUE(!cluster || *cluster == member.state.decided) << "two clusters, seed " << seed;
        ASSERT_EQ(member.state.decided.at(id), member.state.nonce) << "seed " << seed;
        ASSERT_FALSE(member.ever_started) << "a lost disk was started as new, seed " << seed;
        cluster = member.state.decided;
        member.runs = member.ever_started = true;
        ++formed;
      }
      if (std::holds_alternative<Join>(what)) {
        ASSERT_TRUE(cluster) << "seed " << seed;
        member.runs = true;
        ++joined;
      }
    }
  }
  EXPECT_GT(formed, 3000);
  EXPECT_GT(joined, 100);
}

}  // namespace
}  // namespace godwit::coordination::etcd
