#include "storage/epoch_history.h"

#include <gtest/gtest.h>

namespace godwit::storage {
namespace {

LeaderEpoch e(int n) {
  return LeaderEpoch(n);
}
Offset o(int n) {
  return Offset(n);
}

EpochHistory three() {
  return EpochHistory({{e(1), o(0)}, {e(3), o(100)}, {e(4), o(150)}});
}

TEST(EpochHistory, TellsWhereAnEpochEnded) {
  const auto history = three();
  EXPECT_EQ(history.end_of(e(4), o(200))->end, o(200));
  EXPECT_EQ(history.end_of(e(3), o(200))->end, o(150));
  EXPECT_EQ(history.end_of(e(1), o(200))->end, o(100));
}

TEST(EpochHistory, AnswersWithTheLargestEpochNotAboveTheOneAsked) {
  const auto answer = three().end_of(e(2), o(200));
  EXPECT_EQ(answer->epoch, e(1));
  EXPECT_EQ(answer->end, o(100));
}

TEST(EpochHistory, KnowsNothingOfNewerEpochs) {
  EXPECT_FALSE(three().end_of(e(5), o(200)));
  EXPECT_FALSE(EpochHistory().end_of(e(0), o(0)));
}

TEST(EpochHistory, SendsAnOlderEpochToTheFirstThatIsKnown) {
  const auto answer = EpochHistory({{e(3), o(100)}}).end_of(e(1), o(200));
  EXPECT_EQ(answer->epoch, e(1));
  EXPECT_EQ(answer->end, o(100));
}

TEST(EpochHistory, AnEpochWithoutRecordsIsReplaced) {
  EpochHistory history;
  EXPECT_TRUE(history.begin(e(1), o(0)));
  EXPECT_FALSE(history.begin(e(1), o(10)));
  EXPECT_TRUE(history.begin(e(2), o(10)));
  EXPECT_TRUE(history.begin(e(3), o(10)));
  EXPECT_EQ(history.starts(), (std::vector<EpochStart>{{e(1), o(0)}, {e(3), o(10)}}));
}

TEST(EpochHistory, TruncationAndRetentionCutItsEnds) {
  auto history = three();
  history.truncate(o(150));
  EXPECT_EQ(history.latest(), e(3));
  history.drop_before(o(120));
  EXPECT_EQ(history.starts(), (std::vector<EpochStart>{{e(3), o(120)}}));
  history.drop_before(o(100));
  EXPECT_EQ(history.starts(), (std::vector<EpochStart>{{e(3), o(120)}}));
}

TEST(EpochHistory, TellsTheEpochOfARecord) {
  const auto history = three();
  EXPECT_EQ(history.epoch_at(o(99)), e(1));
  EXPECT_EQ(history.epoch_at(o(100)), e(3));
  EXPECT_FALSE(EpochHistory({{e(3), o(100)}}).epoch_at(o(99)));
}

}  // namespace
}  // namespace godwit::storage
