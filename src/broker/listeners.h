// What clients are told of where brokers are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/request.h"
#include "cluster/image.h"

namespace godwit::broker {

struct Node {
  BrokerId id;
  runtime::Endpoint at;
  std::optional<std::string> rack;
};

// All brokers with the address of the listener by which this client came. A broker that advertises none there is left
// out, but this one: with nothing configured and one broker it is told by the address that the client dialled, which evidently works.
std::vector<Node> nodes_for(const Client& client, const cluster::Image& image, const Broker& broker);

}  // namespace godwit::broker
