#include "broker/broker_shard.h"

#include <vector>

#include "broker/broker.h"
#include "broker/fetch_wait.h"

namespace godwit::broker {

using runtime::Task;

BrokerShard::BrokerShard(Broker& broker, runtime::Shard& shard, size_t index)
    : broker_(broker),
      shard_(shard),
      index_(index),
      image_(std::make_shared<cluster::Image>()),
      topic_defaults_(broker.options().topic_defaults),
      request_memory_(broker.options().request_memory / broker.runtime().shard_count()),
      response_memory_(broker.options().response_memory / broker.runtime().shard_count()),
      fetch_sessions_(broker.options().fetch_sessions_max, shard.random()) {}

BrokerShard::~BrokerShard() {
  for (auto& [id, partition] : partitions_) partition->close();
}

const BrokerOptions& BrokerShard::options() const {
  return broker_.options();
}
Metrics& BrokerShard::metrics() {
  return broker_.metrics();
}
DiagnosticSink& BrokerShard::diagnostics() {
  return broker_.diagnostics();
}

const TopicSettings* BrokerShard::settings(const TopicId& topic) const {
  const auto found = settings_.find(topic);
  return found == settings_.end() ? nullptr : &found->second;
}

std::shared_ptr<Partition> BrokerShard::find(const TopicPartition& id) const {
  const auto found = partitions_.find(id);
  return found == partitions_.end() ? nullptr : found->second;
}

void BrokerShard::end_long_polls() {
  fetch_waits_.for_each([](runtime::ListNode& node) { static_cast<FetchWait&>(node).stop(); });
}

BrokerShard& BrokerShard::owner(const TopicPartition& id) {
  return broker_.shard(broker_.store().shard_of(id));
}

Task<void> BrokerShard::apply(cluster::ImagePtr image) {
  // One image after the other: a later one must not overtake while logs are being made for an earlier one.
  const auto lock = co_await applying_.lock();
  if (image->version <= image_->version && image_->version != 0) co_return;
  const cluster::ImagePtr before = std::exchange(image_, std::move(image));
  cluster::ConfigMap defaults = effective_defaults(options().topic_defaults, *image_, options().id);
  const bool same_defaults = defaults == topic_defaults_;
  topic_defaults_ = std::move(defaults);
  for (const auto& [name, topic] : image_->topics()) {
    const cluster::Topic* const known = before->find(topic->id);
    if (known == topic.get() && same_defaults) continue;  // the same object: nothing changed
    const TopicSettings settings = effective_settings(topic->config, topic_defaults_, topic->internal());
    settings_.insert_or_assign(topic->id, settings);
    for (size_t i = 0; i < topic->partitions.size(); ++i) {
      const PartitionIndex index(static_cast<int32_t>(i));
      const TopicPartition id{topic->id, index};
      if (broker_.store().shard_of(id) != index_) continue;
      if (const auto partition = find(id)) {
        partition->log()->set_config(settings.log);
      } else {
        co_await add_partition(*topic, index);
      }
    }
  }
  co_await drop_missing();
  groups_.apply(*before, *image_);
}

Task<void> BrokerShard::add_partition(const cluster::Topic& topic, PartitionIndex index) {
  const TopicPartition id{topic.id, index};
  const cluster::PartitionState& state = topic.partitions[static_cast<size_t>(index.value())];
  auto log = co_await broker_.store().create(id, settings_.at(topic.id).log);
  if (!log) {
    // Without its log a partition is not served: clients are told that its leader is not available, and retry.
    diagnostics().emit({Severity::error,
                        "storage.partition_not_created",
                        log.error().message,
                        {{"topic", topic.name}, {"partition", to_string(index)}}});
    co_return;
  }
  if (const auto latest = (*log)->epochs().latest(); !latest || *latest < state.leader_epoch) {
    auto begun = co_await (*log)->begin_epoch(state.leader_epoch);
    if (!begun) {
      diagnostics().emit({Severity::error,
                          "storage.epoch_not_begun",
                          begun.error().message,
                          {{"topic", topic.name}, {"partition", to_string(index)}}});
    }
  }
  partitions_[id] = std::make_shared<Partition>(id, topic.name, **log, state);
}

Task<void> BrokerShard::drop_missing() {
  std::vector<std::shared_ptr<Partition>> gone;
  for (const auto& [id, partition] : partitions_) {
    if (image_->find(id) == nullptr) gone.push_back(partition);
  }
  for (const auto& partition : gone) {
    partitions_.erase(partition->id());
    partition->close();
    auto dropped = co_await broker_.store().drop(partition->id());
    if (!dropped) {
      // The tombstone stays, so the next start drops it.
      diagnostics().emit(
          {Severity::warning,
           "storage.partition_not_dropped",
           dropped.error().message,
           {{"topic", partition->topic()}, {"partition", to_string(partition->id().partition)}}});
    }
  }
  std::erase_if(settings_, [&](const auto& entry) { return image_->find(entry.first) == nullptr; });
}

}  // namespace godwit::broker
