// What each broker says of the replicas that it holds (DescribeLogDirs, which only the broker itself can answer).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "cli/offsets.h"
#include "model/broker_id.h"

namespace godwit::cli {

struct ReplicaSize {
  int64_t bytes = 0;
  std::optional<int64_t> lag;  // committed records that it lacks; empty: the broker has not heard its leader
};
using ReplicaSizes = std::map<PartitionName, std::map<BrokerId, ReplicaSize>>;

// Of those partitions, as the brokers tell. A broker that does not answer is left out, and so is what it holds.
runtime::Task<ReplicaSizes> replica_sizes(Session& session, std::vector<BrokerId> brokers,
                                          PartitionNames names);

}  // namespace godwit::cli
