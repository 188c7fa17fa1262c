// Which replicas of a topic an operator named in leader.replication.throttled.replicas or
// follower.replication.throttled.replicas (KIP-73): "*" for all, or a list of PARTITION:BROKER. Pure.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/image.h"

namespace godwit::broker {

class ThrottledReplicas {
 public:
  // Empty where the text is neither.
  static std::optional<ThrottledReplicas> parse(std::string_view text);

  bool contains(PartitionIndex partition, BrokerId broker) const;
  friend bool operator==(const ThrottledReplicas&, const ThrottledReplicas&) = default;

 private:
  bool all_ = false;
  std::vector<std::pair<PartitionIndex, BrokerId>> named_;  // sorted
};

// Whether the copy that `follower` makes of the partition waits for a throttle where it lags: it is being added, or it is not in
// sync and the broker at `end` (its leader, or itself) is named. In sync it never does.
bool is_on_its_way(const cluster::PartitionState& state, BrokerId follower, const ThrottledReplicas& named,
                   PartitionIndex partition, BrokerId end);

}  // namespace godwit::broker
