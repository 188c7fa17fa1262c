#include "broker/leader_hints.h"

#include "broker/broker.h"
#include "broker/listeners.h"

namespace godwit::broker {

cluster::ImagePtr image_for_hints(const RequestContext& context) {
  return context.shard.broker().metadata().image();
}

kafka::CurrentLeader current_leader(const RequestContext& context, const cluster::Image& image,
                                    const TopicPartition& id) {
  const cluster::PartitionState* const state = image.find(id);
  if (state == nullptr || state->leader == kNoBroker) return {};
  if (context.shard.broker().suspects(state->leader)) return {};
  return {state->leader, state->leader_epoch};
}

std::vector<kafka::NodeEndpoint> hinted_endpoints(const RequestContext& context, const cluster::Image& image,
                                                  const std::set<BrokerId>& leaders) {
  std::vector<kafka::NodeEndpoint> endpoints;
  if (leaders.empty()) return endpoints;
  for (const Node& node : nodes_for(context.client, image, context.shard.broker())) {
    if (leaders.contains(node.id)) endpoints.push_back({node.id, node.at.host, node.at.port, node.rack});
  }
  return endpoints;
}

}  // namespace godwit::broker
