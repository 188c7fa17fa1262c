#include "record/produce_validation.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "record/compression.h"
#include "record/record_walk.h"

namespace godwit {
namespace {

using Refusal = std::optional<RefusedBatch>;

RefusedBatch refuse(ErrorCode code, std::string message) {
  return {code, std::move(message), {}, 0};
}
RefusedBatch invalid(std::string message) {
  return refuse(ErrorCode::invalid_record, std::move(message));
}

constexpr int16_t kZstdSinceVersion = 7;

// One batch of magic 2 in a version that may carry it, neither cut short nor followed by anything.
Refusal check_shape(BytesView records, const ValidationOptions& options) {
  // A null or empty field and a batch cut short are the same to Kafka: there is no batch.
  if (records.size() < kLogOverhead)
    return invalid("a produce request must have one record batch for each partition");
  const auto magic = magic_of(records);
  if (magic && (*magic == 0 || *magic == 1))
    return invalid("message format v" + std::to_string(*magic) +
                   " is not supported: record batches v2 are needed");
  if (magic && *magic != kMagicV2)
    return refuse(ErrorCode::corrupt_message,
                  "no record format has the magic byte " + std::to_string(*magic));
  if (records.size() < kBatchHeaderSize) return invalid("the record batch is cut short inside its header");

  const BatchHeader header = BatchHeader::load(records);
  if (header.length < static_cast<int32_t>(kBatchHeaderSize - kLogOverhead))
    return refuse(ErrorCode::corrupt_message,
                  "a batch length of " + std::to_string(header.length) + " is shorter than a batch header");
  if (header.total_size() > records.size())
    return invalid("the record batch is cut short: " + std::to_string(records.size()) + " of " +
                   std::to_string(header.total_size()) + " bytes");
  const auto compression = header.attributes.compression();
  if (!compression)
    return refuse(ErrorCode::unsupported_compression_type, "the batch's codec number is not known");
  if (*compression == CompressionType::zstd && options.produce_version < kZstdSinceVersion)
    return refuse(
        ErrorCode::unsupported_compression_type,
        "zstd needs version 7 of the produce request, not " + std::to_string(options.produce_version));
  if (header.total_size() < records.size())
    return invalid("a produce request must have exactly one record batch for each partition; " +
                   std::to_string(records.size() - header.total_size()) + " bytes follow the first");
  return std::nullopt;
}

Refusal check_sizes(const BatchHeader& header, const ValidationOptions& options) {
  if (header.total_size() > options.message_bytes_max)
    return refuse(ErrorCode::message_too_large,
                  "the record batch has " + std::to_string(header.total_size()) +
                      " bytes, max.message.bytes is " + std::to_string(options.message_bytes_max));
  if (header.total_size() > options.segment_bytes)
    return refuse(ErrorCode::record_list_too_large,
                  "the record batch has " + std::to_string(header.total_size()) +
                      " bytes, segment.bytes is " + std::to_string(options.segment_bytes));
  return std::nullopt;
}

Refusal check_header(const BatchHeader& header) {
  if (header.last_offset_delta < 0 || header.record_count <= 0 ||
      int64_t{header.last_offset_delta} + 1 != header.record_count)
    return invalid("the record batch claims " + std::to_string(header.record_count) +
                   " records and a last offset delta of " + std::to_string(header.last_offset_delta));
  if (header.attributes.control()) return invalid("clients are not allowed to write control records");
  // Taken for the time from which compaction may forget, it would lose tombstones early.
  if (header.attributes.has_delete_horizon())
    return invalid("clients are not allowed to set a delete horizon");
  if (header.has_producer_id() && header.base_sequence < 0)
    return invalid("the record batch of producer " + std::to_string(header.producer_id) +
                   " has the invalid sequence number " + std::to_string(header.base_sequence));
  if (header.attributes.timestamp_type() == TimestampType::log_append_time)
    return refuse(ErrorCode::invalid_timestamp, "producers must not set the timestamp type to LogAppendTime");
  return std::nullopt;
}

// a - b, held at the ends of 64 bits.
int64_t difference(int64_t a, int64_t b) {
  int64_t result;
  if (!__builtin_sub_overflow(a, b, &result)) return result;
  return a < b ? INT64_MIN : INT64_MAX;
}

// Kafka's rule; a record without a timestamp passes.
bool timestamp_permitted(int64_t timestamp_ms, const ValidationOptions& options) {
  if (options.timestamp_type == TimestampType::log_append_time || timestamp_ms == kNoTimestamp) return true;
  return difference(options.now.ms, timestamp_ms) <= options.timestamp_before_max_ms &&
         difference(timestamp_ms, options.now.ms) <= options.timestamp_after_max_ms;
}

class RecordsCheck {
 public:
  RecordsCheck(const BatchHeader& header, const ValidationOptions& options)
      : header_(header), options_(options) {}

