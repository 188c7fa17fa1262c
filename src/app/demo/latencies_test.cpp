#include "app/demo/latencies.h"

#include <gtest/gtest.h>

namespace godwit::app::demo {
namespace {

TEST(Latencies, APercentileIsExactToAFewPercent) {
  Latencies all;
  for (int64_t us = 1; us <= 100'000; ++us) all.add(us);
  EXPECT_EQ(all.count(), 100'000u);
  EXPECT_EQ(all.most_us(), 100'000);
  for (const double share : {0.01, 0.5, 0.99, 0.999}) {
    EXPECT_NEAR(static_cast<double>(all.percentile_us(share)), share * 100'000, share * 100'000 * 0.04)
        << share;
  }
  EXPECT_EQ(all.percentile_us(1), 100'000);
}

TEST(Latencies, NoneOneAndVeryLongOnes) {
  Latencies all;
  EXPECT_EQ(all.percentile_us(0.99), 0);
  all.add(7);
  EXPECT_EQ(all.percentile_us(0.5), 7);
  all.clear();
  all.add(INT64_MAX);
  EXPECT_GT(all.percentile_us(0.99), int64_t{1} << 40);
}

}  // namespace
}  // namespace godwit::app::demo
