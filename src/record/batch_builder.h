// Makes a record batch from records.
//
//   BatchBuilder builder({.base_offset = Offset(0), .compression = {CompressionType::zstd}});
//   builder.add({.timestamp_ms = now, .key = as_bytes("k"), .value = as_bytes("v")});
//   Result<Bytes> batch = builder.build();
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/result.h"
#include "model/epoch.h"
#include "model/offset.h"
#include "record/batch_header.h"
#include "record/compression.h"
#include "record/record.h"

namespace godwit {

// The batch's own properties, each as in its header.
struct BatchSpec {
  Offset base_offset{0};
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  Compression compression = {};
  // With log_append_time, log_append_time_ms becomes the max timestamp and each record's timestamp for
  // readers.
  TimestampType timestamp_type = TimestampType::create_time;
  int64_t log_append_time_ms = kNoTimestamp;
  int64_t producer_id = kNoProducerId;
  int16_t producer_epoch = kNoProducerEpoch;
  int32_t base_sequence = kNoSequence;
  bool transactional = false;
  bool control = false;
  // KIP-534: stands in the base timestamp field; record timestamps are counted from it.
  std::optional<int64_t> delete_horizon_ms = {};
  // Empty: that of the last record. Compaction keeps the original's, so that offsets and sequences go on.
  std::optional<int32_t> last_offset_delta = {};
};

// A record to be written; the views are copied by add().
struct NewRecord {
  int64_t timestamp_ms = kNoTimestamp;
  std::optional<BytesView> key = {};
  std::optional<BytesView> value = {};
  std::span<const RecordHeader> headers = {};
};

class BatchBuilder {
 public:
  explicit BatchBuilder(BatchSpec spec) : spec_(std::move(spec)) {}

  // Appends a record at the next offset (the base offset for the first).
  void add(const NewRecord& record) { add_at(next_delta_, record); }
  // Appends a record at base offset + `offset_delta`, which must be above that of the record before.
  void add_at(int32_t offset_delta, const NewRecord& record);
  // Appends a record that was read from another batch, at its own offset, which must be at or above
  // base_offset.
  void add_copy(const Record& record);

  int32_t count() const { return count_; }
  // Bytes of the batch so far if it were not compressed.
  size_t uncompressed_size() const { return kBatchHeaderSize + records_.size(); }

  // The batch, with its CRC. Errors: invalid (no record and no last_offset_delta; a compression level out of
  // range), limit (2 GiB passed). The builder is empty afterwards and not to be used again.
  Result<Bytes> build();

 private:
  void append(int32_t offset_delta, int64_t timestamp_ms, std::optional<BytesView> key,
              std::optional<BytesView> value, int32_t header_count, BytesView headers_raw);

  BatchSpec spec_;
  Bytes records_;
  int32_t count_ = 0;
  int32_t next_delta_ = 0;
  int64_t base_timestamp_ms_ = kNoTimestamp;
  int64_t max_timestamp_ms_ = kNoTimestamp;
};

// A batch without records that keeps its place: offsets, producer, sequence and max timestamp of `original`,
// count 0, no codec. What compaction leaves of a live producer's last batch.
Bytes empty_batch_like(const BatchHeader& original);

}  // namespace godwit