  // Walks all records; fills what it learns into `accepted`.
  Refusal run(BytesView records, AcceptedBatch& accepted) {
    RecordCursor cursor(records);
    RawRecord record;
    for (int32_t i = 0; i < header_.record_count; ++i) {
      if (cursor.remaining() == 0)
        return invalid("the record batch claims " + std::to_string(header_.record_count) +
                       " records and has " + std::to_string(i));
      if (const auto fault = walk_record(cursor, record); !fault.empty())
        return invalid("record " + std::to_string(i) + " of the batch: " + std::string(fault));
      if (record.offset_delta != i)
        return invalid("record " + std::to_string(i) + " of the batch has the offset delta " +
                       std::to_string(record.offset_delta));
      check(i, record);
    }
    if (cursor.remaining() != 0)
      return invalid(std::to_string(cursor.remaining()) + " bytes follow the " +
                     std::to_string(header_.record_count) + " records that the batch claims");
    if (refused_ > 0) return refusal();
    accepted.records_walked = true;
    accepted.max_timestamp_ms = max_timestamp_ms_;
    accepted.max_timestamp_delta = max_timestamp_delta_;
    accepted.uncompressed_bytes = records.size();
    return std::nullopt;
  }

 private:
  void check(int32_t index, const RawRecord& record) {
    const int64_t timestamp_ms = timestamp_at(header_.base_timestamp_ms, record.timestamp_delta);
    if (timestamp_ms > max_timestamp_ms_) {
      max_timestamp_ms_ = timestamp_ms;
      max_timestamp_delta_ = index;
    }
    if (options_.compacted && !record.key) {
      note(index, "a compacted topic does not accept a record without a key");
    } else if (!timestamp_permitted(timestamp_ms, options_)) {
      timestamp_refused_ = true;
      note(index, "timestamp " + std::to_string(timestamp_ms) + " is out of range: it may be at most " +
                      std::to_string(options_.timestamp_before_max_ms) + " ms before and " +
                      std::to_string(options_.timestamp_after_max_ms) + " ms after the broker's time " +
                      std::to_string(options_.now.ms));
    }
  }

  void note(int32_t index, std::string message) {
    ++refused_;
    if (errors_.size() < options_.record_errors_max) errors_.push_back({index, std::move(message)});
  }

  RefusedBatch refusal() {
    const std::string count = std::to_string(refused_);
    if (timestamp_refused_)
      return {ErrorCode::invalid_timestamp, count + " records were refused, some for an invalid timestamp",
              std::move(errors_), 0};
    return {ErrorCode::invalid_record, count + " records were refused for lack of a key", std::move(errors_),
            0};
  }

