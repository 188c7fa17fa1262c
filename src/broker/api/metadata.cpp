#include <algorithm>
#include <set>
#include <unordered_set>

#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/authorized_operations.h"
#include "broker/broker.h"
#include "broker/listeners.h"
#include "broker/topic_creation.h"

namespace godwit::broker::api {
namespace {

constexpr Duration kElectionPatience = std::chrono::milliseconds(300);
// How often it is looked whether a suspect is back, which no image tells.
constexpr Duration kLookAtSuspect = std::chrono::milliseconds(10);

using Described = kafka::MetadataResponse::Topic;

Described unknown(const std::string& name, ErrorCode code) {
  Described topic;
  topic.name = name;
  topic.error_code = code;
  topic.is_internal = is_internal_topic(name);
  return topic;
}

Described describe(const cluster::Topic& topic, const cluster::Image& image, const Broker& broker) {
  Described described;
  described.name = topic.name;
  described.topic_id = topic.id;
  described.is_internal = topic.internal();
  for (size_t i = 0; i < topic.partitions.size(); ++i) {
    const cluster::PartitionState& state = topic.partitions[i];
    auto& partition = described.partitions.emplace_back();
    partition.partition_index = PartitionIndex(static_cast<int32_t>(i));
    // A suspect is never named (design-cluster rule 16): librdkafka and Java ask once, and would go on with it.
    const bool suspect = state.leader != kNoBroker && broker.suspects(state.leader);
    partition.leader_id = suspect ? kNoBroker : state.leader;
    partition.leader_epoch = state.leader_epoch;
    partition.replica_nodes = state.replicas;
    partition.isr_nodes = state.isr;
    if (partition.leader_id == kNoBroker) partition.error_code = ErrorCode::leader_not_available;
    for (const BrokerId replica : state.replicas) {
      if (!image.brokers.contains(replica)) partition.offline_replicas.push_back(replica);
    }
  }
  return described;
}

// A topic that is asked for by name; created where that is allowed, and `image` is then one that was taken after that.
Task<Described> find_or_create(RequestContext& context, std::string name, bool may_create,
                               cluster::ImagePtr& image) {
  if (!topic_name_fault(name).empty()) co_return unknown(name, ErrorCode::invalid_topic_exception);
  if (const cluster::Topic* const topic = image->find(name)) {
    co_return describe(*topic, *image, context.shard.broker());
  }
  if (!may_create || !context.shard.options().auto_create_topics) {
    co_return unknown(name, ErrorCode::unknown_topic_or_partition);
  }
  auto created = name == kConsumerOffsetsTopic ? co_await create_offsets_topic(context.shard)
                                               : co_await create_at_first_use(context.shard, name);
  image = context.shard.image();
  if (!created && created.error().code == ErrorCode::topic_already_exists) {
    // Somebody else was first; it shows in the next image at the latest.
    if (const cluster::Topic* const topic = image->find(name)) {
      co_return describe(*topic, *image, context.shard.broker());
    }
    co_return unknown(name, ErrorCode::leader_not_available);
  }
  if (!created) co_return unknown(name, created.error().code);
  co_return describe(**created, *image, context.shard.broker());
}

// Versions 10 and 11 have a field for the id, but only from 12 on may it be used (KAFKA-10774): all is refused then.
bool asks_by_id_too_early(const kafka::MetadataRequest& request, int16_t version) {
  if (version < 10 || version > 11 || !request.topics) return false;
  return std::ranges::any_of(*request.topics,
                             [](const auto& topic) { return !topic.name || !topic.topic_id.is_zero(); });
}

kafka::MetadataResponse refused(const kafka::MetadataRequest& request) {
  kafka::MetadataResponse response;
  for (const auto& asked : *request.topics) {
    response.topics.push_back(unknown(asked.name.value_or(""), ErrorCode::invalid_request));
    response.topics.back().topic_id = asked.topic_id;
  }
  return response;
}

// A suspect that the image names as a leader of what is asked for.
std::optional<BrokerId> named_suspect(const RequestContext& context, const kafka::MetadataRequest& request,
                                      bool all) {
  const Broker& broker = context.shard.broker();
  const cluster::ImagePtr image = context.shard.image();
  std::optional<BrokerId> found;
  const auto led_by_suspect = [&](const cluster::Topic& topic) {
    return std::ranges::any_of(topic.partitions, [&](const cluster::PartitionState& state) {
      if (state.leader == kNoBroker || !broker.suspects(state.leader)) return false;
      found = state.leader;
      return true;
    });
  };
  if (all) {
    (void)std::ranges::any_of(image->topics(),
                              [&](const auto& entry) { return led_by_suspect(*entry.second); });
    return found;
  }
  (void)std::ranges::any_of(*request.topics, [&](const auto& asked) {
    const cluster::Topic* const topic = asked.name ? image->find(*asked.name) : image->find(asked.topic_id);
    return topic != nullptr && led_by_suspect(*topic);
  });
  return found;
}

// Waits until nobody of whom the answer tells is suspect: another was elected, or it was the connection alone that broke.
Task<void> hold_while_suspect(RequestContext& context, const kafka::MetadataRequest& request, bool all) {
  BrokerShard& shard = context.shard;
  const MonotonicTime patience = context.arrived + kElectionPatience;
  while (shard.shard().now() < patience) {
    const auto suspect = named_suspect(context, request, all);
    if (!suspect) co_return;
    const cluster::ImagePtr seen = shard.image();
    while (shard.image() == seen && shard.broker().suspects(*suspect) && shard.shard().now() < patience)
      co_await shard.image_after(seen, std::min(patience, shard.shard().now() + kLookAtSuspect));
  }
}

}  // namespace

Task<kafka::MetadataResponse> handle(RequestContext& context, kafka::MetadataRequest request) {
  if (asks_by_id_too_early(request, context.version())) co_return refused(request);
  kafka::MetadataResponse response;
  // Version 0 cannot say null: there an empty list means all topics.
  const bool all = !request.topics || (context.version() == 0 && request.topics->empty());
  // An election is under way: it takes less time than a client that was told the dead leader once more.
  co_await hold_while_suspect(context, request, all);
  // Brokers, leaders and epochs come from one image, whatever is heard of between two turns.
  cluster::ImagePtr image = context.shard.image();
  Turns turns;
  if (all) {
    for (const auto& [name, topic] : image->topics()) {
      if (turns.due()) co_await runtime::yield();
      response.topics.push_back(describe(*topic, *image, context.shard.broker()));
    }
  } else {
    const bool may_create = context.version() < 4 || request.allow_auto_topic_creation;
    std::set<std::string> seen;
    std::unordered_set<TopicId> seen_ids;
    for (const auto& asked : *request.topics) {
      if (turns.due()) co_await runtime::yield();
      if (asked.name) {
        if (!seen.insert(*asked.name).second) continue;
        response.topics.push_back(co_await find_or_create(context, *asked.name, may_create, image));
        continue;
      }
      if (!seen_ids.insert(asked.topic_id).second) continue;
      if (const cluster::Topic* const topic = image->find(asked.topic_id)) {
        response.topics.push_back(describe(*topic, *image, context.shard.broker()));
      } else {
        Described& missing = response.topics.emplace_back(unknown("", ErrorCode::unknown_topic_id));
        missing.topic_id = asked.topic_id;
        missing.name.reset();
      }
    }
  }
  if (request.include_topic_authorized_operations) {
    for (auto& topic : response.topics) {
      if (topic.error_code == ErrorCode::none) topic.topic_authorized_operations = kTopicOperations;
    }
  }
  // The field is gone from version 11 on.
  if (request.include_cluster_authorized_operations && context.version() <= 10) {
    response.cluster_authorized_operations = kClusterOperations;
  }
  for (const auto& node : nodes_for(context.client, *image, context.shard.broker())) {
    response.brokers.push_back({node.id, node.at.host, node.at.port, node.rack});
  }
  response.cluster_id = image->cluster_id;
  response.controller_id = image->controller;
  co_return response;
}

}  // namespace godwit::broker::api
