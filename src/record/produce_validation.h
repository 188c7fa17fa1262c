// What a leader checks before it appends what a client sent: the rules of Kafka's Produce, in Kafka's order.
//
//   auto checked = validate_produced(records, options);
//   if (auto* refused = std::get_if<RefusedBatch>(&checked)) return answer(refused->code, refused->message,
//   …); const auto& batch = std::get<AcceptedBatch>(checked); if (batch.max_timestamp_differs)
//   set_max_timestamp(…, batch.max_timestamp_ms);
//
// Cost: one pass for the CRC, and for an uncompressed batch a walk over the records' lengths. Compressed
// batches are not opened unless `deep` says so or the topic needs it
// (docs/decisions/0004-compressed-batches-not-opened.md).
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "model/error_code.h"
#include "model/offset.h"
#include "record/batch_header.h"

namespace godwit {

struct ValidationOptions {
  // Of the request: zstd needs 7.
  int16_t produce_version = 3;
  WallTime now = {};
  // Of the topic, under Kafka's names.
  bool compacted = false;  // cleanup.policy contains "compact": keys required
  TimestampType timestamp_type = TimestampType::create_time;  // message.timestamp.type
  int64_t timestamp_before_max_ms = INT64_MAX;                // message.timestamp.before.max.ms
  int64_t timestamp_after_max_ms = 3'600'000;                 // message.timestamp.after.max.ms
  size_t message_bytes_max = 1'048'588;                       // max.message.bytes: whole batch, as sent
  size_t segment_bytes = 1'073'741'824;                       // segment.bytes
  // Open compressed batches and check each record. Implied by `compacted`, and to be set where
  // compression.type forces another codec.
  bool deep = false;
  // Decompressed records of one batch; above it the batch is refused, also where it is not opened and only
  // promises so.
  size_t decompressed_bytes_max = 104'857'600;
  // No more record errors than this are listed; the batch is refused all the same.
  size_t record_errors_max = 10'000;
};

struct RecordError {
  int32_t batch_index = 0;  // of the record inside the batch
  std::string message;
};

struct RefusedBatch {
  ErrorCode code = ErrorCode::invalid_record;
  std::string message;                     // for the response's error_message
  std::vector<RecordError> record_errors;  // for Produce v8 and later; ascending
  // What it took, where it was opened: bytes that came out, or at most may have come out before it was seen to be damaged.
  size_t decompressed_bytes = 0;
};

// What is known of a batch that may be appended. Base offset and leader epoch are still the client's.
struct AcceptedBatch {
  BatchHeader header;
  // Each record was looked at: always for uncompressed batches, with `deep` for compressed ones.
  bool records_walked = false;
  // Greatest record timestamp: found where records_walked, else as the header claims. For a LogAppendTime
  // topic: now.
  int64_t max_timestamp_ms = kNoTimestamp;
  // Of the first record with that timestamp where walked, else the last offset delta. For a LogAppendTime
  // topic 0.
  int32_t max_timestamp_delta = 0;
  // The header claims another max timestamp than the records have: write the true one with set_max_timestamp
  // before appending, as Kafka does. Never set for a LogAppendTime topic, where set_log_append_time is due
  // anyway.
  bool max_timestamp_differs = false;
  // Bytes of the records as they would be uncompressed; 0 where a compressed batch was not opened.
  size_t uncompressed_bytes = 0;
};

// Checks the records field of one partition of a Produce request. Verdicts:
//   INVALID_RECORD (87)                no batch, a batch cut short, or more than one; magic 0 or 1; base
//   offset not 0; count,
//                                      offsets or lengths that lie; control batch; delete horizon set; a
//                                      producer id without a sequence; a record without a key on a compacted
//                                      topic; a batch that does not decompress
//   CORRUPT_MESSAGE (2)                a length field that cannot be, or the CRC does not match; clients send
//   again MESSAGE_TOO_LARGE (10)             longer than message_bytes_max, or decompresses to more than is
//   allowed RECORD_LIST_TOO_LARGE (18)         longer than a segment UNSUPPORTED_COMPRESSION_TYPE (76)  a
//   codec nobody has defined; zstd before version 7 INVALID_TIMESTAMP (32)             a record's timestamp
//   out of bounds, or LogAppendTime set by the client
std::variant<AcceptedBatch, RefusedBatch> validate_produced(BytesView records,
                                                            const ValidationOptions& options);

}  // namespace godwit
