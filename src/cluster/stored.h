// What stands in the coordination store, and under which keys (docs/formats/coordination.md).
#pragma once

#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/image.h"
#include "codec/codec.h"

namespace godwit::cluster {

// The version in which a T (a value in the store, a message between brokers) is written while the cluster is at feature level
// `level`. A new version says which level brings it:
//
//   static constexpr codec::Format kFormat{.name = "StoredPartition", .versions = {0, 1}, .flexible_since = 0};
//   static constexpr int16_t kSinceLevel[] = {2};   // of version 1; version 0 was always there
template <class T>
constexpr int16_t version_at(int16_t level) {
  constexpr codec::VersionRange versions = T::kFormat.versions;
  int16_t version = versions.first;
  if constexpr (versions.first != versions.last) {
    static_assert(std::size(T::kSinceLevel) == static_cast<size_t>(versions.last - versions.first),
                  "each version but the first says which level brings it");
    for (const int16_t since : T::kSinceLevel) {
      if (level >= since) ++version;
    }
  }
  return version;
}

// The bytes of a value for the store, as brokers read it that work at `level`.
template <class T>
Bytes stored_bytes(const T& value, int16_t level) {
  auto bytes = codec::encode_versioned(value, version_at<T>(level));
  GW_CHECK(bytes.has_value(), "what godwit stores can be encoded");
  return std::move(*bytes);
}

// Settings in the order of their names.
struct StoredSetting {
  std::string name;
  std::string value;
  static void fields(auto& f) {
    f("name", &StoredSetting::name);
    f("value", &StoredSetting::value);
  }
  friend bool operator==(const StoredSetting&, const StoredSetting&) = default;
};

struct StoredTopic {
  static constexpr codec::Format kFormat{.name = "StoredTopic", .versions = {0, 0}, .flexible_since = 0};
  std::string name;
  int32_t partitions = 0;
  std::vector<StoredSetting> settings;
  static void fields(auto& f) {
    f("name", &StoredTopic::name);
    f("partitions", &StoredTopic::partitions);
    f("settings", &StoredTopic::settings);
  }
  friend bool operator==(const StoredTopic&, const StoredTopic&) = default;
};

// The state of a partition (design-cluster rule 4).
struct StoredPartition {
  static constexpr codec::Format kFormat{.name = "StoredPartition", .versions = {0, 0}, .flexible_since = 0};
  int64_t version = 0;  // rises with each write; not the store's
  std::vector<BrokerId> replicas;
  std::vector<BrokerId> adding;
  std::vector<BrokerId> removing;
  BrokerId leader = kNoBroker;
  int64_t leader_incarnation = 0;
  LeaderEpoch leader_epoch{0};
  std::vector<BrokerId> isr;
  LeaderEpoch unclean_epoch = kNoLeaderEpoch;
  std::vector<BrokerId> emptied;
  std::vector<LeaderEpoch> recent_epochs;
  static void fields(auto& f) {
    f("version", &StoredPartition::version);
    f("replicas", &StoredPartition::replicas);
    f("adding", &StoredPartition::adding);
    f("removing", &StoredPartition::removing);
    f("leader", &StoredPartition::leader);
    f("leader_incarnation", &StoredPartition::leader_incarnation);
    f("leader_epoch", &StoredPartition::leader_epoch);
    f("isr", &StoredPartition::isr);
    f("unclean_epoch", &StoredPartition::unclean_epoch);
    f("emptied", &StoredPartition::emptied, codec::always().tagged(0));
    f("recent_epochs", &StoredPartition::recent_epochs, codec::always().tagged(1));
  }
  friend bool operator==(const StoredPartition&, const StoredPartition&) = default;
};

struct StoredSettings {
  static constexpr codec::Format kFormat{.name = "StoredSettings", .versions = {0, 0}, .flexible_since = 0};
  std::vector<StoredSetting> settings;
  static void fields(auto& f) { f("settings", &StoredSettings::settings); }
  friend bool operator==(const StoredSettings&, const StoredSettings&) = default;
};

// A number that only rises: producer ids, incarnations.
struct StoredCounter {
  static constexpr codec::Format kFormat{.name = "StoredCounter", .versions = {0, 0}, .flexible_since = 0};
  int64_t next = 0;
  static void fields(auto& f) { f("next", &StoredCounter::next); }
  friend bool operator==(const StoredCounter&, const StoredCounter&) = default;
};

struct StoredCluster {
  static constexpr codec::Format kFormat{.name = "StoredCluster", .versions = {0, 0}, .flexible_since = 0};
  std::string cluster_id;
  static void fields(auto& f) { f("cluster_id", &StoredCluster::cluster_id); }
  friend bool operator==(const StoredCluster&, const StoredCluster&) = default;
};

namespace keys {

constexpr std::string_view kCluster = "/cluster";
constexpr std::string_view kTopics = "/topics/";
constexpr std::string_view kNames = "/names/";
constexpr std::string_view kPartitions = "/partitions/";
constexpr std::string_view kTombstones = "/tombstones/";
constexpr std::string_view kBrokerConfigs = "/configs/brokers/";
constexpr std::string_view kProducerIds = "/producer-ids";

std::string topic(const TopicId& id);
std::string name(std::string_view topic_name);
std::string partition(const TopicId& id, size_t index);  // eight digits: in the order of their numbers
std::string tombstone(const TopicId& id);
std::string broker_config(BrokerId id);
std::string incarnation(BrokerId id);

}  // namespace keys

PartitionState to_state(const StoredPartition& stored);
StoredPartition from_state(const PartitionState& state);
ConfigMap to_config(const std::vector<StoredSetting>& settings);
std::vector<StoredSetting> from_config(const ConfigMap& config);

}  // namespace godwit::cluster
