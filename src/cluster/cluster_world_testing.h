// For tests: brokers with their metadata over one coordination store, on simulated nodes.
//
//   ClusterWorld cluster(seed);
//   cluster.start(1); cluster.start(2); cluster.start(3);
//   ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }));
//   cluster.crash(cluster.controller());
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "cluster/broker_server_testing.h"
#include "cluster/cluster_metadata.h"
#include "coordination/memory/memory_client.h"
#include "runtime/sim/network.h"
#include "runtime/sim/node.h"

namespace godwit::cluster {

using namespace std::chrono_literals;

struct BrokerSetup {
  std::string cluster_id;
  bool was_member = false;
  std::optional<Uuid> storage_id;  // else that of the node
  std::optional<int32_t> id;       // else that of the node
  FeatureRange features;           // of the build
};

class ClusterWorld {
 public:
  // What a process holds; goes with it.
  struct Process {
    std::unique_ptr<coordination::Coordination> store;
    std::unique_ptr<BrokerServer> server;
    std::unique_ptr<ClusterMetadata> metadata;
    std::optional<Result<void>> started;  // once begin() has returned
    std::vector<TopicPartition> unproven;
    std::vector<BrokerId> suspicions;
    int changes = 0;
    bool healthy = true;
  };

  explicit ClusterWorld(uint64_t seed, Office::Open open)
      : world(seed), open_(std::move(open)), server(world.add_node("store")) {
    for (int i = 1; i <= 4; ++i) world.add_node(name(i));
  }

  runtime::sim::Node& node(int i) { return *world.nodes()[static_cast<size_t>(i)]; }
  static std::string name(int i) { return "b" + std::to_string(i); }
  static Uuid storage(int i) {
    Uuid id;
    id.bytes[0] = std::byte(i);
    return id;
  }

  // Starts the broker's process on its node, which is restarted first where it is dead.
  void start(int i, BrokerSetup setup = {}) {
    if (!node(i).alive()) node(i).restart();
    Process& process = node(i).make<Process>();
    processes_[i] = &process;
    node(i).start(
        [this, i, setup, &process](runtime::Runtime& runtime) { return main(i, setup, process, runtime); });
  }
  void crash(int i, runtime::sim::CrashKind kind = runtime::sim::CrashKind::kill) {
    processes_.erase(i);
    node(i).crash(kind);
  }
  // Null while it is dead.
  Process* process(int i) {
    const auto found = processes_.find(i);
    return found == processes_.end() ? nullptr : found->second;
  }
  ClusterMetadata& metadata(int i) { return *processes_.at(i)->metadata; }
  bool up(int i) {
    Process* const p = process(i);
    return p != nullptr && p->started && p->started->has_value();
  }
  // The only broker that holds the office; 0: none, or several think so.
  int controller() {
    int found = 0;
    for (const auto& [i, p] : processes_) {
      if (!p->metadata || !p->metadata->controls() || node(i).paused()) continue;
      if (found != 0) return 0;
      found = i;
    }
    return found;
  }
  // Whether all of these have started, know one another with these incarnations, and nobody else.
  bool formed(std::vector<int> members) {
    for (int i : members)
      if (!up(i)) return false;
    for (int i : members) {
      const auto image = metadata(i).image();
      if (image->brokers.size() != members.size()) return false;
      for (int other : members) {
        const auto found = image->brokers.find(BrokerId(other));
        if (found == image->brokers.end()) return false;
        if (found->second.incarnation != metadata(other).incarnation()) return false;
      }
      if (image->version != metadata(members[0]).image()->version) return false;
    }
    return controller() != 0;
  }
  bool wait(const std::function<bool()>& condition, Duration limit = 30s) {
    return world.run_until(condition, limit);
  }
  // Runs `work` on the broker's shard until it has returned.
  bool on(int i, std::function<runtime::Task<void>(ClusterMetadata&)> work, Duration limit = 60s) {
    return node(i).run([this, i, work](runtime::Runtime&) { return work(metadata(i)); }, limit);
  }
  // Partition p is led by broker 1 + p % 3, and has the `factor` brokers that follow as replicas.
  bool create_topic(std::string topic_name, int32_t partitions, int16_t factor) {
    bool done = false;
    on(controller(), [&](ClusterMetadata& metadata) -> runtime::Task<void> {
      NewTopic topic;
      topic.name = topic_name;
      topic.partitions = partitions;
      topic.replication_factor = factor;
      for (int p = 0; p < partitions; ++p) {
        std::vector<BrokerId> replicas;
        replicas.reserve(static_cast<size_t>(factor));
        for (int r = 0; r < factor; ++r) replicas.push_back(BrokerId(1 + (p + r) % 3));
        topic.assignment.push_back(std::move(replicas));
      }
      const auto created = co_await metadata.create_topic(topic, false);
      done = created.has_value();
      if (!done) ADD_FAILURE() << created.error().message;
    });
    // Until every broker has heard of it.
    return done && wait([&] {
             return std::ranges::all_of(processes_, [&](const auto& entry) {
               return !up(entry.first) || metadata(entry.first).image()->find(topic_name) != nullptr;
             });
           });
  }
  const PartitionState* partition(int seen_by, std::string_view topic_name, size_t index) {
    kept_ = metadata(seen_by).image();
    const Topic* const topic = kept_->find(topic_name);
    return topic == nullptr ? nullptr : &topic->partitions[index];
  }
  bool told(std::string_view event) const {
    return std::ranges::any_of(sink.events, [&](const auto& e) { return e.name == event; });
  }

