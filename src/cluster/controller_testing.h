// For tests: a controller on the simulated runtime over a store that tests can shake, and brokers that are played.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "cluster/controller.h"
#include "cluster/image_wire.h"
#include "cluster/stored_control.h"
#include "coordination/memory/memory_coordination.h"
#include "runtime/sim/node.h"
#include "runtime/sim/world.h"

namespace godwit::cluster {

using coordination::Coordination;
using coordination::MemoryCoordination;
using coordination::Transaction;
using runtime::Task;

// Passes everything on, but for what a test wants to happen to the next transactions.
class ShakyStore final : public Coordination {
 public:
  enum class Fate {
    pass,
    lost,     // timed out, and never carried out
    unheard,  // timed out, and carried out
    late,     // timed out, and carried out when the test says deliver_late()
    down,     // unavailable: nothing happens
    full,     // no_space: nothing happens
    broken,   // io: nothing happens, and nobody knows
    dropped,  // timed out at once, for the connection went: nothing happens, and nobody knows
  };
  explicit ShakyStore(Coordination& inner) : inner_(inner) {}

  Task<Result<std::optional<coordination::KeyValue>>> get(std::string key) override {
    co_return co_await inner_.get(std::move(key));
  }
  Task<Result<std::vector<coordination::KeyValue>>> list(std::string prefix) override {
    co_return co_await inner_.list(std::move(prefix));
  }
  Task<Result<void>> commit(Transaction transaction) override {
    co_await runtime::sleep_for(std::chrono::milliseconds(1));
    ++commits;
    operations_max = std::max(operations_max, transaction.writes.size() + transaction.conditions.size());
    ++in_flight_;
    in_flight_max = std::max(in_flight_max, in_flight_);
    co_await runtime::sleep_for(std::chrono::milliseconds(1));
    --in_flight_;
    const Fate fate = next_fate ? next_fate(transaction) : Fate::pass;
    if (fate == Fate::full) co_return fail(ErrorKind::no_space, "the store is over its quota");
    if (fate == Fate::broken) co_return fail(ErrorKind::io, "the store refuses");
    if (fate == Fate::dropped) co_return fail(ErrorKind::timed_out, "the connection was lost");
    if (fate == Fate::down) co_return fail(ErrorKind::unavailable, "the store is down");
    if (fate == Fate::late) late_.push_back(transaction);
    if (fate == Fate::unheard) (void)co_await carry_out(transaction);
    if (fate != Fate::pass) {
      co_await runtime::sleep_for(std::chrono::milliseconds(500));
      co_return fail(ErrorKind::timed_out, "no answer");
    }
    co_return co_await carry_out(std::move(transaction));
  }
  Task<Result<std::unique_ptr<coordination::Lease>>> grant(Duration timeout) override {
    co_return co_await inner_.grant(timeout);
  }
  std::unique_ptr<coordination::Watch> watch(std::string prefix) override {
    return inner_.watch(std::move(prefix));
  }
  Task<void> close() override { co_await inner_.close(); }

  // Carries out what came too late; gives how many of them took effect.
  Task<int> deliver_late() {
    int done = 0;
    for (Transaction& transaction : std::exchange(late_, {})) {
      if (co_await carry_out(std::move(transaction))) ++done;
    }
    co_return done;
  }

  std::function<Fate(const Transaction&)> next_fate;
  std::function<void(const Transaction&)> on_write;  // each that takes effect
  int commits = 0;
  size_t operations_max = 0;
  int in_flight_max = 0;

 private:
  Task<Result<void>> carry_out(Transaction transaction) {
    const auto done = co_await inner_.commit(transaction);
    if (done && on_write) on_write(transaction);
    co_return done;
  }

