#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/rebuild_scan.h"

namespace godwit::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

// Batches by base offset, of two offsets each; positions are not looked at.
FoundFile file_of(const std::vector<int64_t>& bases, std::vector<int32_t> epochs = {}) {
  FoundFile file{.id = FileId(1)};
  for (size_t i = 0; i < bases.size(); ++i) {
    file.batches.push_back({.base = Offset(bases[i]),
                            .next = Offset(bases[i] + 2),
                            .epoch = LeaderEpoch(i < epochs.size() ? epochs[i] : 0),
                            .timestamp_max = static_cast<int64_t>(i)});
  }
  return file;
}
std::vector<int64_t> bases(const FoundFile& file) {
  std::vector<int64_t> all;
  for (const FoundBatch& batch : file.batches) all.push_back(batch.base.value());
  return all;
}
auto range(int64_t from, int64_t to) {
  return Pair(Offset(from), Offset(to));
}

TEST(RebuildWitness, BatchesThatContinueEachOtherAreKept) {
  FoundFile file = file_of({10, 12, 14});
  keep_witnessed(file, Offset(10));
  EXPECT_THAT(bases(file), ElementsAre(10, 12, 14));
  EXPECT_THAT(file.damaged, IsEmpty());
  file = file_of({10, 12, 14});
  keep_witnessed(file, std::nullopt);
  EXPECT_THAT(bases(file), ElementsAre(10, 12, 14));
}

// Every bit that can flip, in every place, with and without a known beginning.
TEST(RebuildWitness, AnOffsetThatLiesIsNeverKept) {
  for (const bool known : {true, false}) {
    for (size_t wrong = 0; wrong < 5; ++wrong) {
      for (int bit = 0; bit < 62; ++bit) {
        std::vector<int64_t> lie{20, 22, 24, 26, 28};
        lie[wrong] ^= int64_t{1} << bit;
        FoundFile file = file_of(lie);
        keep_witnessed(file, known ? std::optional(Offset(20)) : std::nullopt);
        for (const FoundBatch& batch : file.batches) {
          EXPECT_NE(batch.timestamp_max, static_cast<int64_t>(wrong)) << "batch " << wrong << ", bit " << bit;
        }
        // Of the others at most its neighbour at an end, which nothing else bears witness for.
        EXPECT_GE(file.batches.size(), 3U) << "batch " << wrong << ", bit " << bit;
        if (wrong > 0 && wrong < 4) EXPECT_FALSE(file.damaged.empty());
      }
    }
  }
}

TEST(RebuildWitness, WhatIsLeftOutIsADamageBetweenItsNeighbours) {
  FoundFile file = file_of({10, 1036, 14, 16});
  keep_witnessed(file, Offset(10));
  EXPECT_THAT(bases(file), ElementsAre(10, 14, 16));
  EXPECT_THAT(file.damaged, ElementsAre(range(12, 14)));
  // At the start of a file of which nothing is known: right before the first that is believed.
  file = file_of({1034, 12, 14});
  keep_witnessed(file, std::nullopt);
  EXPECT_THAT(bases(file), ElementsAre(12, 14));
  EXPECT_THAT(file.damaged, ElementsAre(range(10, 12)));
  // At the end: so many offsets were given, whatever it claims.
  file = file_of({10, 12, 1038});
  keep_witnessed(file, Offset(10));
  EXPECT_THAT(bases(file), ElementsAre(10, 12));
  EXPECT_THAT(file.damaged, ElementsAre(range(14, 16)));
}

TEST(RebuildWitness, GapsAreBelievedWhereTheNextBatchBearsThemOut) {
  FoundFile file = file_of({10, 20, 22, 40});
  keep_witnessed(file, Offset(10));
  EXPECT_THAT(bases(file), ElementsAre(10, 20, 22));
  // In a file with gaps nobody knows where the last one stood: what it claims is not given again.
  EXPECT_THAT(file.damaged, ElementsAre(range(24, 42)));
}

TEST(RebuildWitness, WhatTheJournalHadNeedsNoNeighbour) {
  FoundFile file = file_of({10, 40});
  file.batches[1].witnessed = true;
  keep_witnessed(file, Offset(10));
  EXPECT_THAT(bases(file), ElementsAre(10, 40));
  file = file_of({10});
  keep_witnessed(file, std::nullopt);
  EXPECT_THAT(bases(file), IsEmpty());
  EXPECT_THAT(file.damaged, ElementsAre(range(10, 12)));
}

TEST(RebuildWitness, AnEpochAboveItsSuccessorsIsNotBelieved) {
  FoundFile file = file_of({10, 12, 14, 16}, {3, 1027, 3, 4});
  keep_witnessed(file, Offset(10));
  EXPECT_THAT(bases(file), ElementsAre(10, 14, 16));
  EXPECT_THAT(file.damaged, ElementsAre(range(12, 14)));
  file = file_of({10, 12, 14, 16}, {3, 3, 1, 3});
  keep_witnessed(file, Offset(10));
  EXPECT_THAT(bases(file), ElementsAre(10, 12, 16));
}

TEST(RebuildWitness, JournalledRangesThatTouchAreOne) {
  JournalledRanges ranges;
  ranges.add(Position(100), Position(200));
  ranges.add(Position(300), Position(400));
  EXPECT_FALSE(ranges.covers(Position(150), Position(350)));
  ranges.add(Position(200), Position(300));
  EXPECT_TRUE(ranges.covers(Position(100), Position(400)));
  EXPECT_FALSE(ranges.covers(Position(99), Position(120)));
  EXPECT_FALSE(ranges.covers(Position(399), Position(401)));
}

}  // namespace
}  // namespace godwit::storage
