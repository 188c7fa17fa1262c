#include "cli/move_estimate.h"

#include <gtest/gtest.h>

namespace godwit::cli {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kMiB = 1 << 20;

TEST(MoveEstimate, TwoLooksTellHowFastItGoesAndHowLongItTakes) {
  MoveEstimate estimate;
  const MonotonicTime begin{1h};
  estimate.look(begin, {2, 1, 100 * kMiB, 10 * kMiB});
  EXPECT_FALSE(estimate.time_left());
  EXPECT_EQ(estimate.text(), "2 partitions move, 1 waits: 10.0 MiB of 100.0 MiB copied");
  estimate.look(begin + 2s, {2, 1, 100 * kMiB, 20 * kMiB});
  EXPECT_EQ(*estimate.time_left(), 16s);
  EXPECT_EQ(estimate.text(),
            "2 partitions move, 1 waits: 20.0 MiB of 100.0 MiB copied, 5.0 MiB/s, about 16s left");
}

TEST(MoveEstimate, APartitionThatHasArrivedCountsAsCopied) {
  MoveEstimate estimate;
  const MonotonicTime begin{1h};
  estimate.look(begin, {2, 0, 20 * kMiB, 9 * kMiB});
  estimate.look(begin + 1s, {1, 0, 10 * kMiB, 0});  // the other one, of 10 MiB, is not listed any more
  EXPECT_EQ(*estimate.bytes_per_second(), static_cast<double>(kMiB));
  EXPECT_EQ(*estimate.time_left(), 10s);
}

TEST(MoveEstimate, WhereNothingGetsLessNoTimeIsTold) {
  MoveEstimate estimate;
  const MonotonicTime begin{1h};
  estimate.look(begin, {1, 0, 10 * kMiB, kMiB});
  estimate.look(begin + 1s, {1, 0, 11 * kMiB, kMiB});
  EXPECT_FALSE(estimate.time_left());
  EXPECT_EQ(estimate.text(), "1 partition moves: 1.0 MiB of 11.0 MiB copied");
}

TEST(MoveEstimate, TheSpeedIsThatOfTheLastSeconds) {
  MoveEstimate estimate;
  MonotonicTime now{1h};
  int64_t copied = 0;
  for (int i = 0; i < 60; ++i) estimate.look(now += 1s, {1, 0, 1000 * kMiB, copied += kMiB});
  for (int i = 0; i < 20; ++i) estimate.look(now += 1s, {1, 0, 1000 * kMiB, copied += 10 * kMiB});
  EXPECT_EQ(*estimate.bytes_per_second(), 10.0 * kMiB);
}

TEST(MoveEstimate, NumbersAreForPeople) {
  EXPECT_EQ(print_bytes(12), "12 bytes");
  EXPECT_EQ(print_bytes(1536), "1.5 KiB");
  EXPECT_EQ(print_bytes(int64_t{3} << 40), "3.0 TiB");
  EXPECT_EQ(print_rough(400ms), "0s");
  EXPECT_EQ(print_rough(58s), "58s");
  EXPECT_EQ(print_rough(125s), "2m5s");
  EXPECT_EQ(print_rough(45min), "45m");
  EXPECT_EQ(print_rough(2h + 5min), "2h5m");
  EXPECT_EQ(print_rough(80h), "3d8h");
}

}  // namespace
}  // namespace godwit::cli
