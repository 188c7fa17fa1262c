#include "runtime/sim/network.h"

#include <gtest/gtest.h>

#include "runtime/sync.h"

namespace godwit::runtime::sim {
namespace {

using namespace std::chrono_literals;

// What happened on a node, for the test outside.
struct Seen {
  std::string text;                // received
  std::optional<ErrorKind> error;  // that ended reading or connecting
  bool ended = false;              // the peer ended its side
  size_t connections = 0;
  size_t written = 0;
};

Task<void> read_all(std::unique_ptr<Stream> stream, Seen& seen) {
  Bytes buffer(1000);
  for (;;) {
    const auto count = co_await stream->read_some(buffer);
    if (!count) seen.error = count.error().kind;
    if (count && *count == 0) seen.ended = true;
    if (!count || *count == 0) co_return;
    seen.text += as_text(BytesView(buffer).first(*count));
  }
}

Task<void> serve(Runtime& runtime, Seen& seen) {
  auto listener = co_await runtime.network().listen({"", 9092}, {});
  EXPECT_TRUE(listener);
  for (;;) {
    auto stream = co_await (*listener)->accept();
    if (!stream) co_return;
    ++seen.connections;
    Shard::current()->spawn(read_all(std::move(*stream), seen));
  }
}

Main server(Seen& seen) {
  return [&seen](Runtime& runtime) { return serve(runtime, seen); };
}

Task<Result<void>> send(Stream& stream, std::string text) {
  const BytesView part = as_bytes(text);
  co_return co_await stream.write_all(std::span(&part, 1));
}

// Connects to b, sends `text` each 100 ms until it fails, counting what was sent.
Main client(Seen& seen, std::string text = "x") {
  return [&seen, text](Runtime& runtime) -> Task<void> {
    auto stream = co_await runtime.network().connect({"b", 9092}, 5s);
    if (!stream) {
      seen.error = stream.error().kind;
      co_return;
    }
    ++seen.connections;
    for (;;) {
      if (const auto sent = co_await send(**stream, text); !sent) {
        seen.error = sent.error().kind;
        co_return;
      }
      seen.written += text.size();
      co_await sleep_for(100ms);
    }
  };
}

struct TwoNodes {
  explicit TwoNodes(uint64_t seed = 1) : world(seed), a(world.add_node("a")), b(world.add_node("b")) {}
  World world;
  Node& a;
  Node& b;
  Seen at_a;
  Seen at_b;
};

TEST(SimNetwork, BytesArriveInOrderAndWholeThoughReadsAreCut) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    TwoNodes nodes(seed);
    nodes.b.start(server(nodes.at_b));
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += static_cast<char>('a' + i % 26);
    nodes.world.run_for(1ms);
    EXPECT_TRUE(nodes.a.run([text](Runtime& runtime) -> Task<void> {
      auto stream = co_await runtime.network().connect({"b", 9092}, 1s);
      EXPECT_TRUE(stream);
      EXPECT_TRUE(co_await send(**stream, text));
      (*stream)->shutdown_write();
      co_await sleep_for(1s);
    }));
    EXPECT_EQ(nodes.at_b.text, text);
    EXPECT_TRUE(nodes.at_b.ended);
  }
}

TEST(SimNetwork, WhoeverDoesNotReadHoldsUpTheSender) {
  TwoNodes nodes;
  nodes.b.start([](Runtime& runtime) -> Task<void> {
    auto listener = co_await runtime.network().listen({"", 9092}, {});
    auto stream = co_await (*listener)->accept();
    co_await sleep_for(10s);
    Seen seen;
    co_await read_all(std::move(*stream), seen);
    EXPECT_EQ(seen.text.size(), 3'000'000u);
  });
  nodes.world.run_for(1ms);
  bool sent = false;
  nodes.a.start([&sent](Runtime& runtime) -> Task<void> {
    auto stream = co_await runtime.network().connect({"b", 9092}, 1s);
    EXPECT_TRUE(co_await send(**stream, std::string(3'000'000, 'x')));
    sent = true;
  });
  nodes.world.run_for(9s);
  EXPECT_FALSE(sent) << "the window is smaller than that";
  nodes.world.run_for(5s);
  EXPECT_TRUE(sent);
}

TEST(SimNetwork, ANodeThatDoesNotListenRefuses) {
  TwoNodes nodes;
  EXPECT_TRUE(nodes.a.run(client(nodes.at_a)));
  EXPECT_EQ(nodes.at_a.error, ErrorKind::refused);
}

TEST(SimNetwork, ANodeWithoutPowerLetsTheConnectionTimeOut) {
  TwoNodes nodes;
  nodes.b.crash(CrashKind::power_cut);
  EXPECT_TRUE(nodes.a.run(client(nodes.at_a)));
  EXPECT_EQ(nodes.at_a.error, ErrorKind::timed_out);
  EXPECT_EQ(nodes.world.elapsed() / 1s, 5);
}

