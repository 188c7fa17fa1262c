// On which shard a connection is served.
#include "broker/connection_testing.h"

namespace godwit::broker {
namespace {

// Of "orders", partition 0.
BrokerShard& home(Stage& stage) {
  return stage.broker->shard(stage.broker->store().shard_of({stage.topic_id("orders"), PartitionIndex(0)}));
}
BrokerShard& elsewhere(Stage& stage) {
  return stage.broker->shard(1 - home(stage).index());
}

Task<int32_t> answered_id(runtime::Stream& stream) {
  const auto answer = co_await hear(stream);
  co_return answer ? load_big<int32_t>(answer->view().data()) : -1;
}

Task<void> produce_elsewhere(Stage& stage) {
  const auto stream = co_await dial(stage);
  EXPECT_TRUE(co_await say(*stream, produce_of(100)));
  EXPECT_TRUE(co_await is_answered(*stream));
}

TEST(ConnectionsHome, IsTheShardOfThePartitionsThatItAsksFor) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    std::vector<StreamPtr> streams;
    // Enough to come in on either shard.
    for (int i = 0; i < 8; ++i) {
      streams.push_back(co_await dial(stage));
      EXPECT_TRUE(co_await is_served(*streams.back()));
    }
    EXPECT_GT(elsewhere(stage).connections(), 0);
    for (size_t i = 0; i < streams.size(); ++i) {
      EXPECT_TRUE(co_await say(*streams[i], i % 2 == 0 ? produce_of(100) : fetch_orders(1 << 20)));
      EXPECT_TRUE(co_await is_answered(*streams[i]));
    }
    EXPECT_EQ(home(stage).connections(), 8);
    EXPECT_EQ(elsewhere(stage).connections(), 0);
    EXPECT_EQ(stage.broker->metrics().connections.value(), 8);
    for (const auto& stream : streams) EXPECT_TRUE(co_await is_served(*stream)) << "they stay there";
    streams.clear();
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(home(stage).connections(), 0);
    EXPECT_EQ(stage.broker->metrics().connections.value(), 0);
  });
}

TEST(ConnectionsHome, IsWhereItCameInOnceItsHomeHasMuchMoreToDo) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    std::vector<StreamPtr> streams;
    for (int i = 0; i < 60; ++i) {
      streams.push_back(co_await dial(stage));
      EXPECT_TRUE(co_await say(*streams.back(), produce_of(100)));
      EXPECT_TRUE(co_await is_answered(*streams.back()));
    }
    EXPECT_EQ(home(stage).connections() + elsewhere(stage).connections(), 60);
    EXPECT_GT(elsewhere(stage).connections(), 15);
  });
}

TEST(ConnectionsHome, IsReachedWithAllThatTheClientHasSent) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    for (int round = 0; round < 8; ++round) {
      const auto stream = co_await dial(stage);
      Chain all = produce_of(100, 1);
      for (int32_t id = 2; id <= 20; ++id) all.append(produce_of(id % 3 == 0 ? 5000 : 100, id));
      EXPECT_TRUE(co_await say(*stream, all));
      for (int32_t id = 1; id <= 20; ++id) EXPECT_EQ(co_await answered_id(*stream), id);
    }
    EXPECT_EQ(elsewhere(stage).connections(), 0);
  });
}

