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

#include "model/broker_id.h"
#include "model/epoch.h"
#include "model/topic.h"
#include "runtime/stream.h"

namespace godwit::cluster {

struct BrokerInfo {
  BrokerId id;
  uint64_t incarnation = 0;
  std::string rack;  // empty: none
  // Advertised addresses by listener name.
  std::map<std::string, runtime::Endpoint> listeners;
  friend bool operator==(const BrokerInfo&, const BrokerInfo&) = default;
};

struct PartitionState {
  BrokerId leader = kNoBroker;
  LeaderEpoch leader_epoch{0};
  std::vector<BrokerId> replicas;
  std::vector<BrokerId> isr;
  friend bool operator==(const PartitionState&, const PartitionState&) = default;
};

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

class Image {
 public:
  uint64_t version = 0;  // rises with each change in this process; means nothing elsewhere
  std::string cluster_id;
  BrokerId controller = kNoBroker;
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
