#include "replicator/throttle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <vector>

namespace godwit::replicator {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kMegabyte = 1'000'000;

// Movers in virtual time: each has batches of one size to move, and asks as the fetcher does.
class Movers {
 public:
  explicit Movers(int64_t rate) : throttle(rate) {}

  // Moves batches of `batch` bytes for so long; an answer takes `delay`, in which others are granted the same bytes.
  int64_t run(Duration time, size_t batch, size_t movers = 1, Duration delay = 2ms) {
    struct Answer {
      MonotonicTime at;
      size_t bytes;
    };
    std::deque<Answer> under_way;
    int64_t moved = 0;
    const MonotonicTime end = now + time;
    for (; now < end; now += 1ms) {
      while (!under_way.empty() && under_way.front().at <= now) {
        throttle.take(under_way.front().bytes, now);
        moved += static_cast<int64_t>(under_way.front().bytes);
        under_way.pop_front();
      }
      if (under_way.size() < movers) {
        if (const size_t granted = throttle.grant(now); granted > 0)
          under_way.push_back({now + delay, std::max(batch, granted / batch * batch)});
      }
    }
    return moved;
  }

  MonotonicTime now{1h};
  Throttle throttle;
};

void expect_within(int64_t moved, int64_t rate, Duration time, double share) {
  const double expected = static_cast<double>(rate) * std::chrono::duration<double>(time).count();
  EXPECT_GT(static_cast<double>(moved), expected * (1 - share));
  EXPECT_LT(static_cast<double>(moved), expected * (1 + share));
}

TEST(Throttle, TheRateHoldsWithinAFifthInEveryWindow) {
  for (const int64_t rate : {kMegabyte / 10, kMegabyte, 50 * kMegabyte, 1000 * kMegabyte}) {
    for (const size_t batch : {size_t{100}, size_t{1000}, size_t{20'000}}) {
      for (const size_t movers : {1u, 4u}) {
        Movers all(rate);
        all.run(1s, batch, movers);
        for (int window = 0; window < 10; ++window) {
          SCOPED_TRACE(testing::Message() << rate << " B/s, batches of " << batch << ", " << movers);
          expect_within(all.run(5s, batch, movers), rate, 5s, 0.2);
        }
      }
    }
  }
}

TEST(Throttle, BatchesThatAreMoreThanASecondsWorthArePaidForInTheLongRun) {
  Movers all(kMegabyte);
  expect_within(all.run(100s, 4 * kMegabyte, 2), kMegabyte, 100s, 0.2);
}

TEST(Throttle, AnAnswerThatTakesLongDoesNotLowerTheRate) {
  Movers all(kMegabyte);
  all.run(1s, 1000, 1, 150ms);
  expect_within(all.run(20s, 1000, 1, 150ms), kMegabyte, 20s, 0.2);
}

TEST(Throttle, AfterAPauseOnlyAMomentsWorthIsCaughtUpOn) {
  Movers all(kMegabyte);
  all.run(1s, 1000);
  all.now += 1h;
  expect_within(all.run(2s, 1000), kMegabyte, 2s, 0.2);
}

TEST(Throttle, AChangeOfTheRateTakesEffectAtOnceAlsoForDebts) {
  Movers all(1000);
  all.throttle.take(kMegabyte, all.now);  // a batch that takes a quarter of an hour at this rate
  EXPECT_EQ(all.throttle.grant(all.now + 10s), 0u);
  all.throttle.set_rate(10 * kMegabyte, all.now);
  EXPECT_EQ(all.throttle.grant(all.now + 50ms), 0u);  // it was a megabyte all the same
  EXPECT_GT(all.throttle.grant(all.now + 101ms), 0u);
  expect_within(all.run(5s, 1000), 10 * kMegabyte, 5s, 0.2);
  all.throttle.set_rate(kMegabyte, all.now);
  expect_within(all.run(5s, 1000), kMegabyte, 5s, 0.2);
  all.throttle.set_rate(Throttle::kNone, all.now);
  EXPECT_EQ(all.throttle.grant(all.now), SIZE_MAX);
  all.throttle.take(1 << 30, all.now);
  all.throttle.set_rate(kMegabyte, all.now);
  EXPECT_GT(all.throttle.grant(all.now), 0u) << "what went without a bound is not owed";
}

TEST(Throttle, AtRateZeroNothingMovesUntilItIsRaised) {
  Movers all(0);
  EXPECT_EQ(all.run(10s, 1000), 0);
  EXPECT_GT(all.throttle.ready_at(all.now), all.now);
  all.throttle.set_rate(kMegabyte, all.now);
  EXPECT_GT(all.run(1s, 1000), 0);
}

TEST(Throttle, WhoWaitsLooksAgainSoonHoweverLargeTheDebt) {
  Throttle throttle(1);
  const MonotonicTime now{1h};
  throttle.take(SIZE_MAX, now);
  throttle.take(SIZE_MAX, now);
  EXPECT_EQ(throttle.grant(now + 24h), 0u);
  EXPECT_GT(throttle.ready_at(now), now);
  EXPECT_LE(throttle.ready_at(now), now + 100ms);
}

}  // namespace
}  // namespace godwit::replicator
