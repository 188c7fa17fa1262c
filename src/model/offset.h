// Places in a partition's log. An offset counts records, a position counts bytes.
#pragma once

#include "base/strong.h"

namespace godwit {

using Offset = Ordinal<struct OffsetTag, int64_t>;
using Position = Ordinal<struct PositionTag, uint64_t>;

}  // namespace godwit
