// design-cluster rule 17: a leader that leads no more tells at once whoever waits for it, and where to go.
// And the other end of it: what reaches the next leader before the news of its election waits for that.
#include "broker/cluster_asking_testing.h"
#include "kafka/messages/elect_leaders.h"

namespace godwit::broker {
namespace {

const std::string kTopic = "orders";

ErrorCode elect_preferred(ClusterStage& stage) {
  ErrorCode code = ErrorCode::unknown_server_error;
  EXPECT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
    kafka::ElectLeadersRequest request;
    request.election_type = 0;
    request.topic_partitions.emplace().push_back({kTopic, {PartitionIndex(0)}});
    auto answer = co_await cluster.call(peer::Target::controller(), request);
    EXPECT_TRUE(answer.has_value());
    if (answer) code = answer->replica_election_results.at(0).partition_result.at(0).error_code;
  }));
  return code;
}

// A publish that its followers do not confirm, and a reader at the end of the log; both wait at `broker`.
struct Parked {
  Parked(ClusterStage& stage, int broker, int64_t end)
      : produce(ask_later(stage, broker, produce_request(kTopic, 0, {"parked"}, {}, -1, 60'000), 12)),
        fetch(ask_later(stage, broker, fetch_request(kTopic, 0, end, 60'000), 12)) {}
  bool ended() const { return produce->ended && fetch->ended; }
  // Both were answered at once after `since`, with the leader that there is now.
  void expect_told(ClusterStage& stage, MonotonicTime since, bool may_not_know = false) const {
    ASSERT_TRUE(stage.wait([&] { return ended(); }, 1s)) << stage.describe_all(kTopic);
    ASSERT_TRUE(produce->answer && fetch->answer) << "answered, not cut off";
    EXPECT_LT(std::max(produce->at, fetch->at) - since, 5ms);
    const auto state = stage.state(kTopic, 0);
    for (const auto& [code, leader] :
         {std::pair(only(*produce->answer).error_code, only(*produce->answer).current_leader),
          std::pair(only(*fetch->answer).error_code, only(*fetch->answer).current_leader)}) {
      EXPECT_EQ(code, ErrorCode::not_leader_or_follower);
      // Who only heard that it was declared dead cannot say who leads now.
      if (may_not_know && leader.leader_id == kNoBroker) continue;
      EXPECT_EQ(leader.leader_id, state->leader);
      EXPECT_EQ(leader.leader_epoch, state->leader_epoch);
    }
  }
  std::shared_ptr<Asked<kafka::ProduceResponse>> produce;
  std::shared_ptr<Asked<kafka::FetchResponse>> fetch;
};

TEST(ClusterSimResign, ALeaderThatHandsOverTellsWhoeverWaitsWhereToGo) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.adjust = [](BrokerOptions& options) { options.preferred_leader_after = 1h; };
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 1));
    stage.node(1).crash(CrashKind::kill);
    ASSERT_TRUE(stage.wait([&] { return stage.leader(kTopic, 0) > 1; }, 5s));
    stage.start(1);
    ASSERT_TRUE(stage.wait([&] { return stage.whole(kTopic); }));
    const int old = stage.leader(kTopic, 0);
    ASSERT_GT(old, 1);
    ASSERT_TRUE(publish_to(stage, old, kTopic, "a"));
    // In the ISR, and confirms nothing.
    const int third = 5 - old;
    stage.node(third).disk().stall();
    const Parked parked(stage, old, 1);
    stage.world.run_for(std::chrono::milliseconds(50 + stage.world.random().below(300)));
    ASSERT_FALSE(parked.produce->ended || parked.fetch->ended);
    std::optional<MonotonicTime> resigned;
    stage.client.start([&](Runtime&) -> Task<void> {
      while (stage.replica(old, kTopic, 0)->leading()) co_await runtime::sleep_for(100us);
      resigned = stage.world.now();
    });
    ASSERT_EQ(elect_preferred(stage), ErrorCode::none);
    ASSERT_TRUE(stage.wait([&] { return resigned.has_value(); }, 1s));
    ASSERT_EQ(stage.leader(kTopic, 0), 1);
    parked.expect_told(stage, *resigned);
    stage.node(third).disk().release();
    EXPECT_TRUE(stage.wait([&] { return stage.whole(kTopic); }));
    const auto log = stage.contents(1, kTopic, 0);
    for (int i : {2, 3}) EXPECT_EQ(stage.contents(i, kTopic, 0), log);
  });
}

TEST(ClusterSimResign, ALeaderThatWasFencedWhileItWasCutOffTellsWhoeverWaitsOnceItHears) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 1));
    ASSERT_TRUE(publish_to(stage, 1, kTopic, "a"));
    stage.world.network().cut({"b1"}, {"b2", "b3"});
    const Parked parked(stage, 1, 1);
    stage.world.run_for(std::chrono::milliseconds(stage.world.random().below(500)));
    stage.server.cut("b1");
    ASSERT_TRUE(stage.wait(
        [&] { return stage.replica(2, kTopic, 0)->leading() || stage.replica(3, kTopic, 0)->leading(); },
        20s));
    ASSERT_FALSE(parked.produce->ended || parked.fetch->ended);
    std::optional<MonotonicTime> resigned;
    stage.client.start([&](Runtime&) -> Task<void> {
      while (stage.replica(1, kTopic, 0)->leading()) co_await runtime::sleep_for(100us);
      resigned = stage.world.now();
    });
    stage.world.network().heal();
    stage.server.heal();
    ASSERT_TRUE(stage.wait([&] { return resigned.has_value(); }, 10s));
    parked.expect_told(stage, *resigned, true);
    EXPECT_TRUE(stage.wait([&] { return stage.whole(kTopic); }, 90s));
    for (int i = 1; i <= 3; ++i) EXPECT_EQ(values_of(stage, i, kTopic), std::vector<std::string>{"a"});
  });
}

