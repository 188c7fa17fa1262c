#include "broker/topic_settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <map>

#include "broker/start_settings_view.h"
#include "broker/throttle_rates.h"
#include "broker/topic_settings_view.h"
#include "config/setting.h"

namespace godwit::broker {
namespace {

using config::Setting;
using config::Type;

constexpr std::array<std::string_view, 2> kPolicies = {"delete", "compact"};
constexpr std::array<std::string_view, 6> kCodecs = {"producer", "uncompressed", "gzip",
                                                     "snappy",   "lz4",          "zstd"};
constexpr std::array<std::string_view, 2> kTimestampTypes = {"CreateTime", "LogAppendTime"};
constexpr std::array<std::string_view, 2> kFlushes = {"always", "interval"};
constexpr std::string_view kForever = "9223372036854775807";

// A setting, the protocol's number of its type, and the name of the broker-wide default in Kafka.
struct Row {
  Setting setting;
  int8_t protocol_type;
  std::string_view broker_name;
};

constexpr int8_t kBoolean = 1;
constexpr int8_t kString = 2;
constexpr int8_t kInt = 3;
constexpr int8_t kLong = 5;
constexpr int8_t kDouble = 6;
constexpr int8_t kList = 7;

// What a topic's setting falls back to under the broker's name has no default there in Kafka (log.retention.ms: null, since
// log.retention.hours has it), so it is no synonym.
constexpr std::string_view kWithoutBrokerDefault[] = {
    "flush.ms",
    "follower.replication.throttled.replicas",
    "leader.replication.throttled.replicas",
    "remote.log.copy.disable",
    "remote.log.delete.on.disable",
    "remote.storage.enable",
    "retention.ms",
    "segment.jitter.ms",
    "segment.ms",
};

// By name. docs/topic-settings.md says of each whether it is honoured.
constexpr std::array kRows = {
    Row{{.name = "cleanup.policy",
         .type = Type::choices,
         .fallback = "delete",
         .choices = kPolicies,
         .restart = false,
         .doc = "what happens to old records: deleted by age and size, compacted by key, or both"},
        kList,
        "log.cleanup.policy"},
    Row{{.name = "compression.gzip.level",
         .type = Type::integer,
         .fallback = "-1",
         .minimum = -1,
         .maximum = 9,
         .restart = false,
         .doc = "level where compression.type is gzip"},
        kInt,
        "compression.gzip.level"},
    Row{{.name = "compression.lz4.level",
         .type = Type::integer,
         .fallback = "9",
         .minimum = 1,
         .maximum = 17,
         .restart = false,
         .doc = "level where compression.type is lz4"},
        kInt,
        "compression.lz4.level"},
    Row{{.name = "compression.type",
         .type = Type::choice,
         .fallback = "producer",
         .choices = kCodecs,
         .restart = false,
         .doc = "the codec that batches are stored with; producer: as they come"},
        kString,
        "compression.type"},
    Row{{.name = "compression.zstd.level",
         .type = Type::integer,
         .fallback = "3",
         .minimum = -131072,
         .maximum = 22,
         .restart = false,
         .doc = "level where compression.type is zstd"},
        kInt,
        "compression.zstd.level"},
    Row{{.name = "delete.retention.ms",
         .type = Type::integer,
         .fallback = "86400000",
         .minimum = 0,
         .restart = false,
         .doc = "how long a tombstone stays after compaction"},
        kLong,
        "log.cleaner.delete.retention.ms"},
    Row{{.name = "file.delete.delay.ms",
         .type = Type::integer,
         .fallback = "60000",
         .minimum = 0,
         .restart = false,
         .doc = "how long a file that left the log stays on disk"},
        kLong,
        "log.segment.delete.delay.ms"},
    Row{{.name = "flush",
         .type = Type::choice,
         .fallback = "always",
         .choices = kFlushes,
         .restart = false,
         .doc = "what an acknowledgement waits for: the disk (always), or a write that survives the process "
                "and is synced every flush.ms (interval)"},
        kString,
        "flush"},
    Row{{.name = "flush.messages",
         .type = Type::integer,
         .fallback = kForever,
         .minimum = 1,
         .restart = false,
         .doc = "1 means flush=always; other values have no effect, since flush says what is promised"},
        kLong,
        "log.flush.interval.messages"},
    Row{{.name = "flush.ms",
         .type = Type::integer,
         .fallback = kForever,
         .minimum = 0,
         .restart = false,
         .doc = "the interval of flush=interval; 1000 where it is not set"},
        kLong,
        "log.flush.interval.ms"},
    Row{{.name = "follower.replication.throttled.replicas",
         .type = Type::text,
         .fallback = "",
         .restart = false,
         .doc = "replicas of which the copying waits for the followers' throttle while they are not in sync "
                "(those that are added always do): * or PARTITION:BROKER,…"},
        kList,
        "follower.replication.throttled.replicas"},
    Row{{.name = "index.interval.bytes",
         .type = Type::integer,
         .fallback = "4096",
         .minimum = 0,
         .maximum = 2147483647,
         .restart = false,
         .doc = "bytes between two entries of the offset index"},
        kInt,
        "log.index.interval.bytes"},
    Row{{.name = "leader.replication.throttled.replicas",
         .type = Type::text,
         .fallback = "",
         .restart = false,
         .doc = "replicas whose copying from a leader waits for the leader's throttle while they are not in "
                "sync "
                "(those that are added always do): * or PARTITION:LEADER,…"},
        kList,
        "leader.replication.throttled.replicas"},
    Row{{.name = "local.retention.bytes",
         .type = Type::integer,
         .fallback = "-2",
         .minimum = -2,
         .restart = false,
         .doc = "accepted without effect: nothing is tiered"},
        kLong,
        "log.local.retention.bytes"},
    Row{{.name = "local.retention.ms",
         .type = Type::integer,
         .fallback = "-2",
         .minimum = -2,
         .restart = false,
         .doc = "accepted without effect: nothing is tiered"},
        kLong,
        "log.local.retention.ms"},
    Row{{.name = "max.compaction.lag.ms",
         .type = Type::integer,
         .fallback = kForever,
         .minimum = 1,
         .restart = false,
         .doc = "the longest time for which a record may stay uncompacted"},
        kLong,
        "log.cleaner.max.compaction.lag.ms"},
    Row{{.name = "max.message.bytes",
         .type = Type::integer,
         .fallback = "1048588",
         .minimum = 0,
         .maximum = 2147483647,
         .restart = false,
         .doc = "the largest batch that is taken, compressed, with its header"},
        kInt,
        "message.max.bytes"},
    Row{{.name = "message.timestamp.after.max.ms",
         .type = Type::integer,
         .fallback = "3600000",
         .minimum = 0,
         .restart = false,
         .doc = "how far in the future a record's timestamp may lie"},
        kLong,
        "log.message.timestamp.after.max.ms"},
    Row{{.name = "message.timestamp.before.max.ms",
         .type = Type::integer,
         .fallback = kForever,
         .minimum = 0,
         .restart = false,
         .doc = "how far in the past a record's timestamp may lie"},
        kLong,
        "log.message.timestamp.before.max.ms"},
    Row{{.name = "message.timestamp.type",
         .type = Type::choice,
         .fallback = "CreateTime",
         .choices = kTimestampTypes,
         .restart = false,
         .doc = "whose clock stamps records: the producer's or the broker's"},
        kString,
        "log.message.timestamp.type"},
    Row{{.name = "min.cleanable.dirty.ratio",
         .type = Type::number,
         .fallback = "0.5",
         .minimum = 0,
         .maximum = 1,
         .restart = false,
         .doc = "the share of not yet compacted bytes at which a log is compacted"},
        kDouble,
        "log.cleaner.min.cleanable.ratio"},
    Row{{.name = "min.compaction.lag.ms",
         .type = Type::integer,
         .fallback = "0",
         .minimum = 0,
         .restart = false,
         .doc = "the shortest time for which a record stays uncompacted"},
        kLong,
        "log.cleaner.min.compaction.lag.ms"},
    Row{{.name = "min.insync.replicas",
         .type = Type::integer,
         .fallback = "1",
         .minimum = 1,
         .maximum = 32767,
         .restart = false,
         .doc = "how many replicas must be in sync for acks=all to be accepted"},
        kInt,
        "min.insync.replicas"},
    Row{{.name = "preallocate",
         .type = Type::boolean,
         .fallback = "false",
         .restart = false,
         .doc = "accepted without effect: space is always allocated ahead"},
        kBoolean,
        "log.preallocate"},
    Row{{.name = "remote.log.copy.disable",
         .type = Type::boolean,
         .fallback = "false",
         .restart = false,
         .doc = "accepted without effect: nothing is tiered"},
        kBoolean,
        "remote.log.copy.disable"},
    Row{{.name = "remote.log.delete.on.disable",
         .type = Type::boolean,
         .fallback = "false",
         .restart = false,
         .doc = "accepted without effect: nothing is tiered"},
        kBoolean,
        "remote.log.delete.on.disable"},
    Row{{.name = "remote.storage.enable",
         .type = Type::boolean,
         .fallback = "false",
         .restart = false,
         .doc = "true is refused: there is no tiered storage"},
        kBoolean,
        "remote.storage.enable"},
    Row{{.name = "retention.bytes",
         .type = Type::integer,
         .fallback = "-1",
         .minimum = -1,
         .restart = false,
         .doc = "the size above which the oldest segments of a partition go; -1: none"},
        kLong,
        "log.retention.bytes"},
    Row{{.name = "retention.ms",
         .type = Type::integer,
         .fallback = "604800000",
         .minimum = -1,
         .restart = false,
         .doc = "the age above which segments go; -1: none"},
        kLong,
        "log.retention.ms"},
    Row{{.name = "segment.bytes",
         .type = Type::integer,
         .fallback = "1073741824",
         .minimum = 1048576,
         .maximum = 2147483647,
         .restart = false,
         .doc = "the size at which a segment is closed"},
        kInt,
        "log.segment.bytes"},
    Row{{.name = "segment.index.bytes",
         .type = Type::integer,
         .fallback = "10485760",
         .minimum = 4,
         .maximum = 2147483647,
         .restart = false,
         .doc = "accepted without effect: the index grows as it needs"},
        kInt,
        "log.index.size.max.bytes"},
    Row{{.name = "segment.jitter.ms",
         .type = Type::integer,
         .fallback = "0",
         .minimum = 0,
         .restart = false,
         .doc = "random time by which segment.ms is shortened"},
        kLong,
        "log.roll.jitter.ms"},
    Row{{.name = "segment.ms",
         .type = Type::integer,
         .fallback = "604800000",
         .minimum = 1,
         .restart = false,
         .doc = "the age at which a segment is closed"},
        kLong,
        "log.roll.ms"},
    Row{{.name = "unclean.leader.election.enable",
         .type = Type::boolean,
         .fallback = "false",
         .restart = false,
         .doc = "accepted without effect: electing a replica that is not in sync is an operator's explicit "
                "command"},
        kBoolean,
        "unclean.leader.election.enable"},
};

static_assert(std::ranges::is_sorted(kRows, {}, [](const Row& row) { return row.setting.name; }));

const Row* find_row(std::string_view name) {
  const auto found =
      std::ranges::lower_bound(kRows, name, {}, [](const Row& row) { return row.setting.name; });
  return found != kRows.end() && found->setting.name == name ? &*found : nullptr;
}

const Row* find_row_by_broker_name(std::string_view name) {
  const auto found = std::ranges::find(kRows, name, &Row::broker_name);
  return found == kRows.end() ? nullptr : &*found;
}

constexpr int64_t kFlushIntervalDefault = 1000;

// The text that is effective: the topic's, else the broker's, else the fallback.
class Effective {
 public:
  Effective(const cluster::ConfigMap& given, const cluster::ConfigMap& defaults)
      : given_(given), defaults_(defaults) {}

