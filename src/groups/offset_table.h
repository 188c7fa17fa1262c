// What one group has committed, by topic and partition.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "groups/records.h"

namespace godwit::groups {

struct CommittedOffset {
  Offset offset;
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  std::string metadata;
  WallTime committed_at;
  std::optional<WallTime> expires_at;
  TopicId topic_id;
};

class OffsetTable {
 public:
  using Partitions = std::map<PartitionIndex, CommittedOffset>;

  void put(const OffsetCommitted& record);
  void erase(const std::string& topic, PartitionIndex partition);
  // nullptr where nothing is committed.
  const CommittedOffset* find(const std::string& topic, PartitionIndex partition) const;
  const std::map<std::string, Partitions, std::less<>>& topics() const { return topics_; }
  bool empty() const { return topics_.empty(); }
  size_t size() const { return size_; }
  // Offsets whose client gave a retention time.
  size_t with_expiry() const { return with_expiry_; }

 private:
  std::map<std::string, Partitions, std::less<>> topics_;  // no topic without partitions
  size_t size_ = 0;
  size_t with_expiry_ = 0;
};

}  // namespace godwit::groups
