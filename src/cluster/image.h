// The metadata image: what the cluster is at one version. Immutable and swapped whole; every shard holds a share.
// Answers to clients that speak of brokers, leaders and epochs come from one image.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cluster/features.h"
#include "model/broker_id.h"
#include "model/epoch.h"
#include "model/topic.h"
#include "runtime/stream.h"

namespace godwit::cluster {

// A broker that is registered and has joined: it may lead, follow and serve.
struct BrokerInfo {
  BrokerId id;
  uint64_t incarnation = 0;
  std::string rack;       // empty: none
  bool draining = false;  // it gets no replicas and gives up those that it has
  FeatureRange features;  // of its build
  // Advertised addresses by listener name.
  std::map<std::string, runtime::Endpoint> listeners;
  // Null where it has no such listener.
  const runtime::Endpoint* address(const std::string& listener) const {
    const auto found = listeners.find(listener);
    return found == listeners.end() ? nullptr : &found->second;
  }
  friend bool operator==(const BrokerInfo&, const BrokerInfo&) = default;
};

// One key of the store for each (design-cluster rule 4); only the controller writes it.
struct PartitionState {
  int64_t version = 0;  // rises with each write
  BrokerId leader = kNoBroker;
  uint64_t leader_incarnation = 0;
  LeaderEpoch leader_epoch{0};
  std::vector<BrokerId> replicas;  // the first is the preferred leader
  std::vector<BrokerId> isr;
  // While it is moved: members of `replicas` that come, and that go once those are in the ISR.
  std::vector<BrokerId> adding;
  std::vector<BrokerId> removing;
  // Of the last leader that an operator elected outside the ISR: what it lacked is given up.
  LeaderEpoch unclean_epoch = kNoLeaderEpoch;
  // Replicas that came with an empty or another disk and were not in sync since. Known to controllers alone.
  std::vector<BrokerId> emptied;
  // The epochs before `leader_epoch` that were handed out last, in order; at most kRecentEpochs.
  std::vector<LeaderEpoch> recent_epochs;
  friend bool operator==(const PartitionState&, const PartitionState&) = default;
};

constexpr size_t kRecentEpochs = 8;

// Whether a log whose latest epoch is `epoch` belongs to the history that led to this state. False: it followed a leader of which
// this state knows nothing, so the coordination store is older than the log (docs/decisions/0015). Epochs older than the recent
// ones are taken for known.
bool knows_epoch(const PartitionState& state, LeaderEpoch epoch);
// The same, where no operator has decided since that what such a log has is given up (PartitionState::unclean_epoch).
bool contradicts(const PartitionState& state, LeaderEpoch epoch);

// Settings that were given for a topic, under Kafka's names; what is not given has the broker's default.
using ConfigMap = std::map<std::string, std::string, std::less<>>;

struct Topic {
  TopicId id;
  std::string name;
  ConfigMap config;
  std::vector<PartitionState> partitions;  // by index
  bool internal() const { return is_internal_topic(name); }
  friend bool operator==(const Topic&, const Topic&) = default;
};

// How many replicas must have a record before it is acknowledged under acks=all: what the topic says, else `fallback`, else
// 2 with three replicas or more, and 1 with fewer.
int min_insync(const Topic& topic, const ConfigMap& fallback);

// Which state of the cluster an image is: the controller's fence and its changes since it took the office. Means nothing in
// durable data.
struct ImageVersion {
  int64_t fence = -1;
  int64_t sequence = -1;
  friend auto operator<=>(const ImageVersion&, const ImageVersion&) = default;
};

class Image {
 public:
  ImageVersion version;
  std::string cluster_id;
  BrokerId controller = kNoBroker;
  int16_t feature_level = kFirstLevel;
  std::map<BrokerId, BrokerInfo> brokers;
  // Dynamic settings: by broker, and for all brokers under kNoBroker.
  std::map<BrokerId, ConfigMap> broker_configs;

  // Null when there is none.
  const Topic* find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second.get();
  }
  const Topic* find(const TopicId& id) const {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
  }
  const PartitionState* find(const TopicPartition& id) const {
    const Topic* const topic = find(id.topic);
    const auto index = static_cast<size_t>(id.partition.value());
    return topic != nullptr && id.partition.value() >= 0 && index < topic->partitions.size()
               ? &topic->partitions[index]
               : nullptr;
  }
  // By name, in order.
  const std::map<std::string, std::shared_ptr<const Topic>, std::less<>>& topics() const { return by_name_; }

  void put(std::shared_ptr<const Topic> topic) {
    by_id_[topic->id] = topic.get();
    by_name_.insert_or_assign(topic->name, std::move(topic));
  }
  void remove(const Topic& topic) {
    by_id_.erase(topic.id);
    by_name_.erase(std::string(topic.name));
  }

 private:
  std::map<std::string, std::shared_ptr<const Topic>, std::less<>> by_name_;
  std::unordered_map<TopicId, const Topic*> by_id_;
};

using ImagePtr = std::shared_ptr<const Image>;

}  // namespace godwit::cluster