// Sends batches of one idempotent producer by one connection, none waiting for the one before.
struct Pipeline {
  Pipeline(ClusterStage& stage, int broker, std::vector<kafka::ProduceRequest> requests)
      : answers(requests.size()) {
    stage.client.start([this, &stage, broker, all = std::move(requests)](Runtime& runtime) -> Task<void> {
      auto connection =
          co_await peer::Connection::connect(runtime.network(), {"b" + std::to_string(broker), 9092}, {});
      EXPECT_TRUE(connection.has_value());
      ready = true;
      while (!go) co_await runtime::sleep_for(100us);
      began = stage.world.now();
      std::vector<Task<void>> calls;
      for (size_t i = 0; i < all.size(); ++i) calls.push_back(call(**connection, all[i], answers[i]));
      co_await runtime::when_all(std::move(calls));
      took = stage.world.now() - began;
      ended = true;
    });
  }
  static Task<void> call(peer::Connection& connection, kafka::ProduceRequest request,
                         std::optional<kafka::ProduceResponse>& into) {
    auto answer = co_await connection.call(std::move(request), {.version_max = 12});
    if (answer) into = std::move(*answer);
  }
  std::vector<std::optional<kafka::ProduceResponse>> answers;
  bool ready = false;
  bool go = false;
  bool ended = false;
  MonotonicTime began{};
  Duration took{};
};

