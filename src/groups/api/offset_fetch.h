// OffsetFetch: what a group has committed. A group that nobody has heard of is no error: each partition asked
// for comes back with offset -1.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/epoch.h"
#include "model/error_code.h"
#include "model/offset.h"
#include "model/topic.h"

namespace godwit::groups {

struct OffsetFetchRequest {
  struct Topic {
    std::string name;
    TopicId id;  // zero: do not check
    std::vector<PartitionIndex> partitions;
  };
  std::string group;
  std::optional<std::vector<Topic>> topics;  // without a value: all that the group has
  bool require_stable = false;               // wait for commits that are under way
};

struct OffsetFetchResponse {
  struct Partition {
    PartitionIndex partition;
    Offset offset{-1};
    LeaderEpoch leader_epoch = kNoLeaderEpoch;
    std::string metadata;
    ErrorCode error = ErrorCode::none;
  };
  struct Topic {
    std::string name;
    TopicId id;
    std::vector<Partition> partitions;
  };
  // For the group: v2+ has a field for it, before that it goes into every partition.
  ErrorCode error = ErrorCode::none;
  std::vector<Topic> topics;
};

}  // namespace godwit::groups
