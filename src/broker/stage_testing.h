// A whole broker with two shards on the simulated runtime, for tests of what a client sees.
//
//   TEST(…) { run_on_stage([](Stage& stage) -> Task<void> { co_await stage.create("orders"); … }); }
#pragma once

#include <gtest/gtest.h>

#include "base/endian.h"
#include "broker/api/handlers.h"
#include "broker/broker.h"
#include "broker/outside_testing.h"
#include "broker/topic_creation.h"
#include "coordination/memory/memory_coordination.h"
#include "runtime/sim/node.h"

namespace godwit::broker {

using runtime::Runtime;
using runtime::Task;
using namespace std::chrono_literals;

inline BrokerOptions stage_options() {
  BrokerOptions options;
  options.listeners = {{.name = "PLAINTEXT", .bind = {"", 9092}, .advertised = {}}};
  options.offsets_topic_partitions = 4;
  options.store.directory = "/data";
  options.store.arena_bytes = 8 << 20;
  options.store.read_buffer_bytes = 4 << 20;
  options.store.journal_file_bytes = 1 << 20;
  options.store.reserve_bytes = 0;
  options.store.ballast_bytes = 0;
  return options;
}

struct Stage {
  explicit Stage(Runtime& r, BrokerOptions o = stage_options()) : runtime(r), options(std::move(o)) {
    client.peer = {"10.0.0.9", 40000};
    client.local = {"10.0.0.1", 9092};
    client.listener = "PLAINTEXT";
  }
  Task<void> start() {
    auto started = co_await Broker::start(options, runtime, coordination, diagnostics, metrics);
    EXPECT_TRUE(started.has_value()) << started.error().describe();
    broker = std::move(*started);
  }
  Task<void> restart() {
    (void)co_await broker->stop();
    broker.reset();
    co_await start();
  }
  Task<void> create(std::string name, int32_t partitions = -1) {
    TopicWish wish;
    wish.name = name;
    wish.partitions = partitions;
    const auto created = co_await create_topic(broker->shard(0), std::move(wish));
    EXPECT_TRUE(created.has_value());
  }
  TopicId topic_id(const std::string& name) { return broker->shard(0).image()->find(name)->id; }

  // Serves the request as if it came by a connection of shard 0, in its newest version or the given one.
  template <class Request>
  Task<typename Request::Response> ask(Request request, int16_t version = Request::kFormat.versions.last) {
    kafka::RequestFrame frame{.api = kafka::find_api(static_cast<int16_t>(Request::kApi)),
                              .version = version,
                              .client_id = "tester",
                              .body = codec::Input(SharedBytes())};
    RequestContext context(broker->shard(0), client, std::move(frame), nullptr, runtime.shard(0).now(),
                           nullptr);
    co_return co_await api::handle(context, std::move(request));
  }

  // The simulated machine that it runs on.
  runtime::sim::Node& node() { return static_cast<runtime::sim::Node&>(runtime); }

  Runtime& runtime;
  BrokerOptions options;
  coordination::MemoryCoordination coordination;
  RecordingSink diagnostics;
  metrics::Registry metrics;
  std::unique_ptr<Broker> broker;
  Client client;
};

inline runtime::sim::NodeOptions stage_machine(size_t shards = 2) {
  runtime::sim::NodeOptions machine;
  machine.shards = shards;
  return machine;
}

inline void run_on_stage(std::move_only_function<Task<void>(Stage&)> body,
                         BrokerOptions options = stage_options(),
                         runtime::sim::NodeOptions machine = stage_machine()) {
  runtime::sim::World world(11);
  runtime::sim::Node& node = world.add_node("a", machine);
  EXPECT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
    Stage& stage = node.make<Stage>(runtime, options);
    co_await stage.start();
    co_await body(stage);
    if (stage.broker == nullptr) co_return;
    (void)co_await stage.broker->stop();
    stage.broker.reset();
  }));
}

// Sends one request by a connection and gives the bytes of the answer, without their length.
inline Task<SharedBytes> converse(Runtime& runtime, Chain frame) {
  auto stream = co_await runtime.network().connect({"10.0.0.1", 9092}, 1s);
  EXPECT_TRUE(stream.has_value()) << stream.error().describe();
  const Bytes sent = frame.flatten();
  const BytesView part(sent);
  EXPECT_TRUE(co_await (*stream)->write_all(std::span(&part, 1)));
  Bytes length(4);
  EXPECT_TRUE(co_await runtime::read_exactly(**stream, length));
  Bytes answer(load_big<uint32_t>(length.data()));
  EXPECT_TRUE(co_await runtime::read_exactly(**stream, answer));
  co_return SharedBytes::own(std::move(answer));
}

}  // namespace godwit::broker
