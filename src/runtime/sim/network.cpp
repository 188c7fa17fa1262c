#include "runtime/sim/network.h"

namespace godwit::runtime::sim {

std::unique_ptr<Network> SimNetwork::attach(Node&) {
  (void)world_;
  return nullptr;
}
void SimNetwork::crash(Node&, CrashKind) {}
void SimNetwork::take_apart(Node&) {}

}  // namespace godwit::runtime::sim
