#include "record/batch_header.h"

#include <string>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/endian.h"

namespace godwit {
namespace {

constexpr size_t kLengthAt = 8;
constexpr size_t kLeaderEpochAt = 12;
constexpr size_t kMagicAt = 16;
constexpr size_t kCrcAt = 17;
constexpr size_t kAttributesAt = 21;
constexpr size_t kLastOffsetDeltaAt = 23;
constexpr size_t kBaseTimestampAt = 27;
constexpr size_t kMaxTimestampAt = 35;
constexpr size_t kProducerIdAt = 43;
constexpr size_t kProducerEpochAt = 51;
constexpr size_t kBaseSequenceAt = 53;
constexpr size_t kRecordCountAt = 57;
static_assert(kRecordCountAt + sizeof(int32_t) == kBatchHeaderSize);
static_assert(kAttributesAt == kBatchCrcStart);
static_assert(kLengthAt + sizeof(int32_t) == kLogOverhead);

tl::unexpected<Error> corrupt(std::string why) {
  return fail(ErrorKind::corrupt, std::move(why));
}

// What in the fields contradicts itself, whatever the records say.
Result<void> check_fields(const BatchHeader& header) {
  if (header.base_offset.value() < 0)
    return corrupt("the batch's base offset is negative: " + to_string(header.base_offset));
  if (header.last_offset_delta < 0)
    return corrupt("the batch's last offset delta is negative: " + std::to_string(header.last_offset_delta));
  // next_offset() must be representable too.
  if (header.base_offset.value() >= std::numeric_limits<int64_t>::max() - header.last_offset_delta)
    return corrupt("the batch's offsets pass the end of 63 bits");
  if (header.record_count < 0)
    return corrupt("the batch's record count is negative: " + std::to_string(header.record_count));
  if (header.record_count > int64_t{header.last_offset_delta} + 1)
    return corrupt("the batch claims " + std::to_string(header.record_count) + " records in " +
                   std::to_string(int64_t{header.last_offset_delta} + 1) + " offsets");
  return {};
}

}  // namespace

std::optional<int8_t> magic_of(BytesView bytes) {
  if (bytes.size() <= kMagicAt) return std::nullopt;
  return load_big<int8_t>(bytes.data() + kMagicAt);
}

BatchHeader BatchHeader::load(BytesView bytes) {
  GW_CHECK(bytes.size() >= kBatchHeaderSize, "a header is loaded from at least 61 bytes");
  const std::byte* at = bytes.data();
  return BatchHeader{
      .base_offset = Offset(load_big<int64_t>(at)),
      .length = load_big<int32_t>(at + kLengthAt),
      .leader_epoch = LeaderEpoch(load_big<int32_t>(at + kLeaderEpochAt)),
      .crc = load_big<uint32_t>(at + kCrcAt),
      .attributes = BatchAttributes(load_big<uint16_t>(at + kAttributesAt)),
      .last_offset_delta = load_big<int32_t>(at + kLastOffsetDeltaAt),
      .base_timestamp_ms = load_big<int64_t>(at + kBaseTimestampAt),
      .max_timestamp_ms = load_big<int64_t>(at + kMaxTimestampAt),
      .producer_id = load_big<int64_t>(at + kProducerIdAt),
      .producer_epoch = load_big<int16_t>(at + kProducerEpochAt),
      .base_sequence = load_big<int32_t>(at + kBaseSequenceAt),
      .record_count = load_big<int32_t>(at + kRecordCountAt),
  };
}

Result<BatchHeader> BatchHeader::parse(BytesView bytes, const BatchLimits& limits) {
  const auto magic = magic_of(bytes);
  if (!magic) return fail(ErrorKind::unavailable, "the bytes end inside a batch's header");
  // The magic decides first: shorter formats would otherwise be called damaged.
  if (*magic == 0 || *magic == 1)
    return fail(ErrorKind::unsupported,
                "message format v" + std::to_string(*magic) + " is not supported, only record batches v2");
  if (*magic != kMagicV2)
    return fail(ErrorKind::unsupported, "no record format has the magic byte " + std::to_string(*magic));

  const auto length = load_big<int32_t>(bytes.data() + kLengthAt);
  if (length < static_cast<int32_t>(kBatchHeaderSize - kLogOverhead))
    return corrupt("a batch length of " + std::to_string(length) + " is shorter than a header");
  if (kLogOverhead + static_cast<size_t>(length) > limits.batch_bytes_max)
    return fail(ErrorKind::limit, "a batch of " + std::to_string(kLogOverhead + static_cast<size_t>(length)) +
                                      " bytes is longer than the " + std::to_string(limits.batch_bytes_max) +
                                      " allowed");
  if (bytes.size() < kBatchHeaderSize)
    return fail(ErrorKind::unavailable, "the bytes end inside a batch's header");

  const BatchHeader header = load(bytes);
  GW_TRY(return, check_fields(header));
  return header;
}

void write_header(const BatchHeader& header, MutableBytes at) {
  GW_CHECK(at.size() >= kBatchHeaderSize, "a header is written into at least 61 bytes");
  std::byte* out = at.data();
  store_big(out, header.base_offset.value());
  store_big(out + kLengthAt, header.length);
  store_big(out + kLeaderEpochAt, header.leader_epoch.value());
  store_big(out + kMagicAt, kMagicV2);
  store_big(out + kCrcAt, header.crc);
  store_big(out + kAttributesAt, header.attributes.bits());
  store_big(out + kLastOffsetDeltaAt, header.last_offset_delta);
  store_big(out + kBaseTimestampAt, header.base_timestamp_ms);
  store_big(out + kMaxTimestampAt, header.max_timestamp_ms);
  store_big(out + kProducerIdAt, header.producer_id);
  store_big(out + kProducerEpochAt, header.producer_epoch);
  store_big(out + kBaseSequenceAt, header.base_sequence);
  store_big(out + kRecordCountAt, header.record_count);
}

Result<BatchView> BatchView::parse(BytesView bytes, const BatchLimits& limits) {
  auto header = BatchHeader::parse(bytes, limits);
  if (!header) return fail(std::move(header).error());
  if (header->total_size() > bytes.size())
    return fail(ErrorKind::unavailable, "the bytes end inside a batch: " + std::to_string(bytes.size()) +
                                            " of " + std::to_string(header->total_size()) + " bytes");
  return BatchView(*header, bytes.first(header->total_size()));
}

bool BatchView::crc_matches() const {
  return batch_crc(bytes_) == header_.crc;
}

uint32_t batch_crc(BytesView bytes) {
  GW_CHECK(bytes.size() >= kBatchHeaderSize, "a batch has at least 61 bytes");
  return crc32c(bytes.subspan(kBatchCrcStart));
}

}  // namespace godwit
