// What a follower does with its log (design-cluster rules 8 and 9).
#include "replication/follower_replica.h"

#include <gtest/gtest.h>

namespace godwit::replication::test {
namespace {

using namespace std::chrono_literals;
using Kind = FollowerStep::Kind;

constexpr MonotonicTime kNow{1h};

LogFacts facts(int64_t end, int64_t synced, int epoch, int64_t start = 0) {
  return {Offset(start), Offset(end), Offset(synced), start == end ? kNoLeaderEpoch : LeaderEpoch(epoch)};
}

FollowerReplica follower(const LogFacts& log, int64_t high_watermark, bool accept_loss = false) {
  return FollowerReplica({.epoch = LeaderEpoch(5),
                          .log = log,
                          .high_watermark = Offset(high_watermark),
                          .accept_loss = accept_loss});
}

FetchAnswer records(int64_t high_watermark, int64_t log_start = 0) {
  return {.high_watermark = Offset(high_watermark), .log_start = Offset(log_start), .has_records = true};
}

FetchAnswer nothing_new(int64_t high_watermark, int64_t log_start = 0) {
  return {.high_watermark = Offset(high_watermark), .log_start = Offset(log_start)};
}

FetchAnswer diverging(EpochEnd theirs, std::optional<EpochEnd> own) {
  return {.diverging = theirs, .own_end = own};
}

EpochEnd ends(int epoch, int64_t end) {
  return {LeaderEpoch(epoch), Offset(end)};
}

TEST(Fetching, AsksAtTheEndOfTheLogWithItsEpochs) {
  auto f = follower(facts(10, 10, 3), 8);
  const auto fetch = f.next_fetch(kNow);
  ASSERT_TRUE(fetch);
  EXPECT_EQ(fetch->offset, Offset(10));
  EXPECT_EQ(fetch->last_fetched_epoch, LeaderEpoch(3));
  EXPECT_EQ(fetch->current_leader_epoch, LeaderEpoch(5));
  EXPECT_FALSE(f.next_fetch(kNow)) << "one at a time";
  EXPECT_FALSE(f.settled());
}

TEST(Fetching, SyncsBeforeItAsks) {
  auto f = follower(facts(10, 4, 3), 0);
  EXPECT_FALSE(f.next_fetch(kNow));
  f.on_log(facts(10, 9, 3));
  EXPECT_FALSE(f.next_fetch(kNow));
  f.on_log(facts(10, 10, 3));
  EXPECT_TRUE(f.next_fetch(kNow));
}

TEST(Fetching, KnowsWhatItLacksOfWhatIsCommitted) {
  auto f = follower(facts(10, 10, 3), 8);
  EXPECT_FALSE(f.lag()) << "the leader of this epoch was not heard yet";
  f.on_answer(f.next_fetch(kNow)->id, records(40), kNow);
  EXPECT_EQ(f.lag(), 30);
  f.on_done(facts(25, 25, 5));
  EXPECT_EQ(f.lag(), 15);
  f.on_answer(f.next_fetch(kNow)->id, records(40), kNow);
  f.on_done(facts(42, 42, 5));
  EXPECT_EQ(f.lag(), 0) << "the leader has not said yet that more is committed";
  f.on_answer(f.next_fetch(kNow)->id, diverging(ends(3, 9), ends(3, 10)), kNow);
  EXPECT_FALSE(f.lag()) << "what it has is not the leader's";
}

TEST(Fetching, AppendsThenSyncsThenAsksAgain) {
  auto f = follower(facts(10, 10, 3), 8);
  const auto step = f.on_answer(f.next_fetch(kNow)->id, records(12), kNow);
  EXPECT_EQ(step.kind, Kind::append);
  EXPECT_TRUE(f.settled());
  EXPECT_EQ(f.high_watermark(), Offset(10)) << "not behind what is synced here";
  EXPECT_FALSE(f.next_fetch(kNow));
  f.on_log(facts(10, 10, 3));
  EXPECT_FALSE(f.next_fetch(kNow)) << "the append is not done";
  f.on_done(facts(15, 10, 5));
  EXPECT_FALSE(f.next_fetch(kNow));
  f.on_log(facts(15, 15, 5));
  EXPECT_EQ(f.high_watermark(), Offset(12));
  const auto fetch = f.next_fetch(kNow);
  ASSERT_TRUE(fetch);
  EXPECT_EQ(fetch->offset, Offset(15));
  EXPECT_EQ(fetch->last_fetched_epoch, LeaderEpoch(5));
}

TEST(Fetching, AnEmptyAnswerIsAskedAgainAtOnce) {
  auto f = follower(facts(10, 10, 5), 8);
  EXPECT_EQ(f.on_answer(f.next_fetch(kNow)->id, nothing_new(10), kNow).kind, Kind::fetch_again);
  EXPECT_EQ(f.high_watermark(), Offset(10));
  EXPECT_TRUE(f.next_fetch(kNow));
}

TEST(Fetching, ALateAnswerToAnEarlierFetchIsDropped) {
  auto f = follower(facts(10, 10, 5), 8);
  const uint64_t first = f.next_fetch(kNow)->id;
  f.on_lost(first, kNow);
  EXPECT_FALSE(f.next_fetch(kNow));
  const auto second = f.next_fetch(kNow + 20ms);
  ASSERT_TRUE(second);
  EXPECT_EQ(f.on_answer(first, diverging(ends(3, 2), ends(3, 4)), kNow).kind, Kind::ignore);
  EXPECT_EQ(f.on_answer(second->id, records(8), kNow).kind, Kind::append);
  EXPECT_EQ(f.on_answer(second->id, records(8), kNow).kind, Kind::ignore) << "twice the same";
}

// The answer to the request behind may come in the same moment.
TEST(Fetching, RecordsThatComeRightBehindAnEmptyAnswerCount) {
  auto f = follower(facts(10, 10, 5), 8);
  const uint64_t id = f.next_fetch(kNow)->id;
  EXPECT_EQ(f.on_answer(id, nothing_new(9), kNow).kind, Kind::fetch_again);
  EXPECT_EQ(f.on_answer(id, nothing_new(10), kNow).kind, Kind::fetch_again);
  EXPECT_EQ(f.on_answer(id, records(10), kNow).kind, Kind::append);
  EXPECT_EQ(f.on_answer(id, records(10), kNow).kind, Kind::ignore) << "twice the same";
  f.on_done(facts(12, 12, 5));
  EXPECT_EQ(f.on_answer(id, records(10), kNow).kind, Kind::ignore) << "nothing is asked at the new end yet";
  const uint64_t next = f.next_fetch(kNow)->id;
  EXPECT_EQ(f.on_answer(next, nothing_new(10), kNow).kind, Kind::fetch_again);
  f.on_lost(next, kNow);
  EXPECT_EQ(f.on_answer(next, records(10), kNow).kind, Kind::ignore) << "its connection is gone";
}

// The leader says it once, and then only when it has risen.
TEST(Fetching, AHighWatermarkThatComesDuringAnAppendCounts) {
  auto f = follower(facts(10, 10, 3), 8);
  const uint64_t id = f.next_fetch(kNow)->id;
  EXPECT_EQ(f.on_answer(id, records(9), kNow).kind, Kind::append);
  EXPECT_EQ(f.on_answer(id, nothing_new(12), kNow).kind, Kind::ignore);
  EXPECT_EQ(f.high_watermark(), Offset(10)) << "not behind what is synced here";
  EXPECT_EQ(
      f.on_answer(id, {.error = ErrorCode::kafka_storage_error, .high_watermark = Offset(40)}, kNow).kind,
      Kind::ignore);
  EXPECT_EQ(f.on_answer(id - 1, nothing_new(40), kNow).kind, Kind::ignore) << "of an earlier fetch";
  f.on_done(facts(15, 13, 5));
  EXPECT_EQ(f.high_watermark(), Offset(12));
  EXPECT_EQ(f.lag(), 0);
  EXPECT_EQ(f.on_answer(id, nothing_new(14), kNow).kind, Kind::ignore);
  f.on_log(facts(15, 15, 5));
  EXPECT_EQ(f.high_watermark(), Offset(14)) << "also while what was appended is synced";
}

TEST(Fetching, AHighWatermarkThatComesWhileALogIsCutDoesNotCount) {
  auto f = follower(facts(20, 20, 4), 8);
  const uint64_t id = f.next_fetch(kNow)->id;
  EXPECT_EQ(f.on_answer(id, diverging(ends(3, 15), ends(3, 12)), kNow).kind, Kind::truncate);
  EXPECT_EQ(f.on_answer(id, nothing_new(11), kNow).kind, Kind::ignore);
  EXPECT_EQ(f.high_watermark(), Offset(8));
}

TEST(Fetching, ErrorsAreTriedAgainAfterABackOffThatDoublesUpToASecond) {
  for (const ErrorCode error : {ErrorCode::fenced_leader_epoch, ErrorCode::unknown_leader_epoch,
                                ErrorCode::not_leader_or_follower, ErrorCode::unknown_topic_or_partition}) {
    auto f = follower(facts(10, 10, 5), 8);
    MonotonicTime now = kNow;
    for (const auto wait : {20ms, 40ms, 80ms, 160ms, 320ms, 640ms, 1000ms, 1000ms}) {
      const auto fetch = f.next_fetch(now);
      ASSERT_TRUE(fetch);
      EXPECT_EQ(f.on_answer(fetch->id, {.error = error}, now).kind, Kind::wait);
      EXPECT_EQ(f.next_tick(), now + wait);
      EXPECT_FALSE(f.next_fetch(now + wait - 1ms));
      now += wait;
    }
    f.on_answer(f.next_fetch(now)->id, nothing_new(8), now);
    EXPECT_EQ(f.next_tick(), std::nullopt);
    f.on_lost(f.next_fetch(now)->id, now);
    EXPECT_EQ(f.next_tick(), now + 20ms) << "an answer ends the doubling";
  }
}

// Its image came later, or it still synced the beginning of its epoch; the session holds the question meanwhile.
TEST(Fetching, ABackOffEndsAsSoonAsTheLeaderSaysThatItLeads) {
  for (const ErrorCode error : {ErrorCode::not_leader_or_follower, ErrorCode::unknown_leader_epoch}) {
    auto f = follower(facts(10, 10, 3), 8);
    MonotonicTime now = kNow;
    uint64_t id = 0;
    for (const auto wait : {20ms, 40ms, 80ms}) {
      id = f.next_fetch(now)->id;
      EXPECT_EQ(f.on_answer(id, {.error = error}, now).kind, Kind::wait);
      EXPECT_EQ(f.on_answer(id, {.error = error}, now + 1ms).kind, Kind::ignore) << "twice the same";
      EXPECT_EQ(f.next_tick(), now + wait);
      now += wait;
    }
    now -= 70ms;
    EXPECT_FALSE(f.next_fetch(now));
    EXPECT_EQ(f.on_answer(id, nothing_new(9), now).kind, Kind::fetch_again);
    EXPECT_TRUE(f.settled());
    EXPECT_EQ(f.high_watermark(), Offset(9));
    const auto again = f.next_fetch(now);
    ASSERT_TRUE(again) << "it has to be counted";
    EXPECT_EQ(f.on_answer(again->id, {.error = error}, now).kind, Kind::wait);
    EXPECT_EQ(f.next_tick(), now + 20ms) << "and the doubling begins anew";
    EXPECT_EQ(f.on_answer(again->id, records(12), now).kind, Kind::append);
    f.on_done(facts(12, 12, 5));
    EXPECT_TRUE(f.next_fetch(now));
  }
}

TEST(Fetching, WhatALeaderSaysOfALogThatPartsEndsTheBackOffToo) {
  auto f = follower(facts(20, 20, 4), 8);
  const uint64_t id = f.next_fetch(kNow)->id;
  f.on_answer(id, {.error = ErrorCode::not_leader_or_follower}, kNow);
  EXPECT_EQ(f.on_answer(id, diverging(ends(4, 15), ends(4, 20)), kNow).kind, Kind::truncate);
  f.on_done(facts(15, 15, 4));
  const auto next = f.next_fetch(kNow);
  ASSERT_TRUE(next);
  f.on_answer(next->id, {.error = ErrorCode::not_leader_or_follower}, kNow);
  EXPECT_EQ(
      f.on_answer(next->id, {.error = ErrorCode::offset_out_of_range, .log_start = Offset(30)}, kNow).kind,
      Kind::restart);
}

// News of a busy partition come all the time: they are no reason to try again what failed for another reason.
TEST(Fetching, NewsEndNoBackOffOfAnotherKind) {
  {
    auto f = follower(facts(10, 10, 5), 8);
    const uint64_t id = f.next_fetch(kNow)->id;
    f.on_answer(id, {.error = ErrorCode::kafka_storage_error}, kNow);
    EXPECT_EQ(f.on_answer(id, nothing_new(9), kNow).kind, Kind::ignore);
    EXPECT_EQ(f.next_tick(), kNow + 20ms) << "the leader cannot read";
  }
  {
    auto f = follower(facts(10, 10, 5), 8);
    const uint64_t id = f.next_fetch(kNow)->id;
    f.on_answer(id, records(12), kNow);
    f.on_failed(facts(10, 10, 5), kNow);
    EXPECT_EQ(f.on_answer(id, nothing_new(9), kNow).kind, Kind::ignore);
    EXPECT_EQ(f.next_tick(), kNow + 20ms) << "this disk is full";
  }
  {
    auto f = follower(facts(20, 20, 4), 18);
    const uint64_t id = f.next_fetch(kNow)->id;
    EXPECT_EQ(f.on_answer(id, diverging(ends(4, 15), ends(4, 20)), kNow).kind, Kind::refuse_loss);
    EXPECT_EQ(f.on_answer(id, nothing_new(19), kNow).kind, Kind::ignore);
    EXPECT_EQ(f.next_tick(), kNow + 1s) << "only an operator or another epoch ends it";
  }
  {
    auto f = follower(facts(10, 10, 5), 8);
    const uint64_t id = f.next_fetch(kNow)->id;
    f.on_answer(id, {.error = ErrorCode::not_leader_or_follower}, kNow);
    f.on_lost(id, kNow);
    EXPECT_EQ(f.on_answer(id, nothing_new(9), kNow).kind, Kind::ignore);
    EXPECT_EQ(f.next_tick(), kNow + 20ms) << "its connection is gone";
  }
}

TEST(Truncation, GoesToTheSmallerEndOfTheSameEpoch) {
  auto f = follower(facts(20, 20, 4), 8);
  const auto step = f.on_answer(f.next_fetch(kNow)->id, diverging(ends(3, 15), ends(3, 12)), kNow);
  EXPECT_EQ(step.kind, Kind::truncate);
  EXPECT_EQ(step.offset, Offset(12));
  EXPECT_FALSE(step.lossy);
  EXPECT_FALSE(f.settled());
  EXPECT_FALSE(f.next_fetch(kNow)) << "before it is done";
  f.on_done(facts(12, 12, 3));
  EXPECT_FALSE(f.settled()) << "until the leader agrees";
  EXPECT_EQ(f.next_fetch(kNow)->last_fetched_epoch, LeaderEpoch(3));
}

TEST(Truncation, GoesToTheLeadersEndWhereThatIsSmaller) {
  auto f = follower(facts(20, 20, 4), 8);
  EXPECT_EQ(f.on_answer(f.next_fetch(kNow)->id, diverging(ends(4, 15), ends(4, 20)), kNow).offset,
            Offset(15));
}

TEST(Truncation, GoesBackAnEpochWhereTheLeaderHasOneThatIsMissingHere) {
  // Own: 1 up to 10, 4 up to 20. The leader: 1 up to 8, 2 up to 30. Asked for 4, it says {2, 30}.
  auto f = follower(facts(20, 20, 4), 5);
  const auto first = f.on_answer(f.next_fetch(kNow)->id, diverging(ends(2, 30), ends(1, 10)), kNow);
  EXPECT_EQ(first.offset, Offset(10));
  f.on_done(facts(10, 10, 1));
  const auto second = f.on_answer(f.next_fetch(kNow)->id, diverging(ends(1, 8), ends(1, 10)), kNow);
  EXPECT_EQ(second.kind, Kind::truncate);
  EXPECT_EQ(second.offset, Offset(8));
}

TEST(Truncation, TakesEverythingWhereAllOfTheLogIsNewerThanTheLeaders) {
  auto f = follower(facts(20, 20, 4, 10), 10);
  const auto step = f.on_answer(f.next_fetch(kNow)->id, diverging(ends(2, 15), std::nullopt), kNow);
  EXPECT_EQ(step.kind, Kind::truncate);
  EXPECT_EQ(step.offset, Offset(10));
}

TEST(Truncation, BeginsAnewWhereTheLeaderHasDeletedAllThatCouldBeCompared) {
  auto f = follower(facts(20, 20, 2), 12);
  const auto step = f.on_answer(f.next_fetch(kNow)->id, diverging(ends(-1, 15), std::nullopt), kNow);
  EXPECT_EQ(step.kind, Kind::restart) << "its records before 15 may be another leader's too";
  EXPECT_EQ(step.offset, Offset(15));
  EXPECT_FALSE(step.lossy);
  auto ahead = follower(facts(20, 20, 2), 18);
  EXPECT_EQ(ahead.on_answer(ahead.next_fetch(kNow)->id, diverging(ends(-1, 15), std::nullopt), kNow).kind,
            Kind::refuse_loss);
}

TEST(Truncation, BelowTheHighWatermarkIsRefusedAndReported) {
  auto f = follower(facts(20, 20, 4), 18);
  const auto step = f.on_answer(f.next_fetch(kNow)->id, diverging(ends(4, 15), ends(4, 20)), kNow);
  EXPECT_EQ(step.kind, Kind::refuse_loss);
  EXPECT_EQ(step.offset, Offset(15));
  EXPECT_EQ(f.high_watermark(), Offset(18));
  EXPECT_FALSE(f.settled());
  EXPECT_EQ(f.next_tick(), kNow + 1s);
}

TEST(Truncation, BelowTheHighWatermarkHappensByAnOperatorsOrderAndSaysSo) {
  auto f = follower(facts(20, 20, 4), 18, true);
  const auto step = f.on_answer(f.next_fetch(kNow)->id, diverging(ends(4, 15), ends(4, 20)), kNow);
  EXPECT_EQ(step.kind, Kind::truncate);
  EXPECT_TRUE(step.lossy);
  f.on_done(facts(15, 15, 4));
  EXPECT_EQ(f.high_watermark(), Offset(15));
  f.on_answer(f.next_fetch(kNow)->id, nothing_new(12), kNow);
  EXPECT_EQ(f.high_watermark(), Offset(15));
}

TEST(Truncation, AnAnswerThatPartsBehindTheEndIsNoAnswer) {
  auto f = follower(facts(20, 20, 4), 18);
  EXPECT_EQ(f.on_answer(f.next_fetch(kNow)->id, diverging(ends(4, 25), ends(4, 20)), kNow).kind,
            Kind::protocol_error);
  EXPECT_FALSE(f.settled());
}

TEST(Truncation, ThatFailedIsSettledAnewAfterABackOff) {
  auto f = follower(facts(20, 20, 4), 8);
  f.on_answer(f.next_fetch(kNow)->id, diverging(ends(4, 15), ends(4, 20)), kNow);
  f.on_failed(facts(20, 20, 4), kNow);
  EXPECT_FALSE(f.next_fetch(kNow));
  EXPECT_EQ(f.next_fetch(kNow + 20ms)->offset, Offset(20));
}

TEST(OutOfRange, BehindTheLeadersRetentionBeginsAnew) {
  auto f = follower(facts(20, 20, 4), 18);
  const FetchAnswer answer{.error = ErrorCode::offset_out_of_range, .log_start = Offset(100)};
  const auto step = f.on_answer(f.next_fetch(kNow)->id, answer, kNow);
  EXPECT_EQ(step.kind, Kind::restart);
  EXPECT_EQ(step.offset, Offset(100));
  EXPECT_FALSE(step.lossy) << "what lies before was committed and deleted there";
  f.on_done(facts(100, 100, 0, 100));
  EXPECT_EQ(f.high_watermark(), Offset(100));
  const auto fetch = f.next_fetch(kNow);
  EXPECT_EQ(fetch->offset, Offset(100));
  EXPECT_EQ(fetch->last_fetched_epoch, kNoLeaderEpoch);
}

TEST(OutOfRange, BeforeOurStartIsALossThatIsRefused) {
  const FetchAnswer answer{.error = ErrorCode::offset_out_of_range, .log_start = Offset(3)};
  auto f = follower(facts(20, 20, 0, 20), 20);
  EXPECT_EQ(f.on_answer(f.next_fetch(kNow)->id, answer, kNow).kind, Kind::refuse_loss);
  auto ordered = follower(facts(20, 20, 0, 20), 20, true);
  const auto step = ordered.on_answer(ordered.next_fetch(kNow)->id, answer, kNow);
  EXPECT_EQ(step.kind, Kind::restart);
  EXPECT_TRUE(step.lossy);
  ordered.on_done(facts(3, 3, 0, 3));
  EXPECT_EQ(ordered.high_watermark(), Offset(3));
}

TEST(OutOfRange, WithoutTheLeadersStartIsNoAnswer) {
  auto f = follower(facts(20, 20, 4), 18);
  EXPECT_EQ(f.on_answer(f.next_fetch(kNow)->id, {.error = ErrorCode::offset_out_of_range}, kNow).kind,
            Kind::protocol_error);
}

TEST(Start, FollowsTheLeadersButNotBehindTheHighWatermark) {
  auto f = follower(facts(20, 20, 4), 10);
  EXPECT_EQ(f.wanted_start(), std::nullopt);
  f.on_answer(f.next_fetch(kNow)->id, nothing_new(12, 15), kNow);
  EXPECT_EQ(f.wanted_start(), Offset(12));
  f.on_log(facts(20, 20, 4, 12));
  EXPECT_EQ(f.wanted_start(), std::nullopt);
  f.on_answer(f.next_fetch(kNow)->id, nothing_new(18, 15), kNow);
  EXPECT_EQ(f.wanted_start(), Offset(15));
}

TEST(Invariants, OfTheFollowerAreCheckedInReleaseBuildsToo) {
  auto f = follower(facts(20, 20, 4), 8);
  EXPECT_DEATH(f.on_done(facts(20, 20, 4)), "not asked for");
  EXPECT_DEATH(f.on_log(facts(21, 20, 4)), "only by its steps");
  f.on_answer(f.next_fetch(kNow)->id, diverging(ends(4, 15), ends(4, 20)), kNow);
  EXPECT_DEATH(f.on_done(facts(16, 16, 4)), "where it was cut");
}

TEST(Divergence, IsFoundByTheEpochOfTheLastRecord) {
  const Offset start{0};
  EXPECT_EQ(find_divergence(Offset(10), LeaderEpoch(3), ends(3, 20), start), std::nullopt);
  EXPECT_EQ(find_divergence(Offset(20), LeaderEpoch(3), ends(3, 20), start), std::nullopt);
  EXPECT_EQ(find_divergence(Offset(21), LeaderEpoch(3), ends(3, 20), start), ends(3, 20));
  EXPECT_EQ(find_divergence(Offset(15), LeaderEpoch(2), ends(1, 10), start), ends(1, 10));
  EXPECT_EQ(find_divergence(Offset(5), LeaderEpoch(2), ends(1, 10), start), ends(1, 10))
      << "no record of this epoch is in the leader's log, wherever it stands";
  EXPECT_EQ(find_divergence(Offset(5), kNoLeaderEpoch, std::nullopt, start), std::nullopt);
  EXPECT_EQ(find_divergence(Offset(5), LeaderEpoch(1), std::nullopt, Offset(4)), ends(-1, 4));
  EXPECT_EQ(find_divergence(Offset(4), LeaderEpoch(1), std::nullopt, Offset(4)), ends(-1, 4))
      << "up to where the leader deleted: nothing is left to compare";
}

}  // namespace
}  // namespace godwit::replication::test
