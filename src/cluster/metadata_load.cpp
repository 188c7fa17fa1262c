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
  if (!value) return fail(value.error().kind, "coordination key " + entry.key + ": " + value.error().message);
  return value;
}

Error misnamed(const KeyValue& entry) {
  return {ErrorKind::corrupt, "coordination key " + entry.key + " has no valid name"};
}

using Strangers = std::vector<Error>;

Task<Result<void>> load_topics(Coordination& store, std::map<TopicId, std::shared_ptr<Topic>>& topics,
                               Strangers& strangers) {
  auto listed = co_await store.list(std::string(keys::kTopics));
  if (!listed) co_return fail(listed.error());
  for (const KeyValue& entry : *listed) {
    const auto id = Uuid::parse(std::string_view(entry.key).substr(keys::kTopics.size()));
    if (!id) {
      strangers.push_back(misnamed(entry));
      continue;
    }
    auto stored = decode<StoredTopic>(entry);
    if (!stored) co_return fail(stored.error());
    if (stored->partitions <= 0 || !topic_name_fault(stored->name).empty()) {
      co_return fail(ErrorKind::corrupt, "coordination key " + entry.key + " describes no possible topic");
    }
    auto topic = std::make_shared<Topic>();
    topic->id = *id;
    topic->name = stored->name;
    topic->config = to_config(stored->settings);
    topic->partitions.resize(static_cast<size_t>(stored->partitions));
    topics[*id] = std::move(topic);
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
  return PartitionKey{*id, index};
}

Task<Result<void>> load_partitions(Coordination& store, std::map<TopicId, std::shared_ptr<Topic>>& topics,
                                   std::vector<std::string>& orphans, Strangers& strangers) {
  auto listed = co_await store.list(std::string(keys::kPartitions));
  if (!listed) co_return fail(listed.error());
  std::map<TopicId, size_t> counts;
  for (const KeyValue& entry : *listed) {
    const auto key = parse_partition_key(entry.key);
    if (!key) {
      strangers.push_back(misnamed(entry));
      continue;
    }
    const auto topic = topics.find(key->topic);
    if (topic == topics.end() || key->index >= topic->second->partitions.size()) {
      orphans.push_back(entry.key);
      continue;
    }
    auto stored = decode<StoredPartition>(entry);
    if (!stored) co_return fail(stored.error());
    if (stored->replicas.empty() || stored->isr.empty()) {
      co_return fail(ErrorKind::corrupt,
                     "coordination key " + entry.key + " has no replicas or nobody in sync");
    }
    topic->second->partitions[key->index] = to_state(*stored);
    ++counts[key->topic];
  }
  for (const auto& [id, topic] : topics) {
    if (counts[id] != topic->partitions.size()) {
      co_return fail(ErrorKind::corrupt,
                     "topic " + topic->name + " has " + std::to_string(topic->partitions.size()) +
                         " partitions, but the coordination store describes " + std::to_string(counts[id]));
    }
  }
  co_return Result<void>();
}

Task<Result<void>> load_broker_configs(Coordination& store, Image& image, Strangers& strangers) {
  auto listed = co_await store.list(std::string(keys::kBrokerConfigs));
  if (!listed) co_return fail(listed.error());
  for (const KeyValue& entry : *listed) {
    const std::string_view name = std::string_view(entry.key).substr(keys::kBrokerConfigs.size());
    int32_t id = kNoBroker.value();
    if (name != "default") {
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
      if (error != std::errc{} || end != name.data() + name.size()) {
        strangers.push_back(misnamed(entry));
        continue;
      }
    }
    auto stored = decode<StoredSettings>(entry);
    if (!stored) co_return fail(stored.error());
    image.broker_configs[BrokerId(id)] = to_config(stored->settings);
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
  std::map<TopicId, std::shared_ptr<Topic>> topics;
  GW_TRY(co_return, co_await load_topics(store, topics, loaded.strangers));
  GW_TRY(co_return, co_await load_partitions(store, topics, loaded.orphans, loaded.strangers));
  for (auto& [id, topic] : topics) image.put(std::move(topic));
  GW_TRY(co_return, co_await load_broker_configs(store, image, loaded.strangers));
  co_return loaded;
}

}  // namespace godwit::cluster
