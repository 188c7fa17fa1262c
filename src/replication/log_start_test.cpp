// DeleteRecords: what followers say of the beginning of their logs, and what the leader makes of it.
#include <gtest/gtest.h>

#include "replication/follower_replica.h"
#include "replication/leader_replica.h"

namespace godwit::replication {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kNow{1h};
const LeaderEpoch kEpoch(4);

LeaderReplica leader(std::vector<BrokerId> isr) {
  LeaderReplica made({.self = BrokerId(1),
                      .epoch = kEpoch,
                      .version = 1,
                      .replicas = {BrokerId(1), BrokerId(2), BrokerId(3)},
                      .isr = std::move(isr),
                      .min_insync = 1,
                      .lag_max = 3s,
                      .epoch_start = Offset(100),
                      .end = Offset(100),
                      .synced = Offset(100),
                      .high_watermark = Offset(100),
                      .log_start = Offset(10),
                      .now = kNow});
  const std::vector<LiveBroker> live = {{BrokerId(1), 1}, {BrokerId(2), 1}, {BrokerId(3), 1}};
  made.set_live(live);
  return made;
}

FollowerFetch fetch(int follower, int64_t start) {
  return {BrokerId(follower), 1, kEpoch, Offset(100), 0, Offset(start)};
}

TEST(LogStart, TheIsrBeginsWhereTheLastOfItsMembersDoes) {
  LeaderReplica one = leader({BrokerId(1), BrokerId(2), BrokerId(3)});
  EXPECT_EQ(one.isr_start(Offset(50)), std::nullopt) << "nobody was heard in this epoch";
  one.on_fetch(fetch(2, 50), kNow);
  EXPECT_EQ(one.isr_start(Offset(50)), std::nullopt);
  one.on_fetch(fetch(3, 10), kNow);
  EXPECT_EQ(one.isr_start(Offset(50)), Offset(10));
  one.on_fetch(fetch(3, 60), kNow);
  EXPECT_EQ(one.isr_start(Offset(50)), Offset(50));
}

TEST(LogStart, WhoIsNotInSyncIsNotWaitedForAndWhoDoesNotSayItIsNotCounted) {
  LeaderReplica one = leader({BrokerId(1), BrokerId(2)});
  one.on_fetch(fetch(2, -1), kNow);
  EXPECT_EQ(one.isr_start(Offset(50)), Offset(50));
}

TEST(LogStart, AMemberThatStartsAgainIsUnknownUntilItFetches) {
  LeaderReplica one = leader({BrokerId(1), BrokerId(2)});
  one.on_fetch(fetch(2, 50), kNow);
  const std::vector<LiveBroker> live = {{BrokerId(1), 1}, {BrokerId(2), 2}};
  one.set_live(live);
  EXPECT_EQ(one.isr_start(Offset(50)), std::nullopt);
}

TEST(LogStart, WhoWouldBringBackWhatWasDeletedDoesNotJoinTheIsr) {
  LeaderReplica one = leader({BrokerId(1), BrokerId(2)});
  one.on_fetch(fetch(2, 10), kNow);
  one.on_deleted_before(Offset(50));
  one.on_fetch(fetch(3, 49), kNow);
  EXPECT_FALSE(one.take_proposal(kNow).has_value());
  one.on_fetch(fetch(3, 50), kNow);
  const auto proposal = one.take_proposal(kNow);
  ASSERT_TRUE(proposal.has_value());
  EXPECT_EQ(proposal->isr.size(), 3U);
  // It is waited for from the proposal on.
  EXPECT_EQ(one.isr_start(Offset(50)), Offset(10)) << "the one that was in it";
  one.on_fetch(fetch(2, 50), kNow);
  EXPECT_EQ(one.isr_start(Offset(50)), Offset(50));
}

TEST(LogStart, AFollowerSaysWhereItBeginsAndHearsOfAHigherStartAlsoWhileItWrites) {
  const LogFacts facts{Offset(10), Offset(100), Offset(100), LeaderEpoch(3)};
  FollowerReplica follower({.epoch = kEpoch, .log = facts, .high_watermark = Offset(100)});
  const auto asked = follower.next_fetch(kNow);
  ASSERT_TRUE(asked.has_value());
  EXPECT_EQ(asked->log_start, Offset(10));
  FetchAnswer records{.high_watermark = Offset(100), .log_start = Offset(10), .has_records = true};
  ASSERT_EQ(follower.on_answer(asked->id, records, kNow).kind, FollowerStep::Kind::append);
  FetchAnswer news{.high_watermark = Offset(100), .log_start = Offset(60)};
  EXPECT_EQ(follower.on_answer(asked->id, news, kNow).kind, FollowerStep::Kind::ignore);
  EXPECT_EQ(follower.wanted_start(), Offset(60)) << "the leader says it once";
  follower.on_done({Offset(60), Offset(101), Offset(101), kEpoch});
  EXPECT_EQ(follower.wanted_start(), std::nullopt);
  EXPECT_EQ(follower.next_fetch(kNow)->log_start, Offset(60));
}

}  // namespace
}  // namespace godwit::replication
