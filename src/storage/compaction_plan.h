// Whether and which part of a log is to be compacted (cleanup.policy=compact and its settings). Pure.
#pragma once

#include <optional>
#include <vector>

#include "base/time.h"
#include "storage/log_state.h"

namespace godwit::storage {

struct CompactionPlan {
  // Whole segments, from the log's first on; never the active one (rule 18).
  std::vector<SegmentState> segments;
  // Records before it were compared with each other already: only those from here on bring new keys.
  Offset dirty_from;
  // Records from here on are not compared in this pass: behind the last segment or, where the memory for keys ends
  // before, inside it.
  Offset dirty_to;
};

// Empty when it is not worth it: nothing sealed, nothing new, less of it than min.cleanable.dirty.ratio (unless
// max.compaction.lag.ms says so). `force`: whatever the ratio.
std::optional<CompactionPlan> plan_compaction(const LogState& state, WallTime now, bool force = false);

}  // namespace godwit::storage
