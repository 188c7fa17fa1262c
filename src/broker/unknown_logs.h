// Logs of topics that the image does not know (design-cluster rule 3): a log goes where a tombstone says that its topic was deleted,
// and is kept, unserved, where the store says nothing of it. While the store cannot be asked nothing is decided; it is asked
// again until it answers, and the controller keeps the tombstones for as long (Metadata::tombstones).
//
// Belongs to shard 0.
#pragma once

#include <set>
#include <vector>

#include "model/topic.h"
#include "runtime/sync.h"

namespace godwit::broker {

class Broker;

class UnknownLogs {
 public:
  explicit UnknownLogs(Broker& broker) : broker_(broker) {}

  // Nobody uses these logs any more. Returns once the store was asked, whether it answered or not.
  runtime::Task<void> decide(std::vector<TopicPartition> ids);
  // Of which it is not known what becomes.
  size_t undecided() const { return undecided_.size(); }
  // Nothing is asked any more; the next start decides on what is left.
  runtime::Task<void> stop();

 private:
  runtime::Task<void> ask();
  runtime::Task<void> ask_until_known();

  Broker& broker_;
  std::set<TopicPartition> undecided_;
  runtime::Mutex asking_;
  bool asks_again_ = false;
  bool told_ = false;
  bool stopping_ = false;
  runtime::Condition stopped_;
  runtime::Gate tasks_;
};

}  // namespace godwit::broker
