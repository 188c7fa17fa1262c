#include "app/demo/gap.h"

#include <gtest/gtest.h>

namespace godwit::app::demo {
namespace {

using std::chrono::milliseconds;

MonotonicTime at(int ms) {
  return MonotonicTime{} + milliseconds(1000 + ms);
}

TEST(Gap, IsThatOfThePartitionThatWaitsLongest) {
  Gap gap;
  gap.begin(at(0), {1, 4});
  EXPECT_FALSE(gap.take());
  gap.acknowledged(4, at(10), at(500));
  gap.acknowledged(2, at(10), at(11));
  EXPECT_FALSE(gap.take());
  EXPECT_TRUE(gap.measuring());
  gap.acknowledged(1, at(5), at(300));
  EXPECT_EQ(gap.take(), milliseconds(500));
  EXPECT_FALSE(gap.take()) << "it is told once";
  EXPECT_FALSE(gap.measuring());
}

TEST(Gap, DoesNotEndWithAnAcknowledgementOfSomethingSentBefore) {
  Gap gap;
  gap.begin(at(0), {0});
  gap.acknowledged(0, at(-5), at(3));
  EXPECT_FALSE(gap.take());
  gap.acknowledged(0, at(4), at(250));
  gap.acknowledged(0, at(260), at(270));
  EXPECT_EQ(gap.take(), milliseconds(250));
}

TEST(Gap, ABrokerThatLeadsNothingMakesNone) {
  Gap gap;
  gap.begin(at(0), {});
  EXPECT_FALSE(gap.measuring());
  EXPECT_FALSE(gap.take());
}

}  // namespace
}  // namespace godwit::app::demo
