#include "broker/api/handlers.h"
#include "broker/broker.h"
#include "broker/listeners.h"
#include "broker/topic_creation.h"

namespace godwit::broker::api {
namespace {

using Described = kafka::MetadataResponse::Topic;

Described unknown(const std::string& name, ErrorCode code) {
  Described topic;
  topic.name = name;
  topic.error_code = code;
  return topic;
}

Described describe(const cluster::Topic& topic, const cluster::Image& image) {
  Described described;
  described.name = topic.name;
  described.topic_id = topic.id;
  described.is_internal = topic.internal();
  for (size_t i = 0; i < topic.partitions.size(); ++i) {
    const cluster::PartitionState& state = topic.partitions[i];
    auto& partition = described.partitions.emplace_back();
    partition.partition_index = PartitionIndex(static_cast<int32_t>(i));
    partition.leader_id = state.leader;
    partition.leader_epoch = state.leader_epoch;
    partition.replica_nodes = state.replicas;
    partition.isr_nodes = state.isr;
    if (state.leader == kNoBroker) partition.error_code = ErrorCode::leader_not_available;
    for (const BrokerId replica : state.replicas) {
      if (!image.brokers.contains(replica)) partition.offline_replicas.push_back(replica);
    }
  }
  return described;
}

// A topic that is asked for by name; created where that is allowed.
Task<Described> find_or_create(RequestContext& context, std::string name, bool may_create) {
  if (!topic_name_fault(name).empty()) co_return unknown(name, ErrorCode::invalid_topic_exception);
  if (const cluster::Topic* const topic = context.shard.image()->find(name)) {
    co_return describe(*topic, *context.shard.image());
  }
  if (!may_create || !context.shard.options().auto_create_topics) {
    co_return unknown(name, ErrorCode::unknown_topic_or_partition);
  }
  TopicWish wish;
  wish.name = name;
  auto created = name == kConsumerOffsetsTopic ? co_await create_offsets_topic(context.shard)
                                               : co_await create_topic(context.shard, std::move(wish));
  if (!created && created.error().code == ErrorCode::topic_already_exists) {
    // Somebody else was first; it shows in the next image at the latest.
    if (const cluster::Topic* const topic = context.shard.image()->find(name)) {
      co_return describe(*topic, *context.shard.image());
    }
    co_return unknown(name, ErrorCode::leader_not_available);
  }
  if (!created) co_return unknown(name, created.error().code);
  co_return describe(**created, *context.shard.image());
}

}  // namespace

Task<kafka::MetadataResponse> handle(RequestContext& context, kafka::MetadataRequest request) {
  kafka::MetadataResponse response;
  // Version 0 cannot say null: there an empty list means all topics.
  const bool all = !request.topics || (context.version() == 0 && request.topics->empty());
  if (all) {
    const cluster::ImagePtr image = context.shard.image();
    for (const auto& [name, topic] : image->topics()) response.topics.push_back(describe(*topic, *image));
  } else {
    const bool may_create = context.version() < 4 || request.allow_auto_topic_creation;
    for (const auto& asked : *request.topics) {
      if (asked.name) {
        response.topics.push_back(co_await find_or_create(context, *asked.name, may_create));
        continue;
      }
      const cluster::ImagePtr image = context.shard.image();
      if (const cluster::Topic* const topic = image->find(asked.topic_id)) {
        response.topics.push_back(describe(*topic, *image));
      } else {
        Described& missing = response.topics.emplace_back(unknown("", ErrorCode::unknown_topic_id));
        missing.topic_id = asked.topic_id;
        missing.name.reset();
      }
    }
  }
  // Brokers, leaders and epochs come from one image, taken after all topics were made.
  const cluster::ImagePtr image = context.shard.image();
  for (const auto& node : nodes_for(context.client, *image, context.shard.broker())) {
    response.brokers.push_back({node.id, node.at.host, node.at.port, node.rack});
  }
  response.cluster_id = image->cluster_id;
  response.controller_id = image->controller;
  co_return response;
}

}  // namespace godwit::broker::api
