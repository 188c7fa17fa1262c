// Three whole brokers, their clients and the coordination store in one process on virtual time.
//
//   ClusterStage stage(seed);
//   stage.start_all();
//   ASSERT_TRUE(stage.create("orders", 2));
//   stage.node(stage.leader("orders", 0)).crash(CrashKind::power_cut);
//   stage.start(1);
//
// Brokers are numbered from 1 and live on the nodes b1, b2, …; clients live on the node "client", which never crashes.
#pragma once

#include <gtest/gtest.h>
#include <algorithm>

#include <iostream>

#include "broker/broker.h"
#include "broker/outside_testing.h"
#include "coordination/memory/memory_client.h"
#include "kafka/messages/alter_partition_reassignments.h"
#include "kafka/messages/create_topics.h"
#include "peer/cluster.h"
#include "record/batches.h"
#include "record/record_reader.h"
#include "runtime/sim/network.h"
#include "runtime/sim/node.h"

namespace godwit::broker {

using runtime::Runtime;
using runtime::Task;
using runtime::sim::CrashKind;
using namespace std::chrono_literals;

class ClusterStage {
 public:
  // What a process holds; goes with it, the broker first.
  struct Process {
    std::unique_ptr<coordination::Coordination> store;
    metrics::Registry metrics;
    std::unique_ptr<Broker> broker;
    std::optional<std::string> refused;  // why it did not start
    bool stopped = false;
  };

  explicit ClusterStage(uint64_t seed, size_t shards = 2, int brokers = 3)
      : world(seed), count(brokers), server(world.add_node("store")), client(world.add_node("client")) {
    runtime::sim::NodeOptions machine;
    machine.shards = shards;
    for (int i = 1; i <= count; ++i) {
      world.add_node("b" + std::to_string(i), machine);
      generations_[i] = 0;
    }
  }

  runtime::sim::Node& node(int i) { return *world.nodes().at(static_cast<size_t>(i) + 1); }

  // Starts the broker's process on its node, which is switched on first where it is dead.
  void start(int i) {
    if (!node(i).powered()) ++boots_[i];
    if (!node(i).alive()) node(i).restart();
    node(i).resume();
    Process& process = node(i).make<Process>();
    processes_[i] = {&process, node(i).incarnation()};
    node(i).start([this, i, &process](Runtime& runtime) { return main(i, process, runtime); });
  }
  void start_all() {
    for (int i = 1; i <= count; ++i) start(i);
    EXPECT_TRUE(wait([&] { return formed(); })) << "the cluster does not form";
  }
  // Everything that its disk held is gone: the next start finds another, empty one.
  void empty_disk(int i) { ++generations_[i]; }
  // The disk before that one is there again, as it was when it went.
  void put_disk_back(int i) { --generations_[i]; }
  // Controlled shutdown; false where it does not end.
  bool stop(int i) {
    Process* const process = find(i);
    if (process == nullptr || process->broker == nullptr) return false;
    node(i).start([process](Runtime&) -> Task<void> {
      (void)co_await process->broker->stop();
      process->stopped = true;
    });
    if (!wait([&] { return find(i) != process || process->stopped; }, 60s)) return false;
    if (node(i).alive()) node(i).crash(CrashKind::kill);
    return true;
  }
  // Null while the process is dead.
  Process* find(int i) {
    const auto found = processes_.find(i);
    if (found == processes_.end() || !node(i).alive() || node(i).incarnation() != found->second.second)
      return nullptr;
    return found->second.first;
  }
  Broker* broker(int i) {
    Process* const process = find(i);
    return process == nullptr ? nullptr : process->broker.get();
  }
  bool up(int i) { return broker(i) != nullptr && broker(i)->ready() && !node(i).paused(); }
  bool formed() {
    for (int i = 1; i <= count; ++i)
      if (!up(i) || broker(i)->metadata().image()->brokers.size() != static_cast<size_t>(count)) return false;
    return true;
  }

