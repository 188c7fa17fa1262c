#include "runtime/sim/world.h"

#include <gtest/gtest.h>

#include "runtime/sim/network.h"
#include "runtime/sync.h"

namespace godwit::runtime::sim {
namespace {

using namespace std::chrono_literals;

// Three nodes that write, sync, talk, draw and crash.
uint64_t busy_run(uint64_t seed) {
  World world(seed);
  NodeOptions options;
  options.shards = 2;
  for (const char* name : {"a", "b", "c"}) world.add_node(name, options);
  const auto work = [](std::string peer) -> Main {
    return [peer](Runtime& runtime) -> Task<void> {
      const auto listen = [](Runtime& r) -> Task<void> {
        auto listener = co_await r.network().listen({"", 1}, {});
        std::vector<std::unique_ptr<Stream>> streams;
        while (auto stream = co_await (*listener)->accept()) streams.push_back(std::move(*stream));
      };
      Shard::current()->spawn(listen(runtime));
      auto file =
          co_await runtime.files().open("f", {.write = true, .create = OpenOptions::Create::if_missing});
      for (;;) {
        auto& shard = runtime.shard(1);
        const uint64_t drawn = co_await shard.call([&shard] { return shard.random().next(); });
        const std::string text = std::to_string(drawn);
        const BytesView part = as_bytes(text);
        (void)co_await (*file)->write_at(drawn % 10'000, std::span(&part, 1));
        if (drawn % 3 == 0) (void)co_await (*file)->sync();
        auto stream = co_await runtime.network().connect({peer, 1}, 1s);
        if (stream) (void)co_await (*stream)->write_all(std::span(&part, 1));
      }
    };
  };
  const auto peer_of = [](const std::string& name) { return name == "a" ? "b" : name == "b" ? "c" : "a"; };
  for (const auto& node : world.nodes()) node->start(work(peer_of(node->name())));
  for (int i = 0; i < 5; ++i) {
    world.run_for(20ms);
    Node& victim = *world.nodes()[world.random().below(3)];
    victim.crash(world.random().coin() ? CrashKind::kill : CrashKind::power_cut);
    world.run_for(5ms);
    victim.restart();
    victim.start(work(peer_of(victim.name())));
  }
  EXPECT_GT(world.steps(), 1000u);
  return world.trace_hash();
}

TEST(World, TheSameSeedGivesTheSameRun) {
  for (uint64_t seed = 0; seed < 10; ++seed) EXPECT_EQ(busy_run(seed), busy_run(seed)) << "seed " << seed;
}

TEST(World, WhatComesToAProcessFromOutsideIsAMoment) {
  World world(1);
  Node& node = world.add_node("a");
  Node& client = world.add_node("client");
  world.count_no_moments_of(client);
  const auto waits = [](Runtime&) -> Task<void> {
    co_await sleep_for(1ms);
    co_await sleep_for(1ms);
  };
  ASSERT_TRUE(client.run(waits));
  EXPECT_EQ(world.moments(), 0u);
  EXPECT_GT(world.steps(), 0u);
  ASSERT_TRUE(node.run(waits));
  EXPECT_EQ(world.moments(), 2u);
  ASSERT_TRUE(node.run([](Runtime& runtime) -> Task<void> {
    (void)co_await runtime.files().open("f", {.write = true, .create = OpenOptions::Create::if_missing});
  }));
  EXPECT_EQ(world.moments(), 3u);
  ASSERT_TRUE(client.run([](Runtime& runtime) -> Task<void> {
    EXPECT_FALSE((co_await runtime.network().connect({"a", 1}, 1s)).has_value());
  }));
  EXPECT_EQ(world.moments(), 5u) << "it asks, and is refused";
}

TEST(World, DifferentSeedsGiveDifferentRuns) {
  std::set<uint64_t> hashes;
  for (uint64_t seed = 0; seed < 10; ++seed) hashes.insert(busy_run(seed));
  EXPECT_EQ(hashes.size(), 10u);
  // Two processes can be compared, too: addresses differ between them (--gtest_output=xml shows it).
  RecordProperty("trace_hash", std::to_string(*hashes.begin()));
}

TEST(World, AnHourPassesInNoTime) {
  World world(1);
  Node& node = world.add_node("a");
  EXPECT_TRUE(node.run([](Runtime&) -> Task<void> { co_await sleep_for(59min); }));
  EXPECT_GE(world.elapsed(), 59min);
  EXPECT_LT(world.elapsed(), 60min);
}

TEST(World, TimersFireInOrderAndEqualOnesAsTheyWereStarted) {
  World world(1);
  Node& node = world.add_node("a");
  std::string order;
  EXPECT_TRUE(node.run([&order](Runtime& runtime) -> Task<void> {
    auto& shard = runtime.shard(0);
    const auto now = shard.now();
    std::deque<Timer> timers;
    for (const auto& [name, after] :
         std::vector<std::pair<char, Duration>>{{'c', 3s}, {'a', 1s}, {'x', 2s}, {'b', 2s}, {'d', 3s}}) {
      timers.emplace_back(shard).start(now + after, [&order, one = name] { order += one; });
    }
    timers[2].stop();
    co_await sleep_for(5s);
  }));
  EXPECT_EQ(order, "abcd");
}

TEST(World, ALivelockStopsTheProcess) {
  EXPECT_DEATH(
      {
        WorldOptions options;
        options.steps_max = 10'000;
        World world(1, options);
        world.add_node("a").run([](Runtime&) -> Task<void> {
          for (;;) co_await yield();
        });
      },
      "livelock");
}

// Notes its end in a list.
struct Noted {
  Noted(std::vector<std::string>& l, std::string n) : list(l), name(std::move(n)) {}
  Noted(const Noted&) = delete;
  Noted& operator=(const Noted&) = delete;
  ~Noted() { list.push_back(name); }
  std::vector<std::string>& list;
  std::string name;
};

TEST(World, ACrashDestroysFramesThenObjectsLastKeptFirst) {
  std::vector<std::string> gone;
  World world(1);
  Node& node = world.add_node("a");
  node.make<Noted>(gone, "first");
  Noted& second = node.make<Noted>(gone, "second");
  node.start([&](Runtime& runtime) -> Task<void> {
    const Noted in_frame(gone, "frame of " + second.name);
    runtime.shard(0).post([held = std::make_shared<Noted>(gone, "posted")] {});
    Condition never;
    Timer timer(runtime.shard(0));
    timer.start(runtime.shard(0).now() + 1h, [] { ADD_FAILURE() << "a timer of a dead node"; });
    co_await never.wait();
  });
  world.run_for(0s);
  node.crash(CrashKind::kill);
  EXPECT_EQ(gone, (std::vector<std::string>{"frame of second", "posted", "second", "first"}));
  EXPECT_FALSE(node.alive());
  EXPECT_TRUE(world.run_until_idle(10h));
}

TEST(World, ANodeThatCrashesItselfChangesNothingAfterwards) {
  World world(1);
  Node& node = world.add_node("a");
  bool went_on = false;
  EXPECT_FALSE(node.run([&](Runtime& runtime) -> Task<void> {
    auto file =
        co_await runtime.files().open("f", {.write = true, .create = OpenOptions::Create::if_missing});
    node.crash(CrashKind::kill);
    const BytesView part = as_bytes("late");
    (void)co_await (*file)->write_at(0, std::span(&part, 1));
    went_on = true;
  }));
  EXPECT_FALSE(went_on);
  EXPECT_EQ(node.disk().contents("f").value().size(), 0u);
  node.restart();
  EXPECT_EQ(node.incarnation(), 2u);
  EXPECT_TRUE(node.run([](Runtime&) -> Task<void> { co_await yield(); }));
}

TEST(World, ACallToACrashedShardsNodeNeverReturnsAndLeaksNothing) {
  World world(1);
  NodeOptions options;
  options.shards = 2;
  Node& node = world.add_node("a", options);
  node.start([](Runtime& runtime) -> Task<void> {
    co_await runtime.shard(1).call([]() -> Task<int> {
      co_await sleep_for(1h);
      co_return 1;
    });
    ADD_FAILURE();
  });
  world.run_for(1s);
  node.crash(CrashKind::power_cut);
  world.run_for(2h);
}

TEST(World, APausedNodeDoesNothingUntilItIsResumed) {
  World world(1);
  Node& node = world.add_node("a");
  int ticks = 0;
  node.start([&ticks](Runtime&) -> Task<void> {
    for (;;) {
      co_await sleep_for(1s);
      ++ticks;
    }
  });
  world.run_for(3500ms);
  EXPECT_EQ(ticks, 3);
  node.pause();
  world.run_for(1h);
  EXPECT_EQ(ticks, 3);
  node.resume();
  world.run_for(0s);
  EXPECT_EQ(ticks, 4) << "the timer that came meanwhile, late";
  world.run_for(2s);
  EXPECT_EQ(ticks, 6);
}

TEST(World, WallClocksMayDifferFromNodeToNode) {
  World world(1);
  NodeOptions wrong;
  wrong.wall_offset = -10s;
  Node& a = world.add_node("a");
  Node& b = world.add_node("b", wrong);
  EXPECT_EQ(a.shard(0).wall_now().ms - b.shard(0).wall_now().ms, 10'000);
  b.set_wall_offset(1s);
  EXPECT_EQ(b.shard(0).wall_now().ms - a.shard(0).wall_now().ms, 1'000);
}

TEST(World, AFileOperationHoldsUpAShardThatDoesThemInPlaceAndNoOther) {
  World world(1);
  Node& node = world.add_node("a");
  node.disk().options().sync = {1s, 1s};
  EXPECT_TRUE(node.run([](Runtime& runtime) -> Task<void> {
    auto& journal = runtime.add_shard({.name = "journal", .blocking_files = true});
    auto file =
        co_await runtime.files().open("f", {.write = true, .create = OpenOptions::Create::if_missing});
    const auto began = Shard::current()->now();
    MonotonicTime posted_ran{};
    MonotonicTime sync_ended{};
    journal.post([&] {
      const auto sync = [](File& f, MonotonicTime& ended) -> Task<void> {
        EXPECT_TRUE(co_await f.sync());
        ended = Shard::current()->now();
      };
      Shard::current()->spawn(sync(**file, sync_ended));
    });
    co_await sleep_for(100ms);
    EXPECT_LT(Shard::current()->now() - began, 200ms);
    journal.post([&] { posted_ran = Shard::current()->now(); });
    co_await sleep_for(5s);
    EXPECT_GE(sync_ended - began, 1s);
    EXPECT_GE(posted_ran, sync_ended);
  }));
}

}  // namespace
}  // namespace godwit::runtime::sim
