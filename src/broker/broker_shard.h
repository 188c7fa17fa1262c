// What a broker has on one shard: the partitions that live there, the connections that were accepted there, and the
// newest metadata image.
//
// Everything is called on the shard itself. What concerns another shard's partitions goes through on(...):
//
//   auto end = co_await shard.on(id, [id](BrokerShard& owner) { return owner.find(id)->high_watermark(); });
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/diagnostic.h"
#include "broker/fetch_session.h"
#include "broker/group_drivers.h"
#include "broker/metrics.h"
#include "broker/options.h"
#include "broker/partition.h"
#include "broker/topic_settings.h"
#include "cluster/metadata.h"
#include "runtime/runtime.h"
#include "runtime/sync.h"

namespace godwit::broker {

class Broker;

class BrokerShard {
 public:
  BrokerShard(Broker& broker, runtime::Shard& shard, size_t index);
  ~BrokerShard();
  BrokerShard(const BrokerShard&) = delete;
  BrokerShard& operator=(const BrokerShard&) = delete;

  Broker& broker() { return broker_; }
  runtime::Shard& shard() { return shard_; }
  size_t index() const { return index_; }
  const BrokerOptions& options() const;
  Metrics& metrics();
  DiagnosticSink& diagnostics();

  // The newest image that this shard has taken over.
  const cluster::ImagePtr& image() const { return image_; }
  // The effective settings of a topic; null when the image has no such topic.
  const TopicSettings* settings(const TopicId& topic) const;

  // The partition where it lives on this shard, else null.
  std::shared_ptr<Partition> find(const TopicPartition& id) const;
  size_t partition_count() const { return partitions_.size(); }
  const std::unordered_map<TopicPartition, std::shared_ptr<Partition>>& partitions() const {
    return partitions_;
  }

  // Takes an image over: makes logs for partitions that came, closes and drops those that went, applies settings. When
  // it returns, requests see the new image here.
  runtime::Task<void> apply(cluster::ImagePtr image);

  // The shard that owns a partition.
  BrokerShard& owner(const TopicPartition& id);
  // Runs `function(owner)` on the shard that owns the partition.
  template <class F>
  auto on(const TopicPartition& id, F function) {
    BrokerShard& target = owner(id);
    return target.shard().call(
        [&target, function = std::move(function)]() mutable { return function(target); });
  }

  // Bounds of memory, this shard's part of the broker's.
  runtime::Semaphore& request_memory() { return request_memory_; }
  runtime::Semaphore& response_memory() { return response_memory_; }
  FetchSessions& fetch_sessions() { return fetch_sessions_; }
  // Long polls of this shard's connections.
  runtime::List& fetch_waits() { return fetch_waits_; }
  // Answers them all, with what they have.
  void end_long_polls();

  // The consumer groups that are managed here.
  GroupDrivers& groups() { return groups_; }

 private:
  runtime::Task<void> add_partition(const cluster::Topic& topic, PartitionIndex index);
  runtime::Task<void> drop_missing();

  Broker& broker_;
  runtime::Shard& shard_;
  size_t index_;
  cluster::ImagePtr image_;
  // What holds for topics that set nothing themselves, as of the image.
  cluster::ConfigMap topic_defaults_;
  std::unordered_map<TopicId, TopicSettings> settings_;
  std::unordered_map<TopicPartition, std::shared_ptr<Partition>> partitions_;
  runtime::Mutex applying_;
  runtime::Semaphore request_memory_;
  runtime::Semaphore response_memory_;
  FetchSessions fetch_sessions_;
  runtime::List fetch_waits_;
  GroupDrivers groups_{*this};
};

}  // namespace godwit::broker