  // Runs until the condition holds, looked at every millisecond.
  bool wait(const std::function<bool()>& condition, Duration limit = 60s) {
    const MonotonicTime end = world.now() + limit;
    while (!condition()) {
      if (world.now() >= end) return false;
      world.run_for(1ms);
    }
    return true;
  }

  // The newest image that any living broker has; null while none lives.
  cluster::ImagePtr image() {
    cluster::ImagePtr newest;
    for (int i = 1; i <= count; ++i) {
      if (!up(i)) continue;
      auto one = broker(i)->metadata().image();
      if (newest == nullptr || one->version > newest->version) newest = std::move(one);
    }
    return newest;
  }
  std::optional<cluster::PartitionState> state(const std::string& topic, int partition) {
    const auto now = image();
    const cluster::Topic* const found = now == nullptr ? nullptr : now->find(topic);
    if (found == nullptr || static_cast<size_t>(partition) >= found->partitions.size()) return std::nullopt;
    return found->partitions[static_cast<size_t>(partition)];
  }
  // 0: none.
  int leader(const std::string& topic, int partition) {
    const auto now = state(topic, partition);
    return now && now->leader != kNoBroker ? now->leader.value() : 0;
  }
  size_t isr(const std::string& topic, int partition) {
    const auto now = state(topic, partition);
    return now ? now->isr.size() : 0;
  }
  // The broker's replica, as it is at this moment; null where it has none.
  std::shared_ptr<Partition> replica(int i, const std::string& topic, int partition) {
    Broker* const one = broker(i);
    if (one == nullptr) return nullptr;
    const cluster::Topic* const found = one->metadata().image()->find(topic);
    if (found == nullptr) return nullptr;
    const TopicPartition id{found->id, PartitionIndex(partition)};
    return from_outside([&] { return one->shard(one->store().shard_of(id)).find(id); });
  }
  // Whether every partition of the topic has a leader that leads and all replicas in its ISR.
  bool whole(const std::string& topic) {
    const auto now = image();
    const cluster::Topic* const found = now == nullptr ? nullptr : now->find(topic);
    if (found == nullptr) return false;
    for (size_t p = 0; p < found->partitions.size(); ++p) {
      const auto& state = found->partitions[p];
      if (state.leader == kNoBroker || state.isr.size() != state.replicas.size()) return false;
      if (!std::ranges::all_of(state.replicas, [&](BrokerId id) { return up(id.value()); })) return false;
      const auto led = replica(state.leader.value(), topic, static_cast<int>(p));
      if (led == nullptr || !led->leading() || !led->high_watermark_known()) return false;
    }
    return true;
  }

  // Creates the topic with so many replicas, partition p preferably led by broker first + p (the numbers go round), and waits
  // until it is whole.
  bool create(const std::string& topic, int32_t partitions, std::map<std::string, std::string> config = {},
              int replicas = 3, int first = 1) {
    kafka::CreateTopicsRequest request;
    auto& wish = request.topics.emplace_back();
    wish.name = topic;
    wish.num_partitions = -1;
    wish.replication_factor = -1;
    for (int32_t p = 0; p < partitions; ++p) {
      auto& assignment = wish.assignments.emplace_back();
      assignment.partition_index = PartitionIndex(p);
      for (int r = 0; r < std::min(count, replicas); ++r)
        assignment.broker_ids.push_back(BrokerId(1 + (first - 1 + p + r) % count));
    }
    for (auto& [name, value] : config) wish.configs.push_back({name, value});
    ErrorCode code = ErrorCode::unknown_server_error;
    const bool asked = as_client([&](peer::Cluster& cluster) -> Task<void> {
      auto answer = co_await cluster.call(peer::Target::controller(), request,
                                          [](const auto& r) { return r.topics.at(0).error_code; });
      EXPECT_TRUE(answer.has_value()) << answer.error().describe();
      if (answer) code = answer->topics.at(0).error_code;
    });
    return asked && code == ErrorCode::none && wait([&] { return whole(topic); });
  }

