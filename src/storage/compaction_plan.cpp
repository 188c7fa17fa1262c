#include "storage/compaction_plan.h"

#include <algorithm>

namespace godwit::storage {

std::optional<CompactionPlan> plan_compaction(const LogState& state, WallTime now, bool force) {
  if (!state.config.cleanup_compact) return std::nullopt;
  CompactionPlan plan{.segments = {}, .dirty_from = std::max(state.cleaned_to, state.start), .dirty_to = {}};
  uint64_t clean = 0;
  uint64_t dirty = 0;
  bool overdue = false;
  for (auto segment = state.segments.begin(); segment != state.segments.end() - 1; ++segment) {
    // Only what is durable in its file, and what no follower may still cut off.
    if (segment->written != segment->end || segment->next > state.high_watermark) break;
    // A damage is repaired from a replica, not compacted away.
    if (const auto* damage = state.damage_from(segment->base);
        damage != nullptr && damage->from < segment->next) {
      break;
    }
    const bool is_dirty = segment->next > plan.dirty_from;
    const int64_t newest = std::max(segment->timestamp_max, segment->first_append_ms);
    // A record whose time is ahead of this clock is young; without a lag that does not matter.
    const int64_t lag = state.config.min_compaction_lag_ms;
    if (is_dirty && lag > 0 && now.ms - newest < lag) break;
    if (is_dirty && now.ms - segment->first_append_ms > state.config.max_compaction_lag_ms) overdue = true;
    (is_dirty ? dirty : clean) += segment->end.value();
    plan.segments.push_back(*segment);
  }
  if (dirty == 0) return std::nullopt;
  plan.dirty_to = plan.segments.back().next;
  const double ratio = static_cast<double>(dirty) / static_cast<double>(clean + dirty);
  if (!force && !overdue && ratio < state.config.min_cleanable_dirty_ratio) return std::nullopt;
  return plan;
}

}  // namespace godwit::storage
