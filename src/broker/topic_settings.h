// The settings of a topic, under the names that Kafka 4 gives them: what they are as numbers, and which values are refused.
// topic_settings_table.h has the table of them, with what becomes of each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/throttled_replicas.h"
#include "cluster/image.h"
#include "record/batch_attributes.h"
#include "storage/log_config.h"

namespace godwit::broker {

// The settings of a topic as numbers, but min.insync.replicas: where nothing sets that, it depends on how many replicas there are
// (cluster::min_insync).
struct TopicSettings {
  storage::LogConfig log;
  int64_t max_message_bytes = 1'048'588;
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

// Why what `config` gives is refused together with what holds besides, though each is fine by itself: a lag above its own
// maximum. Empty where it is not, and where `config` gives nothing that could be.
std::optional<std::string> check_topic_settings_together(const cluster::ConfigMap& config,
                                                         const cluster::ConfigMap& defaults);

// The same two for what may be set on a broker: the default of a topic setting, under Kafka's broker name ("log.retention.ms"), or
// a throttle's rate. `defaults` have the topic settings' names.
std::optional<std::string> check_broker_default(std::string_view broker_name, std::string_view value);
std::optional<std::string> check_broker_defaults_together(const cluster::ConfigMap& config,
                                                          const cluster::ConfigMap& defaults);

// The defaults of topic settings, under the topic settings' names: those of the start, overlaid by the dynamic ones for
// all brokers, overlaid by this broker's.
cluster::ConfigMap effective_defaults(const cluster::ConfigMap& at_start, const cluster::Image& image,
                                      BrokerId self);

}  // namespace godwit::broker
