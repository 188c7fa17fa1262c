// Which records a log no longer has to keep (retention.ms, retention.bytes, producer.id.expiration.ms). Pure.
#pragma once

#include "base/time.h"
#include "storage/log_state.h"

namespace godwit::storage {

struct RetentionVerdict {
  // Everything before it may go; at most the high watermark. The log's start when there is nothing.
  Offset start;
  // The active segment has expired as well: it is to be rolled before, so that the log keeps an active file
  // (rule 18).
  bool roll = false;
};

RetentionVerdict judge_retention(const LogState& state, WallTime now);

}  // namespace godwit::storage
