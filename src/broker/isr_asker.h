// Carries what the leaders of one shard's partitions want of the controller: other in-sync sets (AlterPartition). What is
// wanted while a request is under way goes with the next one.
//
// Belongs to its BrokerShard.
#pragma once

#include <vector>

#include "broker/partition.h"
#include "cluster/metadata.h"

namespace godwit::broker {

class BrokerShard;

class IsrAsker {
 public:
  explicit IsrAsker(BrokerShard& shard) : shard_(shard) {}

  // The partition's leader may want something.
  void look_at(Partition& partition);
  // The same for all of the shard for which the time has come, or whether the lease holds has changed.
  void look_at_due();
  // Nothing is asked any more; returns when nothing is under way.
  runtime::Task<void> stop();

 private:
  struct Wish {
    TopicPartition id;
    replication::IsrProposal proposal;
  };
  runtime::Task<void> ask();

  BrokerShard& shard_;
  LookAgenda agenda_;
  bool lease_held_ = true;
  std::vector<Wish> wishes_;
  bool asking_ = false;
  runtime::Gate tasks_;
};

}  // namespace godwit::broker
