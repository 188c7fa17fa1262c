// The settings of a topic, under the names that Kafka 4 gives them: which are honoured, which are accepted without
// effect and why, which values are refused. docs/topic-settings.md is the table for people, checked against this one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/throttled_replicas.h"
#include "cluster/image.h"
#include "record/batch_attributes.h"
#include "storage/log_config.h"

namespace godwit::config {
struct Setting;
}

namespace godwit::broker {

// All settings of a topic as numbers.
struct TopicSettings {
  storage::LogConfig log;
  int64_t max_message_bytes = 1'048'588;
  int32_t min_insync_replicas = 1;
  int64_t timestamp_before_max_ms = INT64_MAX;
  int64_t timestamp_after_max_ms = 3'600'000;
  // Empty: "producer", as the batch comes.
  std::optional<CompressionType> compression;
  std::optional<int> compression_level;
  ThrottledReplicas leader_throttled;
  ThrottledReplicas follower_throttled;
  friend bool operator==(const TopicSettings&, const TopicSettings&) = default;
};

// Settings as they are effective for a topic that sets `given`, over `defaults`. Unknown names and bad values of `given` were
// refused before they were stored (check_topic_setting); what does not parse all the same keeps its default.
TopicSettings effective_settings(const cluster::ConfigMap& given, const cluster::ConfigMap& defaults,
                                 bool internal);

// Why `name`=`value` is refused, or empty.
std::optional<std::string> check_topic_setting(std::string_view name, std::string_view value);

// Why settings that are fine one by one are refused together: a lag above its own maximum. Empty where they are not.
std::optional<std::string> check_topic_settings_together(const cluster::ConfigMap& config);

// The same for what may be set on a broker: the default of a topic setting, under Kafka's broker name ("log.retention.ms"), or a
// throttle's rate.
std::optional<std::string> check_broker_default(std::string_view broker_name, std::string_view value);

// The defaults of topic settings, under the topic settings' names: those of the start, overlaid by the dynamic ones for
// all brokers, overlaid by this broker's.
cluster::ConfigMap effective_defaults(const cluster::ConfigMap& at_start, const cluster::Image& image,
                                      BrokerId self);

// A topic's setting, and the name under which a broker's configuration gives its default.
struct TopicSettingName {
  const config::Setting* setting;  // lives as long as the program
  std::string_view broker_name;
};
// By the topic's name.
std::vector<TopicSettingName> topic_setting_names();

}  // namespace godwit::broker
