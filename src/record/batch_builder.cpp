#include "record/batch_builder.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/varint.h"
#include "record/batch_edit.h"

namespace godwit {
namespace {

constexpr size_t kBatchSizeMax = std::numeric_limits<int32_t>::max();

size_t nullable_size(const std::optional<BytesView>& bytes) {
  if (!bytes) return varint_size(-1);
  return varint_size(static_cast<int64_t>(bytes->size())) + bytes->size();
}

void put_varint(Bytes& out, int64_t value) {
  std::byte encoded[kVarint64Max];
  const size_t size = encode_varint(value, encoded);
  out.insert(out.end(), encoded, encoded + size);
}

void put_nullable(Bytes& out, const std::optional<BytesView>& bytes) {
  if (!bytes) return put_varint(out, -1);
  put_varint(out, static_cast<int64_t>(bytes->size()));
  out.insert(out.end(), bytes->begin(), bytes->end());
}

int64_t timestamp_delta(int64_t timestamp_ms, int64_t base_ms) {
  return static_cast<int64_t>(static_cast<uint64_t>(timestamp_ms) - static_cast<uint64_t>(base_ms));
}

}  // namespace

void BatchBuilder::add_at(int32_t offset_delta, const NewRecord& record) {
  Bytes headers;
  for (const RecordHeader& header : record.headers) {
    put_nullable(headers, as_bytes(header.key));
    put_nullable(headers, header.value);
  }
  append(offset_delta, record.timestamp_ms, record.key, record.value,
         static_cast<int32_t>(record.headers.size()), headers);
}

void BatchBuilder::add_copy(const Record& record) {
  const int64_t delta = record.offset - spec_.base_offset;
  GW_CHECK(delta >= 0 && delta <= std::numeric_limits<int32_t>::max(),
           "a batch spans less than 2^31 offsets");
  append(static_cast<int32_t>(delta), record.timestamp_ms, record.key, record.value, record.header_count,
         record.headers_raw);
}

void BatchBuilder::append(int32_t offset_delta, int64_t timestamp_ms, std::optional<BytesView> key,
                          std::optional<BytesView> value, int32_t header_count, BytesView headers_raw) {
  GW_CHECK(offset_delta >= next_delta_, "offsets rise inside a batch");
  if (count_ == 0) base_timestamp_ms_ = spec_.delete_horizon_ms.value_or(timestamp_ms);
  const int64_t delta_ms = timestamp_delta(timestamp_ms, base_timestamp_ms_);
  const size_t length = 1 + varint_size(delta_ms) + varint_size(offset_delta) + nullable_size(key) +
                        nullable_size(value) + varint_size(header_count) + headers_raw.size();
  put_varint(records_, static_cast<int64_t>(length));
  records_.push_back(std::byte{0});
  put_varint(records_, delta_ms);
  put_varint(records_, offset_delta);
  put_nullable(records_, key);
  put_nullable(records_, value);
  put_varint(records_, header_count);
  records_.insert(records_.end(), headers_raw.begin(), headers_raw.end());

  max_timestamp_ms_ = std::max(max_timestamp_ms_, timestamp_ms);
  ++count_;
  next_delta_ = offset_delta + 1;
}

Result<Bytes> BatchBuilder::build() {
  if (count_ == 0 && !spec_.last_offset_delta) return fail(ErrorKind::invalid, "a batch needs a record");
  const int32_t last_delta = spec_.last_offset_delta.value_or(next_delta_ - 1);
  GW_CHECK(last_delta >= next_delta_ - 1, "a batch's last offset is not below its last record's");
  if (records_.size() > kBatchSizeMax - kBatchHeaderSize)
    return fail(ErrorKind::limit, "a batch holds less than 2 GiB of records");

  // Nothing to compress: no codec, so that no reader opens it.
  const CompressionType codec = count_ == 0 ? CompressionType::none : spec_.compression.type;
  Bytes stored = std::move(records_);
  if (codec != CompressionType::none) {
    auto compressed = compress(spec_.compression, stored);
    if (!compressed) return fail(std::move(compressed).error());
    stored = std::move(*compressed);
    if (stored.size() > kBatchSizeMax - kBatchHeaderSize)
      return fail(ErrorKind::limit, "a batch holds less than 2 GiB of records");
  }

  BatchHeader header;
  header.base_offset = spec_.base_offset;
  header.length = static_cast<int32_t>(kBatchHeaderSize - kLogOverhead + stored.size());
  header.leader_epoch = spec_.leader_epoch;
  header.attributes = BatchAttributes()
                          .with_compression(codec)
                          .with_timestamp_type(spec_.timestamp_type)
                          .with_transactional(spec_.transactional)
                          .with_control(spec_.control)
                          .with_delete_horizon(spec_.delete_horizon_ms.has_value());
  header.last_offset_delta = last_delta;
  header.base_timestamp_ms =
      count_ == 0 ? spec_.delete_horizon_ms.value_or(kNoTimestamp) : base_timestamp_ms_;
  header.max_timestamp_ms =
      spec_.timestamp_type == TimestampType::log_append_time ? spec_.log_append_time_ms : max_timestamp_ms_;
  header.producer_id = spec_.producer_id;
  header.producer_epoch = spec_.producer_epoch;
  header.base_sequence = spec_.base_sequence;
  header.record_count = count_;

  Bytes batch;
  batch.reserve(kBatchHeaderSize + stored.size());
  batch.resize(kBatchHeaderSize);
  batch.insert(batch.end(), stored.begin(), stored.end());
  write_header(header, batch);
  refresh_crc(batch);
  return batch;
}

Bytes empty_batch_like(const BatchHeader& original) {
  BatchHeader header = original;
  header.length = static_cast<int32_t>(kBatchHeaderSize - kLogOverhead);
  header.attributes = original.attributes.with_compression(CompressionType::none).with_delete_horizon(false);
  header.base_timestamp_ms = kNoTimestamp;
  header.record_count = 0;
  Bytes batch(kBatchHeaderSize);
  write_header(header, batch);
  refresh_crc(batch);
  return batch;
}

}  // namespace godwit
