#include "broker/listeners.h"

#include "broker/broker.h"

namespace godwit::broker {

std::vector<Node> nodes_for(const Client& client, const cluster::Image& image, const Broker& broker) {
  std::vector<Node> nodes;
  for (const auto& [id, info] : image.brokers) {
    Node node{id, {}, info.rack.empty() ? std::nullopt : std::optional(info.rack)};
    const auto advertised = info.listeners.find(client.listener);
    if (advertised != info.listeners.end()) {
      node.at = advertised->second;
    } else if (id == broker.options().id) {
      node.at = client.local;
    } else {
      continue;
    }
    nodes.push_back(std::move(node));
  }
  return nodes;
}

}  // namespace godwit::broker
