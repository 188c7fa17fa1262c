// What a broker has on one shard: the partitions that live there, the connections that were accepted there, and the
// newest metadata image.
//
// Everything is called on the shard itself. What concerns another shard's partitions goes through on(...):
//
//   auto end = co_await shard.on(id, [id](BrokerShard& owner) { return owner.find(id)->high_watermark(); });
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "base/diagnostic.h"
#include "broker/fetch_session.h"
#include "broker/group_drivers.h"
#include "broker/isr_asker.h"
#include "broker/metrics.h"
#include "broker/options.h"
#include "broker/partition.h"
#include "broker/request_memory.h"
#include "broker/stale_fetchers.h"
#include "broker/topic_settings.h"
#include "cluster/metadata.h"
#include "replication/contacts.h"
#include "replicator/replicator.h"
#include "runtime/runtime.h"
#include "runtime/sync.h"

namespace godwit::broker {

class Broker;

// Its parts are touched on its own shard alone, which is checked; what may be asked from anywhere says so.
class BrokerShard {
 public:
  BrokerShard(Broker& broker, runtime::Shard& shard, size_t index);
  ~BrokerShard();
  BrokerShard(const BrokerShard&) = delete;
  BrokerShard& operator=(const BrokerShard&) = delete;

  Broker& broker() { return broker_; }
  const Broker& broker() const { return broker_; }
  runtime::Shard& shard() { return shard_; }
  size_t index() const { return index_; }
  const BrokerOptions& options() const;
  Metrics& metrics();
  DiagnosticSink& diagnostics();

  // The newest image that this shard has taken over.
  const cluster::ImagePtr& image() const { return own(image_); }
  StaleFetchers& stale_fetchers() { return own(stale_fetchers_); }
  // The effective settings of a topic; null when the image has no such topic.
  const TopicSettings* settings(const TopicId& topic) const;

  // The partition where it lives on this shard, else null.
  std::shared_ptr<Partition> find(const TopicPartition& id) const;
  size_t partition_count() const { return own(partitions_).size(); }
  const std::unordered_map<TopicPartition, std::shared_ptr<Partition>>& partitions() const {
    return own(partitions_);
  }

  // Committed records that this broker's replica lacks: 0 where it leads; empty where that is not known (there is no leader, or it
  // was not heard in this epoch).
  std::optional<int64_t> lag(const Partition& partition) const;

  // Takes an image over: makes logs for partitions that came, closes and drops those that went, leads and follows as it says,
  // applies settings. Requests see it at once; when this returns, every partition here is as this image says, or as a later one.
  //
  // Several calls may be under way; an image that is older than one that came before changes nothing, and waits for what that one
  // changes. Each partition is changed by one task at a time, which ends a change before it begins the next, and then
  // takes the newest image that concerns it: one that waits (for room, or for its disk) holds up nobody else.
  runtime::Task<void> apply(cluster::ImagePtr image);
  // Waits until there is another image than `known`, or `deadline` has come.
  runtime::Task<void> image_after(cluster::ImagePtr known, MonotonicTime deadline);
  // Returns true once clients may be served here, as open_up() says; false when `deadline` comes first.
  runtime::Task<bool> opened(MonotonicTime deadline);
  void open_up();
  // Begins to look after leaders (what they want of the ISR, who is silent), once this broker's incarnation is known.
  // `unproven`: logs of which the store doubts that they hold all; the doubt ends when they are in sync with their leader again.
  void begin(uint64_t incarnation, std::string cluster_id, const std::set<TopicPartition>& unproven);
  // Follows and asks no more; before the store closes. What images are still to change is left undone from now on.
  runtime::Task<void> end_replication();
  // Returns when no partition is being changed; after the last apply() has returned.
  runtime::Task<void> end_changes();

  // How many connections are served here, a moment ago. Any shard.
  int connections() const { return connections_.load(std::memory_order_relaxed); }
  void count_connections(int more) { connections_.fetch_add(more, std::memory_order_relaxed); }

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
  RequestMemory& request_memory(RequestOf kind) { return own(request_memory_)[static_cast<size_t>(kind)]; }
  runtime::Semaphore& response_memory() { return own(response_memory_); }
  // For answers to followers while those to clients hold all the other: a quarter as much, beside it.
  runtime::Semaphore& replica_memory() { return own(replica_memory_); }
  FetchSessions& fetch_sessions() { return own(fetch_sessions_); }
  // Long polls of this shard's connections.
  runtime::List& fetch_waits() { return own(fetch_waits_); }
  // Answers them all, with what they have.
  void end_long_polls();
  // Answers who waits for replicas to commit: request_timed_out.
  void give_up_commits();

