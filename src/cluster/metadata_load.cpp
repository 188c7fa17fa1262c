#include "cluster/metadata_load.h"

#include <charconv>

#include "cluster/feature_level.h"
#include "cluster/stored.h"

namespace godwit::cluster {
namespace {

using coordination::Coordination;
using coordination::KeyValue;
using runtime::Task;

template <class T>
Result<T> decode(const KeyValue& entry) {
  auto value = codec::decode_versioned<T>(SharedBytes::copy(entry.value));
  if (!value) return fail(ErrorKind::corrupt, "coordination key " + entry.key + ": " + value.error().message);
  return value;
}

Error misnamed(const KeyValue& entry) {
  return {ErrorKind::corrupt, "coordination key " + entry.key + " is none of godwit's"};
}

// Topics while they are read: of which something does not decode are left aside.
struct Topics {
  std::map<TopicId, std::shared_ptr<Topic>> whole;
  std::set<TopicId> aside;

  void leave_aside(const TopicId& id, LoadedImage& loaded, Error why) {
    loaded.damages.push_back(std::move(why));
    aside.insert(id);
  }
};

Result<std::shared_ptr<Topic>> to_topic(const TopicId& id, const KeyValue& entry) {
  auto stored = decode<StoredTopic>(entry);
  if (!stored) return fail(stored.error());
  if (stored->partitions <= 0 || !topic_name_fault(stored->name).empty())
    return fail(ErrorKind::corrupt, "coordination key " + entry.key + " describes no possible topic");
  auto topic = std::make_shared<Topic>();
  topic->id = id;
  topic->name = stored->name;
  topic->config = to_config(stored->settings);
  topic->partitions.resize(static_cast<size_t>(stored->partitions));
  return topic;
}

Task<Result<void>> load_topics(Coordination& store, Topics& topics, LoadedImage& loaded) {
  auto listed = co_await store.list(std::string(keys::kTopics));
  if (!listed) co_return fail(listed.error());
  for (const KeyValue& entry : *listed) {
    const auto id = Uuid::parse(std::string_view(entry.key).substr(keys::kTopics.size()));
    if (!id) {
      loaded.damages.push_back(misnamed(entry));
      continue;
    }
    auto topic = to_topic(*id, entry);
    if (topic) {
      topics.whole[*id] = std::move(*topic);
    } else {
      topics.leave_aside(*id, loaded, topic.error());
    }
  }
  co_return Result<void>();
}

// "/partitions/<topic id>/<index>"
struct PartitionKey {
  TopicId topic;
  size_t index = 0;
};
std::optional<PartitionKey> parse_partition_key(std::string_view key) {
  key.remove_prefix(keys::kPartitions.size());
  const auto slash = key.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto id = Uuid::parse(key.substr(0, slash));
  const std::string_view digits = key.substr(slash + 1);
  size_t index = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (!id || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  // One key for each partition: another spelling of the number is somebody else's.
  if (keys::partition(*id, index).size() != key.size() + keys::kPartitions.size()) return std::nullopt;
  return PartitionKey{*id, index};
}

Result<PartitionState> to_partition(const KeyValue& entry) {
  auto stored = decode<StoredPartition>(entry);
  if (!stored) return fail(stored.error());
  if (stored->replicas.empty() || stored->isr.empty())
    return fail(ErrorKind::corrupt, "coordination key " + entry.key + " has no replicas or nobody in sync");
  return to_state(*stored);
}

Task<Result<void>> load_partitions(Coordination& store, Topics& topics, LoadedImage& loaded) {
  auto listed = co_await store.list(std::string(keys::kPartitions));
  if (!listed) co_return fail(listed.error());
  std::map<TopicId, std::set<size_t>> found;
  for (const KeyValue& entry : *listed) {
    const auto key = parse_partition_key(entry.key);
    if (!key) {
      loaded.damages.push_back(misnamed(entry));
      continue;
    }
    if (topics.aside.contains(key->topic)) continue;
    const auto topic = topics.whole.find(key->topic);
    if (topic == topics.whole.end() || key->index >= topic->second->partitions.size()) {
      loaded.orphans.push_back(entry.key);
      continue;
    }
    auto state = to_partition(entry);
    if (!state) {
      topics.leave_aside(key->topic, loaded, state.error());
      continue;
    }
    topic->second->partitions[key->index] = std::move(*state);
    found[key->topic].insert(key->index);
  }
  for (const auto& [id, topic] : topics.whole) {
    for (size_t i = 0; i < topic->partitions.size() && !topics.aside.contains(id); ++i) {
      if (found[id].contains(i)) continue;
      topics.leave_aside(id, loaded,
                         {ErrorKind::corrupt, "coordination key " + keys::partition(id, i) +
                                                  " is missing: topic " + topic->name + " has " +
                                                  std::to_string(topic->partitions.size()) + " partitions"});
    }
  }
  // Partitions beyond the count of a topic that is left aside later in the list: its count may be what is wrong.
  std::erase_if(loaded.orphans, [&](const std::string& key) {
    return topics.aside.contains(parse_partition_key(key)->topic);
  });
  co_return Result<void>();
}

// Names that are claimed by topics that are left aside, of which perhaps nothing but the claim can be read.
Task<Result<void>> load_names(Coordination& store, const Topics& topics, LoadedImage& loaded) {
  if (topics.aside.empty()) co_return Result<void>();
  auto listed = co_await store.list(std::string(keys::kNames));
  if (!listed) co_return fail(listed.error());
  for (const KeyValue& entry : *listed) {
    const auto id = Uuid::parse(as_text(entry.value));
    if (!id || !topics.aside.contains(*id)) continue;
    const std::string name = entry.key.substr(keys::kNames.size());
    loaded.reserved_names.insert(name);
    loaded.aside[*id] = name;
  }
  co_return Result<void>();
}

Task<Result<void>> load_broker_configs(Coordination& store, LoadedImage& loaded) {
  auto listed = co_await store.list(std::string(keys::kBrokerConfigs));
  if (!listed) co_return fail(listed.error());
  for (const KeyValue& entry : *listed) {
    const std::string_view name = std::string_view(entry.key).substr(keys::kBrokerConfigs.size());
    int32_t id = kNoBroker.value();
    if (name != "default") {
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
      if (error != std::errc{} || end != name.data() + name.size() || id < 0) {
        loaded.damages.push_back(misnamed(entry));
        continue;
      }
    }
    auto stored = decode<StoredSettings>(entry);
    if (stored) {
      loaded.image.broker_configs[BrokerId(id)] = to_config(stored->settings);
    } else {
      loaded.damages.push_back(stored.error());
    }
  }
  co_return Result<void>();
}

}  // namespace

Task<Result<LoadedImage>> load_image(Coordination& store) {
  LoadedImage loaded;
  Image& image = loaded.image;
  auto cluster = co_await store.get(std::string(keys::kCluster));
  if (!cluster) co_return fail(cluster.error());
  if (*cluster) {
    auto stored = decode<StoredCluster>(**cluster);
    if (!stored) co_return fail(stored.error());
    image.cluster_id = stored->cluster_id;
  }
  const auto level = co_await read_feature_level(store);
  if (!level) co_return fail(level.error());
  image.feature_level = level->level;
  Topics topics;
  GW_TRY(co_return, co_await load_topics(store, topics, loaded));
  GW_TRY(co_return, co_await load_partitions(store, topics, loaded));
  GW_TRY(co_return, co_await load_names(store, topics, loaded));
  for (const TopicId& id : topics.aside) {
    std::string& name = loaded.aside[id];
    const auto known = topics.whole.find(id);
    if (name.empty() && known != topics.whole.end()) name = known->second->name;
  }
  for (auto& [id, topic] : topics.whole) {
    if (!topics.aside.contains(id)) image.put(std::move(topic));
  }
  GW_TRY(co_return, co_await load_broker_configs(store, loaded));
  co_return loaded;
}

}  // namespace godwit::cluster
