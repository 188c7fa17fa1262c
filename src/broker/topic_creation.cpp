#include "broker/topic_creation.h"

#include <algorithm>

#include "broker/broker.h"

namespace godwit::broker {

using Created = cluster::Changed<std::shared_ptr<const cluster::Topic>>;

namespace {

constexpr int16_t kReplicationFactorUsual = 3;

tl::unexpected<cluster::Refusal> refuse(ErrorCode code, std::string message) {
  return tl::unexpected(cluster::Refusal{code, std::move(message)});
}

}  // namespace

int16_t default_replication_factor(const BrokerShard& shard) {
  const int16_t configured = shard.options().default_replication_factor;
  if (configured > 0) return configured;
  const auto brokers =
      static_cast<int16_t>(std::min<size_t>(shard.image()->brokers.size(), kReplicationFactorUsual));
  return std::max<int16_t>(brokers, 1);
}

std::optional<std::string> too_many_partitions(const BrokerShard& shard, int64_t more) {
  int64_t there = 0;
  const cluster::ImagePtr image = shard.image();
  for (const auto& [name, topic] : image->topics()) there += std::ssize(topic->partitions);
  const int64_t most = shard.options().partitions_max;
  if (there + more <= most) return std::nullopt;
  return "there would be " + std::to_string(there + more) + " partitions, and the broker takes " +
         std::to_string(most);
}

runtime::Task<Created> create_topic(BrokerShard& shard, TopicWish wish) {
  if (const auto fault = topic_name_fault(wish.name); !fault.empty()) {
    co_return refuse(ErrorCode::invalid_topic_exception, std::string(fault));
  }
  for (const auto& [name, value] : wish.config) {
    if (auto fault = check_topic_setting(name, value))
      co_return refuse(ErrorCode::invalid_config, std::move(*fault));
  }
  if (auto fault = check_topic_settings_together(wish.config)) {
    co_return refuse(ErrorCode::invalid_config, std::move(*fault));
  }
  cluster::NewTopic topic;
  topic.name = std::move(wish.name);
  topic.config = std::move(wish.config);
  topic.assignment = std::move(wish.assignment);
  topic.partitions = wish.partitions == -1 ? shard.options().default_partitions : wish.partitions;
  topic.replication_factor =
      wish.replication_factor == -1 ? default_replication_factor(shard) : wish.replication_factor;
  if (!topic.assignment.empty()) {
    topic.partitions = static_cast<int32_t>(topic.assignment.size());
    topic.replication_factor = static_cast<int16_t>(topic.assignment.front().size());
  }
  // Before anything is taken for them: the count is whatever somebody sent.
  if (auto fault = too_many_partitions(shard, topic.partitions)) {
    co_return refuse(ErrorCode::policy_violation, std::move(*fault));
  }
  Broker& broker = shard.broker();
  co_return co_await broker.on_first(
      [&broker, topic = std::move(topic), only = wish.validate_only]() mutable {
        return broker.metadata().create_topic(std::move(topic), only);
      });
}

runtime::Task<Created> create_offsets_topic(BrokerShard& shard) {
  TopicWish wish;
  wish.name = std::string(kConsumerOffsetsTopic);
  wish.partitions = shard.options().offsets_topic_partitions;
  // A generation is one record, with what each of its members wants to be known: for thousands of members that is more than
  // the usual limit of a message.
  wish.config = {{"cleanup.policy", "compact"},
                 {"compression.type", "producer"},
                 {"max.message.bytes", "104857600"},
                 {"segment.bytes", "104857600"}};
  co_return co_await create_topic(shard, std::move(wish));
}

}  // namespace godwit::broker
