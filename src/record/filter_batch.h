// Rebuilds a batch with some of its records, as compaction needs it. Every record keeps its offset and
// timestamp; the batch keeps base offset, last offset delta, producer id, epoch and sequence, leader epoch,
// timestamp type and codec (at the codec's default level).
//
//   auto filtered = filter_batch(batch, [&](const Record& record) { return is_newest(record); }, {});
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "record/batch_header.h"
#include "record/record.h"
#include "record/record_reader.h"

namespace godwit {

struct FilterOptions {
  // When no record is kept, leave an empty batch (count 0): for the last batch of a producer that is still
  // alive, so that its sequence is not forgotten.
  bool keep_when_empty = false;
  // Give the batch this delete horizon, milliseconds since 1970, unless it has one already (KIP-534: set at
  // the first cleaning after which its tombstones or markers could go; they go at a later one once this time
  // has passed).
  std::optional<int64_t> set_delete_horizon_ms = {};
  RecordReaderOptions reader = {};
};

enum class FilterOutcome {
  unchanged,  // every record was kept: use the original's bytes
  rebuilt,    // `batch` holds what was kept
  emptied,    // nothing was kept; `batch` is the empty batch in its place
  dropped,    // nothing was kept and nothing is left
};

struct FilteredBatch {
  FilterOutcome outcome = FilterOutcome::unchanged;
  Bytes batch;  // empty where unchanged or dropped
  int32_t records_kept = 0;
  int32_t records_removed = 0;
};

// Calls `keep` once for each record in order. A batch that is empty already is kept or dropped by
// keep_when_empty. Errors as RecordReader: such a batch is damaged and must not be compacted away.
Result<FilteredBatch> filter_batch(const BatchView& batch, const std::function<bool(const Record&)>& keep,
                                   const FilterOptions& options = {});

}  // namespace godwit
