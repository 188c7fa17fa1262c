#include "record/timestamp_lookup.h"

namespace godwit {

Result<std::optional<TimestampHit>> find_at_or_after(const BatchView& batch, int64_t timestamp_ms,
                                                     Offset from, const RecordReaderOptions& options) {
  std::optional<TimestampHit> hit;
  if (batch.header().max_timestamp_ms < timestamp_ms || batch.header().last_offset() < from) return hit;
  auto visited = for_each_record(batch, options, [&](const Record& record) {
    if (record.offset < from || record.timestamp_ms < timestamp_ms) return true;
    hit = TimestampHit{record.offset, record.timestamp_ms};
    return false;
  });
  if (!visited) return fail(std::move(visited).error());
  return hit;
}

Result<std::optional<TimestampHit>> find_max_timestamp(const BatchView& batch,
                                                       const RecordReaderOptions& options) {
  std::optional<TimestampHit> hit;
  auto visited = for_each_record(batch, options, [&](const Record& record) {
    if (record.timestamp_ms > (hit ? hit->timestamp_ms : kNoTimestamp))
      hit = TimestampHit{record.offset, record.timestamp_ms};
    return true;
  });
  if (!visited) return fail(std::move(visited).error());
  return hit;
}

}  // namespace godwit