  // When followers were last heard here.
  replication::Contacts& contacts() { return own(contacts_); }

  // The consumer groups that are managed here.
  GroupDrivers& groups() { return own(groups_); }

 private:
  class Follower;
  // A part of this shard, for who runs on it. Outside of all shards only tests look.
  template <class T>
  T& own(T& part) const {
    const runtime::Shard* const here = runtime::Shard::current();
    GW_CHECK(here == &shard_ || here == nullptr, "what a shard owns is touched on it alone");
    return part;
  }
  // How many partitions an apply() waits for.
  struct Arrivals {
    size_t left = 0;
    runtime::Condition all_came;
  };
  // A partition that is being changed, by one task.
  struct Change {
    // What it takes up next: the topic as of `version`, null where that image has none.
    std::optional<std::shared_ptr<const cluster::Topic>> wanted;
    cluster::ImageVersion version;  // rises
    std::vector<std::shared_ptr<Arrivals>>
        waiting;  // until that is done, or what is under way where nothing is wanted
  };
  // Makes the image the newest here, and has changed what it changes.
  void take_over(cluster::ImagePtr image, const std::shared_ptr<Arrivals>& arrivals);
  void want(const TopicPartition& id, std::shared_ptr<const cluster::Topic> topic,
            const std::shared_ptr<Arrivals>& arrivals);
  runtime::Task<void> change(TopicPartition id);
  runtime::Task<void> change_to(TopicPartition id, std::shared_ptr<const cluster::Topic> topic);
  runtime::Task<void> apply_partition(std::shared_ptr<const cluster::Topic> topic, PartitionIndex index);
  // Makes the log where there is none. Null where that fails.
  runtime::Task<std::shared_ptr<Partition>> open_partition(const cluster::Topic& topic, PartitionIndex index);
  runtime::Task<void> follow(const std::shared_ptr<Partition>& partition,
                             const cluster::PartitionState& state);
  // The replica is no longer this broker's: its log goes.
  runtime::Task<void> drop(std::shared_ptr<Partition> partition);
  // Nobody uses its log any more when this returns.
  runtime::Task<void> let_go(std::shared_ptr<Partition> partition);
  // The image does not know it any more. Returns once it was asked what becomes of its log.
  runtime::Task<void> drop_missing(std::shared_ptr<Partition> partition);
  runtime::Task<void> look_after_leaders();
  // Leads nothing any more until another image says so.
  void resign_all();
  // Puts back from other replicas what the disk lost.
  runtime::Task<void> repair_damages();
  runtime::Task<void> repair(std::shared_ptr<Partition> partition);
  std::vector<replication::LiveBroker> live_brokers() const;

  Broker& broker_;
  runtime::Shard& shard_;
  size_t index_;
  cluster::ImagePtr image_;
  // What holds for topics that set nothing themselves, as of the image.
  cluster::ConfigMap topic_defaults_;
  std::unordered_map<TopicId, TopicSettings> settings_;
  std::unordered_map<TopicPartition, std::shared_ptr<Partition>> partitions_;
  std::set<TopicPartition> unproven_;
  // Partitions whose store says what cannot be: told once.
  std::unordered_map<TopicPartition, LeaderEpoch> contradicted_;
  std::unordered_map<TopicPartition, Change> changes_;
  runtime::Gate changing_;
  // Partitions whose topic is gone, until it is asked what becomes of their logs.
  std::set<TopicPartition> missing_;
  runtime::Mutex deciding_;
  bool topics_went_ = false;  // since nothing was being changed
  runtime::Condition image_changed_;
  runtime::Condition opened_up_;
  bool open_ = false;
  replication::Contacts contacts_;
  Partition::Surroundings surroundings_;
  IsrAsker isr_asker_{*this};
  std::unique_ptr<replicator::Replicator> replicator_;
  std::unordered_map<TopicPartition, std::unique_ptr<Follower>> followers_;
  runtime::Gate looking_after_;
  StaleFetchers stale_fetchers_;
  std::optional<TopicPartition> repairing_;  // its log is in use by repair()
  runtime::Condition repaired_;
  runtime::Condition ended_;
  bool ending_ = false;
  std::atomic<int> connections_ = 0;
  std::array<RequestMemory, kRequestKinds> request_memory_;  // by RequestOf
  runtime::Semaphore response_memory_;
  runtime::Semaphore replica_memory_;
  FetchSessions fetch_sessions_;
  runtime::List fetch_waits_;
  GroupDrivers groups_{*this};
};

}  // namespace godwit::broker
