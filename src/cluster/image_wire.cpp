#include "cluster/image_wire.h"

#include <algorithm>
#include <set>

namespace godwit::cluster {
namespace {

using kafka::ClusterPollResponse;

std::vector<ClusterPollResponse::Setting> to_wire(const ConfigMap& config) {
  std::vector<ClusterPollResponse::Setting> settings;
  for (const auto& [name, value] : config) settings.push_back({name, value});
  return settings;
}

ConfigMap from_wire(const std::vector<ClusterPollResponse::Setting>& settings) {
  ConfigMap config;
  for (const auto& setting : settings) config[setting.name] = setting.value;
  return config;
}

ClusterPollResponse::Broker to_wire(const BrokerInfo& broker) {
  ClusterPollResponse::Broker wire;
  wire.id = broker.id;
  wire.incarnation = static_cast<int64_t>(broker.incarnation);
  wire.rack = broker.rack;
  wire.draining = broker.draining;
  wire.features_first = broker.features.first;
  wire.features_last = broker.features.last;
  for (const auto& [name, at] : broker.listeners) wire.listeners.push_back({name, at.host, at.port});
  return wire;
}

ClusterPollResponse::Topic to_wire(const Topic& topic) {
  return {topic.id, topic.name, static_cast<int32_t>(topic.partitions.size()), to_wire(topic.config)};
}

ClusterPollResponse::Partition to_wire(const PartitionState& state, size_t index) {
  ClusterPollResponse::Partition wire;
  wire.index = PartitionIndex(static_cast<int32_t>(index));
  wire.version = state.version;
  wire.leader = state.leader;
  wire.leader_incarnation = static_cast<int64_t>(state.leader_incarnation);
  wire.leader_epoch = state.leader_epoch;
  wire.replicas = state.replicas;
  wire.adding = state.adding;
  wire.removing = state.removing;
  wire.isr = state.isr;
  wire.unclean_epoch = state.unclean_epoch;
  wire.recent_epochs = state.recent_epochs;
  return wire;
}

PartitionState from_wire(const ClusterPollResponse::Partition& wire) {
  return {wire.version,
          wire.leader,
          static_cast<uint64_t>(wire.leader_incarnation),
          wire.leader_epoch,
          wire.replicas,
          wire.isr,
          wire.adding,
          wire.removing,
          wire.unclean_epoch,
          {},
          wire.recent_epochs};
}

ClusterPollResponse head(const Image& image) {
  ClusterPollResponse news;
  news.controller = image.controller;
  news.fence = image.version.fence;
  news.sequence = image.version.sequence;
  news.cluster_id = image.cluster_id;
  news.feature_level = image.feature_level;
  return news;
}

// The partitions of `after` that differ from those of `before` (null: there was no such topic).
void add_partitions(ClusterPollResponse& news, const Topic* before, const Topic& after) {
  ClusterPollResponse::Partitions changed;
  changed.topic = after.id;
  for (size_t i = 0; i < after.partitions.size(); ++i) {
    if (before != nullptr && i < before->partitions.size() && before->partitions[i] == after.partitions[i]) {
      continue;
    }
    changed.changed.push_back(to_wire(after.partitions[i], i));
  }
  if (!changed.changed.empty()) news.partitions.push_back(std::move(changed));
}

tl::unexpected<Error> corrupt(std::string what) {
  return fail(ErrorKind::corrupt, "news of the cluster: " + std::move(what));
}

Result<void> apply_brokers(Image& image, const ClusterPollResponse& news) {
  for (const BrokerId id : news.brokers_gone) {
    if (image.brokers.erase(id) == 0) return corrupt("broker " + to_string(id) + " goes but was not there");
  }
  for (const auto& wire : news.brokers) {
    if (wire.id.value() < 0) return corrupt("a broker has the id " + to_string(wire.id));
    BrokerInfo broker;
    broker.id = wire.id;
    broker.incarnation = static_cast<uint64_t>(wire.incarnation);
    broker.rack = wire.rack;
    broker.draining = wire.draining;
    broker.features = {wire.features_first, wire.features_last};
    for (const auto& listener : wire.listeners) {
      if (listener.port < 0 || listener.port > UINT16_MAX) {
        return corrupt("broker " + to_string(wire.id) + " listens on port " + std::to_string(listener.port));
      }
      broker.listeners[listener.name] = {listener.host, static_cast<uint16_t>(listener.port)};
    }
    image.brokers[wire.id] = std::move(broker);
  }
  return {};
}

// Topics that are changed, each a copy of its own.
class Edited {
 public:
  struct Entry {
    std::shared_ptr<Topic> topic;
    size_t unknown =
        0;  // partitions behind those that were there, of which nothing was said yet: without replicas
  };
  explicit Edited(Image& image) : image_(image) {}