  std::vector<runtime::Endpoint> bootstrap() const {
    std::vector<runtime::Endpoint> all;
    for (int i = 1; i <= count; ++i) all.push_back({"b" + std::to_string(i), 9092});
    return all;
  }
  static peer::ClusterOptions patient() {
    peer::ClusterOptions options;
    options.connection.connect_timeout = 1s;
    options.connection.request_timeout = 2s;
    return options;
  }
  // Runs `work` as a client; false where it does not end within the limit.
  bool as_client(std::function<Task<void>(peer::Cluster&)> work, Duration limit = 120s) {
    return client.run(
        [&](Runtime& runtime) -> Task<void> {
          peer::Cluster cluster(runtime.network(), bootstrap(), patient());
          co_await work(cluster);
          cluster.close();
        },
        limit);
  }
  // Null replicas: gives the move up.
  ErrorCode reassign(const std::string& topic, int partition, std::optional<std::vector<int>> replicas) {
    ErrorCode code = ErrorCode::unknown_server_error;
    EXPECT_TRUE(as_client([&](peer::Cluster& cluster) -> Task<void> {
      kafka::AlterPartitionReassignmentsRequest request;
      auto& wish = request.topics.emplace_back();
      wish.name = topic;
      auto& one = wish.partitions.emplace_back();
      one.partition_index = PartitionIndex(partition);
      one.replicas.reset();
      if (replicas) {
        one.replicas.emplace();
        for (const int id : *replicas) one.replicas->push_back(BrokerId(id));
      }
      const auto answer = co_await cluster.call(peer::Target::controller(), request,
                                                [](const auto& r) { return r.error_code; });
      if (answer && answer->error_code == ErrorCode::none)
        code = answer->responses.at(0).partitions.at(0).error_code;
    }));
    return code;
  }
  bool has_log(int i, const TopicPartition& id) {
    const auto held = std::make_shared<std::vector<TopicPartition>>();
    EXPECT_TRUE(
        node(i).run([this, i, held](Runtime&) -> Task<void> { *held = co_await broker(i)->store().list(); }));
    return std::ranges::find(*held, id) != held->end();
  }

  // The values of a replica's log by offset, up to `end` of it, as its disk and memory give them.
  using Contents = std::map<int64_t, std::string>;
  Contents contents(int i, const std::string& topic, int partition) {
    Contents all;
    const auto found = replica(i, topic, partition);
    EXPECT_NE(found, nullptr) << "broker " << i;
    if (found == nullptr) return all;
    Broker& one = *broker(i);
    EXPECT_TRUE(node(i).run([&](Runtime&) -> Task<void> {
      co_await one.shard(one.store().shard_of(found->id())).shard().call([&]() -> Task<void> {
        Offset from = found->log()->start();
        while (from < found->log()->end()) {
          auto read = co_await found->log()->read({from, 1 << 20, found->log()->end(), true});
          EXPECT_TRUE(read.has_value()) << read.error().message;
          if (!read || read->next <= from) co_return;
          take(read->batches.flatten(), all);
          from = read->next;
        }
      });
    }));
    return all;
  }
  // Adds the records of whole batches.
  static void take(BytesView bytes, Contents& into) {
    const auto walked = for_each_batch(
        bytes, {.allow_partial_end = true}, [&](const BatchView& batch, size_t) -> Result<void> {
          auto read = for_each_record(batch, {}, [&](const Record& record) {
            const BytesView value = record.value.value_or(BytesView{});
            into[record.offset.value()] =
                std::string(reinterpret_cast<const char*>(value.data()), value.size());
            return true;
          });
          if (!read) return fail(read.error());
          return {};
        });
    EXPECT_TRUE(walked.has_value()) << walked.error().describe();
  }