  // What stands between brokers that are started from now on and the store.
  using Store = std::unique_ptr<coordination::Coordination>;
  std::function<Store(Store)> store_seen_through;

  runtime::sim::World world;
  // Also to standard error, with GODWIT_TEST_TELL in the environment.
  struct Sink final : DiagnosticSink {
    explicit Sink(runtime::sim::World& w) : world(w) {}
    void emit(const Diagnostic& diagnostic) override {
      if (std::getenv("GODWIT_TEST_TELL") != nullptr) {
        std::cerr << world.elapsed() / 1ms << " ms " << (world.running() ? world.running()->name() : "-")
                  << ' ' << describe(diagnostic) << '\n';
      }
      events.push_back(diagnostic);
    }
    runtime::sim::World& world;
    std::vector<Diagnostic> events;
  };
  Sink sink{world};

 private:
  runtime::Task<void> main(int i, BrokerSetup setup, Process& process, runtime::Runtime& runtime) {
    process.store = coordination::connect(server, runtime, {.node = name(i)});
    if (store_seen_through) process.store = store_seen_through(std::move(process.store));
    process.server = std::make_unique<BrokerServer>(runtime);
    co_await process.server->listen(9092);
    MetadataOptions options;
    options.self.id = BrokerId(setup.id.value_or(i));
    options.self.features = setup.features;
    options.self.listeners["PLAINTEXT"] = {name(i), 9092};
    options.storage_id = setup.storage_id.value_or(storage(i));
    options.cluster_id = setup.cluster_id;
    options.was_member = setup.was_member;
    options.healthy = [&process] { return process.healthy; };
    options.unproven = [&process](ImagePtr) -> runtime::Task<std::vector<TopicPartition>> {
      co_return process.unproven;
    };
    process.metadata = std::make_unique<ClusterMetadata>(options, *process.store, runtime, sink, open_);
    process.metadata->on_change([&process](ImagePtr, ImagePtr) -> runtime::Task<void> {
      ++process.changes;
      co_return;
    });
    process.metadata->on_suspicion([&process](BrokerId id) { process.suspicions.push_back(id); });
    auto started =
        co_await process.metadata->begin([&process](Metadata& metadata) { process.server->serve(metadata); });
    process.started.emplace(std::move(started));
  }

  Office::Open open_;
  // What everybody thinks, for a test that fails.
 public:
  std::string describe_all() {
    std::string out;
    for (const auto& [i, p] : processes_) {
      if (!p->metadata) continue;
      const auto image = p->metadata->image();
      out += "\nbroker " + std::to_string(i) + " incarnation " + std::to_string(p->metadata->incarnation()) +
             (p->started ? " started" : " starting") + (p->metadata->controls() ? " controls" : "") +
             ": image " + std::to_string(image->version.fence) + "." +
             std::to_string(image->version.sequence) + " controller " + to_string(image->controller) +
             " brokers";
      for (const auto& [id, info] : image->brokers)
        out += " " + to_string(id) + "#" + std::to_string(info.incarnation);
    }
    for (const auto& entry : server.keys().list("/")) out += "\n" + entry.key;
    return out;
  }

 private:
  std::map<int, Process*> processes_;
  ImagePtr kept_;

 public:
  coordination::MemoryServer server;
};

}  // namespace godwit::cluster
