// One record as a reader sees it: views into the batch's (decompressed) bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "model/offset.h"

namespace godwit {

// A header's key may be empty but not null; its value may be null. Keys may repeat and keep their order.
struct RecordHeader {
  std::string_view key;
  std::optional<BytesView> value = {};
};

struct Record {
  Offset offset{0};
  // Milliseconds since 1970, or kNoTimestamp. In a LogAppendTime batch the batch's max timestamp.
  int64_t timestamp_ms = -1;
  std::optional<BytesView> key;
  std::optional<BytesView> value;  // null: a tombstone in a compacted topic
  // The headers as stored, without their count; the reader has checked that they parse.
  BytesView headers_raw;
  int32_t header_count = 0;

  // Parses the headers into a list.
  std::vector<RecordHeader> headers() const;
};

}  // namespace godwit
