// OffsetDelete: forget what a group has committed for topics that it no longer reads.
#pragma once

#include <string>
#include <vector>

#include "model/error_code.h"
#include "model/topic.h"

namespace godwit::groups {

struct OffsetDeleteRequest {
  struct Topic {
    std::string name;
    std::vector<PartitionIndex> partitions;
  };
  std::string group;
  std::vector<Topic> topics;
};

struct OffsetDeleteResponse {
  struct Partition {
    PartitionIndex partition;
    ErrorCode error = ErrorCode::none;
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
  };
  ErrorCode error = ErrorCode::none;
  std::vector<Topic> topics;
};

}  // namespace godwit::groups
