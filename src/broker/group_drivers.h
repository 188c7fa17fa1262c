// The group drivers of one shard: one for each partition of __consumer_offsets that lives here and is led by this broker.
// Belongs to its BrokerShard and is used on that shard alone.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "broker/group_driver.h"
#include "cluster/image.h"

namespace godwit::broker {

class BrokerShard;

class GroupDrivers {
 public:
  explicit GroupDrivers(BrokerShard& shard) : shard_(shard) {}

  // Follows the shard to an image, once its partitions have: starts drivers, and ends those whose partition went.
  void apply(const cluster::Image& image);
  // What was committed for it goes. That an image lacks a topic does not mean that it was deleted (rule 3).
  void topic_deleted(const std::string& name, const TopicId& id);

  // Null where the partition is not led here.
  std::shared_ptr<GroupDriver> find(PartitionIndex partition) const;
  std::vector<std::shared_ptr<GroupDriver>> all() const;

  // Stops all drivers and starts no more. Requests are answered with NOT_COORDINATOR from now on.
  runtime::Task<void> stop();

 private:
  void start_missing(const cluster::Image& image);
  void end_missing(const cluster::Image& image);

  BrokerShard& shard_;
  bool stopped_ = false;
  std::map<PartitionIndex, std::shared_ptr<GroupDriver>> drivers_;
  runtime::Gate ending_;
};

}  // namespace godwit::broker
