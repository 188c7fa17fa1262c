#include "record/produce_validation.h"

#include <gtest/gtest.h>

#include "base/endian.h"
#include "record/batch_edit.h"
#include "record/compression.h"
#include "record/record_test_support.h"

namespace godwit::testing {
namespace {

ValidationOptions usual() {
  return {.produce_version = 9, .now = {kGoldenTime}};
}

RefusedBatch refused(BytesView records, const ValidationOptions& options = usual()) {
  auto verdict = validate_produced(records, options);
  EXPECT_TRUE(std::holds_alternative<RefusedBatch>(verdict)) << "was accepted";
  if (auto* refusal = std::get_if<RefusedBatch>(&verdict)) {
    EXPECT_FALSE(refusal->message.empty());
    return *refusal;
  }
  return {ErrorCode::none, "", {}};
}

std::string accepted_error(BytesView records, const ValidationOptions& options = usual()) {
  auto verdict = validate_produced(records, options);
  const auto* refusal = std::get_if<RefusedBatch>(&verdict);
  return refusal ? refusal->message : "";
}

AcceptedBatch accepted(BytesView records, const ValidationOptions& options = usual()) {
  auto verdict = validate_produced(records, options);
  EXPECT_TRUE(std::holds_alternative<AcceptedBatch>(verdict)) << std::get<RefusedBatch>(verdict).message;
  return std::get<AcceptedBatch>(verdict);
}

// A good batch with one header field changed and its CRC made right again.
template <class T>
Bytes with(size_t position, T value, const std::string& name = "java-none") {
  Bytes batch = golden(name);
  store_big(batch.data() + position, value);
  refresh_crc(batch);
  return batch;
}

TEST(ValidateProduced, NothingOrACutBatchIsNoBatch) {
  const Bytes batch = golden("java-none");
  EXPECT_EQ(refused({}).code, ErrorCode::invalid_record);
  for (size_t size = 0; size < batch.size(); ++size)
    EXPECT_EQ(refused(BytesView(batch).first(size)).code, ErrorCode::invalid_record) << size;
}

TEST(ValidateProduced, OneBatchAndNothingBehindIt) {
  Bytes two = golden("java-none");
  const Bytes batch = two;
  two.push_back(std::byte{0});
  EXPECT_EQ(refused(two).code, ErrorCode::invalid_record);
  two.pop_back();
  two.insert(two.end(), batch.begin(), batch.end());
  EXPECT_EQ(refused(two).code, ErrorCode::invalid_record);
}

TEST(ValidateProduced, OldFormatsAreNamed) {
  for (const int8_t magic : {0, 1}) {
    Bytes batch = golden("java-none");
    store_big(batch.data() + 16, magic);
    EXPECT_EQ(refused(batch).code, ErrorCode::invalid_record);
    EXPECT_NE(refused(batch).message.find("v" + std::to_string(magic)), std::string::npos);
  }
  Bytes batch = golden("java-none");
  store_big<int8_t>(batch.data() + 16, 3);
  EXPECT_EQ(refused(batch).code, ErrorCode::corrupt_message);
}

TEST(ValidateProduced, DamageIsCorruptAndMayBeSentAgain) {
  const Bytes batch = golden("java-zstd");
  for (size_t position = kBatchHeaderSize; position < batch.size(); ++position) {
    Bytes flipped = batch;
    flipped[position] ^= std::byte{0x10};
    EXPECT_EQ(refused(flipped).code, ErrorCode::corrupt_message);
  }
  Bytes length = batch;
  store_big<int32_t>(length.data() + 8, 10);
  EXPECT_EQ(refused(length).code, ErrorCode::corrupt_message);
}

TEST(ValidateProduced, HeaderRules) {
  EXPECT_EQ(refused(with<int64_t>(0, 1)).code, ErrorCode::invalid_record);   // base offset
  EXPECT_EQ(refused(with<int32_t>(23, 3)).code, ErrorCode::invalid_record);  // last offset delta
  EXPECT_EQ(refused(with<int32_t>(23, -1)).code, ErrorCode::invalid_record);
  EXPECT_EQ(refused(with<int32_t>(57, 4)).code, ErrorCode::invalid_record);  // record count
  EXPECT_EQ(refused(with<int32_t>(57, 0)).code, ErrorCode::invalid_record);
  EXPECT_EQ(refused(with<int32_t>(57, INT32_MIN)).code, ErrorCode::invalid_record);
  EXPECT_EQ(refused(with<uint16_t>(21, 0x20)).code, ErrorCode::invalid_record);  // control
  EXPECT_EQ(refused(with<uint16_t>(21, 0x40)).code, ErrorCode::invalid_record);  // delete horizon
  EXPECT_EQ(refused(with<int64_t>(43, 9)).code, ErrorCode::invalid_record);  // producer id without a sequence
  EXPECT_EQ(refused(with<uint16_t>(21, 0x08)).code, ErrorCode::invalid_timestamp);  // LogAppendTime
  EXPECT_EQ(accepted_error(golden("java-idempotent")), "");
  EXPECT_EQ(accepted_error(golden("java-transactional-zstd")), "");
  // A batch of no records at all, count and delta in agreement.
  EXPECT_EQ(refused(raw_batch({}, 0, -1)).code, ErrorCode::invalid_record);
}

TEST(ValidateProduced, CodecsThatNobodyKnowsAndZstdTooEarly) {
  for (const uint16_t codec : {5, 6, 7})
    EXPECT_EQ(refused(with<uint16_t>(21, codec)).code, ErrorCode::unsupported_compression_type);
  ValidationOptions options = usual();
  options.produce_version = 6;
  EXPECT_EQ(refused(golden("java-zstd"), options).code, ErrorCode::unsupported_compression_type);
  EXPECT_EQ(accepted_error(golden("java-lz4"), options), "");
  options.produce_version = 7;
  EXPECT_EQ(accepted_error(golden("java-zstd"), options), "");
}

TEST(ValidateProduced, SizesAreThoseOfTheBatchAsSent) {
  const Bytes batch = golden("java-none");
  ValidationOptions options = usual();
  options.message_bytes_max = batch.size() - 1;
  EXPECT_EQ(refused(batch, options).code, ErrorCode::message_too_large);
  options.message_bytes_max = batch.size();
  EXPECT_EQ(accepted_error(batch, options), "");
  options.segment_bytes = batch.size() - 1;
  EXPECT_EQ(refused(batch, options).code, ErrorCode::record_list_too_large);
}

TEST(ValidateProduced, UncompressedBatchesWhoseCountsLieAreRefused) {
  const Bytes batch = golden("java-none");
  Bytes fewer = batch;
  store_big<int32_t>(fewer.data() + 23, 3);
  store_big<int32_t>(fewer.data() + 57, 4);
  refresh_crc(fewer);
  EXPECT_EQ(refused(fewer).code, ErrorCode::invalid_record);
  Bytes more = batch;
  store_big<int32_t>(more.data() + 23, 5);
  store_big<int32_t>(more.data() + 57, 6);
  refresh_crc(more);
  EXPECT_EQ(refused(more).code, ErrorCode::invalid_record);
  // Offsets with a gap, as only compaction may leave them.
  auto records = golden_records();
  records.erase(records.begin() + 1);
  EXPECT_EQ(refused(build(records)).code, ErrorCode::invalid_record);
}

TEST(ValidateProduced, CompressedBatchesAreOpenedOnlyWhereAsked) {
  // The codec's stream is whole, but holds three records where the header says five.
  auto three = golden_records();
  three.resize(3);
  for (const CompressionType type : kAllCodecs) {
    if (type == CompressionType::none) continue;
    Bytes liar = build(three, {.compression = {type}});
    store_big<int32_t>(liar.data() + 23, 4);
    store_big<int32_t>(liar.data() + 57, 5);
    refresh_crc(liar);
    EXPECT_FALSE(accepted(liar).records_walked);
    ValidationOptions deep = usual();
    deep.deep = true;
    EXPECT_EQ(refused(liar, deep).code, ErrorCode::invalid_record);
    // Readers are safe either way.
    EXPECT_NE(read_all(liar).error, "");
  }
}

TEST(ValidateProduced, ClaimsThatCompressedBytesCannotHoldAreRefusedUnopened) {
  for (const CompressionType type : kAllCodecs) {
    if (type == CompressionType::none) continue;
    Bytes liar = golden("java-" + std::string(to_string(type)));
    store_big<int32_t>(liar.data() + 23, INT32_MAX - 1);
    store_big<int32_t>(liar.data() + 57, INT32_MAX);
    refresh_crc(liar);
    EXPECT_EQ(refused(liar).code, ErrorCode::invalid_record) << to_string(type);
    // Bytes of no codec, or of another than the attributes say.
    Bytes garbage = golden("java-" + std::string(to_string(type)));
    for (size_t i = kBatchHeaderSize; i < garbage.size(); ++i) garbage[i] = std::byte{0xff};
    refresh_crc(garbage);
    EXPECT_EQ(refused(garbage).code, ErrorCode::invalid_record) << to_string(type);
  }
}

TEST(ValidateProduced, ABombIsTooLarge) {
  for (const CompressionType type : kAllCodecs) {
    if (type == CompressionType::none) continue;
    const Bytes bomb =
        build({{0, kGoldenTime, "k", std::string(8 << 20, '\0'), {}}}, {.compression = {type}});
    ValidationOptions options = usual();
    options.deep = true;
    EXPECT_EQ(accepted_error(bomb, options), "");
    options.decompressed_bytes_max = 1 << 20;
    EXPECT_EQ(refused(bomb, options).code, ErrorCode::message_too_large) << to_string(type);
  }
}

TEST(ValidateProduced, CompactedTopicsNeedKeysAndNameTheRecordsWithout) {
  for (const CompressionType type : kAllCodecs) {
    auto records = golden_records();
    ValidationOptions options = usual();
    options.compacted = true;
    const RefusedBatch refusal = refused(build(records, {.compression = {type}}), options);
    EXPECT_EQ(refusal.code, ErrorCode::invalid_record);
    ASSERT_EQ(refusal.record_errors.size(), 1u);
    EXPECT_EQ(refusal.record_errors[0].batch_index, 1);
    records[1].key = "now with one";
    EXPECT_TRUE(accepted(build(records, {.compression = {type}}), options).records_walked);
  }
}

TEST(ValidateProduced, TimestampsOutOfBoundsAreNamedRecordByRecord) {
  for (const CompressionType type : kAllCodecs) {
    ValidationOptions options = usual();
    options.timestamp_before_max_ms = 1000;
    options.timestamp_after_max_ms = 2000;
    auto records = golden_records();
    EXPECT_EQ(accepted_error(build(records, {.compression = {type}}), options), "");
    records[0].timestamp_ms = kGoldenTime - 1001;
    records[4].timestamp_ms = kGoldenTime + 2001;
    const RefusedBatch refusal = refused(build(records, {.compression = {type}}), options);
    EXPECT_EQ(refusal.code, ErrorCode::invalid_timestamp);
    ASSERT_EQ(refusal.record_errors.size(), 2u);
    EXPECT_EQ(refusal.record_errors[0].batch_index, 0);
    EXPECT_EQ(refusal.record_errors[1].batch_index, 4);
    // The broker's own time replaces them all.
    options.timestamp_type = TimestampType::log_append_time;
    EXPECT_EQ(accepted(build(records, {.compression = {type}}), options).max_timestamp_ms, kGoldenTime);
    // "No timestamp" passes.
    options.timestamp_type = TimestampType::create_time;
    for (auto& record : records) record.timestamp_ms = kNoTimestamp;
    EXPECT_EQ(accepted(build(records, {.compression = {type}}), options).max_timestamp_ms, kNoTimestamp);
  }
}

TEST(ValidateProduced, TimestampsAtTheEndsOf64BitsAreJudgedWithoutOverflow) {
  for (const int64_t extreme : {INT64_MIN, INT64_MAX}) {
    ValidationOptions options = usual();
    const Bytes batch = build({{0, extreme, "k", "v", {}}});
    options.timestamp_before_max_ms = 1000;
    EXPECT_EQ(refused(batch, options).code, ErrorCode::invalid_timestamp);
    options.now.ms = extreme < 0 ? INT64_MAX : INT64_MIN;
    EXPECT_EQ(refused(batch, options).code, ErrorCode::invalid_timestamp);
  }
}

TEST(ValidateProduced, AMaxTimestampThatLiesIsFoundAndCanBeMended) {
  Bytes liar = with<int64_t>(35, kGoldenTime + 3);
  const AcceptedBatch batch = accepted(liar);
  EXPECT_TRUE(batch.max_timestamp_differs);
  EXPECT_EQ(batch.max_timestamp_ms, kGoldenTime + 10);
  EXPECT_EQ(batch.max_timestamp_delta, 3);
  set_max_timestamp(liar, TimestampType::create_time, batch.max_timestamp_ms);
  EXPECT_EQ(liar, golden("java-none"));
}

TEST(ValidateProduced, RecordErrorsAreBounded) {
  std::vector<OwnedRecord> records(1000);
  for (size_t i = 0; i < records.size(); ++i) records[i].offset = static_cast<int64_t>(i);
  ValidationOptions options = usual();
  options.compacted = true;
  options.record_errors_max = 10;
  EXPECT_EQ(refused(build(records), options).record_errors.size(), 10u);
}

}  // namespace
}  // namespace godwit::testing
