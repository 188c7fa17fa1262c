// Offsets of partitions, asked of their leaders.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "cli/session.h"

namespace godwit::cli {

using PartitionName = std::pair<std::string, int32_t>;
using PartitionNames = std::set<PartitionName>;
using Offsets = std::map<PartitionName, int64_t>;

// What to look for, beside a time in milliseconds since 1970 (ListOffsets).
constexpr int64_t kLatest = -1;
constexpr int64_t kEarliest = -2;

// The offset of each partition, at a time (its first record that is not older), or kEarliest or kLatest. A partition
// without such a record is left out. Errors: those of peer::Cluster::call; not_found names the partition.
runtime::Task<Result<Offsets>> list_offsets(Session& session, PartitionNames names, int64_t when);

}  // namespace godwit::cli
