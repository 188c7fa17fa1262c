// Where replicas go: the least loaded of the brokers that are there, on distinct racks as far as there are enough. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "cluster/image.h"

namespace godwit::cluster {

class Placer {
 public:
  // Counts what the image places already. `usable` get replicas; others only count.
  Placer(const Image& image, std::set<BrokerId> usable);

  // Replicas of one new partition, the preferred leader first. Empty where there are fewer than `factor` usable brokers.
  std::vector<BrokerId> place(int factor);
  // The replicas of a partition without `gone`, another one in its place; empty where none is free.
  std::optional<std::vector<BrokerId>> replace(const std::vector<BrokerId>& replicas, BrokerId gone);

  struct Move {
    TopicPartition id;
    std::vector<BrokerId> to;
  };
  // Moves until no usable broker has two replicas more than another, as long as each brings it nearer to that: those from
  // brokers above the mean to brokers below it, nothing else. Partitions that are moving count as moved.
  std::vector<Move> rebalance(size_t moves_max);

 private:
  struct Load {
    int64_t replicas = 0;
    int64_t leads = 0;
  };
  BrokerId best(const std::vector<BrokerId>& present, bool leader) const;
  bool rack_is_free(BrokerId id, const std::vector<BrokerId>& present) const;

  const Image& image_;
  std::set<BrokerId> usable_;
  std::map<BrokerId, Load> loads_;
};

// Where the partition is when its move is over.
std::vector<BrokerId> settled(const PartitionState& state);

}  // namespace godwit::cluster
