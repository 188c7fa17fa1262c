// Finds records of a batch by time, for ListOffsets.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "model/offset.h"
#include "record/batch_header.h"
#include "record/record_reader.h"

namespace godwit {

struct TimestampHit {
  Offset offset{0};
  int64_t timestamp_ms = kNoTimestamp;
  friend bool operator==(const TimestampHit&, const TimestampHit&) = default;
};

// The first record at or above offset `from` whose timestamp is `timestamp_ms` or later; empty where there is
// none. Opens the batch only where its max timestamp allows a hit. Errors as RecordReader.
Result<std::optional<TimestampHit>> find_at_or_after(const BatchView& batch, int64_t timestamp_ms,
                                                     Offset from, const RecordReaderOptions& options = {});

// The first record with the greatest timestamp; empty where no record has one. Errors as RecordReader.
Result<std::optional<TimestampHit>> find_max_timestamp(const BatchView& batch,
                                                       const RecordReaderOptions& options = {});

}  // namespace godwit