  // The copy of a topic of the image; null when there is none.
  Entry* edit(const TopicId& id) {
    if (const auto found = entries_.find(id); found != entries_.end()) return &found->second;
    const Topic* const present = image_.find(id);
    if (present == nullptr) return nullptr;
    return add(std::make_shared<Topic>(*present));
  }
  Entry* add(std::shared_ptr<Topic> topic) {
    Entry& entry = entries_[topic->id];
    entry.topic = std::move(topic);
    return &entry;
  }
  Result<void> finish() {
    for (auto& [id, entry] : entries_) {
      if (entry.unknown != 0) {
        return corrupt("of topic " + entry.topic->name + " " + std::to_string(entry.unknown) +
                       " partitions are not described");
      }
      image_.put(std::move(entry.topic));
    }
    return {};
  }

 private:
  Image& image_;
  std::map<TopicId, Entry> entries_;
};

Result<void> apply_topic(Image& image, Edited& edited, const ClusterPollResponse::Topic& wire,
                         const std::map<TopicId, size_t>& described) {
  if (!topic_name_fault(wire.name).empty()) return corrupt("a topic has an impossible name");
  const Topic* const namesake = image.find(wire.name);
  if (namesake != nullptr && namesake->id != wire.id) return corrupt("two topics are named " + wire.name);
  Edited::Entry* entry = edited.edit(wire.id);
  if (entry == nullptr) {
    auto topic = std::make_shared<Topic>();
    topic->id = wire.id;
    topic->name = wire.name;
    entry = edited.add(std::move(topic));
  }
  Topic& topic = *entry->topic;
  if (topic.name != wire.name) return corrupt("topic " + topic.name + " is renamed to " + wire.name);
  topic.config = from_wire(wire.settings);
  const auto found = described.find(wire.id);
  const size_t news = found == described.end() ? 0 : found->second;
  // Before anything is allocated: each new partition is described below.
  if (wire.partitions <= 0 || static_cast<size_t>(wire.partitions) < topic.partitions.size() ||
      static_cast<size_t>(wire.partitions) - topic.partitions.size() > news) {
    return corrupt("topic " + topic.name + " has " + std::to_string(wire.partitions) +
                   " partitions, of which " + std::to_string(topic.partitions.size()) + " are known and " +
                   std::to_string(news) + " described");
  }
  const size_t count = static_cast<size_t>(wire.partitions);
  entry->unknown += count - topic.partitions.size();
  topic.partitions.resize(count);
  return {};
}

Result<void> apply_partitions(Edited& edited, const ClusterPollResponse::Partitions& wire) {
  Edited::Entry* const entry = edited.edit(wire.topic);
  if (entry == nullptr) return corrupt("partitions of an unknown topic " + to_string(wire.topic));
  for (const auto& partition : wire.changed) {
    const auto index = static_cast<size_t>(partition.index.value());
    if (partition.index.value() < 0 || index >= entry->topic->partitions.size()) {
      return corrupt("topic " + entry->topic->name + " has no partition " + to_string(partition.index));
    }
    PartitionState& state = entry->topic->partitions[index];
    const bool is_new = state.replicas.empty();
    if (partition.replicas.empty() || partition.version < 0 || partition.leader_epoch.value() < 0) {
      return corrupt("partition " + to_string(partition.index) + " of topic " + entry->topic->name +
                     " is described without replicas, or with a negative version or epoch");
    }
    if (is_new) --entry->unknown;
    state = from_wire(partition);
  }
  return {};
}

}  // namespace

ClusterPollResponse full(const Image& image) {
  ClusterPollResponse news = head(image);
  news.full = true;
  for (const auto& [id, broker] : image.brokers) news.brokers.push_back(to_wire(broker));
  for (const auto& [name, topic] : image.topics()) {
    news.topics.push_back(to_wire(*topic));
    add_partitions(news, nullptr, *topic);
  }
  for (const auto& [id, config] : image.broker_configs) {
    if (!config.empty()) news.broker_settings.push_back({id, to_wire(config)});
  }
  return news;
}

ClusterPollResponse difference(const Image& before, const Image& after) {
  ClusterPollResponse news = head(after);
  for (const auto& [id, broker] : before.brokers) {
    if (!after.brokers.contains(id)) news.brokers_gone.push_back(id);
  }
  for (const auto& [id, broker] : after.brokers) {
    const auto found = before.brokers.find(id);
    if (found == before.brokers.end() || found->second != broker) news.brokers.push_back(to_wire(broker));
  }
  for (const auto& [name, topic] : before.topics()) {
    if (after.find(topic->id) == nullptr) news.topics_gone.push_back(topic->id);
  }
  for (const auto& [name, topic] : after.topics()) {
    const Topic* const old = before.find(topic->id);
    if (old == topic.get()) continue;
    if (old == nullptr || old->partitions.size() != topic->partitions.size() ||
        old->config != topic->config) {
      news.topics.push_back(to_wire(*topic));
    }
    add_partitions(news, old, *topic);
  }
  for (const auto& [id, config] : before.broker_configs) {
    const auto found = after.broker_configs.find(id);
    if (!config.empty() && (found == after.broker_configs.end() || found->second.empty())) {
      news.broker_settings.push_back({id, {}});
    }
  }
  for (const auto& [id, config] : after.broker_configs) {
    const auto found = before.broker_configs.find(id);
    if (!config.empty() && (found == before.broker_configs.end() || found->second != config)) {
      news.broker_settings.push_back({id, to_wire(config)});
    }
  }
  return news;
}

Result<Image> apply(const Image& image, const ClusterPollResponse& news) {
  Image next;
  if (!news.full) next = image;
  next.version = {news.fence, news.sequence};
  next.cluster_id = news.cluster_id;
  next.controller = news.controller;
  if (news.feature_level < kFirstLevel) return corrupt("the cluster works at no possible level");
  next.feature_level = news.feature_level;
  GW_TRY(return, apply_brokers(next, news));
  for (const TopicId& id : news.topics_gone) {
    const Topic* const topic = next.find(id);
    if (topic == nullptr) return corrupt("topic " + to_string(id) + " goes but was not there");
    next.remove(*topic);
  }
  std::map<TopicId, size_t> described;
  for (const auto& partitions : news.partitions) described[partitions.topic] += partitions.changed.size();
  Edited edited(next);
  std::set<std::string_view> named;
  for (const auto& topic : news.topics) {
    if (!named.insert(topic.name).second) return corrupt("two topics are named " + topic.name);
    GW_TRY(return, apply_topic(next, edited, topic, described));
  }
  for (const auto& partitions : news.partitions) GW_TRY(return, apply_partitions(edited, partitions));
  GW_TRY(return, edited.finish());
  for (const auto& settings : news.broker_settings) {
    if (settings.settings.empty()) {
      next.broker_configs.erase(settings.broker);
    } else {
      next.broker_configs[settings.broker] = from_wire(settings.settings);
    }
  }
  return next;
}

}  // namespace godwit::cluster
