// Whom a leader wants in its ISR, and when it asks (design-cluster rules 4, 6, 7).
#include "replication/leadership_testing.h"

namespace godwit::replication::test {
namespace {

// Polls of a follower: a fetch each half second.
void polls(Leadership& led, const std::vector<int>& brokers, int64_t offset, Duration time) {
  for (Duration gone{}; gone < time; gone += 500ms) {
    led.passes(500ms);
    for (const int broker : brokers) led.fetches(broker, offset);
  }
}

TEST(Lag, TakesOutWhoIsSilent) {
  Leadership led;
  polls(led, {2, 3}, 0, 1s);
  EXPECT_EQ(led.proposes(), Ids{});
  polls(led, {2}, 0, 3s);
  EXPECT_EQ(led.proposes(), Ids{}) << "exactly replica.lag.time.max.ms is not too long";
  led.passes(1ms);
  ASSERT_EQ(led.proposes(), (Ids{1, 2}));
  EXPECT_EQ(led.proposal->version, 1);
  EXPECT_EQ(led.proposal->epoch, kEpoch);
  EXPECT_EQ(led.proposal->isr[1].incarnation, 10u);
}

TEST(Lag, TakesOutWhoFetchesButDoesNotCatchUp) {
  Leadership led;
  led.writes(1000);
  for (int i = 0; i < 8; ++i) {
    led.passes(500ms).writes(100);
    led.fetches(2, 1000 + 100 * i);  // a fetch behind, always: it has what there was at its last fetch
    led.fetches(3, 10 * i);
  }
  EXPECT_EQ(led.proposes(), (Ids{1, 2}));
}

TEST(Lag, OfAFastLeaderIsMeasuredAtTheFetchBefore) {
  Leadership led;
  for (int i = 0; i < 20; ++i) {
    led.writes(100).passes(500ms);
    led.fetches(2, 100 * i);
    led.fetches(3, 100 * i);
  }
  EXPECT_EQ(led.proposes(), Ids{});
  EXPECT_EQ(led.leader.lag(BrokerId(2)), 100);
}

TEST(Lag, NeverShrinksTheIsrBelowTheMinimum) {
  Leadership led({.isr = {1, 2}});
  led.passes(10s);
  EXPECT_EQ(led.proposes(), Ids{});
  EXPECT_EQ(led.leader.next_tick(led.now), std::nullopt);
}

TEST(Lag, OfTwoSilentFollowersTakesOutTheOneThatIsSilentLonger) {
  Leadership led;
  led.fetches(3, 0);
  led.passes(1s);
  led.fetches(2, 0);
  led.passes(10s);
  EXPECT_EQ(led.proposes(), (Ids{1, 2}));
}

TEST(Lag, ReplacesASilentMemberAtTheMinimumByAJoinerInOneStep) {
  Leadership led({.isr = {1, 2}});
  led.passes(10s);
  led.fetches(3, 0);
  EXPECT_EQ(led.proposes(), (Ids{1, 3}));
}

TEST(Lag, GoesOnOverRestartsOfTheFollower) {
  Leadership led;
  led.writes(100);
  for (int i = 0; i < 8; ++i) {
    polls(led, {2}, 100, 500ms);
    led.restarts(3).all_live();
    led.fetches(3, 0);
  }
  EXPECT_EQ(led.proposes(), (Ids{1, 2}));
}

TEST(Joining, NeedsAllThatMayBeCommittedByEarlierLeaders) {
  // An earlier leader committed up to 100; this one, just elected, knows only of 50.
  Leadership led({.isr = {1, 2}, .end = 100, .high_watermark = 50});
  led.fetches(3, 60);
  led.fetches(3, 60);
  EXPECT_EQ(led.proposes(), Ids{}) << "elected with 60, it would lose what lies behind";
  led.fetches(3, 100);
  EXPECT_EQ(led.proposes(), (Ids{1, 2, 3}));
}

TEST(Joining, NeedsTheHighWatermark) {
  Leadership led({.isr = {1, 2}});
  led.writes(10).syncs();
  led.fetches(2, 10);
  led.fetches(3, 9);
  led.fetches(3, 9);
  EXPECT_EQ(led.proposes(), Ids{});
  led.writes(10).syncs();
  led.fetches(3, 10);
  EXPECT_EQ(led.proposes(), (Ids{1, 2, 3}))
      << "it had all at its last fetch but one, and all that is committed";
}

TEST(Joining, NeedsTheLiveIncarnation) {
  Leadership led({.isr = {1, 2}});
  led.fetches(2, 0);
  led.restarts(3);
  led.fetches(3, 0);
  EXPECT_EQ(led.proposes(), Ids{}) << "the image knows the process before it";
  led.all_live();
  ASSERT_EQ(led.proposes(), (Ids{1, 2, 3}));
  EXPECT_EQ(led.proposal->isr[2], (IsrMember{BrokerId(3), 11}));
}

TEST(Joining, IsNotForWhoIsNotLive) {
  Leadership led({.isr = {1, 2}});
  const LiveBroker two[] = {{BrokerId(1), 10}, {BrokerId(2), 10}};
  led.leader.set_live(two);
  led.fetches(3, 0);
  EXPECT_EQ(led.proposes(), Ids{});
}

TEST(Joining, NeedsAFetchInThisEpochAndIncarnation) {
  Leadership led({.isr = {1, 2}});
  led.fetches(3, 0);
  led.restarts(3).all_live();
  EXPECT_EQ(led.proposes(), Ids{});
}

TEST(Joining, IsNotForAnybodyWhileNobodyCouldWriteIt) {
  Contacts contacts;
  Leadership led({.isr = {1, 2}, .contacts = &contacts});
  led.leader.set_joins(false);
  led.fetches(2, 0);
  led.fetches(3, 0);
  EXPECT_EQ(led.proposes(), Ids{});
  led.writes(10).syncs();
  led.fetches(2, 10);
  EXPECT_EQ(led.hw(), 10) << "it waits for the ISR alone";
  EXPECT_FALSE(led.leader.awaits(BrokerId(3)));
  led.passes(1s);
  contacts.heard(BrokerId(2), 10, led.now);
  contacts.heard(BrokerId(3), 10, led.now);
  led.fetches(3, 10);
  EXPECT_EQ(led.proposes(), Ids{});
  led.leader.set_joins(true);
  EXPECT_EQ(led.proposes(), (Ids{1, 2, 3})) << "at once, without another fetch";
}

TEST(Joining, WhoWasAwaitedIsNotOnceNobodyCouldWriteIt) {
  Leadership led({.isr = {1, 2}});
  led.fetches(2, 0);
  led.writes(10).syncs();
  led.fetches(3, 0);
  led.writes(10).syncs();
  led.fetches(3, 10);
  led.fetches(2, 20);
  ASSERT_TRUE(led.leader.awaits(BrokerId(3)));
  ASSERT_EQ(led.hw(), 10);
  led.leader.set_joins(false);
  EXPECT_EQ(led.proposes(), Ids{});
  EXPECT_EQ(led.hw(), 20);
}

TEST(Asking, IsOneAtATime) {
  Leadership led({.isr = {1}});
  led.fetches(2, 0);
  ASSERT_EQ(led.proposes(), (Ids{1, 2}));
  const auto first = led.proposal;
  led.fetches(3, 0);
  EXPECT_EQ(led.proposes(), Ids{});
  EXPECT_EQ(led.leader.next_tick(led.now), led.now + 3s + Duration(1)) << "so long 3 is awaited meanwhile";
  led.committed(2, {1, 2});
  ASSERT_EQ(led.proposes(), (Ids{1, 2, 3}));
  EXPECT_NE(led.proposal->id, first->id);
  EXPECT_EQ(led.proposal->version, 2);
  led.leader.on_answer(first->id, IsrOutcome::ineligible, led.now);
  EXPECT_EQ(led.proposes(), Ids{}) << "a late answer to an earlier one ends nothing";
}

TEST(Asking, IsRepeatedAfterABackOffThatDoubles) {
  Leadership led({.isr = {1, 2}});
  for (const Duration wait : {50ms, 100ms, 200ms, 400ms}) {
    led.fetches(2, 0);
    led.fetches(3, 0);
    ASSERT_EQ(led.proposes(), (Ids{1, 2, 3}));
    led.answered(IsrOutcome::unknown);
    EXPECT_EQ(led.leader.next_tick(led.now), led.now + wait);
    led.passes(wait - 1ms);
    EXPECT_EQ(led.proposes(), Ids{});
    led.passes(1ms);
  }
}

TEST(Asking, AfterAStaleAnswerWaitsForThePublishedState) {
  Leadership led({.isr = {1, 2}});
  led.fetches(2, 0);
  led.fetches(3, 0);
  led.proposes();
  led.answered(IsrOutcome::stale);
  EXPECT_EQ(led.proposes(), Ids{});
  EXPECT_EQ(led.leader.next_tick(led.now), led.now + 3s) << "when it never comes";
  led.committed(2, {1, 2});
  EXPECT_EQ(led.proposes(), (Ids{1, 2, 3}));
}

TEST(Asking, ForAJoinerThatMayNotJoinDoesNotKeepALaggardIn) {
  Leadership led({.replicas = {1, 2, 3, 4}, .isr = {1, 2, 3}});
  led.passes(4s);
  led.fetches(2, 0);
  led.fetches(4, 0);
  ASSERT_EQ(led.proposes(), (Ids{1, 2, 4}));
  led.answered(IsrOutcome::ineligible);
  EXPECT_EQ(led.proposes(), (Ids{1, 2}));
}

TEST(Asking, OlderStatesChangeNothing) {
  Leadership led;
  led.committed(7, {1, 2}).committed(6, {1, 3});
  EXPECT_EQ(led.isr(), (Ids{1, 2}));
  EXPECT_EQ(led.leader.version(), 7);
}

TEST(Asking, AStateThatContradictsItselfIsRefused) {
  Leadership led;
  const auto take = [&](const Ids& replicas, const Ids& isr) {
    return led.leader.on_committed(9, ids(replicas), ids(isr), led.now);
  };
  EXPECT_FALSE(take({1, 2, 3}, {2, 3}));
  EXPECT_FALSE(take({1, 2, 3}, {}));
  EXPECT_FALSE(take({1, 2}, {1, 3}));
  EXPECT_EQ(led.isr(), (Ids{1, 2, 3}));
  EXPECT_EQ(led.leader.version(), 1);
}

TEST(Reassignment, AddsReplicasThatJoinWhenTheyHaveCaughtUp) {
  Leadership led;
  led.writes(5).syncs();
  led.fetches(2, 5);
  led.fetches(3, 5);
  EXPECT_TRUE(led.leader.on_committed(2, ids({4, 1, 2, 3}), ids({1, 2, 3}), led.now));
  const LiveBroker live[] = {{BrokerId(1), 10}, {BrokerId(2), 10}, {BrokerId(3), 10}, {BrokerId(4), 8}};
  led.leader.set_live(live);
  EXPECT_EQ(led.leader.on_fetch({BrokerId(4), 8, kEpoch, Offset(5)}, led.now), FetchOutcome::counted);
  EXPECT_EQ(led.proposes(), (Ids{4, 1, 2, 3}));
  EXPECT_EQ(led.hw(), 5) << "who stayed keeps its position";
  EXPECT_TRUE(led.leader.on_committed(3, ids({4, 1, 2}), ids({4, 1, 2}), led.now));
  EXPECT_EQ(led.fetches(3, 5), FetchOutcome::not_a_replica);
}

TEST(Timers, AnIdlePartitionHasNoneWhereContactsSpeakForItsFollowers) {
  Contacts contacts;
  Leadership led({.contacts = &contacts});
  EXPECT_EQ(led.leader.next_tick(led.now), led.now + 3s + 1ns) << "nobody was heard yet";
  led.fetches(2, 0);
  led.fetches(3, 0);
  EXPECT_EQ(led.leader.next_tick(led.now), std::nullopt);
  for (int i = 0; i < 100; ++i) {
    led.passes(500ms);
    contacts.heard(BrokerId(2), 10, led.now);
    if (i < 50) contacts.heard(BrokerId(3), 10, led.now);
    if (i == 50) EXPECT_EQ(led.proposes(), Ids{});
  }
  EXPECT_EQ(led.proposes(), (Ids{1, 2}));
}

TEST(Timers, LookForWhoWasSilentAndIsHeardAgain) {
  Contacts contacts;
  Leadership led({.isr = {1, 2}, .contacts = &contacts});
  led.fetches(2, 0);
  led.fetches(3, 0);
  led.passes(4s);
  EXPECT_EQ(led.proposes(), Ids{});
  EXPECT_EQ(led.leader.next_tick(led.now), led.now + 750ms);
  led.passes(750ms);
  contacts.heard(BrokerId(3), 10, led.now);
  EXPECT_EQ(led.proposes(), (Ids{1, 3}));
}

TEST(Timers, RunFromTheLastContactOnceThereIsSomethingToFetch) {
  Contacts contacts;
  Leadership led({.contacts = &contacts});
  led.fetches(2, 0);
  led.fetches(3, 0);
  led.passes(60s);
  contacts.heard(BrokerId(2), 10, led.now);
  contacts.heard(BrokerId(3), 10, led.now);
  led.writes(1);
  EXPECT_EQ(led.leader.next_tick(led.now), led.now + 3s + 1ns);
  led.passes(3s);
  led.fetches(2, 1);
  EXPECT_EQ(led.proposes(), Ids{});
  led.passes(1ns);
  EXPECT_EQ(led.proposes(), (Ids{1, 2}));
}

// Whoever looks again and again, as drivers do, finds what whoever looks once finds.
TEST(Timers, LookingOftenHidesNothing) {
  for (const Duration pause : {1ms, 37ms, 200ms, 1000ms}) {
    Contacts contacts;
    Leadership led({.contacts = &contacts});
    led.fetches(2, 0);
    led.fetches(3, 0);
    const MonotonicTime silent_from = led.now + 20s;
    MonotonicTime heard = led.now;
    while (led.proposes().empty()) {
      ASSERT_LE(led.now, silent_from + 4s) << "it is silent, and nobody asks";
      led.passes(pause);
      contacts.heard(BrokerId(2), 10, led.now);
      if (led.now < silent_from) contacts.heard(BrokerId(3), 10, heard = led.now);
    }
    EXPECT_GT(led.now, heard + 3s);
    EXPECT_LE(led.now, heard + 3s + pause + 1ns);
    EXPECT_EQ(led.proposal->isr.size(), 2u);
    // It is heard again, without a fetch of this partition.
    led.committed(2, {1, 2});
    const MonotonicTime back = led.now;
    while (led.proposes().empty()) {
      ASSERT_LE(led.now, back + 2s);
      led.passes(pause);
      for (const int id : {2, 3}) contacts.heard(BrokerId(id), 10, led.now);
    }
    EXPECT_EQ(led.proposal->isr.size(), 3u);
  }
}

TEST(Timers, ATickThatIsDueHasAProposal) {
  Leadership led;
  const auto due = led.leader.next_tick(led.now);
  ASSERT_TRUE(due);
  led.passes(*due - led.now - 1ns);
  EXPECT_EQ(led.proposes(), Ids{});
  led.passes(1ns);
  EXPECT_FALSE(led.proposes().empty());
}

TEST(Confirmed, OnlyWhenEveryMemberWasHeardInThisEpochWithinTheTimeout) {
  Leadership led;
  EXPECT_FALSE(led.leader.confirmed_within(led.now, 3s));
  EXPECT_FALSE(led.leader.has_silent_member(led.now, 3s)) << "the epoch is young";
  led.fetches(2, 0);
  EXPECT_FALSE(led.leader.confirmed_within(led.now, 3s));
  led.fetches(3, 0);
  EXPECT_TRUE(led.leader.confirmed_within(led.now, 3s));
  polls(led, {2}, 0, 4s);
  EXPECT_FALSE(led.leader.confirmed_within(led.now, 3s));
  EXPECT_TRUE(led.leader.has_silent_member(led.now, 3s));
  led.committed(2, {1, 2});
  EXPECT_TRUE(led.leader.confirmed_within(led.now, 3s));
  EXPECT_FALSE(led.leader.has_silent_member(led.now, 3s));
}

TEST(Confirmed, NotByWhoFollowsAnotherLeaderOfThePartitionButStillFetchesOthers) {
  Contacts contacts;
  Leadership led({.contacts = &contacts});
  led.fetches(2, 0);
  led.fetches(3, 0);
  led.passes(2s);
  contacts.heard(BrokerId(2), 10, led.now);
  contacts.heard(BrokerId(3), 10, led.now);
  led.leader.on_unfollow(BrokerId(3));
  for (int i = 0; i < 8; ++i) {
    led.passes(500ms);
    contacts.heard(BrokerId(2), 10, led.now);
    contacts.heard(BrokerId(3), 10, led.now);
  }
  EXPECT_FALSE(led.leader.confirmed_within(led.now, 3s));
  EXPECT_TRUE(led.leader.confirmed_within(led.now, 4s)) << "up to when it left";
}

TEST(Confirmed, ByASessionThatBeganBeforeTheEndOfTheOneBeforeWasNoticed) {
  Contacts contacts;
  Leadership led({.contacts = &contacts});
  led.fetches(2, 0);
  led.leader.on_fetch({BrokerId(3), 10, kEpoch, Offset(0), 1}, led.now);
  led.leader.on_fetch({BrokerId(3), 10, kEpoch, Offset(0), 2}, led.now);
  led.leader.on_unfollow(BrokerId(3), 1);
  for (int i = 0; i < 8; ++i) {
    led.passes(500ms);
    contacts.heard(BrokerId(2), 10, led.now);
    contacts.heard(BrokerId(3), 10, led.now);
  }
  EXPECT_TRUE(led.leader.confirmed_within(led.now, 3s));
  EXPECT_EQ(led.proposes(), Ids{}) << "it is heard, and has all there is";
}

TEST(Confirmed, AlsoByWhoMayHaveBeenTakenInButIsNotKnownToBe) {
  Leadership led({.isr = {1, 2}});
  led.fetches(2, 0);
  led.fetches(3, 0);
  led.proposes();
  led.answered(IsrOutcome::unknown);
  polls(led, {2}, 0, 4s);
  EXPECT_FALSE(led.leader.confirmed_within(led.now, 3s)) << "broker 3 may have been elected meanwhile";
}

TEST(Describing, TellsEachFollower) {
  Leadership led({.isr = {1, 2}});
  led.writes(10);
  led.fetches(2, 7);
  led.passes(4s);
  const auto followers = led.leader.followers(led.now);
  ASSERT_EQ(followers.size(), 2u);
  EXPECT_EQ(followers[0].synced, Offset(7));
  EXPECT_EQ(followers[0].lag, 3);
  EXPECT_TRUE(followers[0].in_isr);
  EXPECT_FALSE(followers[0].caught_up);
  EXPECT_EQ(followers[1].synced, std::nullopt);
  EXPECT_EQ(led.leader.lag(BrokerId(3)), std::nullopt);
  EXPECT_TRUE(led.leader.in_isr(BrokerId(2)));
  EXPECT_FALSE(led.leader.in_isr(BrokerId(3)));
}

TEST(Contacts, AreOfTheNewestIncarnation) {
  Contacts contacts;
  const MonotonicTime now{1h};
  contacts.heard(BrokerId(2), 10, now);
  contacts.heard(BrokerId(2), 9, now + 1s);
  EXPECT_EQ(contacts.last_heard(BrokerId(2), 10), now);
  EXPECT_EQ(contacts.last_heard(BrokerId(2), 9), kNever);
  contacts.heard(BrokerId(2), 11, now + 2s);
  EXPECT_EQ(contacts.last_heard(BrokerId(2), 10), kNever);
  EXPECT_EQ(contacts.last_heard(BrokerId(2), 11), now + 2s);
  contacts.forget(BrokerId(2));
  EXPECT_EQ(contacts.last_heard(BrokerId(2), 11), kNever);
}

}  // namespace
}  // namespace godwit::replication::test
