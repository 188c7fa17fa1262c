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

// What was told in time, and why the rest was not.
struct ToldOffsets {
  Offsets offsets;
  std::map<std::string, PartitionNames> unknown;  // by the reason
};

// The same for who had rather know a part than nothing, as when brokers hang: within a few seconds, however many do.
runtime::Task<ToldOffsets> told_offsets(Session& session, PartitionNames names, int64_t when);

// Says on standard error which offsets are not known, and why: a line for each reason, each partition once.
void note_unknown(Session& session, const std::map<std::string, PartitionNames>& unknown);

}  // namespace godwit::cli
