#include "broker/topic_settings.h"

#include <algorithm>
#include <vector>

#include "broker/throttle_rates.h"
#include "broker/topic_settings_table.h"

namespace godwit::broker {
namespace {

using Row = TopicSettingRow;

constexpr int64_t kFlushIntervalDefault = 1000;

// What is refused of one setting by itself. Messages begin with `name`: the topic's or the broker's name for it.
std::optional<std::string> check_value(const Row& row, std::string_view name, std::string_view value) {
  config::Setting setting = row.setting;
  setting.name = name;
  if (auto fault = config::check(setting, value)) return fault;
  const std::string_view of = row.setting.name;
  const auto refuse = [&](const char* why) { return std::string(name) + ": " + why; };
  if (of == "compression.gzip.level" && config::to_integer(value) == 0) return refuse("is -1 or 1 to 9");
  if (of.ends_with(".throttled.replicas") && !ThrottledReplicas::parse(value)) {
    return refuse("is * or a list of PARTITION:BROKER");
  }
  if (of == "remote.storage.enable" && config::to_boolean(value) == true) {
    return refuse("there is no tiered storage");
  }
  return std::nullopt;
}

// The text that is effective: the topic's, else the broker's, else the fallback.
class Effective {
 public:
  Effective(const cluster::ConfigMap& given, const cluster::ConfigMap& defaults)
      : given_(given), defaults_(defaults) {}

  std::string_view text(std::string_view name) const {
    const Row& row = *find_topic_setting(name);
    const std::string* const set = find(row);
    return set != nullptr ? *set : row.setting.fallback;
  }
  bool is_set(std::string_view name) const { return find(*find_topic_setting(name)) != nullptr; }
  int64_t integer(std::string_view name) const { return *config::to_integer(text(name)); }
  double number(std::string_view name) const { return *config::to_number(text(name)); }

 private:
  const std::string* find(const Row& row) const {
    for (const cluster::ConfigMap* map : {&given_, &defaults_}) {
      const auto found = map->find(row.setting.name);
      if (found != map->end() && !check_value(row, row.setting.name, found->second)) return &found->second;
    }
    return nullptr;
  }

  const cluster::ConfigMap& given_;
  const cluster::ConfigMap& defaults_;
};

// A broker's dynamic defaults, under the names that topics have for them; over what stands there.
void add_by_topic_name(const cluster::ConfigMap& config, cluster::ConfigMap& defaults) {
  for (const auto& [name, value] : config) {
    if (const Row* const row = find_broker_default(name)) {
      defaults.insert_or_assign(std::string(row->setting.name), value);
    }
  }
}

}  // namespace

TopicSettings effective_settings(const cluster::ConfigMap& given, const cluster::ConfigMap& defaults,
                                 bool internal) {
  const Effective effective(given, defaults);
  TopicSettings settings;
  storage::LogConfig& log = settings.log;
  log.retention_ms = effective.integer("retention.ms");
  log.retention_bytes = effective.integer("retention.bytes");
  log.segment_bytes = effective.integer("segment.bytes");
  log.segment_ms = effective.integer("segment.ms");
  log.segment_jitter_ms = effective.integer("segment.jitter.ms");
  const auto policies = config::to_list(effective.text("cleanup.policy"));
  log.cleanup_delete = std::ranges::find(policies, "delete") != policies.end();
  log.cleanup_compact = std::ranges::find(policies, "compact") != policies.end();
  log.delete_retention_ms = effective.integer("delete.retention.ms");
  log.min_compaction_lag_ms = effective.integer("min.compaction.lag.ms");
  log.max_compaction_lag_ms = effective.integer("max.compaction.lag.ms");
  log.min_cleanable_dirty_ratio = effective.number("min.cleanable.dirty.ratio");
  log.file_delete_delay_ms = effective.integer("file.delete.delay.ms");
  log.log_append_time = effective.text("message.timestamp.type") == "LogAppendTime";
  // flush.messages=1 says, in Kafka's words, what flush=always says. What godwit keeps for itself is always synced.
  const bool each = effective.is_set("flush.messages") && effective.integer("flush.messages") == 1;
  log.flush = effective.text("flush") == "interval" && !each && !internal
                  ? storage::LogConfig::Flush::interval
                  : storage::LogConfig::Flush::always;
  log.flush_ms = effective.is_set("flush.ms") ? effective.integer("flush.ms") : kFlushIntervalDefault;
  log.internal = internal;
  settings.max_message_bytes = effective.integer("max.message.bytes");
  settings.timestamp_before_max_ms = effective.integer("message.timestamp.before.max.ms");
  settings.timestamp_after_max_ms = effective.integer("message.timestamp.after.max.ms");
  const std::string_view codec = effective.text("compression.type");
  if (codec != "producer") {
    settings.compression = parse_compression_type(codec == "uncompressed" ? "none" : codec);
    const std::string level = "compression." + std::string(codec) + ".level";
    if (find_topic_setting(level) != nullptr)
      settings.compression_level = static_cast<int>(effective.integer(level));
  }
  const auto throttled = [&](std::string_view name) {
    return ThrottledReplicas::parse(effective.text(name)).value_or(ThrottledReplicas{});
  };
  settings.leader_throttled = throttled("leader.replication.throttled.replicas");
  settings.follower_throttled = throttled("follower.replication.throttled.replicas");
  return settings;
}

std::optional<std::string> check_topic_settings_together(const cluster::ConfigMap& config,
                                                         const cluster::ConfigMap& defaults) {
  constexpr std::string_view kMin = "min.compaction.lag.ms";
  constexpr std::string_view kMax = "max.compaction.lag.ms";
  // What contradicts itself below is not this one's fault.
  if (!config.contains(kMin) && !config.contains(kMax)) return std::nullopt;
  const Effective effective(config, defaults);
  if (effective.integer(kMin) <= effective.integer(kMax)) return std::nullopt;
  return "min.compaction.lag.ms is above max.compaction.lag.ms";
}

std::optional<std::string> check_topic_setting(std::string_view name, std::string_view value) {
  const Row* const row = find_topic_setting(name);
  if (row != nullptr) return check_value(*row, name, value);
  std::vector<std::string_view> names;
  for (const Row& known : topic_setting_rows()) names.push_back(known.setting.name);
  const auto meant = config::nearest_name(name, names);
  return "Unknown topic config name: " + std::string(name) +
         (meant ? "; did you mean " + std::string(*meant) + "?" : "");
}

std::optional<std::string> check_broker_default(std::string_view broker_name, std::string_view value) {
  if (is_throttle_rate(broker_name)) return check_throttle_rate(broker_name, value);
  const Row* const row = find_broker_default(broker_name);
  if (row == nullptr) return "Unknown or not dynamic broker config name: " + std::string(broker_name);
  return check_value(*row, broker_name, value);
}

std::optional<std::string> check_broker_defaults_together(const cluster::ConfigMap& config,
                                                          const cluster::ConfigMap& defaults) {
  cluster::ConfigMap named;
  add_by_topic_name(config, named);
  return check_topic_settings_together(named, defaults);
}

cluster::ConfigMap effective_defaults(const cluster::ConfigMap& at_start, const cluster::Image& image,
                                      BrokerId self) {
  cluster::ConfigMap defaults = at_start;
  for (const BrokerId id : {kNoBroker, self}) {
    if (const auto found = image.broker_configs.find(id); found != image.broker_configs.end()) {
      add_by_topic_name(found->second, defaults);
    }
  }
  return defaults;
}

}  // namespace godwit::broker
