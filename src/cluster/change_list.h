// Changes of many partitions for one reason, in words. Pure.
#pragma once

#include <string>
#include <vector>

#include "cluster/image.h"

namespace godwit::cluster {

// "orders-3: leader 1 -> 2, epoch 3 -> 4, isr [1,2,3] -> [2,3]"; of a move that begins also "replicas [1,2] -> [3,2,1], to be on
// [1,2] -> [3,2]". From what to what is said of every change.
std::string describe_change(const Image& image, const TopicPartition& id, const PartitionState& before,
                            const PartitionState& after);

class ChangeList {
 public:
  // What is described at most: some 15,000 partitions, 3,000 where names are as long as can be. Others are counted.
  static constexpr size_t kBytesMax = 1'000'000;
  static constexpr size_t kPartMax = 6'500;  // characters of a part, but for a change that is longer alone

  void add(const Image& image, const TopicPartition& id, const PartitionState& before,
           const PartitionState& after);
  size_t count() const { return count_; }
  // The first few described, the rest counted: for a diagnostic.
  std::string brief() const;
  // All of them in their order, in parts that are bounded.
  std::vector<std::string> parts() const;

 private:
  size_t count_ = 0;
  size_t described_ = 0;
  size_t bytes_ = 0;
  std::string brief_;
  std::vector<std::string> parts_;
};

}  // namespace godwit::cluster
