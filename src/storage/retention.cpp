#include "storage/retention.h"

namespace godwit::storage {
namespace {

bool expired(const SegmentState& segment, const LogConfig& config, WallTime now) {
  if (config.retention_ms < 0) return false;
  // Records without a timestamp count from when they came.
  const int64_t newest = segment.timestamp_max >= 0 ? segment.timestamp_max : segment.first_append_ms;
  // Compared by difference: retention.ms may be as large as its type allows.
  return newest >= 0 && now.ms - newest > config.retention_ms;
}

}  // namespace

RetentionVerdict judge_retention(const LogState& state, WallTime now) {
  RetentionVerdict verdict{.start = state.start};
  if (!state.config.cleanup_delete) return verdict;
  uint64_t size = state.bytes();
  const auto limit = static_cast<uint64_t>(state.config.retention_bytes);
  for (const SegmentState& segment : state.segments) {
    // Only what consumers could read is theirs to lose; and from the front only.
    if (segment.next > state.high_watermark || segment.empty()) break;
    const bool active = &segment == &state.active();
    // The size never asks for the active segment: as many whole ones as leave at least the limit.
    const bool too_much = state.config.retention_bytes >= 0 && !active && size - segment.end.value() >= limit;
    if (!expired(segment, state.config, now) && !too_much) break;
    verdict.start = std::max(verdict.start, segment.next);
    verdict.roll = active;
    size -= segment.end.value();
  }
  return verdict;
}

}  // namespace godwit::storage
