// For tests: a simulated machine as a world of the contract suite.
#pragma once

#include "runtime/contract/world.h"
#include "runtime/sim/node.h"

namespace godwit::runtime::contract {

class SimContractWorld final : public World {
 public:
  SimContractWorld() : world_(42), node_(world_.add_node("machine", two_shards())) {}
  Runtime& runtime() override { return node_; }
  void run(Task<void> scenario) override {
    const bool ended = node_.run([&scenario](Runtime& runtime) -> Task<void> {
      EXPECT_TRUE(co_await runtime.files().make_directory("/tmp"));
      co_await std::move(scenario);
    });
    EXPECT_TRUE(ended) << "the scenario can never end";
  }
  std::string directory() override { return "/tmp"; }

 private:
  static sim::NodeOptions two_shards() {
    sim::NodeOptions options;
    options.shards = 2;
    return options;
  }
  sim::World world_;
  sim::Node& node_;
};

inline std::unique_ptr<World> make_sim_world() {
  return std::make_unique<SimContractWorld>();
}

}  // namespace godwit::runtime::contract
