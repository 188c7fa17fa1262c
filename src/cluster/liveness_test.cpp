// design-cluster rule 11: what a broker takes for a proof that another one is gone, and what not.
#include "cluster/liveness.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/endian.h"
#include "kafka/frame.h"
#include "kafka/messages/api_versions.h"
#include "runtime/sim/network.h"
#include "runtime/sim/node.h"

namespace godwit::cluster {
namespace {

using runtime::Runtime;
using runtime::Task;
using runtime::sim::CrashKind;
using State = Liveness::State;
using namespace std::chrono_literals;

// What answers at a broker's address.
struct Answering {
  BrokerId id{2};
  int64_t incarnation = 20;
  ErrorCode error = ErrorCode::none;
  bool silent = false;  // reads, and answers no probe
  int probes = 0;
};

Task<void> talk(std::unique_ptr<runtime::Stream> stream, Answering& answering) {
  for (;;) {
    std::byte head[kafka::kFrameLengthSize];
    if (!co_await runtime::read_exactly(*stream, head)) co_return;
    Bytes body(static_cast<size_t>(load_big<int32_t>(head)));
    if (!co_await runtime::read_exactly(*stream, body)) co_return;
    auto frame = kafka::parse_request(SharedBytes::own(std::move(body)));
    GW_CHECK(frame, frame.error().message);
    Bytes answer;
    if (frame->key() == kafka::ApiKey::api_versions) {
      kafka::ApiVersionsResponse response;
      for (const auto& api : kafka::all_apis())
        response.api_keys.push_back({static_cast<int16_t>(api.key), api.accepted.first, api.accepted.last});
      answer = kafka::encode_response(frame->correlation_id, response, frame->version)->flatten();
    } else {
      ++answering.probes;
      if (answering.silent) continue;
      kafka::BrokerProbeResponse response;
      response.error_code = answering.error;
      response.broker_id = answering.id;
      response.incarnation = answering.incarnation;
      answer = kafka::encode_response(frame->correlation_id, response, frame->version)->flatten();
    }
    const BytesView part = answer;
    if (!co_await stream->write_all({&part, 1})) co_return;
  }
}

// Node "a" watches broker 2 on node "b".
struct LivenessTest : testing::Test {
  void SetUp() override {
    a.start([this](Runtime& runtime) -> Task<void> {
      LivenessOptions options;
      options.self = BrokerId(1);
      options.cluster_id = "birds";
      options.listener = "PLAINTEXT";
      liveness = &a.make<Liveness>(options, runtime, sink,
                                   [this](BrokerId, uint64_t, State state, const std::string& why) {
                                     heard.push_back(state);
                                     last_why = why;
                                   });
      co_return;
    });
    world.run_for(1ms);
  }
  void serve() {
    if (!b.alive()) b.restart();
    b.start([this](Runtime& runtime) -> Task<void> {
      auto listener = co_await runtime.network().listen({"", 9092}, {});
      GW_CHECK(listener, "the port is free");
      for (;;) {
        auto stream = co_await (*listener)->accept();
        if (!stream) co_return;
        runtime.shard(0).spawn(talk(std::move(*stream), answering));
      }
    });
    world.run_for(1ms);
  }
  void watch(uint64_t incarnation = 20) {
    BrokerInfo info;
    info.id = BrokerId(2);
    info.incarnation = incarnation;
    info.listeners["PLAINTEXT"] = {"b", 9092};
    EXPECT_TRUE(a.run([&](Runtime&) -> Task<void> {
      liveness->watch({{info.id, info}});
      co_return;
    }));
  }
  bool wait_for(State state, Duration limit = 2s) {
    return world.run_until([&] { return liveness->state(BrokerId(2)) == state; }, limit);
  }
  bool suspected(uint64_t incarnation = 20) { return liveness->suspected(BrokerId(2), incarnation); }
  Result<kafka::BrokerProbeResponse> probe() {
    BrokerInfo info;
    info.id = BrokerId(2);
    info.incarnation = 20;
    info.listeners["PLAINTEXT"] = {"b", 9092};
    Result<kafka::BrokerProbeResponse> answer = fail(ErrorKind::io, "not asked");
    EXPECT_TRUE(a.run([&](Runtime&) -> Task<void> { answer = co_await liveness->probe(info); }));
    return answer;
  }
  bool ever(State state) { return std::ranges::find(heard, state) != heard.end(); }

