#include "storage/producer_state.h"

#include <gtest/gtest.h>

#include <limits>

namespace godwit::storage {
namespace {

class ProducerStateTest : public testing::Test {
 protected:
  // Appends a batch of `count` records with `first` as its first sequence, at the next offsets.
  void append(int32_t first, int32_t count, int16_t epoch = 0) {
    const ProducerClaim claim = claim_of(first, count, epoch);
    EXPECT_EQ(state.check(claim).error, ErrorCode::none);
    state.record(claim, next, next + (count - 1), 1000, 1000);
    next += count;
  }
  static ProducerClaim claim_of(int32_t first, int32_t count, int16_t epoch = 0) {
    const auto last = static_cast<int32_t>((int64_t{first} + count - 1) & 0x7fffffff);
    return {7, epoch, first, last};
  }
  ErrorCode verdict(int32_t first, int32_t count, int16_t epoch = 0) const {
    return state.check(claim_of(first, count, epoch)).error;
  }
  bool is_duplicate(int32_t first, int32_t count) const {
    return state.check(claim_of(first, count)).duplicate_of.has_value();
  }

  ProducerState state;
  Offset next{0};
};

TEST_F(ProducerStateTest, AnUnknownProducerStartsWithAnySequence) {
  EXPECT_EQ(verdict(17, 1), ErrorCode::none);
}

TEST_F(ProducerStateTest, ARepeatedBatchIsAnsweredWithItsFirstOffsets) {
  append(0, 3);
  append(3, 2);
  const auto again = state.check(claim_of(0, 3));
  ASSERT_TRUE(again.duplicate_of);
  EXPECT_EQ(again.duplicate_of->first_offset, Offset(0));
  EXPECT_EQ(again.duplicate_of->last_offset, Offset(2));
}

TEST_F(ProducerStateTest, AGapIsRefused) {
  append(0, 3);
  EXPECT_EQ(verdict(4, 1), ErrorCode::out_of_order_sequence_number);
  EXPECT_EQ(verdict(3, 1), ErrorCode::none);
}

TEST_F(ProducerStateTest, FiveBatchesAreRememberedAndTheSixthForgotten) {
  for (int i = 0; i < 6; ++i) append(i, 1);
  EXPECT_FALSE(is_duplicate(0, 1));
  EXPECT_EQ(verdict(0, 1), ErrorCode::out_of_order_sequence_number);
  for (int i = 1; i < 6; ++i) EXPECT_TRUE(is_duplicate(i, 1)) << i;
}

TEST_F(ProducerStateTest, SequencesStartAgainAtZeroBehindTheLargest) {
  append(std::numeric_limits<int32_t>::max() - 1, 2);
  EXPECT_EQ(verdict(0, 1), ErrorCode::none);
  EXPECT_EQ(verdict(1, 1), ErrorCode::out_of_order_sequence_number);
}

TEST_F(ProducerStateTest, ANewEpochStartsWithZeroAndFencesTheOld) {
  append(0, 1, 1);
  EXPECT_EQ(verdict(1, 1, 2), ErrorCode::out_of_order_sequence_number);
  append(0, 1, 2);
  EXPECT_EQ(verdict(1, 1, 1), ErrorCode::invalid_producer_epoch);
}

TEST_F(ProducerStateTest, AFailedRoundIsUndoneAsIfItHadNeverBeen) {
  for (int i = 0; i < 5; ++i) append(i, 1);
  state.settle(next);
  const auto before = state.entries();
  append(5, 1);
  append(0, 1, 1);  // a new epoch, which forgets the batches of the old
  ASSERT_TRUE(state.cut(Offset(5)));
  EXPECT_EQ(state.entries(), before);
}

TEST_F(ProducerStateTest, AProducerThatOnlyTheFailedRoundKnewIsForgotten) {
  append(0, 1);
  ASSERT_TRUE(state.cut(Offset(0)));
  EXPECT_EQ(state.size(), 0u);
}

TEST_F(ProducerStateTest, ACutIntoWhatIsSettledAsksForARebuild) {
  append(0, 1);
  append(1, 1);
  state.settle(next);
  EXPECT_FALSE(state.cut(Offset(1)));
  ProducerState other = ProducerState::from(state.entries());
  EXPECT_TRUE(other.cut(Offset(2)));
}

TEST_F(ProducerStateTest, ExpiresWhoWasNotSeenForLong) {
  append(0, 1);
  state.settle(next);
  state.expire(1500, 1000);
  EXPECT_EQ(state.size(), 1u);
  state.expire(2001, 1000);
  EXPECT_EQ(state.size(), 0u);
}

TEST_F(ProducerStateTest, TellsABatchThatItNeverSaw) {
  EXPECT_TRUE(state.misses(claim_of(0, 1), Offset(0))) << "an unknown producer";
  append(0, 1);
  next += 1;  // lost, with sequence 1
  for (int i = 2; i < 5; ++i) state.record(claim_of(i, 1), Offset(i), Offset(i), 1000, 1000);
  EXPECT_FALSE(state.misses(claim_of(0, 1), Offset(0)));
  EXPECT_TRUE(state.misses(claim_of(1, 1), Offset(1))) << "between two that are known";
  EXPECT_FALSE(state.misses(claim_of(4, 1), Offset(4)));
  EXPECT_TRUE(state.misses(claim_of(5, 1), Offset(5))) << "behind all";
  state.record(claim_of(5, 1), Offset(5), Offset(5), 1000, 1000);
  state.record(claim_of(6, 1), Offset(6), Offset(6), 1000, 1000);
  EXPECT_FALSE(state.misses(claim_of(1, 1), Offset(1))) << "it would be forgotten by now";
  EXPECT_TRUE(state.misses(claim_of(0, 1, 1), Offset(9))) << "a newer epoch";
  state.record(claim_of(0, 1, 2), Offset(10), Offset(10), 1000, 1000);
  EXPECT_FALSE(state.misses(claim_of(7, 1, 1), Offset(7))) << "an older epoch";
}

// What was found before an offset is known as if it had been recorded first.
class FoundProducers : public testing::Test {
 protected:
  // One record of producer 7 at `offset`.
  static void record(ProducerState& state, int64_t offset, int32_t sequence, int16_t epoch = 0) {
    state.record({7, epoch, sequence, sequence}, Offset(offset), Offset(offset), 1000, 1000);
  }
  static ProducerState recorded(std::vector<std::pair<int64_t, int32_t>> batches, int16_t epoch = 0) {
    ProducerState state;
    for (const auto& [offset, sequence] : batches) {
      record(state, offset, sequence, epoch);
      state.settle(Offset(offset + 1));
    }
    return state;
  }
};

TEST_F(FoundProducers, AreThoseOfAllRecordsWhatWasRecordedSinceAmongThem) {
  ProducerState state = recorded({{20, 2}, {21, 3}});
  state.add_found(recorded({{10, 0}, {11, 1}}));
  EXPECT_EQ(state.entries(), recorded({{10, 0}, {11, 1}, {20, 2}, {21, 3}}).entries());
  state.add_found(recorded({{10, 0}, {11, 1}}));
  EXPECT_EQ(state.entries(), recorded({{10, 0}, {11, 1}, {20, 2}, {21, 3}}).entries()) << "known already";
}

TEST_F(FoundProducers, TheNewestFiveAreKept) {
  ProducerState state = recorded({{20, 4}, {21, 5}, {22, 6}});
  state.add_found(recorded({{10, 0}, {11, 1}, {12, 2}, {13, 3}}));
  EXPECT_EQ(state.entries(), recorded({{12, 2}, {13, 3}, {20, 4}, {21, 5}, {22, 6}}).entries());
}

TEST_F(FoundProducers, WhatARepairPutBackStandsWhereItsOffsetsAre) {
  ProducerState state = recorded({{10, 0}, {12, 2}});
  state.add_found(recorded({{11, 1}, {12, 2}, {13, 3}}));
  EXPECT_EQ(state.entries(), recorded({{10, 0}, {11, 1}, {12, 2}, {13, 3}}).entries());
}

TEST_F(FoundProducers, TheEpochOfTheLastBatchWins) {
  ProducerState state = recorded({{20, 0}}, 2);
  state.add_found(recorded({{10, 0}, {11, 1}}, 1));
  EXPECT_EQ(state.entries(), recorded({{20, 0}}, 2).entries());
  ProducerState behind = recorded({{10, 0}}, 1);
  behind.add_found(recorded({{11, 0}}, 2));
  EXPECT_EQ(behind.entries(), recorded({{11, 0}}, 2).entries());
}

TEST_F(FoundProducers, StayWhenABatchOfLaterIsUndone) {
  for (const int16_t epoch : {int16_t{0}, int16_t{1}}) {
    ProducerState state;
    record(state, 20, epoch == 0 ? 2 : 0, epoch);
    record(state, 21, epoch == 0 ? 3 : 1, epoch);
    const ProducerState found = recorded({{10, 0}, {11, 1}});
    state.add_found(found);
    ProducerState once = state;
    ASSERT_TRUE(once.cut(Offset(21)));
    ProducerState expected = found;
    record(expected, 20, epoch == 0 ? 2 : 0, epoch);
    EXPECT_EQ(once.entries(), expected.entries());
    ASSERT_TRUE(state.cut(Offset(20)));
    EXPECT_EQ(state.entries(), found.entries());
  }
}

TEST_F(FoundProducers, ARecordedBatchThatIsUndoneLeavesWhatWasKnownBeforeAndFound) {
  ProducerState state = recorded({{12, 2}});
  for (int i = 0; i < 5; ++i) record(state, 20 + i, 3 + i);
  state.add_found(recorded({{11, 1}, {12, 2}}));
  EXPECT_EQ(state.entries(), recorded({{20, 3}, {21, 4}, {22, 5}, {23, 6}, {24, 7}}).entries());
  ASSERT_TRUE(state.cut(Offset(20)));
  EXPECT_EQ(state.entries(), recorded({{11, 1}, {12, 2}}).entries());
}

}  // namespace
}  // namespace godwit::storage
