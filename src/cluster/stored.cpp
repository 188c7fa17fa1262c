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
  return "/names/" + std::string(topic_name);
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
