// What tools describe and alter: the settings of a topic, and the dynamic settings of brokers. A broker's dynamic
// settings are the defaults of its topics, under Kafka's broker names ("log.retention.ms").
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/broker_shard.h"
#include "broker/topic_settings_view.h"

namespace godwit::broker {

enum class ResourceType : int8_t {
  topic = 2,
  broker = 4,
  broker_logger = 8,
  client_metrics = 16,
  group = 32
};

struct ResourceRefusal {
  ErrorCode code = ErrorCode::invalid_request;
  std::string message;
};
template <class T>
using OnResource = tl::expected<T, ResourceRefusal>;

// All settings of the resource, by name.
OnResource<std::vector<SettingView>> describe_resource(const BrokerShard& shard, ResourceType type,
                                                       const std::string& name);

// Replaces what is set for the resource with what `change` makes of it. The outcome is checked: invalid_config.
using ConfigChange = std::function<OnResource<cluster::ConfigMap>(cluster::ConfigMap)>;
runtime::Task<OnResource<void>> alter_resource(BrokerShard& shard, ResourceType type, std::string name,
                                               ConfigChange change, bool validate_only);

// How often a request that shall change resources names each of them: one that names a resource twice would depend on the
// order in which it is carried out.
class ResourceCount {
 public:
  void add(int8_t type, const std::string& name) { ++times_[{type, name}]; }
  // What is wrong with a resource that was added, before it is looked up; empty where nothing is.
  std::optional<ResourceRefusal> refuse(int8_t type, const std::string& name) const;

 private:
  std::map<std::pair<int8_t, std::string>, size_t> times_;
};

}  // namespace godwit::broker
