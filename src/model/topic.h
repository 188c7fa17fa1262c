// Names of topics and partitions.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>

#include "base/strong.h"
#include "base/uuid.h"

namespace godwit {

// Random, made with the topic; a topic created again under an old name has another one.
using TopicId = Uuid;

using PartitionIndex = Strong<struct PartitionIndexTag, int32_t>;

struct TopicPartition {
  TopicId topic;
  PartitionIndex partition;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

constexpr size_t kTopicNameMax = 249;

// What is wrong with `name` in words for a person, or empty where it is legal: 1 to 249 of [a-zA-Z0-9._-],
// and neither "." nor "..".
std::string_view topic_name_fault(std::string_view name);

// Whether two names would be the same metric: Kafka's tools write '.' and '_' alike.
bool topic_names_collide(std::string_view a, std::string_view b);

constexpr std::string_view kConsumerOffsetsTopic = "__consumer_offsets";
constexpr std::string_view kTransactionStateTopic = "__transaction_state";

// Topics that the broker writes itself; clients may read but not write them.
bool is_internal_topic(std::string_view name);

}  // namespace godwit

template <>
struct std::hash<godwit::TopicPartition> {
  size_t operator()(const godwit::TopicPartition& tp) const {
    return std::hash<godwit::Uuid>{}(tp.topic) * 31 + static_cast<size_t>(tp.partition.value());
  }
};
