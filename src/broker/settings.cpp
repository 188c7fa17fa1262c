#include "broker/settings.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "base/uuid.h"
#include "broker/topic_settings.h"
#include "broker/topic_settings_table.h"

namespace godwit::broker {
namespace {

using config::Source;
using config::Values;

constexpr uint64_t kArenaMax = uint64_t{1} << 30;
constexpr uint64_t kArenaMin = uint64_t{8} << 20;

auto refuse(const Values& values, std::string_view name, const std::string& why) {
  const auto& value = values.of(name);
  const std::string where = value.where.empty() ? "" : value.where + ": ";
  return fail(ErrorKind::invalid, where + std::string(name) + ": " + why);
}

struct NamedAddress {
  std::string name;
  runtime::Endpoint at;
};

// NAME://HOST:PORT
Result<NamedAddress> parse_named(std::string_view text) {
  const auto slashes = text.find("://");
  if (slashes == std::string_view::npos || slashes == 0) {
    return fail(ErrorKind::invalid, "'" + std::string(text) + "' is not NAME://HOST:PORT");
  }
  const std::string_view name = text.substr(0, slashes);
  if (!std::ranges::all_of(
          name, [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; })) {
    return fail(ErrorKind::invalid,
                "'" + std::string(name) + "' is no listener's name: capital letters, digits and _");
  }
  if (name == "SSL" || name.starts_with("SASL_")) {
    return fail(ErrorKind::unsupported,
                "'" + std::string(name) +
                    "' names a listener with TLS or authentication, which this version does not "
                    "have; PLAINTEXT and names of your own are served without");
  }
  auto at = runtime::parse_endpoint(text.substr(slashes + 3));
  if (!at) return fail(at.error());
  return NamedAddress{std::string(name), std::move(*at)};
}

Result<std::vector<NamedAddress>> parse_all(const Values& values, std::string_view setting) {
  std::vector<NamedAddress> all;
  for (const std::string& item : values.list(setting)) {
    auto parsed = parse_named(item);
    if (!parsed) return refuse(values, setting, parsed.error().message);
    if (std::ranges::find(all, parsed->name, &NamedAddress::name) != all.end()) {
      return refuse(values, setting, parsed->name + " is named twice");
    }
    all.push_back(std::move(*parsed));
  }
  return all;
}

Result<std::vector<ListenerOptions>> listeners_from(const Values& values) {
  std::vector<ListenerOptions> listeners;
  if (values.is_set("listeners")) {
    if (values.is_given("kafka.address")) {
      return refuse(values, "kafka.address", "listeners takes its place; give one of the two");
    }
    auto named = parse_all(values, "listeners");
    if (!named) return fail(named.error());
    for (auto& one : *named) listeners.push_back({std::move(one.name), std::move(one.at), std::nullopt});
    if (listeners.empty()) return refuse(values, "listeners", "names no address");
  } else {
    auto at = runtime::parse_endpoint(values.text("kafka.address"));
    if (!at) return refuse(values, "kafka.address", at.error().message);
    listeners.push_back({"PLAINTEXT", std::move(*at), std::nullopt});
  }
  auto advertised = parse_all(values, "advertised.listeners");
  if (!advertised) return fail(advertised.error());
  for (auto& one : *advertised) {
    const auto found = std::ranges::find(listeners, one.name, &ListenerOptions::name);
    if (found == listeners.end()) {
      return refuse(values, "advertised.listeners", "there is no listener " + one.name);
    }
    if (one.at.host.empty() || one.at.host == "0.0.0.0" || one.at.host == "::") {
      return refuse(values, "advertised.listeners",
                    one.name + ": clients cannot connect to all addresses; give a host name or an address");
    }
    found->advertised = std::move(one.at);
  }
  return listeners;
}

// The value of `name`, unless a coarser one of Kafka's names is given and it is not.
std::string with_coarser(const Values& values, std::string_view name,
                         std::initializer_list<std::pair<std::string_view, int64_t>> coarser) {
  if (!values.is_given(name)) {
    for (const auto& [other, factor] : coarser) {
      if (!values.is_given(other)) continue;
      const int64_t count = values.integer(other);
      return std::to_string(count < 0 ? -1 : count * factor);
    }
  }
  return std::to_string(values.integer(name));
}

bool any_given(const Values& values, std::initializer_list<std::string_view> names) {
  return std::ranges::any_of(names, [&](std::string_view name) { return values.is_given(name); });
}

// All that was given, also where it is what holds anyway for most topics: min.insync.replicas=1 is said for those with three
// replicas.
Result<cluster::ConfigMap> topic_defaults_from(const Values& values) {
  constexpr int64_t kMinute = 60'000;
  cluster::ConfigMap defaults;
  for (const TopicSettingRow& row : topic_setting_rows()) {
    const std::string_view name = row.broker_name;
    std::string text = values.text(name);
    if (name == "log.retention.ms") {
      if (!any_given(values, {name, "log.retention.minutes", "log.retention.hours"})) continue;
      text = with_coarser(values, name,
                          {{"log.retention.minutes", kMinute}, {"log.retention.hours", 60 * kMinute}});
    } else if (name == "log.roll.ms") {
      if (!any_given(values, {name, "log.roll.hours"})) continue;
      text = with_coarser(values, name, {{"log.roll.hours", 60 * kMinute}});
    } else if (!values.is_given(name)) {
      continue;
    } else if (row.setting.type == config::Type::integer) {
      // Topic settings are numbers without a unit, as tools expect them.
      const auto plain = config::to_bytes(text);
      text = std::to_string(plain && name.ends_with(".bytes") ? *plain : values.integer(name));
    }
    if (auto fault = check_broker_default(name, text)) {
      const std::string& where = values.of(name).where;
      return fail(ErrorKind::invalid, (where.empty() ? "" : where + ": ") + *fault);
    }
    defaults.insert_or_assign(std::string(row.setting.name), std::move(text));
  }
  if (auto fault = check_topic_settings_together(defaults, {})) {
    return refuse(values, "log.cleaner.min.compaction.lag.ms", *fault);
  }
  return defaults;
}

// The protocol's number of a setting's type. Whole numbers are INT where the bounds leave no more, as in Kafka, else LONG.
int8_t protocol_type(const config::Setting& setting) {
  switch (setting.type) {
    case config::Type::boolean:
      return 1;
    case config::Type::text:
    case config::Type::choice:
      return 2;
    case config::Type::integer:
    case config::Type::bytes:
    case config::Type::duration_ms:
      return setting.maximum <= std::numeric_limits<int32_t>::max() ? 3 : 5;
    case config::Type::number:
      return 6;
    case config::Type::choices:
      return 7;
  }
  return 2;
}

// What DescribeConfigs shows of a broker beside the defaults of its topics.
std::vector<StartSetting> start_settings_from(const Values& values) {
  const auto defaults = topic_setting_rows();
  std::vector<StartSetting> start;
  for (const config::Setting& setting : settings()) {
    const bool is_default =
        std::ranges::find(defaults, setting.name, &TopicSettingRow::broker_name) != defaults.end();
    if (is_default || setting.secret) continue;
    start.push_back({.name = std::string(setting.name),
                     .value = values.text(setting.name),
                     .fallback = std::string(setting.fallback),
                     .type = protocol_type(setting),
                     .given = values.is_given(setting.name),
                     .documentation = std::string(setting.doc)});
  }
  return start;
}

}  // namespace

config::Given automatic_settings(const runtime::Machine& machine) {
  // A machine that does not tell its memory is taken for a large one.
  const uint64_t quarter = machine.memory == 0 ? kArenaMax : machine.memory / 4;
  const uint64_t arena = std::clamp(quarter, kArenaMin, kArenaMax);
  config::Given given;
  given.assignments.push_back(
      {"memory.arena", std::to_string(arena), Source::automatic, "a quarter of the memory, at most 1 GiB"});
  return given;
}

Result<BrokerOptions> options_from(const Values& values) {
  BrokerOptions options;
  options.id = BrokerId(static_cast<int32_t>(values.integer("broker.id")));
  options.cluster_id = values.text("cluster.id");
  if (!options.cluster_id.empty() && !Uuid::parse(options.cluster_id)) {
    return refuse(values, "cluster.id",
                  "'" + options.cluster_id + "' is not 22 characters of URL-safe base64");
  }
  options.rack = values.text("broker.rack");
  auto listeners = listeners_from(values);
  if (!listeners) return fail(listeners.error());
  options.listeners = std::move(*listeners);

  options.clustered = values.text("coordination") != "local";
  options.inter_broker_listener = values.is_set("inter.broker.listener.name")
                                      ? values.text("inter.broker.listener.name")
                                      : options.listeners.front().name;
  if (std::ranges::find(options.listeners, options.inter_broker_listener, &ListenerOptions::name) ==
      options.listeners.end()) {
    return refuse(values, "inter.broker.listener.name",
                  "there is no listener " + options.inter_broker_listener);
  }
  options.session_timeout = values.duration("session.timeout.ms");
  options.replica_lag_max = values.is_set("replica.lag.time.max.ms")
                                ? values.duration("replica.lag.time.max.ms")
                                : options.session_timeout;
  const auto rate = [&](std::string_view name) {
    return static_cast<int64_t>(std::min<uint64_t>(values.bytes(name), INT64_MAX));
  };
  options.throttle = {rate(kLeaderThrottle), rate(kFollowerThrottle)};
  options.preferred_leader_after = values.duration("leader.preferred.after.ms");
  options.producer_expiration = values.duration("producer.id.expiration.ms");

  storage::StoreOptions& store = options.store;
  store.directory = values.text("data.dir");
  if (store.directory.empty()) return refuse(values, "data.dir", "names no directory");
  store.arena_bytes = values.bytes("memory.arena");
  store.phase = static_cast<size_t>(options.id.value());
  store.read_buffer_bytes = values.bytes("memory.read.buffers");
  store.journal_file_bytes = values.bytes("journal.file.bytes");
  store.journal_files = static_cast<size_t>(values.integer("journal.files"));
  store.open_files_max = static_cast<size_t>(values.integer("files.max.open"));
  store.reserve_bytes = values.bytes("disk.reserve.bytes");
  if (values.is_set("disk.ballast.bytes")) store.ballast_bytes = values.bytes("disk.ballast.bytes");
  store.retention_interval = values.duration("log.retention.check.interval.ms");
  store.compaction_interval = values.duration("log.cleaner.backoff.ms");
  store.checkpoint_interval = values.duration("checkpoint.interval.ms");

  groups::GroupOptions& groups = options.groups;
  groups.initial_rebalance_delay = values.duration("group.initial.rebalance.delay.ms");
  groups.session_timeout_min = values.duration("group.min.session.timeout.ms");
  groups.session_timeout_max = values.duration("group.max.session.timeout.ms");
  if (groups.session_timeout_min > groups.session_timeout_max) {
    return refuse(values, "group.min.session.timeout.ms", "is above group.max.session.timeout.ms");
  }
  groups.group_size_max = static_cast<int32_t>(values.integer("group.max.size"));
  groups.offset_metadata_bytes_max = static_cast<int32_t>(values.integer("offset.metadata.max.bytes"));
  if (values.is_set("offsets.retention.minutes")) {
    groups.offsets_retention = std::chrono::minutes(values.integer("offsets.retention.minutes"));
  }
  groups.offsets_retention_check_interval = values.duration("offsets.retention.check.interval.ms");
  groups.write_timeout = values.duration("offsets.commit.timeout.ms");

  options.connections_max = static_cast<size_t>(values.integer("max.connections"));
  options.request_bytes_max = values.bytes("socket.request.max.bytes");
  options.request_memory = values.bytes("memory.requests");
  options.response_memory = values.bytes("memory.responses");
  options.requests_in_flight_max = static_cast<size_t>(values.integer("connections.max.requests"));
  options.idle_timeout = values.duration("connections.max.idle.ms");
  options.send_timeout = values.duration("connections.send.timeout.ms");
  options.shutdown_timeout = values.duration("shutdown.timeout.ms");
  options.auto_create_topics = values.boolean("auto.create.topics.enable");
  options.default_partitions = static_cast<int32_t>(values.integer("num.partitions"));
  options.default_replication_factor = static_cast<int16_t>(values.integer("default.replication.factor"));
  if (options.default_replication_factor == 0) {
    return refuse(values, "default.replication.factor", "is 1 or more, or -1");
  }
  options.offsets_topic_partitions = static_cast<int32_t>(values.integer("offsets.topic.num.partitions"));
  options.partitions_max = static_cast<int32_t>(values.integer("max.partitions"));
  options.fetch_bytes_max = values.bytes("fetch.max.bytes");
  options.fetch_sessions_max =
      static_cast<size_t>(values.integer("max.incremental.fetch.session.cache.slots"));
  auto defaults = topic_defaults_from(values);
  if (!defaults) return fail(defaults.error());
  options.topic_defaults = std::move(*defaults);
  options.start_settings = start_settings_from(values);
  return options;
}

}  // namespace godwit::broker
