// The network between simulated nodes.
#pragma once

#include <memory>

#include "runtime/sim/node.h"

namespace godwit::runtime::sim {

class SimNetwork {
 public:
  explicit SimNetwork(World& world) : world_(world) {}
  std::unique_ptr<Network> attach(Node& node);
  void crash(Node& node, CrashKind kind);
  void take_apart(Node& node);

 private:
  World& world_;
};

}  // namespace godwit::runtime::sim
