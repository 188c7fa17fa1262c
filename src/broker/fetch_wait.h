// Waits for news of many partitions, on any shards, from one place: the long poll of Fetch.
//
//   FetchWait wait(shard, client);
//   wait.watch_here(owner, {id, i});         // for each partition, on its shard; what changes later is reported with `i`
//   … look again (news before the watch are seen now) …
//   std::vector<size_t> changed = co_await wait.changed(deadline);   // empty: the deadline came
//
// Belongs to the shard on which it is made; must be ended with close() before it is destroyed.
#pragma once

#include <memory>
#include <vector>

#include "broker/request.h"

namespace godwit::broker {

class FetchWait : public runtime::ListNode {
 public:
  // A follower also wants to know of what is not committed yet, and waits no longer once it has sent the next request.
  enum class Of { consumer, follower };
  // `client` is who waits: when it has gone, changed() waits no longer. It need not outlive the wait.
  FetchWait(BrokerShard& shard, Client& client, Of of = Of::consumer);
  ~FetchWait();
  FetchWait(const FetchWait&) = delete;
  FetchWait& operator=(const FetchWait&) = delete;

  // One partition to be watched.
  struct Target {
    TopicPartition id;
    size_t index;
  };
  // Starts watching it, on its shard, which the caller visits while nothing else is asked of this; where it is watched already it
  // stays so. An index stands for one partition at a time; news of the one before may still be reported under it, once.
  void watch_here(BrokerShard& owner, const Target& target);
  // The indexes of targets with news since they were watched; they are no longer watched. A partition that is not there
  // counts as news at once.
  runtime::Task<std::vector<size_t>> changed(MonotonicTime deadline);
  // The same of those that have news by now, without waiting.
  std::vector<size_t> take();
  // Whether the follower had sent its next request when changed() answered: this one is to be answered now, news or not.
  bool hurried() const { return hurried_; }
  // This request is answered: that the next one came is no reason to hurry any more.
  void answered();
  void close();
  // The broker stops, or the peer has gone: changed() answers at once, from now on.
  void stop();

 private:
  struct News;
  struct Watch;
  BrokerShard& shard_;
  Of of_;
  bool hurried_ = false;
  std::shared_ptr<News> news_;
  // Watches live on the shards of their partitions; here only to be found and destroyed there.
  std::vector<std::vector<std::unique_ptr<Watch>>> watches_;  // by shard, then by index
};

}  // namespace godwit::broker
