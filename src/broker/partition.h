// A partition as this broker serves it: its log, its place in the cluster, and who waits for news of it.
//
// Belongs to the shard of its log. Shared, so that a request that waits survives the deletion of the topic: after
// close() everything answers unknown_topic_or_partition.
#pragma once

#include <memory>
#include <string>

#include "cluster/image.h"
#include "model/error_code.h"
#include "record/produce_validation.h"
#include "runtime/list.h"
#include "storage/log.h"

namespace godwit::broker {

class Partition final : public storage::LogObserver {
 public:
  // `log` is the store's and lives until the store drops it; close() comes first.
  Partition(TopicPartition id, std::string topic, storage::Log& log, cluster::PartitionState state);
  ~Partition() override;

  const TopicPartition& id() const { return id_; }
  const std::string& topic() const { return topic_; }
  const cluster::PartitionState& state() const { return state_; }
  LeaderEpoch leader_epoch() const { return state_.leader_epoch; }
  bool closed() const { return log_ == nullptr; }

  Offset log_start() const { return closed() ? Offset(-1) : log_->start(); }
  // What consumers may read ends here. With one replica: what is stable as the topic's `flush` says.
  Offset high_watermark() const { return closed() ? Offset(-1) : log_->stable_end(); }
  // What consumers that read committed may read. There are no transactions, so it is the high watermark.
  Offset last_stable_offset() const { return high_watermark(); }
  // Null once closed.
  storage::Log* log() { return log_; }

  // none, or why a request with this leader epoch is refused: fenced_leader_epoch (older than ours),
  // unknown_leader_epoch (newer). kNoLeaderEpoch is not checked.
  ErrorCode check_epoch(LeaderEpoch asked) const;

  // Admits a validated batch (see Log::append).
  runtime::Task<storage::Served<storage::Appended>> append(MutableBytes batch, WallTime now,
                                                           MonotonicTime deadline);
  // Answers when everything before `end` is committed; errors as Log::wait_stable.
  runtime::Task<ErrorCode> wait_committed(Offset end, MonotonicTime deadline);
  // Whole batches from `from` that consumers may read.
  runtime::Task<storage::Served<storage::ReadAnswer>> read(Offset from, size_t bytes_max, bool at_least_one);

  // Told of news: more can be read, the log failed, the partition was closed. On this shard.
  class Watcher : public runtime::ListNode {
   public:
    virtual ~Watcher() = default;
    virtual void partition_changed() = 0;
  };
  void watch(Watcher& watcher) { watchers_.push_back(watcher); }

  // The topic's deletion: from now on there is no such partition. Waiters are told.
  void close();

 private:
  void log_advanced() override;
  void log_failed() override { tell_watchers(); }
  void tell_watchers();
  storage::Served<void> open() const;

  TopicPartition id_;
  std::string topic_;
  storage::Log* log_;
  cluster::PartitionState state_;
  runtime::List watchers_;
};

}  // namespace godwit::broker
