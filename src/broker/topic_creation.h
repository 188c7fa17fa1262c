// Creating topics: what a request or the first use of a name asks for, checked and handed to the cluster's metadata.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "broker/broker_shard.h"

namespace godwit::broker {

// What is asked; -1 means the broker's default.
struct TopicWish {
  std::string name;
  int32_t partitions = -1;
  int16_t replication_factor = -1;
  std::vector<std::vector<BrokerId>> assignment;
  cluster::ConfigMap config;
  bool validate_only = false;
};

// Creates the topic, durable and known on every shard when it returns. Refusals: those of Metadata::create_topic (not_controller
// where another broker is), and invalid_topic_exception, invalid_config, policy_violation (more partitions than the broker
// takes).
runtime::Task<cluster::Changed<std::shared_ptr<const cluster::Topic>>> create_topic(BrokerShard& shard,
                                                                                    TopicWish wish);

// The same for a topic that nobody described: made by its first use, with the defaults. Where another broker is the controller
// that one is asked. Refusals besides: leader_not_available (the controller does not answer, or the topic is not known here yet).
runtime::Task<cluster::Changed<std::shared_ptr<const cluster::Topic>>> create_at_first_use(BrokerShard& shard,
                                                                                           std::string name);

// The internal topic of committed offsets, made at its first use, with the settings that it needs.
runtime::Task<cluster::Changed<std::shared_ptr<const cluster::Topic>>> create_offsets_topic(
    BrokerShard& shard);

// Gives the topic `count` partitions in all. Refusals: those of Metadata::create_partitions, and policy_violation (more
// partitions than the broker takes).
runtime::Task<cluster::Changed<void>> add_partitions(BrokerShard& shard, TopicId id, int32_t count,
                                                     std::vector<std::vector<BrokerId>> assignment,
                                                     bool validate_only);

}  // namespace godwit::broker
