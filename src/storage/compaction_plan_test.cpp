#include "storage/compaction_plan.h"

#include <gtest/gtest.h>

namespace godwit::storage {
namespace {

// Three sealed segments of ten offsets and an empty active one; nothing was compared yet.
LogState three_segments(int64_t timestamp_max) {
  LogState state;
  state.config.cleanup_compact = true;
  state.config.min_cleanable_dirty_ratio = 0;
  for (int i = 0; i < 4; ++i) {
    const bool active = i == 3;
    SegmentState segment{.id = FileId(static_cast<uint64_t>(i) + 1),
                         .base = Offset(i * 10),
                         .next = Offset(active ? 30 : i * 10 + 10),
                         .end = Position(active ? 0 : 100),
                         .timestamp_max = timestamp_max,
                         .first_append_ms = 1000};
    segment.set_whole();
    state.segments.push_back(segment);
  }
  state.end = state.high_watermark = Offset(30);
  return state;
}

// A producer chooses its timestamps, and its clock may be ahead.
TEST(CompactionPlan, ATimestampAheadOfTheClockHoldsNothingUpWithoutALag) {
  LogState state = three_segments(2001);
  const auto plan = plan_compaction(state, {2000});
  EXPECT_TRUE(plan && plan->segments.size() == 3);
  state.config.min_compaction_lag_ms = 1;
  EXPECT_FALSE(plan_compaction(state, {2000}).has_value());
  EXPECT_FALSE(plan_compaction(state, {2001}).has_value());
  EXPECT_TRUE(plan_compaction(state, {2002}).has_value());
}

TEST(CompactionPlan, ComparesFromWhereAnEarlierPassEndedAlsoInsideASegment) {
  LogState state = three_segments(1000);
  state.cleaned_to = Offset(15);
  auto plan = plan_compaction(state, {2000});
  EXPECT_TRUE(plan && plan->segments.size() == 3);
  if (plan) EXPECT_EQ(plan->dirty_from, Offset(15));
  if (plan) EXPECT_EQ(plan->dirty_to, Offset(30));
  state.high_watermark = Offset(29);
  plan = plan_compaction(state, {2000});
  EXPECT_TRUE(plan && plan->dirty_to == Offset(20));
  state.cleaned_to = Offset(20);
  EXPECT_FALSE(plan_compaction(state, {2000}).has_value());
}

}  // namespace
}  // namespace godwit::storage
