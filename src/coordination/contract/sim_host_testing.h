// A simulated machine as the host of an engine that lives in the broker's own process.
#pragma once

#include "coordination/contract/host_testing.h"
#include "runtime/sim/node.h"
#include "runtime/sim/world.h"

namespace godwit::coordination {

// Opens the store on a machine with an empty disk.
using OpenOnSim = std::function<runtime::Task<std::unique_ptr<Coordination>>(runtime::Runtime&)>;

class SimHost final : public Host {
 public:
  explicit SimHost(OpenOnSim open) : open_(std::move(open)), world_(7), node_(world_.add_node("a")) {}
  void run(Scenario scenario) override { EXPECT_TRUE(node_.run(scenario)) << "the scenario can never end"; }
  runtime::Task<std::unique_ptr<Coordination>> connect() override { co_return co_await open_(node_); }

 private:
  OpenOnSim open_;
  runtime::sim::World world_;
  runtime::sim::Node& node_;
};

inline MakeHost on_sim(OpenOnSim open) {
  return [open = std::move(open)] { return std::make_unique<SimHost>(open); };
}

}  // namespace godwit::coordination
