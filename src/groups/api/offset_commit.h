// OffsetCommit: how far a group has read, kept until the topic goes. Answered when committed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/epoch.h"
#include "model/error_code.h"
#include "model/offset.h"
#include "model/topic.h"

namespace godwit::groups {

struct OffsetCommitPartition {
  PartitionIndex partition;
  Offset offset;
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  std::string metadata;
};

struct OffsetCommitTopic {
  std::string name;  // never empty: the caller has resolved ids, and answered for topics that do not exist
  TopicId id;        // of the topic now under that name; zero where not known
  std::vector<OffsetCommitPartition> partitions;
};

struct OffsetCommitRequest {
  int16_t version = 9;
  std::string group;
  int32_t generation = -1;  // -1 with an empty member: a "simple" commit, from outside any membership
  std::string member;
  std::optional<std::string> instance;
  int64_t retention_ms = -1;  // v2-4: the offset expires so long after now; -1: the broker's rule
  std::vector<OffsetCommitTopic> topics;
};

struct OffsetCommitResponse {
  struct Partition {
    PartitionIndex partition;
    ErrorCode error = ErrorCode::none;
  };
  struct Topic {
    std::string name;
    TopicId id;
    std::vector<Partition> partitions;
  };
  std::vector<Topic> topics;  // as asked, in the same order
};

}  // namespace godwit::groups
