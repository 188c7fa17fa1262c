#include "broker/topic_settings_view.h"

#include <algorithm>
#include <set>

#include "broker/start_settings_view.h"
#include "broker/throttle_rates.h"
#include "broker/topic_settings_table.h"

namespace godwit::broker {
namespace {

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

// What holds where nothing sets the setting, for topics with such a partition.
std::string default_of(const TopicSettingRow& row, const cluster::PartitionState& partition) {
  if (row.setting.name != "min.insync.replicas") return std::string(row.setting.fallback);
  cluster::Topic bare;
  bare.partitions.push_back(partition);
  return std::to_string(cluster::min_insync(bare, {}));
}

// A partition of a topic that does not say how many replicas it has: three, or as many as there are brokers, by what an image tells
// of those that are dead.
cluster::PartitionState usual_partition(const cluster::Image& image, const BrokerOptions& options) {
  constexpr size_t kUsual = 3;
  cluster::PartitionState partition;
  const int16_t configured = options.default_replication_factor;
  std::set<BrokerId> brokers;
  for (const auto& [id, broker] : image.brokers) brokers.insert(id);
  for (const auto& [name, topic] : image.topics()) {
    if (configured > 0 || brokers.size() >= kUsual) break;
    for (const auto& state : topic->partitions) brokers.insert(state.replicas.begin(), state.replicas.end());
  }
  const size_t replicas = configured > 0 ? static_cast<size_t>(configured) : std::min(kUsual, brokers.size());
  partition.replicas.assign(std::max<size_t>(replicas, 1), kNoBroker);
  return partition;
}

}  // namespace

std::vector<SettingView> describe_broker_settings(BrokerId id, const cluster::Image& image,
                                                  const BrokerOptions& options) {
  std::vector<SettingView> views;
  const cluster::PartitionState usual = usual_partition(image, options);
  for (const TopicSettingRow& row : topic_setting_rows()) {
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
      view.synonyms.push_back({view.name, default_of(row, usual), kSourceDefault});
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

std::vector<SettingView> describe_topic_settings(const cluster::Topic& topic,
                                                 const cluster::ConfigMap& at_start,
                                                 const cluster::Image& image, BrokerId self) {
  std::vector<SettingView> views;
  const cluster::PartitionState partition =
      topic.partitions.empty() ? cluster::PartitionState() : topic.partitions.front();
  for (const TopicSettingRow& row : topic_setting_rows()) {
    SettingView view;
    view.name = row.setting.name;
    view.type = row.protocol_type;
    view.documentation = row.setting.doc;
    const auto add = [&](std::string_view name, std::string_view value, ConfigSource source) {
      view.synonyms.push_back({std::string(name), std::string(value), source});
    };
    if (const auto found = topic.config.find(row.setting.name); found != topic.config.end())
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
    std::string fallback = default_of(row, partition);
    if (std::ranges::find(kWithoutBrokerDefault, row.setting.name) == std::end(kWithoutBrokerDefault)) {
      add(row.broker_name, fallback, kSourceDefault);
    }
    const bool nothing = view.synonyms.empty();
    view.value = nothing ? std::move(fallback) : view.synonyms.front().value;
    view.source = nothing ? kSourceDefault : view.synonyms.front().source;
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace godwit::broker
