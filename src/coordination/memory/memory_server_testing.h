// For tests: a world with a MemoryServer and nodes that reach it.
//
//   StoreWorld sim(seed);
//   auto& a = sim.add("a");
//   a.start([&](Runtime& runtime) -> Task<void> { auto store = sim.connect(runtime, "a"); … });
#pragma once

#include "coordination/memory/memory_client.h"
#include "runtime/sim/node.h"
#include "runtime/sim/world.h"

namespace godwit::coordination {

struct StoreWorld {
  explicit StoreWorld(uint64_t seed) : world(seed), server(world.add_node("store")) {}

  runtime::sim::Node& add(std::string name) { return world.add_node(std::move(name)); }
  std::unique_ptr<Coordination> connect(runtime::Runtime& runtime, std::string name) {
    return coordination::connect(server, runtime, {.node = std::move(name)});
  }

  runtime::sim::World world;
  MemoryServer server;
};

}  // namespace godwit::coordination
