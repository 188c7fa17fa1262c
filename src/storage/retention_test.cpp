#include "storage/retention.h"

#include <gtest/gtest.h>

namespace godwit::storage {
namespace {

// Segments of ten offsets and 100 bytes each, with the given largest timestamps.
LogState log_of(std::vector<int64_t> timestamps) {
  LogState state;
  for (size_t i = 0; i < timestamps.size(); ++i) {
    const auto base = static_cast<int64_t>(i) * 10;
    state.segments.push_back({.id = FileId(i + 1),
                              .base = Offset(base),
                              .next = Offset(base + 10),
                              .end = Position(100),
                              .timestamp_max = timestamps[i],
                              .first_append_ms = 5});
  }
  state.end = state.high_watermark = state.segments.back().next;
  state.config.retention_ms = 1000;
  return state;
}

TEST(Retention, TakesExpiredSegmentsFromTheFrontOnly) {
  EXPECT_EQ(judge_retention(log_of({10, 20, 5000, 30, 5000}), {2000}).start, Offset(20));
}

TEST(Retention, AnExpiredActiveSegmentIsRolledFirst) {
  const auto verdict = judge_retention(log_of({10, 20}), {2000});
  EXPECT_EQ(verdict.start, Offset(20));
  EXPECT_TRUE(verdict.roll);
}

TEST(Retention, NothingBehindTheHighWatermarkGoes) {
  auto state = log_of({10, 20, 30});
  state.high_watermark = Offset(15);
  EXPECT_EQ(judge_retention(state, {2000}).start, Offset(10));
}

TEST(Retention, BySizeAtLeastTheLimitStays) {
  auto state = log_of({10, 20, 30, 40});
  state.config.retention_ms = -1;
  state.config.retention_bytes = 250;
  EXPECT_EQ(judge_retention(state, {2000}).start, Offset(10));
  state.config.retention_bytes = 0;
  EXPECT_EQ(judge_retention(state, {2000}).start, Offset(30));
  EXPECT_FALSE(judge_retention(state, {2000}).roll);
}

TEST(Retention, ACompactedTopicIsLeftToCompaction) {
  auto state = log_of({10, 20});
  state.config.cleanup_delete = false;
  EXPECT_EQ(judge_retention(state, {2000}).start, Offset(0));
}

TEST(Retention, RecordsWithoutTimestampsCountFromWhenTheyCame) {
  EXPECT_EQ(judge_retention(log_of({-1, -1}), {2000}).start, Offset(20));
  EXPECT_EQ(judge_retention(log_of({-1, -1}), {900}).start, Offset(0));
}

}  // namespace
}  // namespace godwit::storage
