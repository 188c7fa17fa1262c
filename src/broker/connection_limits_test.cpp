// The bounds of the Kafka port: each is kept, counted and told, and gives way again.
#include "broker/connection_testing.h"
#include "runtime/sim/network.h"

namespace godwit::broker {
namespace {

using runtime::sim::OpKind;

// All that is held of a bound of memory, over the shards.
size_t held(Stage& stage, runtime::Semaphore& (BrokerShard::*memory)()) {
  size_t bytes = 0;
  for (size_t i = 0; i < stage.broker->shard_count(); ++i) {
    const runtime::Semaphore& one =
        from_outside([&]() -> auto& { return (stage.broker->shard(i).*memory)(); });
    bytes += one.capacity() - one.free();
  }
  return bytes;
}

// Opens `count` connections, all served, and requires that the next one is not.
Task<void> expect_allowed(Stage& stage, size_t count) {
  std::vector<StreamPtr> streams;
  for (size_t i = 0; i < count; ++i) {
    streams.push_back(co_await dial(stage));
    EXPECT_TRUE(co_await is_served(*streams.back())) << i;
  }
  EXPECT_EQ(stage.broker->metrics().connections.value(), static_cast<int64_t>(count));
  const StreamPtr refused = co_await dial(stage);
  EXPECT_EQ(co_await open_for(*refused) < 1s, true) << "it is closed at once";
  EXPECT_EQ(stage.broker->metrics().refused_limit.value(), 1U);
  EXPECT_EQ(stage.broker->metrics().connections.value(), static_cast<int64_t>(count));
  const auto lines = told(stage, "connection.refused");
  EXPECT_EQ(lines.size(), 1U);
  if (lines.size() == 1) {
    EXPECT_EQ(lines[0].text,
              "the limit of " + std::to_string(count) + " connections is reached (max.connections)");
    EXPECT_EQ(field(lines[0], "peer"), to_string(refused->local()));
  }
  // Those that are there go on; one that leaves makes room for another.
  for (const auto& stream : streams) EXPECT_TRUE(co_await is_served(*stream));
  streams.pop_back();
  co_await runtime::sleep_for(100ms);
  const StreamPtr next = co_await dial(stage);
  EXPECT_TRUE(co_await is_served(*next));
}

TEST(ConnectionLimits, TheConnectionAboveMaxConnectionsIsRefusedUntilAnotherLeaves) {
  BrokerOptions options = stage_options();
  options.connections_max = 3;
  run_on_stage([](Stage& stage) { return expect_allowed(stage, 3); }, options);
}

TEST(ConnectionLimits, FilesKeepTheirShareOfTheDescriptors) {
  BrokerOptions options = stage_options();
  options.store.open_files_max = 20;
  auto machine = stage_machine();
  machine.machine.descriptors_max = 20 + 256 + 5;
  run_on_stage([](Stage& stage) { return expect_allowed(stage, 5); }, options, machine);
}

TEST(ConnectionLimits, WithFewDescriptorsConnectionsGetHalf) {
  BrokerOptions options = stage_options();
  options.store.open_files_max = 20;
  auto machine = stage_machine();
  machine.machine.descriptors_max = 16;
  run_on_stage([](Stage& stage) { return expect_allowed(stage, 8); }, options, machine);
}

TEST(ConnectionLimits, WithoutADescriptorWhoComesWaitsAndIsServedThen) {
  run_on_stage([](Stage& stage) -> Task<void> {
    const StreamPtr before = co_await dial(stage);
    EXPECT_TRUE(co_await is_served(*before));
    stage.node().world().network().fail_next_accept("a", ErrorKind::limit, 3);
    const MonotonicTime began = runtime::Shard::current()->now();
    const StreamPtr stream = co_await dial(stage);
    EXPECT_TRUE(co_await is_served(*before)) << "others are served meanwhile";
    EXPECT_LT(runtime::Shard::current()->now() - began, 100ms);
    EXPECT_TRUE(co_await is_served(*stream));
    EXPECT_GE(runtime::Shard::current()->now() - began, 300ms);
    EXPECT_LT(runtime::Shard::current()->now() - began, 1s);
    EXPECT_EQ(stage.broker->metrics().refused_descriptors.value(), 3U);
    EXPECT_EQ(told(stage, "connection.not_accepted").size(), 3U);
  });
}

TEST(ConnectionLimits, AConnectionOnWhichNothingHappensIsClosed) {
  BrokerOptions options = stage_options();
  options.idle_timeout = 5s;
  run_on_stage(
      [](Stage& stage) -> Task<void> {
        const StreamPtr silent = co_await dial(stage);
        const Duration took = co_await open_for(*silent);
        EXPECT_GE(took, 5s);
        EXPECT_LT(took, 5100ms);
        EXPECT_EQ(stage.broker->metrics().closed_idle.value(), 1U);
        // Part of a request is none: its rest has to come in time.
        const StreamPtr half = co_await dial(stage);
        EXPECT_TRUE(co_await is_served(*half));
        const Bytes frame = versions_request().flatten();
        co_await runtime::sleep_for(3s);
        EXPECT_TRUE(co_await say(*half, BytesView(frame).first(frame.size() - 1)));
        EXPECT_LT(co_await open_for(*half), 31s);
        EXPECT_EQ(stage.broker->metrics().closed_slow.value(), 1U);
        EXPECT_EQ(stage.broker->metrics().closed_idle.value(), 1U);
        // One that asks now and then stays.
        const StreamPtr busy = co_await dial(stage);
        for (int i = 0; i < 5; ++i) {
          EXPECT_TRUE(co_await is_served(*busy));
          co_await runtime::sleep_for(4s);
        }
        EXPECT_TRUE(co_await is_served(*busy));
        EXPECT_EQ(stage.broker->metrics().closed_idle.value(), 1U);
      },
      options);
}

TEST(ConnectionLimits, WhoWaitsForAnAnswerIsNotIdle) {
  BrokerOptions options = stage_options();
  options.idle_timeout = 5s;
  run_on_stage(
      [](Stage& stage) -> Task<void> {
        co_await stage.create("orders");
        const StreamPtr poll = co_await dial(stage);
        EXPECT_TRUE(co_await say(*poll, fetch_orders(1000, 12s)));
        EXPECT_TRUE(co_await is_answered(*poll));
        // From then on it counts.
        const Duration took = co_await open_for(*poll);
        EXPECT_GE(took, 4900ms);
        EXPECT_LT(took, 5100ms);
        EXPECT_EQ(stage.broker->metrics().closed_idle.value(), 1U);
      },
      options);
}

// An answer that is larger than what the network takes from one who does not read.
constexpr int32_t kLarge = 900'000;

TEST(ConnectionLimits, WhoTakesNothingOfHisAnswerIsCutOffAndItsMemoryIsFree) {
  BrokerOptions options = stage_options();
  options.send_timeout = 3s;
  run_on_stage(
      [](Stage& stage) -> Task<void> {
        co_await stage.create("orders");
        const StreamPtr producer = co_await dial(stage);
        EXPECT_TRUE(co_await say(*producer, produce_of(kLarge)));
        EXPECT_TRUE(co_await is_answered(*producer));
        const StreamPtr stuck = co_await dial(stage);
        EXPECT_TRUE(co_await say(*stuck, fetch_orders(kLarge * 2)));
        // What lies in the network does not count as taken; 100 KiB a second are slow but alive.
        co_await runtime::sleep_for(9s);
        EXPECT_EQ(stage.broker->metrics().closed_slow.value(), 0U);
        EXPECT_GT(held(stage, &BrokerShard::response_memory), 0U);
        co_await runtime::sleep_for(4s);
        EXPECT_EQ(stage.broker->metrics().closed_slow.value(), 1U);
        EXPECT_EQ(held(stage, &BrokerShard::response_memory), 0U);
        EXPECT_EQ(stage.broker->metrics().connections.value(), 1);
        EXPECT_LT((co_await hear_all(*stuck)).size(), static_cast<size_t>(kLarge));
      },
      options);
}

TEST(ConnectionLimits, WhoReadsSlowlyButSteadilyGetsAllOfIt) {
  BrokerOptions options = stage_options();
  options.send_timeout = 1s;
  run_on_stage(
      [](Stage& stage) -> Task<void> {
        co_await stage.create("orders");
        const StreamPtr slow = co_await dial(stage);
        EXPECT_TRUE(co_await say(*slow, produce_of(kLarge)));
        EXPECT_TRUE(co_await is_answered(*slow));
        EXPECT_TRUE(co_await say(*slow, fetch_orders(kLarge * 2)));
        Bytes part(13'000);  // ten times a second
        size_t read = 0;
        while (read + part.size() <= static_cast<size_t>(kLarge)) {
          EXPECT_TRUE(co_await runtime::read_exactly(*slow, part));
          if (stage.broker->metrics().closed_slow.value() > 0) break;
          read += part.size();
          co_await runtime::sleep_for(100ms);
        }
        EXPECT_EQ(stage.broker->metrics().closed_slow.value(), 0U);
      },
      options);
}

TEST(ConnectionLimits, OfOneConnectionNoMoreRequestsAreUnderWayThanConnectionsMaxRequests) {
  for (const size_t limit : {size_t{2}, size_t{64}}) {
    BrokerOptions options = stage_options();
    options.requests_in_flight_max = limit;
    run_on_stage(
        [&](Stage& stage) -> Task<void> {
          co_await stage.create("orders");
          const StreamPtr stream = co_await dial(stage);
          EXPECT_TRUE(co_await is_served(*stream));
          stage.node().disk().stall({.kinds = {OpKind::write, OpKind::sync}, .path = "journal/"});
          for (int32_t i = 1; i <= 5; ++i) EXPECT_TRUE(co_await say(*stream, produce_of(100, i)));
          co_await runtime::sleep_for(500ms);
          // They wait for the disk, the others in their socket.
          EXPECT_EQ(stage.broker->metrics().messages_in_batches.value(), std::min<size_t>(limit, 5));
          stage.node().disk().release();
          for (int32_t i = 1; i <= 5; ++i) {
            const auto answer = co_await hear(*stream);
            EXPECT_TRUE(answer.has_value());
            if (!answer) co_return;
            EXPECT_EQ(load_big<int32_t>(answer->data()), i) << "in the order of the requests";
          }
          EXPECT_EQ(stage.broker->metrics().messages_in_batches.value(), 5U);
        },
        options);
  }
}

}  // namespace
}  // namespace godwit::broker