TEST(SimNetwork, AKilledProcessRefusesAtOnce) {
  TwoNodes nodes;
  nodes.b.start(server(nodes.at_b));
  nodes.world.run_for(1s);
  nodes.b.crash(CrashKind::kill);
  EXPECT_TRUE(nodes.a.run(client(nodes.at_a)));
  EXPECT_EQ(nodes.at_a.error, ErrorKind::refused);
}

TEST(SimNetwork, AnUnknownHostIsNotFound) {
  TwoNodes nodes;
  EXPECT_TRUE(nodes.a.run([](Runtime& runtime) -> Task<void> {
    const auto stream = co_await runtime.network().connect({"nobody", 1}, 1s);
    EXPECT_EQ(stream.error().kind, ErrorKind::not_found);
  }));
}

TEST(SimNetwork, APortIsBoundOnceUnlessItIsShared) {
  TwoNodes nodes;
  EXPECT_TRUE(nodes.a.run([](Runtime& runtime) -> Task<void> {
    auto& network = runtime.network();
    auto first = co_await network.listen({"", 0}, {});
    const uint16_t port = (*first)->local().port;
    EXPECT_NE(port, 0);
    EXPECT_EQ((co_await network.listen({"127.0.0.1", port}, {})).error().kind, ErrorKind::conflict);
    EXPECT_EQ((co_await network.listen({"b", 0}, {})).error().kind, ErrorKind::invalid);
    auto shared = co_await network.listen({"", 7}, {.shared = true});
    EXPECT_TRUE(co_await network.listen({"", 7}, {.shared = true}));
    first->reset();
    EXPECT_TRUE(co_await network.listen({"", port}, {}));
  }));
}

TEST(SimNetwork, WhatIsSentOverACutArrivesAfterHealing) {
  TwoNodes nodes;
  nodes.b.start(server(nodes.at_b));
  nodes.world.run_for(1ms);
  nodes.a.start(client(nodes.at_a));
  nodes.world.run_for(1s);
  nodes.world.network().cut({"a"}, {"b"});
  nodes.world.run_for(1s);  // what is on the wire still arrives
  const std::string before = nodes.at_b.text;
  nodes.world.run_for(5s);
  EXPECT_EQ(nodes.at_b.text, before);
  nodes.world.network().heal();
  nodes.world.run_for(1s);
  EXPECT_GE(nodes.at_b.text.size(), before.size() + 60);
  EXPECT_FALSE(nodes.at_a.error);
}

TEST(SimNetwork, ACutThatLastsBreaksTheSenderAndLeavesTheOtherSideHalfOpen) {
  TwoNodes nodes;
  nodes.b.start(server(nodes.at_b));
  nodes.world.run_for(1ms);
  nodes.a.start(client(nodes.at_a));
  nodes.world.run_for(1s);
  nodes.world.network().isolate("a");
  nodes.world.run_for(70s);
  EXPECT_EQ(nodes.at_a.error, ErrorKind::closed);
  EXPECT_FALSE(nodes.at_b.error);
  EXPECT_FALSE(nodes.at_b.ended);
}

TEST(SimNetwork, AOneWayCutStopsOneDirection) {
  TwoNodes nodes;
  nodes.b.start(server(nodes.at_b));
  nodes.world.run_for(1ms);
  nodes.a.start(client(nodes.at_a));
  nodes.world.run_for(1s);
  const size_t before = nodes.at_b.text.size();
  nodes.world.network().cut_one_way({"b"}, {"a"});
  nodes.world.run_for(2s);
  EXPECT_GE(nodes.at_b.text.size(), before + 15) << "a's bytes still arrive";
  nodes.world.network().heal({"a"}, {"b"});
  nodes.world.network().cut_one_way({"a"}, {"b"});
  nodes.world.run_for(1s);
  const size_t stopped = nodes.at_b.text.size();
  nodes.world.run_for(2s);
  EXPECT_EQ(nodes.at_b.text.size(), stopped);
}

TEST(SimNetwork, AKilledPeerEndsItsConnectionsAtOnceAPoweredOffOneSaysNothing) {
  for (const CrashKind kind : {CrashKind::kill, CrashKind::power_cut}) {
    TwoNodes nodes;
    nodes.b.start(server(nodes.at_b));
    nodes.world.run_for(1ms);
    nodes.a.start(client(nodes.at_a));
    nodes.world.run_for(1s);
    nodes.a.crash(kind);
    nodes.world.run_for(100ms);
    const bool over = nodes.at_b.ended || nodes.at_b.error;
    EXPECT_EQ(over, kind == CrashKind::kill);
    nodes.world.run_for(1h);
    EXPECT_EQ(nodes.at_b.ended || nodes.at_b.error, over) << "half open for ever: nobody tells";
  }
}