  Coordination& inner_;
  std::vector<Transaction> late_;
  int in_flight_ = 0;
};

inline std::vector<BrokerId> ids(std::initializer_list<int> numbers) {
  std::vector<BrokerId> out;
  for (const int n : numbers) out.push_back(BrokerId(n));
  return out;
}

class ControllerTest : public testing::Test {
 public:
  // Whatever a test makes a controller decide is told with what it was before and is now; the reasons are
  // controller_event_kinds_test.cpp's.
  void TearDown() override {
    for (const Diagnostic& event : sink.events) {
      if (!event.name.starts_with("cluster.")) continue;
      EXPECT_NE(event.text.find(" -> "), std::string::npos) << event.name << ": " << event.text;
    }
  }

  // Takes the office, as a new controller on broker 9 (which is none of the brokers that are played).
  Task<std::unique_ptr<Controller>> take_office(runtime::Runtime& runtime) {
    if (!(co_await memory.get("/cluster"))->has_value()) {
      Transaction first;
      first.put("/cluster", encoded_cluster());
      EXPECT_TRUE(co_await memory.commit(std::move(first)));
    }
    Transaction raise;
    raise.put("/fence", to_bytes(std::to_string(++fence)));
    EXPECT_TRUE(co_await memory.commit(std::move(raise)));
    options.self = BrokerId(9);
    options.cluster_id = "cluster";
    options.fence = fence;
    options.fence_version = (**co_await memory.get("/fence")).version;
    auto opened = co_await Controller::open(options, store, runtime, sink);
    EXPECT_TRUE(opened) << opened.error().describe();
    co_return opened ? std::move(*opened) : nullptr;
  }

  void with_controller(std::function<Task<void>(Controller&)> work) {
    ASSERT_TRUE(node.run([&](runtime::Runtime& runtime) -> Task<void> {
      auto controller = co_await take_office(runtime);
      if (!controller) co_return;
      co_await work(*controller);
      co_await controller->close();
    }));
  }

  static Bytes encoded_cluster() {
    return std::move(*codec::encode_versioned(StoredCluster{"cluster"}, int16_t{0}));
  }

  static BrokerInfo broker(int id, uint64_t incarnation) {
    BrokerInfo info;
    info.id = BrokerId(id);
    info.incarnation = incarnation;
    info.rack = "";
    info.listeners["PLAINTEXT"] = {"h" + std::to_string(id), 9092};
    return info;
  }
  // The key that a registration leaves in the store; its value is none of the controller's business.
  Task<void> put_registration(int id) {
    Transaction transaction;
    transaction.put("/brokers/" + std::to_string(id), to_bytes("registered"));
    EXPECT_TRUE(co_await memory.commit(std::move(transaction)));
  }

  static kafka::BrokerReportRequest joining(int id, uint64_t incarnation) {
    kafka::BrokerReportRequest request;
    request.cluster_id = "cluster";
    request.broker_id = BrokerId(id);
    request.incarnation = static_cast<int64_t>(incarnation);
    return request;
  }
  // Incarnation 10 × id.
  Task<void> join(Controller& controller, std::initializer_list<int> numbers) {
    for (const int id : numbers) {
      const auto incarnation = 10 * static_cast<uint64_t>(id);
      co_await put_registration(id);
      controller.registered(broker(id, incarnation));
      const auto response = co_await controller.report(joining(id, incarnation));
      EXPECT_EQ(response.error_code, ErrorCode::none) << response.message;
    }
  }

  static NewTopic topic_named(std::string name, int32_t partitions, int16_t factor) {
    NewTopic topic;
    topic.name = std::move(name);
    topic.partitions = partitions;
    topic.replication_factor = factor;
    return topic;
  }
  static NewTopic topic_at(std::string name, std::vector<std::vector<BrokerId>> assignment) {
    NewTopic topic;
    topic.name = std::move(name);
    topic.assignment = std::move(assignment);
    return topic;
  }
  Task<TopicId> create(Controller& controller, NewTopic topic) {
    const auto created = co_await controller.create_topic(std::move(topic), false);
    EXPECT_TRUE(created) << created.error().message;
    co_return created ? (*created)->id : TopicId{};
  }
  static PartitionState state(const Controller& controller, TopicId id, int index = 0) {
    const ImagePtr image = controller.image();
    const PartitionState* const found = image->find(TopicPartition{id, PartitionIndex(index)});
    EXPECT_NE(found, nullptr);
    return found == nullptr ? PartitionState{} : *found;
  }
  // As it stands in the store.
  Task<PartitionState> stored(TopicId id, int index = 0) {
    const auto entry = co_await memory.get(keys::partition(id, static_cast<size_t>(index)));
    EXPECT_TRUE(entry->has_value());
    if (!entry->has_value()) co_return PartitionState{};
    co_return to_state(*codec::decode_versioned<StoredPartition>(SharedBytes::copy((**entry).value)));
  }

