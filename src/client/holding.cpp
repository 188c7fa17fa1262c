#include "client/holding.h"

#include <algorithm>

namespace godwit::client {

void Holding::assigned(const std::vector<TopicPartition>& partitions) {
  joined_ = true;
  // What is new here has no past, whether or not it was told to be gone.
  revoked(partitions);
  partitions_.insert(partitions.begin(), partitions.end());
}

void Holding::revoked(const std::vector<TopicPartition>& partitions) {
  for (const auto& partition : partitions) {
    partitions_.erase(partition);
    ended_.erase(partition);
    given_.erase(partition);
    done_.erase(partition);
  }
}

void Holding::given(const TopicPartition& partition, int64_t offset) {
  if (has(partition)) given_[partition] = offset + 1;
}

void Holding::done(const TopicPartition& partition, int64_t offset) {
  if (has(partition)) done_[partition] = offset + 1;
}

void Holding::ended(const TopicPartition& partition) {
  if (has(partition)) ended_.insert(partition);
}

bool Holding::at_end() const {
  return !partitions_.empty() && std::ranges::includes(ended_, partitions_);
}

void Holding::committed(const TopicPartition& partition, int64_t offset) {
  for (Progress* progress : {&given_, &done_}) {
    const auto found = progress->find(partition);
    if (found != progress->end() && found->second <= offset) progress->erase(found);
  }
}

}  // namespace godwit::client