TEST(ClusterSimResign, BatchesThatComeBeforeTheNewsOfTheElectionWaitForItAndStayInOrder) {
  int early = 0;
  int in_time = 0;
  const int runs = for_seeds([&](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 1));
    const Idempotence as{.producer = 7000, .epoch = 0, .sequence = 0};
    ASSERT_TRUE(publish_to(stage, 1, kTopic, "0", as));
    std::vector<kafka::ProduceRequest> requests;
    for (int n = 1; n <= 3; ++n)
      requests.push_back(produce_request(kTopic, 0, {std::to_string(n)}, {7000, 0, n}));
    Pipeline pipeline(stage, 2, requests);
    ASSERT_TRUE(stage.wait([&] { return pipeline.ready; }));
    stage.server.slow(std::chrono::milliseconds(seed % 10));
    stage.node(1).crash(CrashKind::kill);
    ASSERT_TRUE(stage.wait([&] { return stage.broker(2)->suspects(BrokerId(1)); }, 1s));
    early += !stage.replica(2, kTopic, 0)->leading();
    pipeline.go = true;
    ASSERT_TRUE(stage.wait([&] { return pipeline.ended; }, 10s));
    // All are taken, or, where the election takes longer than the patience, none: never the second without the first.
    std::vector<std::string> taken{"0"};
    const bool elected = pipeline.answers[0] && only(*pipeline.answers[0]).error_code == ErrorCode::none;
    in_time += elected;
    for (size_t n = 0; n < 3; ++n) {
      ASSERT_TRUE(pipeline.answers[n]);
      const auto& answer = only(*pipeline.answers[n]);
      EXPECT_EQ(answer.error_code, elected ? ErrorCode::none : ErrorCode::not_leader_or_follower) << n;
      if (elected) EXPECT_EQ(answer.base_offset, Offset(static_cast<int64_t>(n) + 1));
      if (elected) taken.push_back(std::to_string(n + 1));
    }
    ASSERT_TRUE(stage.wait([&] { return stage.leader(kTopic, 0) == 2; }, 5s));
    EXPECT_EQ(values_of(stage, 2, kTopic), taken);
  });
  EXPECT_GE(2 * in_time, runs);
  EXPECT_GE(2 * early, runs) << "they came before the news";
}

TEST(ClusterSimResign, WithoutAnElectionABatchIsRefusedInBoundedTimeHoweverManyPartitionsItIsFor) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    const std::vector<std::string> topics{"a", "b", "c", "d"};
    kafka::ProduceRequest all = produce_request(topics[0], 0, {"x"});
    for (const std::string& topic : topics) {
      ASSERT_TRUE(stage.create(topic, 1));
      if (topic != topics[0]) all.topic_data.push_back(produce_request(topic, 0, {"x"}).topic_data[0]);
    }
    // The followers are asked: one that could be elected, and with a short patience of the client's own.
    Pipeline long_one(stage, 2, {all, all});
    all.timeout_ms = 150;
    Pipeline short_one(stage, 3, {all});
    ASSERT_TRUE(stage.wait([&] { return long_one.ready && short_one.ready; }));
    stage.server.stop();
    stage.node(1).crash(CrashKind::kill);
    ASSERT_TRUE(stage.wait(
        [&] { return stage.broker(2)->suspects(BrokerId(1)) && stage.broker(3)->suspects(BrokerId(1)); }));
    long_one.go = short_one.go = true;
    ASSERT_TRUE(stage.wait([&] { return long_one.ended && short_one.ended; }, 10s));
    EXPECT_LT(short_one.took, 160ms);
    EXPECT_GT(long_one.took, 290ms);
    EXPECT_LT(long_one.took, 320ms) << "all of the connection's requests wait until the same moment";
    for (const auto& answer : {long_one.answers[0], long_one.answers[1], short_one.answers[0]}) {
      ASSERT_TRUE(answer);
      for (const auto& topic : answer->responses)
        EXPECT_EQ(topic.partition_responses.at(0).error_code, ErrorCode::not_leader_or_follower);
    }
    stage.server.start();
    ASSERT_TRUE(stage.wait([&] { return stage.leader("a", 0) == 2; }, 10s));
    EXPECT_TRUE(values_of(stage, 2, "a").empty()) << "what was refused was not appended";
  });
}

}  // namespace
}  // namespace godwit::broker
