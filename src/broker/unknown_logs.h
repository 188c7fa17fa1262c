// Logs of topics that the image does not know, and what groups committed for such topics (design-cluster rule 3): they go where a
// tombstone says that the topic was deleted, and are kept, the logs unserved, where the store says nothing of it. While the
// store cannot be asked nothing is decided; it is asked again until it answers, and the controller keeps the tombstones for as
// long (Metadata::tombstones).
//
// Belongs to shard 0.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/topic.h"
#include "runtime/sync.h"

namespace godwit::broker {

class Broker;

class UnknownLogs {
 public:
  explicit UnknownLogs(Broker& broker) : broker_(broker) {}

  // Nobody uses these logs any more. Returns once the store was asked, whether it answered or not. To be called at the start,
  // also with none: until the tombstones were read once the controller keeps them all.
  runtime::Task<void> decide(std::vector<TopicPartition> ids);
  // These are not in the image any more; `ids` by their names.
  runtime::Task<void> vanished(std::vector<std::pair<std::string, TopicId>> topics);
  // Of which it is not known what becomes.
  size_t undecided() const { return undecided_.size(); }
  // Nothing is asked any more; the next start decides on what is left.
  runtime::Task<void> stop();

 private:
  // Asks, and goes on asking in the background where there is no answer.
  runtime::Task<void> ask_at_once();
  runtime::Task<void> ask();
  runtime::Task<void> ask_until_known();

  Broker& broker_;
  std::set<TopicPartition> undecided_;
  std::map<TopicId, std::string> vanished_;
  runtime::Mutex asking_;
  bool known_ = false;  // the store was asked since the last of them came
  bool asks_again_ = false;
  bool told_ = false;
  bool stopping_ = false;
  runtime::Condition stopped_;
  runtime::Gate tasks_;
};

}  // namespace godwit::broker