  std::string describe_all(const std::string& topic) {
    std::string out =
        "at " + std::to_string(world.elapsed() / 1ms) + " ms, seed " + std::to_string(world.seed());
    for (int i = 1; i <= count; ++i) {
      out += "\nbroker " + std::to_string(i) + (node(i).alive() ? "" : " dead") +
             (node(i).paused() ? " paused" : "") + (up(i) ? " up" : " not up");
      if (Process* const p = find(i); p != nullptr && p->refused) out += " refused: " + *p->refused;
      if (!up(i)) continue;
      const auto seen = broker(i)->metadata().image();
      out += " #" + std::to_string(broker(i)->metadata().incarnation()) + " sees";
      for (const auto& [id, info] : seen->brokers)
        out += " " + to_string(id) + "#" + std::to_string(info.incarnation);
      const cluster::Topic* const found = seen->find(topic);
      for (size_t p = 0; found != nullptr && p < found->partitions.size(); ++p) {
        const auto& s = found->partitions[p];
        out += "\n  " + std::to_string(p) + ": leader " + to_string(s.leader) + "#" +
               std::to_string(s.leader_incarnation) + " epoch " + to_string(s.leader_epoch) + " isr";
        for (BrokerId id : s.isr) out += " " + to_string(id);
        const auto r = replica(i, topic, static_cast<int>(p));
        if (r != nullptr && !r->closed())
          out += (r->leading() ? " LEADS" : "") + std::string(" high watermark ") +
                 to_string(r->high_watermark()) + " stable " + to_string(r->log()->stable_end()) + " end " +
                 to_string(r->log()->end());
      }
    }
    return out;
  }

  // To standard error besides, with GODWIT_TEST_TELL in the environment.
  struct Sink final : DiagnosticSink {
    explicit Sink(runtime::sim::World& w) : world(w) {}
    void emit(const Diagnostic& diagnostic) override {
      if (std::getenv("GODWIT_TEST_TELL") != nullptr) {
        std::cerr << static_cast<double>(world.elapsed() / 1us) / 1000 << " ms "
                  << (world.running() != nullptr ? world.running()->name() : "-") << ' '
                  << describe(diagnostic) << '\n';
      }
      ++told[diagnostic.name];
      if (diagnostic.severity >= Severity::warning) ++warned[diagnostic.name];
    }
    runtime::sim::World& world;
    std::map<std::string, int> told;
    std::map<std::string, int> warned;  // of those, warnings and errors
  };

  runtime::sim::World world;
  int count;
  Sink sink{world};
  coordination::MemoryServer server;
  runtime::sim::Node& client;
  // Of brokers that start from now on.
  std::function<void(BrokerOptions&)> adjust;

 private:
  Task<void> main(int i, Process& process, Runtime& runtime) {
    BrokerOptions options;
    const std::string name = "b" + std::to_string(i);
    options.id = BrokerId(i);
    options.clustered = true;
    options.listeners = {
        {.name = "PLAINTEXT", .bind = {"", 9092}, .advertised = runtime::Endpoint{name, 9092}}};
    options.offsets_topic_partitions = 1;
    options.groups.initial_rebalance_delay = 10ms;
    options.storage_id.bytes[0] = std::byte(i);
    options.storage_id.bytes[1] = std::byte(generations_.at(i));
    options.store.directory = "/data" + std::to_string(generations_.at(i));
    options.store.arena_bytes = 8 << 20;
    options.store.read_buffer_bytes = 4 << 20;
    options.store.journal_file_bytes = 1 << 20;
    options.store.reserve_bytes = 0;
    options.store.ballast_bytes = 0;
    options.store.boot_id = "boot " + std::to_string(boots_[i]);
    if (adjust) adjust(options);
    process.store = coordination::connect(server, runtime, {.node = name});
    auto started = co_await Broker::start(std::move(options), runtime, *process.store, sink, process.metrics);
    if (started) {
      process.broker = std::move(*started);
    } else {
      process.refused = started.error().describe();
    }
  }

  std::map<int, int> generations_;
  std::map<int, int> boots_;  // how often its power came back
  std::map<int, std::pair<Process*, uint64_t>> processes_;
};

}  // namespace godwit::broker