  const BatchHeader& header_;
  const ValidationOptions& options_;
  int64_t max_timestamp_ms_ = kNoTimestamp;
  int32_t max_timestamp_delta_ = 0;
  int64_t refused_ = 0;
  bool timestamp_refused_ = false;
  std::vector<RecordError> errors_;
};

// What a compressed batch shows without being opened: that its bytes begin as its codec's do, and that they
// can hold as many records as it claims.
Refusal check_claims(const BatchHeader& header, CompressionType type, BytesView records,
                     const ValidationOptions& options) {
  auto claim = inspect_compressed(type, records);
  if (!claim) return invalid(claim.error().message);
  if (claim->exact && claim->bytes_max > options.decompressed_bytes_max)
    return refuse(ErrorCode::message_too_large,
                  "the record batch decompresses to " + std::to_string(claim->bytes_max) + " bytes, " +
                      std::to_string(options.decompressed_bytes_max) + " are allowed");
  const uint64_t bytes = std::min<uint64_t>(claim->bytes_max, options.decompressed_bytes_max);
  if (static_cast<uint64_t>(header.record_count) > bytes / kRecordSizeMin)
    return invalid("the record batch claims " + std::to_string(header.record_count) +
                   " records, more than its bytes can hold");
  return std::nullopt;
}

Refusal check_records(const BatchView& batch, const ValidationOptions& options, AcceptedBatch& accepted) {
  const BatchHeader& header = batch.header();
  const CompressionType type = header.attributes.compression().value_or(CompressionType::none);
  RecordsCheck check(header, options);
  if (type == CompressionType::none) return check.run(batch.records(), accepted);

  if (auto refused = check_claims(header, type, batch.records(), options)) return refused;
  // Where the header's own times are out of bounds, the records decide, and name themselves.
  const bool times_permitted = timestamp_permitted(header.base_timestamp_ms, options) &&
                               timestamp_permitted(header.max_timestamp_ms, options);
  if (!options.deep && !options.compacted && times_permitted) {
    accepted.max_timestamp_ms = header.max_timestamp_ms;
    accepted.max_timestamp_delta = header.last_offset_delta;
    return std::nullopt;
  }
  auto records = decompress(type, batch.records(), options.decompressed_bytes_max);
  Refusal refused;
  if (records) {
    refused = check.run(*records, accepted);
  } else {
    const bool limit = records.error().kind == ErrorKind::limit;
    refused =
        refuse(limit ? ErrorCode::message_too_large : ErrorCode::invalid_record, records.error().message);
  }
  if (refused) {
    const auto claim = inspect_compressed(type, batch.records());
    const uint64_t most = claim ? claim->bytes_max : 0;
    refused->decompressed_bytes =
        records ? records->size()
                : static_cast<size_t>(std::min<uint64_t>(most, options.decompressed_bytes_max));
  }
  return refused;
}

}  // namespace

std::variant<AcceptedBatch, RefusedBatch> validate_produced(BytesView records,
                                                            const ValidationOptions& options) {
  if (auto refused = check_shape(records, options)) return std::move(*refused);
  AcceptedBatch accepted;
  accepted.header = BatchHeader::load(records);
  const BatchHeader& header = accepted.header;
  if (header.base_offset != Offset(0))
    return invalid("the base offset of a produced record batch must be 0, not " +
                   to_string(header.base_offset));
  if (auto refused = check_sizes(header, options)) return std::move(*refused);
  if (batch_crc(records) != header.crc)
    return refuse(ErrorCode::corrupt_message, "the record batch's checksum does not match its bytes");
  if (auto refused = check_header(header)) return std::move(*refused);

  const auto batch = BatchView::parse(records, {.batch_bytes_max = records.size()});
  if (!batch) return invalid(batch.error().message);
  if (auto refused = check_records(*batch, options, accepted)) return std::move(*refused);
  if (options.timestamp_type == TimestampType::log_append_time) {
    accepted.max_timestamp_ms = options.now.ms;
    accepted.max_timestamp_delta = 0;
  } else {
    accepted.max_timestamp_differs = accepted.max_timestamp_ms != header.max_timestamp_ms;
  }
  return accepted;
}

}  // namespace godwit
