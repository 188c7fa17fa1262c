// The next image while it is made, and the writes that make it durable, in the order in which they have to be carried out:
//
//   1. states()   partition states, each by itself: before the topic that names them, before the broker counts as joined; and
//                 what depends on nothing: the death of a broker, events
//   2. orders()   groups of keys that change together, one transaction after the other
//   (the image is published)
//   3. leavings() keys that nobody reads any more; what is cut short here is found by the next controller
//
// Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "cluster/image.h"
#include "cluster/stored.h"
#include "coordination/coordination.h"

namespace godwit::cluster {

class Draft {
 public:
  using Write = coordination::Transaction::Write;
  using Transactions = std::vector<std::vector<Write>>;

  explicit Draft(const Image& base) : next_(base), level_(base.feature_level) {}
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  // As it is with all that was changed so far. Topics may move with the next put.
  const Image& image() const { return next_; }

  void put(const TopicPartition& id, PartitionState state);
  // A new topic, or a changed one under its id: its key, the claim of its name, and partitions from number `first_new` on.
  void put(std::shared_ptr<Topic> topic, size_t first_new);
  void remove(TopicId id, Bytes tombstone);
  void put_broker(BrokerInfo info);
  void remove_broker(BrokerId id);
  void put_broker_config(BrokerId id, ConfigMap config);
  // From the next draft on values are written at that level.
  void put_feature_level(int16_t level);
  // Keys that change together.
  void write(std::vector<Write> group);
  // The same, for what needs not wait for the states: one round trip to the store less.
  void write_beside(std::vector<Write> group);

  // The bytes of a value for the store.
  template <class T>
  Bytes encoded(const T& value) const {
    return stored_bytes(value, level_);
  }

  bool empty() const { return !changed_; }
  Transactions states() const;
  const Transactions& orders() const { return orders_; }
  const Transactions& leavings() const { return leavings_; }
  Image finish(int64_t sequence) &&;

 private:
  Topic& edit(const TopicId& id);

  Image next_;
  int16_t level_;
  bool changed_ = false;
  std::map<TopicId, std::shared_ptr<Topic>> edited_;  // objects of this draft alone
  std::set<TopicPartition> states_;
  Transactions beside_;
  Transactions orders_;
  Transactions leavings_;
};

}  // namespace godwit::cluster
