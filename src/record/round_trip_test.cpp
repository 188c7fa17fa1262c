// Properties over random batches, each from its seed.
#include <gtest/gtest.h>

#include "record/batch_edit.h"
#include "record/filter_batch.h"
#include "record/produce_validation.h"
#include "record/record_test_support.h"
#include "record/timestamp_lookup.h"

namespace godwit::testing {
namespace {

class RoundTrip : public ::testing::TestWithParam<uint64_t> {
 protected:
  std::mt19937_64 random{GetParam()};
  std::vector<OwnedRecord> records = random_records(random, 1 + random() % 60);
  CompressionType type = kAllCodecs[random() % 5];
};

TEST_P(RoundTrip, WhatIsBuiltIsReadAndAccepted) {
  const Bytes batch = build(records, {.compression = {type},
                                      .producer_id = static_cast<int64_t>(random() % 1000),
                                      .producer_epoch = 1,
                                      .base_sequence = static_cast<int32_t>(random() >> 33)});
  EXPECT_TRUE(view(batch).crc_matches());
  const ReadBack read = read_all(batch);
  EXPECT_EQ(read.error, "");
  EXPECT_EQ(read.records, records);
  const auto verdict =
      validate_produced(batch, {.produce_version = 9, .now = {kGoldenTime}, .deep = random() % 2 == 0});
  EXPECT_TRUE(std::holds_alternative<AcceptedBatch>(verdict)) << std::get<RefusedBatch>(verdict).message;
}

TEST_P(RoundTrip, FilteringKeepsWhatItShouldAndTheBatchsPlace) {
  for (auto& record : records) record.offset += 1000;
  const bool append_time = random() % 4 == 0;
  const Bytes batch = build(
      records, {.base_offset = Offset(1000),
                .leader_epoch = LeaderEpoch(3),
                .compression = {type},
                .timestamp_type = append_time ? TimestampType::log_append_time : TimestampType::create_time,
                .log_append_time_ms = kGoldenTime,
                .producer_id = 77,
                .producer_epoch = 2,
                .base_sequence = 5});
  const uint64_t mask = random();
  std::vector<OwnedRecord> kept;
  for (auto record : read_all(batch).records) {
    if ((mask >> (record.offset % 64)) & 1) kept.push_back(record);
  }
  const FilterOptions options{
      .keep_when_empty = random() % 2 == 0,
      .set_delete_horizon_ms = random() % 2 == 0 ? std::optional(kGoldenTime + 1) : std::nullopt};
  const auto filtered = filter_batch(
      view(batch), [&](const Record& r) { return ((mask >> (r.offset.value() % 64)) & 1) != 0; }, options);
  ASSERT_TRUE(filtered.has_value());
  EXPECT_EQ(filtered->records_kept, static_cast<int32_t>(kept.size()));
  EXPECT_EQ(filtered->records_removed, static_cast<int32_t>(records.size() - kept.size()));
  if (filtered->outcome == FilterOutcome::dropped) {
    EXPECT_TRUE(kept.empty() && !options.keep_when_empty);
    return;
  }
  const Bytes& after = filtered->outcome == FilterOutcome::unchanged ? batch : filtered->batch;
  EXPECT_TRUE(view(after).crc_matches());
  EXPECT_EQ(read_all(after).records, kept);
  const BatchHeader was = view(batch).header();
  const BatchHeader is = view(after).header();
  EXPECT_EQ(is.base_offset, was.base_offset);
  EXPECT_EQ(is.last_offset(), was.last_offset());
  EXPECT_EQ(is.last_sequence(), was.last_sequence());
  EXPECT_EQ(is.leader_epoch, was.leader_epoch);
  EXPECT_EQ(is.producer_id, was.producer_id);
  EXPECT_EQ(is.producer_epoch, was.producer_epoch);
  EXPECT_EQ(is.attributes.timestamp_type(), was.attributes.timestamp_type());
  if (!kept.empty()) EXPECT_EQ(is.delete_horizon_ms(), options.set_delete_horizon_ms);
  // A second cleaning keeps the first's horizon, and changes nothing where it keeps all.
  const auto again = filter_batch(view(after), [](const Record&) { return true; },
                                  {.keep_when_empty = true, .set_delete_horizon_ms = is.delete_horizon_ms()});
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->outcome, FilterOutcome::unchanged);
}

TEST_P(RoundTrip, LookUpsByTimeAgreeWithAWalk) {
  const Bytes batch = build(records, {.compression = {type}});
  for (int i = 0; i < 20; ++i) {
    const int64_t wanted = kGoldenTime + static_cast<int64_t>(random() % 110'000) - 55'000;
    const Offset from(static_cast<int64_t>(random() % (records.size() + 1)));
    std::optional<TimestampHit> expected;
    for (const auto& record : records) {
      if (expected || record.offset < from.value() || record.timestamp_ms < wanted) continue;
      expected = TimestampHit{Offset(record.offset), record.timestamp_ms};
    }
    EXPECT_EQ(find_at_or_after(view(batch), wanted, from).value(), expected);
  }
  const auto greatest = find_max_timestamp(view(batch)).value();
  ASSERT_TRUE(greatest.has_value());
  EXPECT_EQ(greatest->timestamp_ms, view(batch).header().max_timestamp_ms);
  EXPECT_EQ(records[static_cast<size_t>(greatest->offset.value())].timestamp_ms, greatest->timestamp_ms);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RoundTrip, ::testing::Range<uint64_t>(1, 61));

TEST(BatchBuilder, NoRecordsAreABatchOnlyWhereItsOffsetsAreGiven) {
  EXPECT_EQ(BatchBuilder({}).build().error().kind, ErrorKind::invalid);
  const auto empty = BatchBuilder({.compression = {CompressionType::gzip}, .last_offset_delta = 9}).build();
  ASSERT_TRUE(empty.has_value());
  EXPECT_EQ(view(*empty).header().next_offset(), Offset(10));
  EXPECT_EQ(empty->size(), kBatchHeaderSize);
  EXPECT_EQ(find_max_timestamp(view(*empty)).value(), std::nullopt);
}

TEST(FilterBatch, AnEmptyBatchStaysOrGoesAsTold) {
  const Bytes empty = golden("java-emptied");
  const auto keep = [](const Record&) { return true; };
  EXPECT_EQ(filter_batch(view(empty), keep, {.keep_when_empty = true})->outcome, FilterOutcome::unchanged);
  EXPECT_EQ(filter_batch(view(empty), keep, {})->outcome, FilterOutcome::dropped);
}

TEST(FilterBatch, ADamagedBatchIsNotCompactedAway) {
  Bytes batch = golden("java-none");
  batch[kBatchHeaderSize] = std::byte{1};
  const auto filtered = filter_batch(view(batch), [](const Record&) { return false; }, {});
  ASSERT_FALSE(filtered.has_value());
  EXPECT_EQ(filtered.error().kind, ErrorKind::corrupt);
}

}  // namespace
}  // namespace godwit::testing
