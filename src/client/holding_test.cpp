#include "client/holding.h"

#include <gtest/gtest.h>

namespace godwit::client {
namespace {

const TopicPartition kFirst{"orders", 0};
const TopicPartition kSecond{"orders", 1};
using Progress = Holding::Progress;

TEST(Holding, CommitsWhatItWasGivenOnce) {
  Holding held;
  held.assigned({kFirst, kSecond});
  held.given(kFirst, 98);
  held.given(kFirst, 99);
  held.given(kSecond, 6);
  EXPECT_EQ(held.given(), (Progress{{kFirst, 100}, {kSecond, 7}}));
  held.committed(kFirst, 100);
  EXPECT_EQ(held.given(), (Progress{{kSecond, 7}}));
  held.given(kSecond, 7);
  held.committed(kSecond, 7);
  EXPECT_EQ(held.given(), (Progress{{kSecond, 8}})) << "one came after what was committed";
}

TEST(Holding, ForgetsAPartitionThatWasAway) {
  Holding held;
  held.assigned({kFirst, kSecond});
  held.given(kFirst, 99);
  held.done(kFirst, 50);
  held.ended(kFirst);
  held.given(kSecond, 9);
  held.revoked({kFirst});
  EXPECT_EQ(held.given(), (Progress{{kSecond, 10}}));
  held.assigned({kFirst});
  EXPECT_EQ(held.given(), (Progress{{kSecond, 10}})) << "another may have carried it further meanwhile";
  EXPECT_TRUE(held.done().empty());
  held.ended(kSecond);
  EXPECT_FALSE(held.at_end()) << "the end that was seen is that of another time";
  held.ended(kFirst);
  EXPECT_TRUE(held.at_end());
}

TEST(Holding, TakesNoNoteOfWhatItDoesNotHave) {
  Holding held;
  held.given(kFirst, 1);
  held.done(kFirst, 1);
  held.ended(kFirst);
  held.assigned({kFirst});
  EXPECT_TRUE(held.given().empty());
  EXPECT_TRUE(held.done().empty());
  EXPECT_FALSE(held.at_end());
}

TEST(Holding, IsAMemberAlsoWithoutPartitionsButNeverAtAnEndThen) {
  Holding held;
  EXPECT_FALSE(held.joined());
  held.assigned({});
  EXPECT_TRUE(held.joined());
  EXPECT_FALSE(held.at_end());
}

TEST(Holding, IsAtTheEndUntilMoreComes) {
  Holding held;
  held.assigned({kFirst});
  held.ended(kFirst);
  EXPECT_TRUE(held.at_end());
  held.came(kFirst);
  EXPECT_FALSE(held.at_end());
  held.ended(kFirst);
  held.given(kFirst, 0);
  EXPECT_TRUE(held.at_end()) << "what is given only now came before the end";
}

}  // namespace
}  // namespace godwit::client
