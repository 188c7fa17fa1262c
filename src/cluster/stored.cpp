#include "cluster/stored.h"

#include <fmt/format.h>

#include "codec/define.h"

GODWIT_STORED_CODEC(godwit::cluster::StoredTopic);
GODWIT_STORED_CODEC(godwit::cluster::StoredPartition);
GODWIT_STORED_CODEC(godwit::cluster::StoredSettings);
GODWIT_STORED_CODEC(godwit::cluster::StoredCounter);
GODWIT_STORED_CODEC(godwit::cluster::StoredCluster);

namespace godwit::cluster {
namespace keys {

std::string topic(const TopicId& id) {
  return std::string(kTopics) + to_string(id);
}
std::string name(std::string_view topic_name) {
  return std::string(kNames) + std::string(topic_name);
}
std::string partition(const TopicId& id, size_t index) {
  return fmt::format("{}{}/{:08}", kPartitions, to_string(id), index);
}
std::string tombstone(const TopicId& id) {
  return std::string(kTombstones) + to_string(id);
}
std::string broker_config(BrokerId id) {
  return std::string(kBrokerConfigs) + (id == kNoBroker ? std::string("default") : to_string(id));
}
std::string incarnation(BrokerId id) {
  return "/incarnations/" + to_string(id);
}

}  // namespace keys

PartitionState to_state(const StoredPartition& stored) {
  return {stored.version,      stored.leader,       static_cast<uint64_t>(stored.leader_incarnation),
          stored.leader_epoch, stored.replicas,     stored.isr,
          stored.adding,       stored.removing,     stored.unclean_epoch,
          stored.emptied,      stored.recent_epochs};
}

StoredPartition from_state(const PartitionState& state) {
  StoredPartition stored;
  stored.version = state.version;
  stored.replicas = state.replicas;
  stored.adding = state.adding;
  stored.removing = state.removing;
  stored.leader = state.leader;
  stored.leader_incarnation = static_cast<int64_t>(state.leader_incarnation);
  stored.leader_epoch = state.leader_epoch;
  stored.isr = state.isr;
  stored.unclean_epoch = state.unclean_epoch;
  stored.emptied = state.emptied;
  stored.recent_epochs = state.recent_epochs;
  return stored;
}

ConfigMap to_config(const std::vector<StoredSetting>& settings) {
  ConfigMap config;
  for (const auto& setting : settings) config[setting.name] = setting.value;
  return config;
}

std::vector<StoredSetting> from_config(const ConfigMap& config) {
  std::vector<StoredSetting> settings;
  for (const auto& [name, value] : config) settings.push_back({name, value});
  return settings;
}

}  // namespace godwit::cluster