  runtime::sim::World world{5};
  runtime::sim::Node& a = world.add_node("a");
  runtime::sim::Node& b = world.add_node("b");
  RecordingSink sink;
  Answering answering;
  Liveness* liveness = nullptr;
  std::vector<State> heard;
  std::string last_why;
};

TEST_F(LivenessTest, ABrokerThatAnswersUnderItsIncarnationIsConnectedAndNoSuspect) {
  serve();
  watch();
  ASSERT_TRUE(wait_for(State::connected));
  EXPECT_FALSE(suspected());
  EXPECT_TRUE(sink.events.empty()) << "that all is well is no news";
  world.run_for(1min);
  EXPECT_EQ(heard, std::vector{State::connected});
  EXPECT_GE(answering.probes, 3) << "an idle connection is used now and then";
}

TEST_F(LivenessTest, ARefusedConnectionIsTheProofAndComesAtOnce) {
  serve();
  watch();
  ASSERT_TRUE(wait_for(State::connected));
  b.crash(CrashKind::kill);
  ASSERT_TRUE(wait_for(State::broken, 500ms));
  const MonotonicTime broken = world.now();
  EXPECT_TRUE(suspected());
  EXPECT_FALSE(suspected(21)) << "another incarnation is somebody else";
  ASSERT_TRUE(wait_for(State::refused, 500ms));
  EXPECT_LT(world.now() - broken, 5ms);
  EXPECT_EQ(last_why, "its connection broke, and a new one is refused");
  EXPECT_EQ(probe().error().kind, ErrorKind::refused);
}

TEST_F(LivenessTest, WhoWasNeverReachedIsNotSaidToHaveBrokenItsConnection) {
  watch();
  ASSERT_TRUE(wait_for(State::refused, 500ms));
  EXPECT_EQ(last_why, "a connection to it is refused");
}

TEST_F(LivenessTest, ATimeoutIsNoProofHoweverLongItLasts) {
  serve();
  watch();
  ASSERT_TRUE(wait_for(State::connected));
  // The machine has no power: nothing is heard of it, and nothing refuses.
  b.crash(CrashKind::power_cut);
  world.run_for(2min);
  EXPECT_FALSE(ever(State::refused));
  EXPECT_TRUE(ever(State::broken)) << "that the connection carries nothing is noticed";
  const auto asked = probe();
  ASSERT_FALSE(asked);
  EXPECT_NE(asked.error().kind, ErrorKind::refused);
}

TEST_F(LivenessTest, ACutNetworkIsNoProof) {
  serve();
  watch();
  ASSERT_TRUE(wait_for(State::connected));
  world.network().cut({"a"}, {"b"});
  world.network().break_connections("a", "b");
  ASSERT_TRUE(wait_for(State::broken, 500ms));
  EXPECT_TRUE(suspected()) << "nobody is sent there meanwhile";
  world.run_for(1min);
  EXPECT_FALSE(ever(State::refused));
  world.network().heal();
  ASSERT_TRUE(wait_for(State::connected, 3s));
  EXPECT_FALSE(suspected());
}

TEST_F(LivenessTest, ABrokerThatIsSilentIsNotProvenDead) {
  serve();
  watch();
  ASSERT_TRUE(wait_for(State::connected));
  b.pause();
  world.run_for(2min);
  EXPECT_FALSE(ever(State::refused));
  EXPECT_EQ(probe().error().kind, ErrorKind::timed_out);
  b.resume();
  ASSERT_TRUE(wait_for(State::connected, 3s));
}

TEST_F(LivenessTest, AnotherIncarnationAtItsAddressIsAProof) {
  serve();
  watch();
  ASSERT_TRUE(wait_for(State::connected));
  b.crash(CrashKind::kill);
  answering.incarnation = 21;
  serve();
  ASSERT_TRUE(wait_for(State::refused, 500ms));
  EXPECT_EQ(last_why, "it was started again: a later incarnation answers");
  EXPECT_TRUE(suspected());
  EXPECT_EQ(probe().error().kind, ErrorKind::refused);
  // Once the new one is registered it is watched instead.
  watch(21);
  ASSERT_TRUE(wait_for(State::connected));
  EXPECT_FALSE(suspected(21));
}

TEST_F(LivenessTest, AnOlderProcessAForeignBrokerAndAForeignClusterAtItsAddressProveNothing) {
  serve();
  for (int kind = 0; kind < 3; ++kind) {
    answering = {};
    if (kind == 0) answering.incarnation = 19;
    if (kind == 1) answering.id = BrokerId(3);
    if (kind == 2) answering.error = ErrorCode::inconsistent_cluster_id;
    heard.clear();
    EXPECT_TRUE(a.run([&](Runtime&) -> Task<void> {
      liveness->watch({});
      co_return;
    }));
    watch();
    world.run_for(10s);
    EXPECT_TRUE(heard.empty()) << "kind " << kind;
    EXPECT_EQ(liveness->state(BrokerId(2)), State::unknown);
    EXPECT_FALSE(suspected());
    const auto asked = probe();
    ASSERT_FALSE(asked);
    EXPECT_EQ(asked.error().kind, ErrorKind::unavailable);
  }
}

TEST_F(LivenessTest, WhatWasProvenStaysUntilTheBrokerAnswers) {
  serve();
  watch();
  ASSERT_TRUE(wait_for(State::connected));
  b.crash(CrashKind::kill);
  ASSERT_TRUE(wait_for(State::refused));
  world.network().cut({"a"}, {"b"});
  world.run_for(20s);
  EXPECT_EQ(liveness->state(BrokerId(2)), State::refused) << "a timeout takes no proof back";
  world.network().heal();
  answering.incarnation = 20;
  serve();
  ASSERT_TRUE(wait_for(State::connected, 3s));
  EXPECT_FALSE(suspected());
}

TEST_F(LivenessTest, WhoIsLookedForIsLookedForLessOftenAfterAWhile) {
  serve();
  watch();
  ASSERT_TRUE(wait_for(State::connected));
  b.crash(CrashKind::kill);
  ASSERT_TRUE(wait_for(State::refused));
  world.run_for(1s);
  answering.silent = true;  // is there, and never gets as far as an answer
  serve();
  answering.probes = 0;
  world.run_for(1min);
  EXPECT_GE(answering.probes, 30);
  EXPECT_LE(answering.probes, 60) << "half a second of patience and a pause of a second";
  answering.silent = false;
  ASSERT_TRUE(wait_for(State::connected, 3s));
}

// Between the registration of a broker that was started again and the image that tells of it.
TEST_F(LivenessTest, AnIncarnationThatIsOlderThanTheOneThatIsWatchedIsSuspected) {
  serve();
  watch();
  ASSERT_TRUE(wait_for(State::connected));
  EXPECT_FALSE(suspected(20));
  EXPECT_TRUE(suspected(19));
  answering.incarnation = 21;
  watch(21);
  EXPECT_TRUE(suspected(20)) << "at once, whether the new one was reached or not";
  EXPECT_FALSE(suspected(21));
  EXPECT_FALSE(suspected(22));
  EXPECT_TRUE(a.run([&](Runtime&) -> Task<void> { co_await liveness->close(); }));
}

TEST_F(LivenessTest, WhoIsNoLongerRegisteredIsLetGo) {
  serve();
  watch();
  ASSERT_TRUE(wait_for(State::connected));
  b.crash(CrashKind::kill);
  ASSERT_TRUE(wait_for(State::refused));
  EXPECT_TRUE(a.run([&](Runtime&) -> Task<void> {
    liveness->watch({});
    co_return;
  }));
  EXPECT_FALSE(suspected());
  EXPECT_EQ(liveness->state(BrokerId(2)), State::unknown);
  EXPECT_TRUE(a.run([&](Runtime&) -> Task<void> { co_await liveness->close(); }));
}

}  // namespace
}  // namespace godwit::cluster
