// How far a leader's high watermark may go (design-cluster rules 6, 7, 9), and what is admitted (rule 7).
#include "replication/leadership_testing.h"

namespace godwit::replication::test {
namespace {

TEST(HighWatermark, IsWhatTheWholeIsrHasSynced) {
  Leadership led;
  led.writes(10).syncs();
  EXPECT_EQ(led.hw(), 0);
  led.fetches(2, 10);
  EXPECT_EQ(led.hw(), 0) << "broker 3 was not heard in this epoch";
  led.fetches(3, 7);
  EXPECT_EQ(led.hw(), 7);
  led.fetches(3, 10);
  EXPECT_EQ(led.hw(), 10);
}

TEST(HighWatermark, WaitsForTheLeadersOwnSyncThoughFollowersWereFaster) {
  Leadership led;
  led.writes(10);
  led.fetches(2, 10);
  led.fetches(3, 10);
  EXPECT_EQ(led.hw(), 0);
  led.syncs();
  EXPECT_EQ(led.hw(), 10);
}

TEST(HighWatermark, OfASingleReplicaIsWhatItSynced) {
  Leadership led({.replicas = {1}, .isr = {1}, .min_insync = 2, .end = 4, .synced = 3});
  EXPECT_EQ(led.hw(), 3) << "min.insync.replicas above the replicas counts as the replicas";
  led.writes(2).syncs();
  EXPECT_EQ(led.hw(), 6);
  EXPECT_TRUE(led.leader.accepts_all(led.now));
}

TEST(HighWatermark, TakenOverIsNeverBehindTheOwnSyncedOffset) {
  const Leadership led({.end = 10, .synced = 8, .high_watermark = 9});
  EXPECT_EQ(led.hw(), 8);
}

TEST(HighWatermark, NeverFallsWhenAFollowerComesBackWithLess) {
  Leadership led;
  led.writes(10).syncs();
  led.fetches(2, 10);
  led.fetches(3, 10);
  led.fetches(3, 4);
  EXPECT_EQ(led.hw(), 10);
  led.writes(5).syncs();
  led.fetches(2, 15);
  EXPECT_EQ(led.hw(), 10);
}

TEST(HighWatermark, IsKnownOnlyFromTheFirstOffsetOfTheEpochOn) {
  Leadership led({.end = 100, .high_watermark = 50});
  EXPECT_FALSE(led.leader.high_watermark_known());
  led.fetches(2, 100);
  led.fetches(3, 99);
  EXPECT_EQ(led.hw(), 99);
  EXPECT_FALSE(led.leader.high_watermark_known());
  led.fetches(3, 100);
  EXPECT_TRUE(led.leader.high_watermark_known());
}

TEST(HighWatermark, ForgetsWhatAnEarlierIncarnationSaid) {
  Leadership led;
  led.writes(10).syncs();
  led.fetches(2, 10);
  led.restarts(2).all_live();
  led.fetches(3, 10);
  EXPECT_EQ(led.hw(), 0) << "what the process before synced may be gone";
  led.fetches(2, 6);
  EXPECT_EQ(led.hw(), 6);
}

TEST(HighWatermark, TakesNothingFromWhoMayNotSpeak) {
  Leadership led;
  led.writes(10).syncs();
  const auto fetch = [&](int broker, uint64_t incarnation, int epoch, int64_t offset) {
    return led.leader.on_fetch({BrokerId(broker), incarnation, LeaderEpoch(epoch), Offset(offset)}, led.now);
  };
  EXPECT_EQ(fetch(4, 10, 5, 10), FetchOutcome::not_a_replica);
  EXPECT_EQ(fetch(1, 10, 5, 10), FetchOutcome::not_a_replica) << "the leader itself";
  EXPECT_EQ(fetch(2, 10, 4, 10), FetchOutcome::fenced_epoch);
  EXPECT_EQ(fetch(2, 10, 6, 10), FetchOutcome::unknown_epoch);
  EXPECT_EQ(fetch(2, 10, -1, 10), FetchOutcome::fenced_epoch) << "a replica names its epoch";
  EXPECT_EQ(fetch(2, 9, 5, 10), FetchOutcome::old_incarnation);
  EXPECT_EQ(fetch(2, 0, 5, 10), FetchOutcome::old_incarnation);
  EXPECT_EQ(fetch(2, 10, 5, 11), FetchOutcome::beyond_end);
  led.fetches(3, 10);
  EXPECT_EQ(led.hw(), 0);
  EXPECT_EQ(fetch(2, 11, 5, 10), FetchOutcome::counted) << "the image may be behind the process";
  EXPECT_EQ(fetch(2, 10, 5, 10), FetchOutcome::old_incarnation);
  EXPECT_EQ(led.hw(), 10);
}

TEST(HighWatermark, RestsWhileTheCommittedIsrIsSmallerThanTheMinimum) {
  Leadership led({.isr = {1, 2}});
  led.writes(10).syncs();
  led.fetches(2, 5);
  EXPECT_EQ(led.hw(), 5);
  led.restarts(2).all_live().committed(2, {1});  // broker 2 came back with an empty disk
  led.writes(5).syncs();
  EXPECT_EQ(led.hw(), 5);
  led.fetches(3, 15);
  ASSERT_EQ(led.proposes(), (Ids{1, 3}));
  EXPECT_EQ(led.hw(), 5) << "asked for is not committed";
  led.committed(3, {1, 3});
  EXPECT_EQ(led.hw(), 15);
}

TEST(HighWatermark, FollowsAChangedMinimum) {
  Leadership led({.isr = {1, 2}});
  led.leader.on_min_insync(3);
  led.writes(10).syncs();
  led.fetches(2, 10);
  EXPECT_EQ(led.hw(), 0);
  EXPECT_FALSE(led.leader.accepts_all(led.now));
  led.leader.on_min_insync(1);
  EXPECT_EQ(led.hw(), 10);
  EXPECT_TRUE(led.leader.accepts_all(led.now));
}

TEST(Union, CountsAJoinerFromTheMomentItIsAskedFor) {
  Leadership led({.isr = {1, 2}});
  led.writes(10).syncs();
  led.fetches(2, 10);
  led.fetches(3, 10);
  ASSERT_EQ(led.proposes(), (Ids{1, 2, 3}));
  led.writes(10).syncs();
  led.fetches(2, 20);
  EXPECT_EQ(led.hw(), 10) << "the controller may have written {1, 2, 3} already, and may elect 3";
  led.fetches(3, 12);
  EXPECT_EQ(led.hw(), 12);
}

TEST(Union, CountsALeaverUntilItIsKnownToBeOut) {
  Leadership led;
  led.writes(10).syncs();
  led.passes(4s);
  led.fetches(2, 10);
  ASSERT_EQ(led.proposes(), (Ids{1, 2}));
  EXPECT_EQ(led.hw(), 0);
  led.answered(IsrOutcome::accepted);
  EXPECT_EQ(led.hw(), 0) << "the published state decides";
  led.committed(2, {1, 2});
  EXPECT_EQ(led.hw(), 10);
}

TEST(Union, IsKeptWhileAnOutcomeIsUnknownHoweverOftenItIsAskedAgain) {
  Leadership led({.isr = {1, 2}});
  led.fetches(2, 0);
  led.fetches(3, 0);
  ASSERT_EQ(led.proposes(), (Ids{1, 2, 3}));
  led.answered(IsrOutcome::unknown);
  led.passes(4s);  // broker 3 is not heard any more
  led.writes(10).syncs();
  led.fetches(2, 10);
  EXPECT_EQ(led.hw(), 0);
  ASSERT_EQ(led.proposes(), (Ids{1, 2})) << "an equal set, to raise the version";
  EXPECT_EQ(led.hw(), 0) << "the first request may be the one that is written";
  led.answered(IsrOutcome::ineligible);
  EXPECT_EQ(led.hw(), 0);
  led.passes(1s);
  ASSERT_EQ(led.proposes(), (Ids{1, 2}));
  led.committed(2, {1, 2});
  EXPECT_EQ(led.hw(), 10) << "with the version raised it can no longer be written";
  EXPECT_EQ(led.proposes(), Ids{});
}

TEST(Union, EndsWithADefiniteRefusal) {
  Leadership led({.isr = {1, 2}});
  led.fetches(2, 0);
  led.fetches(3, 0);
  ASSERT_EQ(led.proposes(), (Ids{1, 2, 3}));
  led.writes(10).syncs();
  led.fetches(2, 10);
  EXPECT_EQ(led.hw(), 0);
  led.answered(IsrOutcome::ineligible);
  EXPECT_EQ(led.hw(), 10);
}

TEST(AcksAll, IsRefusedBeforeTheAppendWhenFewerThanTheMinimumAreCaughtUp) {
  Leadership led;
  EXPECT_TRUE(led.leader.accepts_all(led.now)) << "a new epoch gives them time to be heard";
  led.passes(3s);
  EXPECT_TRUE(led.leader.accepts_all(led.now));
  led.passes(1ms);
  EXPECT_FALSE(led.leader.accepts_all(led.now));
  led.fetches(2, 0);
  EXPECT_TRUE(led.leader.accepts_all(led.now));
  EXPECT_EQ(led.leader.caught_up_followers(led.now), 1u);
}

TEST(AcksAll, IsRefusedWhileTheIsrIsBelowTheMinimumThoughOthersAreCaughtUp) {
  Leadership led({.isr = {1}});
  led.fetches(2, 0);
  EXPECT_FALSE(led.leader.accepts_all(led.now));
  ASSERT_EQ(led.proposes(), (Ids{1, 2}));
  led.committed(2, {1, 2});
  EXPECT_TRUE(led.leader.accepts_all(led.now));
}

TEST(Invariants, AreCheckedInReleaseBuildsToo) {
  Leadership led;
  led.writes(3).syncs();
  EXPECT_DEATH(led.leader.own_progress(Offset(2), Offset(2)), "only grows");
  EXPECT_DEATH(led.leader.own_progress(Offset(4), Offset(5)), "only grows");
  EXPECT_DEATH(Leadership({.replicas = {1, 2}, .isr = {1, 3}}), "part of the replicas");
  EXPECT_DEATH(Leadership({.isr = {2, 3}}), "holds the leader");
}

TEST(Memory, OfALeaderOfThreeReplicasStaysBelowAKilobyte) {
  // The object, and its one vector of members; 30,000 of them take less than 30 MB.
  EXPECT_LE(sizeof(LeaderReplica) + 3 * 96, 1024u);
}

}  // namespace
}  // namespace godwit::replication::test