  Task<ErrorCode> alter_isr(Controller& controller, TopicId id, std::map<BrokerId, uint64_t> isr,
                            int index = 0) {
    const PartitionState now = state(controller, id, index);
    std::vector<IsrChange> changes{
        {{id, PartitionIndex(index)}, now.leader_epoch, now.version, std::move(isr)}};
    co_return (co_await controller.alter_isr(now.leader, now.leader_incarnation, std::move(changes)))[0].code;
  }
  // Leaders find their replicas on live brokers in sync, of all topics or of one.
  Task<void> catch_up(Controller& controller, std::optional<TopicId> only = {}) {
    const ImagePtr image = controller.image();
    for (const auto& [name, topic] : image->topics()) {
      if (only && topic->id != *only) continue;
      for (size_t i = 0; i < topic->partitions.size(); ++i) {
        const PartitionState& now = topic->partitions[i];
        std::map<BrokerId, uint64_t> isr;
        bool joins = false;
        for (const BrokerId id : now.replicas) {
          const auto found = image->brokers.find(id);
          if (found == image->brokers.end()) continue;
          isr[id] = found->second.incarnation;
          joins = joins || std::ranges::find(now.isr, id) == now.isr.end();
        }
        if (joins) (void)co_await alter_isr(controller, topic->id, std::move(isr), static_cast<int>(i));
      }
    }
  }
  static std::map<BrokerId, uint64_t> members(std::initializer_list<int> numbers) {
    std::map<BrokerId, uint64_t> out;
    for (const int n : numbers) out[BrokerId(n)] = 10 * static_cast<uint64_t>(n);
    return out;
  }

  static kafka::ClusterPollRequest polling(int id, uint64_t incarnation, const Image& has,
                                           int32_t wait_ms = 0) {
    kafka::ClusterPollRequest request;
    request.cluster_id = "cluster";
    request.broker_id = BrokerId(id);
    request.incarnation = static_cast<int64_t>(incarnation);
    request.fence = has.version.fence;
    request.sequence = has.version.sequence;
    request.max_wait_ms = wait_ms;
    return request;
  }
  // The broker fetches what is new and serves it.
  Task<void> follow(Controller& controller, int id, uint64_t incarnation, Image& has) {
    for (int i = 0; i < 2; ++i) {
      const auto news = co_await controller.poll(polling(id, incarnation, has));
      EXPECT_EQ(news.error_code, ErrorCode::none);
      auto next = apply(has, news);
      EXPECT_TRUE(next) << next.error().describe();
      if (next) has = std::move(*next);
    }
  }
  static Task<kafka::ClusterCommandResponse> order(Controller& controller, std::string verb, int id = -1,
                                                   bool dry_run = false) {
    kafka::ClusterCommandRequest request;
    request.verb = std::move(verb);
    request.broker_id = BrokerId(id);
    request.dry_run = dry_run;
    co_return co_await controller.command(std::move(request));
  }
  static Task<bool> has_event(Controller& controller, std::string what) {
    kafka::ClusterCommandRequest request;
    request.verb = "events";
    request.number = 1000;
    const auto response = co_await controller.command(std::move(request));
    for (const auto& event : response.events) {
      if (event.what == what) co_return true;
    }
    co_return false;
  }

  runtime::sim::World world{11};
  runtime::sim::Node& node = world.add_node("controller");
  RecordingSink sink;
  MemoryCoordination memory;
  ShakyStore store{memory};
  ControllerOptions options;
  int64_t fence = 0;
};

}  // namespace godwit::cluster