  std::string_view text(std::string_view name) const {
    const Row& row = *find_row(name);
    for (const cluster::ConfigMap* map : {&given_, &defaults_}) {
      const auto found = map->find(name);
      if (found != map->end() && !config::check(row.setting, found->second)) return found->second;
    }
    return row.setting.fallback;
  }
  bool is_set(std::string_view name) const { return given_.contains(name) || defaults_.contains(name); }
  int64_t integer(std::string_view name) const { return *config::to_integer(text(name)); }
  double number(std::string_view name) const { return *config::to_number(text(name)); }

 private:
  const cluster::ConfigMap& given_;
  const cluster::ConfigMap& defaults_;
};

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
  log.index_interval_bytes = static_cast<int32_t>(effective.integer("index.interval.bytes"));
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
  settings.min_insync_replicas = static_cast<int32_t>(effective.integer("min.insync.replicas"));
  settings.timestamp_before_max_ms = effective.integer("message.timestamp.before.max.ms");
  settings.timestamp_after_max_ms = effective.integer("message.timestamp.after.max.ms");
  const std::string_view codec = effective.text("compression.type");
  if (codec != "producer") {
    settings.compression = parse_compression_type(codec == "uncompressed" ? "none" : codec);
    const std::string level = "compression." + std::string(codec) + ".level";
    if (find_row(level) != nullptr) settings.compression_level = static_cast<int>(effective.integer(level));
  }
  const auto throttled = [&](std::string_view name) {
    return ThrottledReplicas::parse(effective.text(name)).value_or(ThrottledReplicas{});
  };
  settings.leader_throttled = throttled("leader.replication.throttled.replicas");
  settings.follower_throttled = throttled("follower.replication.throttled.replicas");
  return settings;
}

std::optional<std::string> check_topic_settings_together(const cluster::ConfigMap& config) {
  const auto lag = [&](const char* name, int64_t otherwise) {
    const auto at = config.find(name);
    int64_t value = otherwise;
    if (at != config.end()) std::from_chars(at->second.data(), at->second.data() + at->second.size(), value);
    return value;
  };
  if (lag("min.compaction.lag.ms", 0) > lag("max.compaction.lag.ms", std::numeric_limits<int64_t>::max())) {
    return "min.compaction.lag.ms is above max.compaction.lag.ms";
  }
  return std::nullopt;
}

std::optional<std::string> check_topic_setting(std::string_view name, std::string_view value) {
  const Row* const row = find_row(name);
  if (row == nullptr) {
    std::vector<std::string_view> names;
    names.reserve(kRows.size());
    for (const Row& known : kRows) names.push_back(known.setting.name);
    const auto meant = config::nearest_name(name, names);
    return "Unknown topic config name: " + std::string(name) +
           (meant ? "; did you mean " + std::string(*meant) + "?" : "");
  }
  if (auto fault = config::check(row->setting, value)) return fault;
  if (name == "compression.gzip.level" && config::to_list(value) == std::vector<std::string>{"0"}) {
    return "compression.gzip.level: is -1 or 1 to 9";
  }
  if (name.ends_with(".throttled.replicas") && !ThrottledReplicas::parse(value)) {
    return std::string(name) + ": is * or a list of PARTITION:BROKER";
  }
  if (name == "remote.storage.enable" && config::to_boolean(value) == true) {
    return "remote.storage.enable: there is no tiered storage";
  }
  return std::nullopt;
}

std::optional<std::string> check_broker_default(std::string_view broker_name, std::string_view value) {
  if (is_throttle_rate(broker_name)) return check_throttle_rate(broker_name, value);
  const Row* const row = find_row_by_broker_name(broker_name);
  if (row == nullptr) return "Unknown or not dynamic broker config name: " + std::string(broker_name);
  if (auto fault = config::check(row->setting, value)) return fault;
  return std::nullopt;
}

cluster::ConfigMap effective_defaults(const cluster::ConfigMap& at_start, const cluster::Image& image,
                                      BrokerId self) {
  cluster::ConfigMap defaults = at_start;
  for (const BrokerId id : {kNoBroker, self}) {
    const auto found = image.broker_configs.find(id);
    if (found == image.broker_configs.end()) continue;
    for (const auto& [name, value] : found->second) {
      if (const Row* const row = find_row_by_broker_name(name))
        defaults[std::string(row->setting.name)] = value;
    }
  }
  return defaults;
}

std::vector<SettingView> describe_broker_settings(BrokerId id, const cluster::Image& image,
                                                  const BrokerOptions& options) {
  std::vector<SettingView> views;
  for (const Row& row : kRows) {
    SettingView view;
    view.name = row.broker_name;
    view.type = row.protocol_type;
    view.documentation = row.setting.doc;
    const auto add = [&](const cluster::ConfigMap& map, std::string_view name, ConfigSource source) {
      if (const auto found = map.find(name); found != map.end())
        view.synonyms.push_back({view.name, found->second, source});
    };
    const auto dynamic = [&](BrokerId of, ConfigSource source) {
      if (const auto found = image.broker_configs.find(of); found != image.broker_configs.end()) {
        add(found->second, row.broker_name, source);
      }
    };
    if (id != kNoBroker) dynamic(id, kSourceDynamicBroker);
    dynamic(kNoBroker, kSourceDynamicDefaultBroker);
    // The defaults of all brokers are what was set for all of them, and nothing else.
    if (id == kNoBroker && view.synonyms.empty()) continue;
    if (id != kNoBroker) {
      add(options.topic_defaults, row.setting.name, kSourceStaticBroker);
      view.synonyms.push_back({view.name, std::string(row.setting.fallback), kSourceDefault});
    }
    view.value = view.synonyms.front().value;
    view.source = view.synonyms.front().source;
    views.push_back(std::move(view));
  }
  if (id != kNoBroker) {
    views.reserve(views.size() + options.start_settings.size());
    for (const StartSetting& setting : options.start_settings) {
      if (!is_throttle_rate(setting.name)) views.push_back(view_of(setting));
    }
  }
  for (const std::string_view name : kThrottleRates) {
    if (auto view = view_of_throttle(name, id, image, options)) views.push_back(std::move(*view));
  }
  std::ranges::sort(views, {}, &SettingView::name);
  return views;
}

std::vector<TopicSettingName> topic_setting_names() {
  std::vector<TopicSettingName> names;
  names.reserve(kRows.size());
  for (const Row& row : kRows) names.push_back({&row.setting, row.broker_name});
  return names;
}

std::vector<SettingView> describe_topic_settings(const cluster::ConfigMap& given,
                                                 const cluster::ConfigMap& at_start,
                                                 const cluster::Image& image, BrokerId self) {
  std::vector<SettingView> views;
  for (const Row& row : kRows) {
    SettingView view;
    view.name = row.setting.name;
    view.type = row.protocol_type;
    view.documentation = row.setting.doc;
    const auto add = [&](std::string_view name, std::string_view value, ConfigSource source) {
      view.synonyms.push_back({std::string(name), std::string(value), source});
    };
    if (const auto found = given.find(row.setting.name); found != given.end())
      add(view.name, found->second, kSourceTopic);
    const auto dynamic = [&](BrokerId of, ConfigSource source) {
      const auto broker = image.broker_configs.find(of);
      if (broker == image.broker_configs.end()) return;
      const auto found = broker->second.find(row.broker_name);
      if (found != broker->second.end()) add(row.broker_name, found->second, source);
    };
    dynamic(self, kSourceDynamicBroker);
    dynamic(kNoBroker, kSourceDynamicDefaultBroker);
    if (const auto found = at_start.find(row.setting.name); found != at_start.end()) {
      add(row.broker_name, found->second, kSourceStaticBroker);
    }
    if (std::ranges::find(kWithoutBrokerDefault, row.setting.name) == std::end(kWithoutBrokerDefault)) {
      add(row.broker_name, row.setting.fallback, kSourceDefault);
    }
    const bool nothing = view.synonyms.empty();
    view.value = nothing ? std::string(row.setting.fallback) : view.synonyms.front().value;
    view.source = nothing ? kSourceDefault : view.synonyms.front().source;
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace godwit::broker
