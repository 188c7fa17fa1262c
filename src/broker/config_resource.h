// What tools describe and alter: the settings of a topic, and the dynamic settings of brokers. A broker's dynamic
// settings are the defaults of its topics, under Kafka's broker names ("log.retention.ms").
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
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

// What is wrong with a resource that shall be changed, before it is looked up; empty where nothing is. A request that
// names one resource twice would depend on the order in which it is carried out.
template <class Resource>
std::optional<ResourceRefusal> refuse_resource(const std::vector<Resource>& all, const Resource& one) {
  const auto same = [&](const Resource& other) {
    return other.resource_type == one.resource_type && other.resource_name == one.resource_name;
  };
  if (std::ranges::count_if(all, same) > 1) {
    return ResourceRefusal{ErrorCode::invalid_request, "the request names this resource twice"};
  }
  if (one.resource_type == static_cast<int8_t>(ResourceType::topic) && one.resource_name.empty()) {
    return ResourceRefusal{ErrorCode::invalid_request, "the topic has no name"};
  }
  return std::nullopt;
}

}  // namespace godwit::broker