TEST(SimNetwork, AMachineThatIsUpAgainResetsConnectionsItDoesNotKnow) {
  TwoNodes nodes;
  nodes.b.start(server(nodes.at_b));
  nodes.world.run_for(1ms);
  nodes.a.start(client(nodes.at_a));
  nodes.world.run_for(1s);
  nodes.b.crash(CrashKind::power_cut);
  nodes.world.run_for(5s);
  EXPECT_FALSE(nodes.at_a.error);
  nodes.b.restart();
  nodes.world.run_for(1s);
  EXPECT_EQ(nodes.at_a.error, ErrorKind::closed);
}

TEST(SimNetwork, APausedNodeIsConnectedToButAnswersLater) {
  TwoNodes nodes;
  nodes.b.start(server(nodes.at_b));
  nodes.world.run_for(1s);
  nodes.b.pause();
  nodes.a.start(client(nodes.at_a));
  nodes.world.run_for(10s);
  EXPECT_EQ(nodes.at_a.connections, 1u) << "the machine's kernel accepts";
  EXPECT_EQ(nodes.at_b.connections, 0u);
  EXPECT_EQ(nodes.at_b.text, "");
  nodes.b.resume();
  nodes.world.run_for(1s);
  EXPECT_EQ(nodes.at_b.connections, 1u);
  EXPECT_GE(nodes.at_b.text.size(), 100u);
}

TEST(SimNetwork, ASlowLinkTakesItsTime) {
  TwoNodes nodes;
  nodes.world.network().set_link("a", "b", {.latency = {50ms, 50ms}, .bytes_per_second = 100'000});
  nodes.b.start(server(nodes.at_b));
  nodes.world.run_for(1ms);
  nodes.a.start(client(nodes.at_a, std::string(200'000, 'x')));
  nodes.world.run_for(1s);
  EXPECT_GT(nodes.at_b.text.size(), 50'000u);
  EXPECT_LT(nodes.at_b.text.size(), 100'000u);
}

TEST(SimNetwork, ConnectionsBreakByChanceAndOnDemand) {
  TwoNodes nodes;
  nodes.b.start(server(nodes.at_b));
  nodes.world.run_for(1ms);
  nodes.a.start(client(nodes.at_a));
  nodes.world.run_for(1s);
  nodes.world.network().break_connections("a", "b");
  nodes.world.run_for(1s);
  EXPECT_EQ(nodes.at_a.error, ErrorKind::closed);
  EXPECT_EQ(nodes.at_b.error, ErrorKind::closed);
  nodes.at_a = {};
  nodes.world.network().break_randomly(1, 10);
  nodes.a.start(client(nodes.at_a));
  nodes.world.run_for(100s);
  EXPECT_EQ(nodes.at_a.connections, 1u);
  EXPECT_EQ(nodes.at_a.error, ErrorKind::closed);
  EXPECT_EQ(nodes.world.network().connections(), 0u);
}

TEST(SimNetwork, AcceptFailsWhenItIsToldTo) {
  TwoNodes nodes;
  nodes.world.network().fail_next_accept("b", ErrorKind::limit);
  std::vector<std::optional<ErrorKind>> accepts;
  nodes.b.start([&accepts](Runtime& runtime) -> Task<void> {
    auto listener = co_await runtime.network().listen({"", 9092}, {});
    for (int i = 0; i < 2; ++i) {
      const auto stream = co_await (*listener)->accept();
      accepts.push_back(stream ? std::nullopt : std::optional(stream.error().kind));
    }
  });
  nodes.world.run_for(1ms);
  nodes.a.start(client(nodes.at_a));
  nodes.world.run_for(1s);
  EXPECT_EQ(accepts, (std::vector<std::optional<ErrorKind>>{ErrorKind::limit, std::nullopt}));
}

TEST(SimNetwork, ClosingEndsWhatIsUnderWay) {
  TwoNodes nodes;
  EXPECT_TRUE(nodes.a.run([](Runtime& runtime) -> Task<void> {
    auto listener = co_await runtime.network().listen({"127.0.0.1", 0}, {});
    auto one = co_await runtime.network().connect((*listener)->local(), 1s);
    auto other = co_await (*listener)->accept();
    EXPECT_EQ((*one)->peer(), (*other)->local());
    EXPECT_EQ((*one)->local(), (*other)->peer());
    bool closed = false;
    const auto read = [](Stream& stream, bool& done) -> Task<void> {
      Bytes buffer(10);
      const auto count = co_await stream.read_some(buffer);
      EXPECT_EQ(count.error().kind, ErrorKind::closed);
      done = true;
    };
    Shard::current()->spawn(read(**one, closed));
    co_await sleep_for(1s);
    EXPECT_FALSE(closed);
    (*one)->close();
    co_await sleep_for(1ms);
    EXPECT_TRUE(closed);
    Bytes buffer(10);
    EXPECT_EQ((co_await (*other)->read_some(buffer)).value(), 0u);
  }));
}

}  // namespace
}  // namespace godwit::runtime::sim