// What a client names in a request of its session, and what it is told of the session itself.
struct Asked {
  TopicId topic;
  int32_t session_id = 0;
  int32_t session_epoch = 0;
  std::optional<kafka::FetchRequest::ReplicaState> replica{};
};
Task<kafka::FetchResponse> fetched(Stage& stage, runtime::Stream& stream, Asked asked) {
  constexpr int16_t kVersion = 17;
  kafka::FetchRequest request;
  request.max_wait_ms = 20;
  request.min_bytes = 1;
  request.max_bytes = 1 << 20;
  request.session_id = asked.session_id;
  request.session_epoch = asked.session_epoch;
  if (asked.replica) {
    request.cluster_id = stage.broker->shard(0).image()->cluster_id;
    request.replica_state = *asked.replica;
  }
  auto& topic = request.topics.emplace_back();
  topic.topic_id = asked.topic;
  topic.partitions.emplace_back().partition_max_bytes = 1 << 20;
  topic.partitions.back().current_leader_epoch = LeaderEpoch(0);
  EXPECT_TRUE(co_await say(stream, *kafka::encode_request(1, "tester", request, kVersion)));
  auto heard = co_await hear(stream);
  EXPECT_TRUE(heard.has_value());
  if (!heard) co_return {};
  auto frame = kafka::parse_response(*heard, kafka::ApiKey::fetch, kVersion);
  EXPECT_TRUE(frame.has_value());
  auto answer = codec::decode<kafka::FetchResponse>(frame->body, kVersion);
  EXPECT_TRUE(answer.has_value());
  co_return std::move(*answer);
}

// A session begins before anything that it names is known (a broker that has just started), and goes on when its topic is.
Task<void> keep_a_session(Stage& stage, std::optional<kafka::FetchRequest::ReplicaState> replica) {
  for (int i = 0; i < 8; ++i) {
    const auto stream = co_await dial(stage);
    const auto begun = co_await fetched(stage, *stream, {.topic = TopicId{std::byte{7}}, .replica = replica});
    EXPECT_EQ(begun.error_code, ErrorCode::none);
    EXPECT_NE(begun.session_id, 0);
    for (int32_t epoch = 1; epoch <= 3; ++epoch) {
      const auto more = co_await fetched(stage, *stream,
                                         {.topic = stage.topic_id("orders"),
                                          .session_id = begun.session_id,
                                          .session_epoch = epoch,
                                          .replica = replica});
      EXPECT_EQ(more.error_code, ErrorCode::none) << "connection " << i << ", request " << epoch;
      EXPECT_EQ(more.session_id, begun.session_id);
      co_await produce_elsewhere(stage);
    }
    // Begun anew, it may be served elsewhere.
    const auto anew =
        co_await fetched(stage, *stream, {.topic = stage.topic_id("orders"), .replica = replica});
    EXPECT_EQ(anew.error_code, ErrorCode::none);
    EXPECT_NE(anew.session_id, begun.session_id);
    co_await produce_elsewhere(stage);
    const auto on = co_await fetched(stage, *stream,
                                     {.topic = stage.topic_id("orders"),
                                      .session_id = anew.session_id,
                                      .session_epoch = 1,
                                      .replica = replica});
    EXPECT_EQ(on.error_code, ErrorCode::none) << "connection " << i;
  }
}

TEST(ConnectionsHome, StaysWhereAConsumersSessionBegan) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    co_await keep_a_session(stage, std::nullopt);
  });
}

TEST(ConnectionsHome, StaysWhereAFollowersSessionBegan) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    const auto& [id, broker] = *stage.broker->shard(0).image()->brokers.begin();
    co_await keep_a_session(stage,
                            kafka::FetchRequest::ReplicaState{id, static_cast<int64_t>(broker.incarnation)});
  });
}

TEST(ConnectionsHome, IsNotLookedForWhileABrokerStops) {
  for (int delay_us = 0; delay_us < 2000; delay_us += 50) {
    run_on_stage([delay_us](Stage& stage) -> Task<void> {
      co_await stage.create("orders");
      std::vector<StreamPtr> streams;
      streams.reserve(4);
      for (int i = 0; i < 4; ++i) streams.push_back(co_await dial(stage));
      for (const auto& stream : streams) EXPECT_TRUE(co_await say(*stream, produce_of(100)));
      co_await runtime::sleep_for(std::chrono::microseconds(delay_us));
      const MonotonicTime before = stage.runtime.shard(0).now();
      EXPECT_TRUE(co_await stage.broker->stop());
      EXPECT_LT(stage.runtime.shard(0).now() - before, 1s);
      stage.broker.reset();
      // Answered or not, each is closed.
      for (const auto& stream : streams) EXPECT_LT(co_await open_for(*stream), 1s);
    });
  }
}

}  // namespace
}  // namespace godwit::broker
