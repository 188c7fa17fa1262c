// For tests: a world with a MemoryServer and nodes that reach it, and trouble for both.
//
//   StoreWorld sim(seed);
//   auto& a = sim.add("a");
//   a.start([&](Runtime& runtime) -> Task<void> { auto store = sim.connect(runtime, "a"); … });
//   sim.trouble(60s, [&] { … what must hold at every moment … }, [&](sim::Node& node) { node.start(…); });
#pragma once

#include <functional>

#include "coordination/memory/memory_client.h"
#include "runtime/sim/node.h"
#include "runtime/sim/world.h"

namespace godwit::coordination {

struct StoreWorld {
  explicit StoreWorld(uint64_t seed) : world(seed), server(world.add_node("store")) {}

  runtime::sim::Node& add(std::string name) {
    names.push_back(name);
    return world.add_node(std::move(name));
  }
  std::unique_ptr<Coordination> connect(runtime::Runtime& runtime, std::string name) {
    return coordination::connect(server, runtime, {.node = std::move(name)});
  }
  runtime::sim::Node& node(const std::string& name) {
    for (const auto& one : world.nodes())
      if (one->name() == name) return *one;
    GW_CHECK(false, "the node was added");
  }

  // Runs the world while all that can go wrong with the store, the way to it and the nodes goes wrong, and ends it. Calls
  // `check` between any two events, and `begin` for a node that was started again after a crash.
  void trouble(Duration duration, const std::function<void()>& check,
               const std::function<void(runtime::sim::Node&)>& begin) {
    const MonotonicTime end = world.now() + duration;
    while (world.now() < end) {
      one_trouble(begin);
      run(std::chrono::milliseconds(world.random().between(1, 2500)), check);
    }
    server.heal();
    server.thaw();
    server.start();
    server.slow({});
    server.lose_randomly(0, 1);
    for (const auto& name : names) end_trouble_of(node(name), begin);
  }
  void run(Duration duration, const std::function<void()>& check) {
    world.run_until(
        [&] {
          check();
          return false;
        },
        duration);
  }

  runtime::sim::World world;
  MemoryServer server;
  std::vector<std::string> names;

 private:
  void one_trouble(const std::function<void(runtime::sim::Node&)>& begin) {
    using std::chrono::milliseconds;
    auto& random = world.random();
    auto& one = node(names.at(random.below(names.size())));
    switch (random.below(10)) {
      case 0:
        return server.cut(one.name());
      case 1:
        return server.heal();
      case 2:
        return server.running() ? server.stop()
                                : server.start(random.coin() ? MemoryServer::Leases::expired
                                                             : MemoryServer::Leases::extended);
      case 3:
        return server.freeze();
      case 4:
        return server.thaw();
      case 5:
        return server.slow(milliseconds(random.coin() ? 0 : random.between(1, 400)));
      case 6:
        return server.lose_randomly(random.below(3), 6);
      case 7:
        if (one.alive()) one.crash(runtime::sim::CrashKind::kill);
        return;
      case 8:
        if (one.alive() && !one.paused()) one.pause();
        return;
      default:
        server.start();
        return end_trouble_of(one, begin);
    }
  }
  static void end_trouble_of(runtime::sim::Node& one, const std::function<void(runtime::sim::Node&)>& begin) {
    one.resume();
    if (one.alive()) return;
    one.restart();
    begin(one);
  }
};

}  // namespace godwit::coordination
