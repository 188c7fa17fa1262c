// The fixed head of a record batch in format v2 (magic 2; KIP-98), and a view of a whole batch.
//
//   position  0   int64  base offset              written by the broker, outside the checksum
//             8   int32  length                   bytes after this field
//            12   int32  partition leader epoch   written by the broker, outside the checksum
//            16   int8   magic                    2
//            17   uint32 CRC-32C of everything from position 21 to the end
//            21   int16  attributes
//            23   int32  last offset delta
//            27   int64  base timestamp           or, with that attribute, the delete horizon (KIP-534)
//            35   int64  max timestamp
//            43   int64  producer id              -1: none
//            51   int16  producer epoch
//            53   int32  base sequence
//            57   int32  record count
//            61   records, compressed together where the attributes say so
//
// Formats 0 and 1 share the first 12 bytes and the place of the magic byte; they are recognised and refused.
//
//   auto batch = BatchView::parse(bytes, limits);
//   if (!batch) return fail(batch.error());         // kinds: see BatchHeader::parse
//   if (!batch->crc_matches()) …
//   use(batch->header().last_offset(), batch->bytes());
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "model/epoch.h"
#include "model/offset.h"
#include "record/batch_attributes.h"

namespace godwit {

constexpr int8_t kMagicV2 = 2;
// Base offset and length: what precedes the bytes that `length` counts.
constexpr size_t kLogOverhead = 12;
constexpr size_t kBatchHeaderSize = 61;
// Where the bytes that the checksum covers begin.
constexpr size_t kBatchCrcStart = 21;
// No record is shorter: length, attributes, timestamp, offset, key, value and header count of a byte each.
constexpr size_t kRecordSizeMin = 7;

constexpr int64_t kNoTimestamp = -1;
constexpr int64_t kNoProducerId = -1;
constexpr int16_t kNoProducerEpoch = -1;
constexpr int32_t kNoSequence = -1;

// `base` + `delta` as producers count: after 2147483647 comes 0.
constexpr int32_t sequence_after(int32_t base, int32_t delta) {
  constexpr int32_t kMax = std::numeric_limits<int32_t>::max();
  return base > kMax - delta ? delta - (kMax - base) - 1 : base + delta;
}

struct BatchLimits {
  // Largest batch that is believed, header included. The default is what one Kafka request may carry at most;
  // a longer one is damage or an attack, whatever its length field says.
  size_t batch_bytes_max = 104'857'600;
};

// The header's fields as numbers. A copy: nothing must outlive it.
struct BatchHeader {
  Offset base_offset{0};
  int32_t length = 0;  // bytes after the length field; at least kBatchHeaderSize - kLogOverhead
  LeaderEpoch leader_epoch{-1};
  uint32_t crc = 0;
  BatchAttributes attributes;
  int32_t last_offset_delta = 0;
  int64_t base_timestamp_ms = kNoTimestamp;  // the delete horizon where attributes.has_delete_horizon()
  int64_t max_timestamp_ms = kNoTimestamp;
  int64_t producer_id = kNoProducerId;
  int16_t producer_epoch = kNoProducerEpoch;
  int32_t base_sequence = kNoSequence;
  int32_t record_count = 0;

  // Reads the header at the start of `bytes`, which may end before the batch does.
  //   unavailable  `bytes` is shorter than a header (or than the 17 bytes that tell the magic): have more and
  //   call again unsupported  magic 0 or 1 ("message format v0"), or a magic nobody has defined corrupt
  //   length smaller than a header, base offset or last offset delta negative, last offset past the
  //                end of int64, record count negative or above last offset delta + 1
  //   limit        longer than limits.batch_bytes_max
  // The checksum is not looked at, nor whether the codec is known.
  static Result<BatchHeader> parse(BytesView bytes, const BatchLimits& limits = {});

  // The fields as they stand, with nothing checked. `bytes` must have kBatchHeaderSize bytes. For whoever
  // judges them in an order of its own.
  static BatchHeader load(BytesView bytes);

  // Bytes of the whole batch.
  size_t total_size() const { return kLogOverhead + static_cast<size_t>(length); }
  Offset last_offset() const { return base_offset + last_offset_delta; }
  Offset next_offset() const { return last_offset() + 1; }
  bool has_producer_id() const { return producer_id > kNoProducerId; }
  // kNoSequence where there is no base sequence. Counts offsets, not records: compaction removes records but
  // keeps the sequence that the next batch is expected to follow.
  int32_t last_sequence() const {
    return base_sequence < 0 ? kNoSequence : sequence_after(base_sequence, last_offset_delta);
  }
  // Milliseconds since 1970 after which tombstones and transaction markers of this batch may go (KIP-534).
  std::optional<int64_t> delete_horizon_ms() const {
    if (!attributes.has_delete_horizon()) return std::nullopt;
    return base_timestamp_ms;
  }

  friend bool operator==(const BatchHeader&, const BatchHeader&) = default;
};

// Writes the 61 header bytes, crc field as in `header`. `at` must have kBatchHeaderSize bytes.
void write_header(const BatchHeader& header, MutableBytes at);

// The magic byte of the batch at the start of `bytes`; empty where there are fewer than 17 bytes. Values 0
// and 1 are the message formats before Kafka 0.11, which godwit refuses.
std::optional<int8_t> magic_of(BytesView bytes);

// A whole batch: its header and its bytes, which must outlive the view.
class BatchView {
 public:
  // Reads the batch at the start of `bytes`; what follows it is left alone. Errors as BatchHeader::parse, and
  // unavailable where `bytes` ends inside the batch.
  static Result<BatchView> parse(BytesView bytes, const BatchLimits& limits = {});

  const BatchHeader& header() const { return header_; }
  // Header and records.
  BytesView bytes() const { return bytes_; }
  // The records as stored: compressed where header().attributes says so.
  BytesView records() const { return bytes_.subspan(kBatchHeaderSize); }
  // Whether the stored checksum is that of the bytes. Reads all of them.
  bool crc_matches() const;

 private:
  BatchView(const BatchHeader& header, BytesView bytes) : header_(header), bytes_(bytes) {}

  BatchHeader header_;
  BytesView bytes_;
};

// The CRC-32C that belongs into the batch `bytes` (at least kBatchHeaderSize long).
uint32_t batch_crc(BytesView bytes);

}  // namespace godwit
