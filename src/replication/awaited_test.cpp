// Followers that keep up and are slower than the ISR: the high watermark waits for them, and they join.
#include "replication/leadership_testing.h"

namespace godwit::replication::test {
namespace {

// Records stream in without a pause; follower 2 is in the ISR and a millisecond behind, follower 3 is not and copies nine records
// for ten that are written.
struct Stream {
  Leadership led{{.isr = {1, 2}, .end = 1000, .high_watermark = 1000}};
  int64_t end = 1000;
  int64_t copied = 0;  // by 3
  int64_t asked_at = 0;
  Duration next_fetch{};
  int64_t in_flight_max = INT64_MAX;  // acks=all: publishers wait with so many records
  bool joined = false;
  int64_t joined_at = 0;

  void runs(Duration time, bool follows = true) {
    for (Duration gone{}; gone < time && !joined; gone += 1ms) {
      led.passes(1ms);
      led.fetches(2, end);
      if (end + 10 - led.hw() <= in_flight_max) led.writes(10).syncs(), end += 10;
      next_fetch -= 1ms;
      if (!follows || next_fetch > Duration{}) continue;
      // It asks behind what it was given, is given all there is, and needs its time for that.
      const int64_t synced = asked_at;
      led.fetches(3, synced);
      copied = end - asked_at;
      asked_at = end;
      next_fetch = 1ms * (copied / 9 + 1);
      joined = led.proposes() == Ids{1, 2, 3};
      if (joined) joined_at = synced;
    }
  }
};

TEST(Awaited, AFollowerThatIsSlowerThanTheIsrJoinsWhileRecordsStreamIn) {
  for (const int64_t in_flight : {int64_t{50}, int64_t{5000}, INT64_MAX}) {
    Stream stream;
    stream.in_flight_max = in_flight;
    stream.runs(20s);
    EXPECT_TRUE(stream.joined) << "with " << in_flight << " records in flight";
    ASSERT_TRUE(stream.led.proposal);
    EXPECT_LE(stream.led.hw(), stream.joined_at) << "it has all that is committed";
    EXPECT_LT(stream.led.now - MonotonicTime(1h), 2s);
  }
}

struct AwaitedFollower : testing::Test {
  Leadership led{{.isr = {1, 2}}};
  // 3 is awaited at 10, of 30 records that all others have; 20 are committed.
  void SetUp() override {
    led.writes(10).syncs();
    led.fetches(2, 10);
    led.fetches(3, 0);
    led.passes(10ms).writes(10).syncs();
    led.fetches(2, 20);
    led.fetches(3, 10);
    led.writes(10).syncs();
    led.fetches(2, 30);
    ASSERT_EQ(led.proposes(), Ids{});
    ASSERT_EQ(led.hw(), 20);
  }
};

TEST_F(AwaitedFollower, IsWaitedForUntilItHasWhatIsCommittedAndThenJoins) {
  EXPECT_TRUE(led.leader.awaits(BrokerId(3))) << "it asked behind what there was at its last fetch";
  EXPECT_EQ(led.proposes(), Ids{}) << "it lacks what is committed: elected, it would lose it";
  led.passes(10ms).fetches(3, 20);
  EXPECT_EQ(led.hw(), 20);
  EXPECT_EQ(led.proposes(), (Ids{1, 2, 3}));
  led.committed(2, {1, 2, 3});
  EXPECT_FALSE(led.leader.awaits(BrokerId(3))) << "it is a member";
  EXPECT_EQ(led.hw(), 20);
  led.fetches(3, 30);
  EXPECT_EQ(led.hw(), 30);
}

TEST_F(AwaitedFollower, ThatComesNoMoreHoldsPublishingUpForTheLagAndNoLonger) {
  // It was caught up at its first fetch, 10 ms ago.
  EXPECT_EQ(led.leader.next_tick(led.now), led.now + 2990ms + Duration(1));
  led.passes(2990ms);
  led.fetches(2, 30);
  EXPECT_EQ(led.proposes(), Ids{});
  EXPECT_EQ(led.hw(), 20);
  led.passes(1ms);
  EXPECT_EQ(led.proposes(), Ids{});
  EXPECT_EQ(led.hw(), 30);
  EXPECT_EQ(led.isr(), (Ids{1, 2}));
}

TEST_F(AwaitedFollower, ThatFallsBehindIsGivenUpAlsoWhileItAsks) {
  for (int i = 1; i <= 8; ++i) {
    led.passes(500ms).fetches(2, 30);
    led.fetches(3, 10 + i);
    (void)led.proposes();
  }
  EXPECT_EQ(led.hw(), 30);
}

TEST_F(AwaitedFollower, ThatIsDeclaredDeadHoldsUpNobody) {
  const std::vector<LiveBroker> live{{BrokerId(1), 10}, {BrokerId(2), 10}};
  led.leader.set_live(live);
  EXPECT_EQ(led.hw(), 30);
}

TEST_F(AwaitedFollower, ThatStartedAnewHoldsUpNobody) {
  led.restarts(3).all_live();
  EXPECT_EQ(led.hw(), 30);
}

TEST_F(AwaitedFollower, ThatLeftItsSessionHoldsUpNobody) {
  led.leader.on_unfollow(BrokerId(3));
  EXPECT_EQ(led.hw(), 30);
}

TEST_F(AwaitedFollower, ThatTheControllerRefusesHoldsUpNobodyForAWhile) {
  led.passes(10ms).fetches(3, 20);
  ASSERT_EQ(led.proposes(), (Ids{1, 2, 3}));
  led.answered(IsrOutcome::ineligible);
  EXPECT_FALSE(led.leader.awaits(BrokerId(3)));
  EXPECT_EQ(led.hw(), 30);
  led.fetches(3, 30);
  EXPECT_FALSE(led.leader.awaits(BrokerId(3))) << "nor is it asked for again at once";
  led.passes(51ms).fetches(3, 30);
  EXPECT_EQ(led.proposes(), (Ids{1, 2, 3}));
}

TEST(Awaited, WhoWasInSyncAMomentAgoAndIsFarBehindNowHoldsUpNobody) {
  Leadership led;
  led.writes(10).syncs();
  led.fetches(2, 10);
  led.fetches(3, 10);
  led.restarts(3).committed(2, {1, 2}).all_live();
  led.passes(100ms).writes(100).syncs();
  led.fetches(2, 110);
  led.fetches(3, 10);
  EXPECT_FALSE(led.leader.awaits(BrokerId(3)));
  led.passes(10ms).writes(10).syncs();
  led.fetches(2, 120);
  EXPECT_EQ(led.hw(), 120);
}

TEST(Awaited, WhoIsFarBehindHoldsUpNobody) {
  Leadership led({.isr = {1, 2}});
  led.writes(1000).syncs();
  led.fetches(2, 1000);
  for (int i = 0; i < 20; ++i) {
    led.passes(100ms).writes(10).syncs();
    led.fetches(2, 1010 + 10 * i);
    led.fetches(3, 20 * i);
    EXPECT_EQ(led.hw(), 1010 + 10 * i);
    EXPECT_EQ(led.proposes(), Ids{});
  }
}

}  // namespace
}  // namespace godwit::replication::test
