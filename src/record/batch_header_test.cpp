#include "record/batch_header.h"

#include <gtest/gtest.h>

#include "base/endian.h"
#include "record/batch_edit.h"
#include "record/batches.h"
#include "record/record_test_support.h"

namespace godwit::testing {
namespace {

ErrorKind parse_error(BytesView bytes, const BatchLimits& limits = {}) {
  const auto parsed = BatchView::parse(bytes, limits);
  EXPECT_FALSE(parsed.has_value());
  return parsed ? ErrorKind::io : parsed.error().kind;
}

template <class T>
Bytes with(Bytes batch, size_t position, T value) {
  store_big(batch.data() + position, value);
  return batch;
}

TEST(BatchHeader, SequencesWrapFromTheGreatestToZero) {
  EXPECT_EQ(sequence_after(5, 3), 8);
  EXPECT_EQ(sequence_after(2147483647, 0), 2147483647);
  EXPECT_EQ(sequence_after(2147483647, 1), 0);
  EXPECT_EQ(sequence_after(2147483645, 4), 1);
  EXPECT_EQ(sequence_after(0, 2147483647), 2147483647);
  EXPECT_EQ(BatchHeader{}.last_sequence(), kNoSequence);
}

TEST(BatchHeader, IsWrittenAsItWasRead) {
  const Bytes bytes = golden("java-idempotent");
  Bytes again(kBatchHeaderSize);
  write_header(view(bytes).header(), again);
  EXPECT_TRUE(equal(again, BytesView(bytes).first(kBatchHeaderSize)));
}

TEST(BatchHeader, EveryTruncationAsksForMoreBytes) {
  const Bytes bytes = golden("java-zstd");
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(parse_error(BytesView(bytes).first(size)), ErrorKind::unavailable) << size;
}

TEST(BatchHeader, LengthsThatCannotBeAreRefused) {
  const Bytes bytes = golden("java-none");
  EXPECT_EQ(parse_error(with<int32_t>(bytes, 8, 48)), ErrorKind::corrupt);
  EXPECT_EQ(parse_error(with<int32_t>(bytes, 8, -1)), ErrorKind::corrupt);
  EXPECT_EQ(parse_error(with<int32_t>(bytes, 8, INT32_MIN)), ErrorKind::corrupt);
  EXPECT_EQ(parse_error(with<int32_t>(bytes, 8, INT32_MAX)), ErrorKind::limit);
  EXPECT_EQ(parse_error(bytes, {.batch_bytes_max = bytes.size() - 1}), ErrorKind::limit);
  EXPECT_TRUE(BatchView::parse(bytes, {.batch_bytes_max = bytes.size()}).has_value());
}

TEST(BatchHeader, OldAndUnknownFormatsAreNamed) {
  const Bytes bytes = golden("java-none");
  for (const int8_t magic : {0, 1}) {
    const auto parsed = BatchView::parse(with<int8_t>(bytes, 16, magic));
    ASSERT_FALSE(parsed.has_value());
    EXPECT_EQ(parsed.error().kind, ErrorKind::unsupported);
    EXPECT_NE(parsed.error().message.find("format v" + std::to_string(magic)), std::string::npos);
  }
  EXPECT_EQ(parse_error(with<int8_t>(bytes, 16, 3)), ErrorKind::unsupported);
  EXPECT_EQ(magic_of(bytes), kMagicV2);
  EXPECT_EQ(magic_of(BytesView(bytes).first(16)), std::nullopt);
}

TEST(BatchHeader, OffsetsAndCountsThatContradictThemselvesAreRefused) {
  const Bytes bytes = golden("java-none");
  EXPECT_EQ(parse_error(with<int64_t>(bytes, 0, -1)), ErrorKind::corrupt);
  EXPECT_EQ(parse_error(with<int64_t>(bytes, 0, INT64_MAX)), ErrorKind::corrupt);
  EXPECT_EQ(parse_error(with<int64_t>(bytes, 0, INT64_MAX - 4)), ErrorKind::corrupt);
  EXPECT_TRUE(BatchView::parse(with<int64_t>(bytes, 0, INT64_MAX - 5)).has_value());
  EXPECT_EQ(parse_error(with<int32_t>(bytes, 23, -1)), ErrorKind::corrupt);
  EXPECT_EQ(parse_error(with<int32_t>(bytes, 57, -1)), ErrorKind::corrupt);
  EXPECT_EQ(parse_error(with<int32_t>(bytes, 57, 6)), ErrorKind::corrupt);
  // A compacted batch has fewer records than offsets.
  EXPECT_TRUE(BatchView::parse(with<int32_t>(bytes, 57, 3)).has_value());
}

// Bits outside the checksum are the broker's own: base offset, length, leader epoch, magic. A flip of length
// or magic shows in the header; base offset and leader epoch are what storage checks against its neighbours.
TEST(BatchHeader, EveryFlippedBitUnderTheChecksumShows) {
  const Bytes bytes = golden("java-zstd");
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    const size_t position = bit / 8;
    const auto parsed = BatchView::parse(flipped);
    const bool intact = parsed && parsed->crc_matches();
    const bool brokers_own = position < 8 || (position >= 12 && position < 16);
    if (!brokers_own) EXPECT_FALSE(intact) << "bit " << bit;
  }
}

TEST(BatchEdit, OffsetAndEpochLieOutsideTheChecksum) {
  Bytes bytes = golden("java-zstd");
  stamp(bytes, Offset(1'000'000'007), LeaderEpoch(42));
  EXPECT_TRUE(view(bytes).crc_matches());
  EXPECT_EQ(view(bytes).header().base_offset, Offset(1'000'000'007));
  EXPECT_EQ(view(bytes).header().last_offset(), Offset(1'000'000'011));
  EXPECT_EQ(view(bytes).header().leader_epoch, LeaderEpoch(42));
  EXPECT_EQ(read_all(bytes).records, golden_records(1'000'000'007));
}

TEST(BatchEdit, LogAppendTimeChangesTypeAndMaxTimestampAndNothingElse) {
  for (const CompressionType type : kAllCodecs) {
    Bytes bytes = golden("java-" + std::string(to_string(type)));
    const BatchHeader before = view(bytes).header();
    set_log_append_time(bytes, 1'800'000'000'000);
    ASSERT_TRUE(view(bytes).crc_matches());
    BatchHeader expected = before;
    expected.attributes = before.attributes.with_timestamp_type(TimestampType::log_append_time);
    expected.max_timestamp_ms = 1'800'000'000'000;
    expected.crc = view(bytes).header().crc;
    EXPECT_EQ(view(bytes).header(), expected);
    for (const auto& record : read_all(bytes).records) EXPECT_EQ(record.timestamp_ms, 1'800'000'000'000);
  }
}

TEST(Batches, AreSplitAndTheBadOneIsNamedByItsPosition) {
  Bytes all = golden("java-none");
  const size_t second = all.size();
  const Bytes next = golden("java-zstd");
  all.insert(all.end(), next.begin(), next.end());
  std::vector<size_t> positions;
  const auto visit = [&](const BatchView&, size_t position) -> Result<void> {
    positions.push_back(position);
    return {};
  };
  EXPECT_EQ(for_each_batch(all, {}, visit).value(), all.size());
  EXPECT_EQ(positions, (std::vector<size_t>{0, second}));

  all.back() ^= std::byte{1};
  const auto bad = for_each_batch(all, {}, visit);
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().kind, ErrorKind::corrupt);
  EXPECT_NE(bad.error().message.find("position " + std::to_string(second)), std::string::npos);
  EXPECT_TRUE(for_each_batch(all, {.check_crc = false}, visit).has_value());
}

TEST(Batches, APartialEndIsPermittedWhereAskedFor) {
  Bytes all = golden("java-none");
  const size_t whole = all.size();
  all.insert(all.end(), all.begin(), all.begin() + static_cast<std::ptrdiff_t>(whole) - 1);
  const auto ignore = [](const BatchView&, size_t) -> Result<void> { return {}; };
  for (size_t size = whole; size < all.size(); ++size) {
    const BytesView cut = BytesView(all).first(size);
    EXPECT_EQ(for_each_batch(cut, {.allow_partial_end = true}, ignore).value(), whole) << size;
    EXPECT_EQ(for_each_batch(cut, {}, ignore).has_value(), size == whole);
  }
}

}  // namespace
}  // namespace godwit::testing
