#include "groups/offset_table.h"

namespace godwit::groups {

void OffsetTable::put(const OffsetCommitted& record) {
  const auto [it, inserted] = topics_[record.topic].try_emplace(record.partition);
  CommittedOffset& held = it->second;
  if (inserted) ++size_;
  if (held.expires_at) --with_expiry_;
  if (record.expires_at) ++with_expiry_;
  held = {record.offset,       record.leader_epoch, record.metadata,
          record.committed_at, record.expires_at,   record.topic_id};
}

void OffsetTable::erase(const std::string& topic, PartitionIndex partition) {
  const auto partitions = topics_.find(topic);
  if (partitions == topics_.end()) return;
  const auto held = partitions->second.find(partition);
  if (held == partitions->second.end()) return;
  --size_;
  if (held->second.expires_at) --with_expiry_;
  partitions->second.erase(held);
  if (partitions->second.empty()) topics_.erase(partitions);
}

const CommittedOffset* OffsetTable::find(const std::string& topic, PartitionIndex partition) const {
  const auto partitions = topics_.find(topic);
  if (partitions == topics_.end()) return nullptr;
  const auto held = partitions->second.find(partition);
  return held == partitions->second.end() ? nullptr : &held->second;
}

}  // namespace godwit::groups
