// Batches that other implementations made are read as they meant them, and built again where the codec's
// bytes are not a matter of the library's version.
#include <gtest/gtest.h>

#include "record/batches.h"
#include "record/control_record.h"
#include "record/filter_batch.h"
#include "record/produce_validation.h"
#include "record/record_test_support.h"
#include "record/timestamp_lookup.h"

namespace godwit::testing {
namespace {

struct Origin {
  std::string name;
  CompressionType type;
};

class GoldenBatch : public ::testing::TestWithParam<Origin> {};

TEST_P(GoldenBatch, IsReadAsItsMakerMeantIt) {
  const Bytes bytes = golden(GetParam().name);
  const BatchView batch = view(bytes);
  EXPECT_TRUE(batch.crc_matches());
  EXPECT_EQ(batch.bytes().size(), bytes.size());
  EXPECT_EQ(batch.header().attributes.compression(), GetParam().type);
  EXPECT_EQ(batch.header().record_count, 5);
  EXPECT_EQ(batch.header().last_offset_delta, 4);
  EXPECT_EQ(batch.header().max_timestamp_ms, kGoldenTime + 10);
  EXPECT_FALSE(batch.header().has_producer_id());
  const ReadBack read = read_all(bytes);
  EXPECT_EQ(read.error, "");
  EXPECT_EQ(read.records, golden_records());
}

TEST_P(GoldenBatch, IsAcceptedFromItsProducer) {
  const Bytes bytes = golden(GetParam().name);
  for (const bool deep : {false, true}) {
    const auto verdict = validate_produced(bytes, {.produce_version = 7, .now = {kGoldenTime}, .deep = deep});
    ASSERT_TRUE(std::holds_alternative<AcceptedBatch>(verdict)) << std::get<RefusedBatch>(verdict).message;
    const auto& accepted = std::get<AcceptedBatch>(verdict);
    EXPECT_EQ(accepted.max_timestamp_ms, kGoldenTime + 10);
    EXPECT_FALSE(accepted.max_timestamp_differs);
    EXPECT_EQ(accepted.records_walked, deep || GetParam().type == CompressionType::none);
    if (accepted.records_walked) EXPECT_EQ(accepted.max_timestamp_delta, 3);
  }
}

std::vector<Origin> origins() {
  std::vector<Origin> all;
  for (const std::string maker : {"java", "kafka-python", "librdkafka"}) {
    for (const CompressionType type : kAllCodecs)
      all.push_back({maker + "-" + std::string(to_string(type)), type});
  }
  return all;
}
INSTANTIATE_TEST_SUITE_P(All, GoldenBatch, ::testing::ValuesIn(origins()), [](const auto& info) {
  std::string name = info.param.name;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
});

TEST(Golden, UncompressedBatchesAreBuiltToTheSameBytes) {
  EXPECT_EQ(to_hex(build(golden_records(), {.leader_epoch = LeaderEpoch(7)})), to_hex(golden("java-none")));
  EXPECT_EQ(to_hex(build(golden_records(), {.leader_epoch = LeaderEpoch(7),
                                            .producer_id = 4001,
                                            .producer_epoch = 3,
                                            .base_sequence = 2147483645})),
            to_hex(golden("java-idempotent")));
  EXPECT_EQ(to_hex(build(golden_records(), {.leader_epoch = LeaderEpoch(0)})),
            to_hex(golden("kafka-python-none")));
}

TEST(Golden, AnIdempotentBatchTellsItsSequencesAcrossTheWrap) {
  const Bytes bytes = golden("java-idempotent");
  const BatchHeader header = view(bytes).header();
  EXPECT_EQ(header.producer_id, 4001);
  EXPECT_EQ(header.producer_epoch, 3);
  EXPECT_EQ(header.base_sequence, 2147483645);
  EXPECT_EQ(header.last_sequence(), 1);  // …645, 646, 647, 0, 1
  const Bytes other = golden("librdkafka-idempotent");
  EXPECT_EQ(view(other).header().producer_id, 4001);
  EXPECT_EQ(view(other).header().last_sequence(), 4);
  EXPECT_EQ(read_all(other).records, golden_records());
}

TEST(Golden, ATransactionalBatchSaysSo) {
  const Bytes bytes = golden("java-transactional-zstd");
  EXPECT_TRUE(view(bytes).header().attributes.transactional());
  EXPECT_FALSE(view(bytes).header().attributes.control());
  EXPECT_EQ(read_all(bytes).records, golden_records());
}

TEST(Golden, LogAppendTimeStandsForEachRecord) {
  const Bytes bytes = golden("java-log-append-time");
  auto expected = golden_records(1234567890123);
  for (auto& record : expected) record.timestamp_ms = kGoldenTime + 1000;
  EXPECT_EQ(read_all(bytes).records, expected);
  EXPECT_EQ(view(bytes).header().next_offset(), Offset(1234567890128));
  const auto hit = find_max_timestamp(view(bytes));
  ASSERT_TRUE(hit.has_value());
  EXPECT_EQ(**hit, (TimestampHit{Offset(1234567890123), kGoldenTime + 1000}));
}

TEST(Golden, EndMarkersAreReadAndBuiltToTheSameBytes) {
  for (const auto& [name, offset, marker] :
       {std::tuple{"java-commit-marker", 99, EndTransactionMarker{ControlRecordType::commit, 21}},
        std::tuple{"java-abort-marker", 100, EndTransactionMarker{ControlRecordType::abort, 22}}}) {
    const Bytes bytes = golden(name);
    EXPECT_TRUE(view(bytes).header().attributes.control());
    const ReadBack read = read_all(bytes);
    ASSERT_EQ(read.records.size(), 1u) << read.error;
    const auto parsed = parse_end_marker(as_bytes(*read.records[0].key), as_bytes(*read.records[0].value));
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(*parsed, marker);
    EXPECT_EQ(to_hex(build_end_marker_batch({.base_offset = Offset(offset),
                                             .leader_epoch = LeaderEpoch(7),
                                             .timestamp_ms = kGoldenTime,
                                             .producer_id = 4001,
                                             .producer_epoch = 3,
                                             .marker = marker})),
              to_hex(bytes));
  }
}

TEST(Golden, CompactionLeavesTheSameBytesAsKafkas) {
  const Bytes original = build(golden_records(50), {.base_offset = Offset(50),
                                                    .leader_epoch = LeaderEpoch(7),
                                                    .producer_id = 4001,
                                                    .producer_epoch = 3,
                                                    .base_sequence = 12});
  const FilterOptions options{.keep_when_empty = true, .set_delete_horizon_ms = kGoldenTime + 86'400'000};
  const auto filtered = filter_batch(
      view(original),
      [](const Record& r) {
        return r.offset == Offset(50) || r.offset == Offset(52) || r.offset == Offset(53);
      },
      options);
  ASSERT_TRUE(filtered.has_value());
  EXPECT_EQ(filtered->outcome, FilterOutcome::rebuilt);
  EXPECT_EQ(to_hex(filtered->batch), to_hex(golden("java-filtered")));
  const auto emptied = filter_batch(
      view(original), [](const Record&) { return false; }, options);
  ASSERT_TRUE(emptied.has_value());
  EXPECT_EQ(emptied->outcome, FilterOutcome::emptied);
  EXPECT_EQ(to_hex(emptied->batch), to_hex(golden("java-emptied")));
}

}  // namespace
}  // namespace godwit::testing
