#include "cluster/draft.h"

#include <algorithm>

#include "cluster/feature_level.h"
#include "cluster/fenced_store.h"
#include "cluster/stored_control.h"

namespace godwit::cluster {
namespace {

size_t size_of(const Draft::Write& write) {
  return write.key.size() + (write.value ? write.value->size() : 0);
}

size_t size_of(const std::vector<Draft::Write>& writes) {
  size_t size = 0;
  for (const auto& write : writes) size += size_of(write);
  return size;
}

bool contains(const std::vector<Draft::Write>& writes, const std::string& key) {
  return std::any_of(writes.begin(), writes.end(),
                     [&](const Draft::Write& write) { return write.key == key; });
}

bool fits(const std::vector<Draft::Write>& transaction, size_t count, size_t bytes) {
  return transaction.size() + count <= FencedStore::kWritesMax &&
         size_of(transaction) + bytes <= FencedStore::kBytesMax;
}

// Adds a group to the last transaction, or to one more. A key stands in a transaction once: the later value counts.
void add(Draft::Transactions& transactions, std::vector<Draft::Write> group) {
  if (transactions.empty() || !fits(transactions.back(), group.size(), size_of(group)))
    transactions.emplace_back();
  auto& transaction = transactions.back();
  for (auto& entry : group) {
    std::erase_if(transaction, [&](const Draft::Write& other) { return other.key == entry.key; });
    transaction.push_back(std::move(entry));
  }
}

}  // namespace

Topic& Draft::edit(const TopicId& id) {
  if (const auto found = edited_.find(id); found != edited_.end()) return *found->second;
  const Topic* const present = next_.find(id);
  GW_CHECK(present != nullptr, "a topic that is changed is there");
  auto copy = std::make_shared<Topic>(*present);
  next_.put(copy);
  return *(edited_[id] = std::move(copy));
}

void Draft::put(const TopicPartition& id, PartitionState state) {
  Topic& topic = edit(id.topic);
  topic.partitions.at(static_cast<size_t>(id.partition.value())) = std::move(state);
  states_.insert(id);
  changed_ = true;
}

void Draft::put(std::shared_ptr<Topic> topic, size_t first_new) {
  for (size_t i = first_new; i < topic->partitions.size(); ++i) {
    states_.insert({topic->id, PartitionIndex(static_cast<int32_t>(i))});
  }
  const StoredTopic value{topic->name, static_cast<int32_t>(topic->partitions.size()),
                          from_config(topic->config)};
  write(
      {{keys::name(topic->name), to_bytes(to_string(topic->id))}, {keys::topic(topic->id), encoded(value)}});
  edited_[topic->id] = topic;
  next_.put(std::move(topic));
}

void Draft::remove(TopicId id, Bytes tombstone) {
  const Topic* const topic = next_.find(id);
  GW_CHECK(topic != nullptr, "a topic that is removed is there");
  write({{keys::topic(id), std::nullopt},
         {keys::name(topic->name), std::nullopt},
         {keys::tombstone(id), std::move(tombstone)}});
  for (size_t i = 0; i < topic->partitions.size(); ++i) {
    if (leavings_.empty() || !fits(leavings_.back(), 1, 0)) leavings_.emplace_back();
    leavings_.back().push_back({keys::partition(id, i), std::nullopt});
  }
  const auto keep = edited_.extract(id);
  next_.remove(*topic);
}

void Draft::put_broker(BrokerInfo info) {
  const BrokerId id = info.id;
  next_.brokers[id] = std::move(info);
  changed_ = true;
}

void Draft::remove_broker(BrokerId id) {
  if (next_.brokers.erase(id) != 0) changed_ = true;
}

void Draft::put_broker_config(BrokerId id, ConfigMap config) {
  if (config.empty()) {
    write({{keys::broker_config(id), std::nullopt}});
    next_.broker_configs.erase(id);
    return;
  }
  write({{keys::broker_config(id), encoded(StoredSettings{from_config(config)})}});
  next_.broker_configs[id] = std::move(config);
}

void Draft::put_feature_level(int16_t level) {
  write({{std::string(keys::kFeatures), encoded(StoredFeatures{level})}});
  next_.feature_level = level;
}

void Draft::write(std::vector<Write> group) {
  changed_ = true;
  add(orders_, std::move(group));
}

void Draft::write_beside(std::vector<Write> group) {
  // What was ordered before would be carried out after it.
  for (const Write& entry : group) {
    for (const auto& transaction : orders_) {
      if (contains(transaction, entry.key)) return write(std::move(group));
    }
    // Transactions with states are carried out in any order: a key stands in one of them alone.
    for (auto& transaction : beside_) {
      std::erase_if(transaction, [&](const Write& other) { return other.key == entry.key; });
    }
  }
  changed_ = true;
  add(beside_, std::move(group));
}

Draft::Transactions Draft::states() const {
  Transactions transactions;
  size_t bytes = 0;
  // Offsets of groups and their like first: everybody waits for those.
  for (const bool internal : {true, false}) {
    for (const TopicPartition& id : states_) {
      const Topic* const topic = next_.find(id.topic);
      if (topic == nullptr || topic->internal() != internal) continue;  // null: removed in the same draft
      const auto index = static_cast<size_t>(id.partition.value());
      Write write{keys::partition(id.topic, index), encoded(from_state(topic->partitions[index]))};
      const size_t size = size_of(write);
      if (transactions.empty() || transactions.back().size() == FencedStore::kWritesMax ||
          bytes + size > FencedStore::kBytesMax) {
        transactions.emplace_back();
        bytes = 0;
      }
      bytes += size;
      transactions.back().push_back(std::move(write));
    }
  }
  for (const auto& group : beside_) add(transactions, group);
  std::erase_if(transactions, [](const std::vector<Write>& transaction) { return transaction.empty(); });
  return transactions;
}

Image Draft::finish(int64_t sequence) && {
  next_.version.sequence = sequence;
  edited_.clear();
  return std::move(next_);
}

}  // namespace godwit::cluster
