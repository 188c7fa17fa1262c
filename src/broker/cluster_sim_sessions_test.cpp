// Partitions that share a fetch session: what one of them has to give holds up no other (design-cluster rule 9).
#include "broker/cluster_asking_testing.h"

namespace godwit::broker {
namespace {

// Clients that publish to partition 0 of a topic of broker 1 without a pause, each on a connection of its own.
class Flood {
 public:
  Flood(ClusterStage& stage, std::string topic, int clients) : stage_(stage), topic_(std::move(topic)) {
    for (int i = 0; i < clients; ++i) {
      ++running_;
      stage.client.start([this](Runtime& runtime) { return publish(runtime); });
    }
  }
  ~Flood() {
    ending_ = true;
    EXPECT_TRUE(stage_.wait([&] { return running_ == 0; }));
  }

 private:
  Task<void> publish(Runtime& runtime) {
    auto connection = co_await peer::Connection::connect(runtime.network(), {"b1", 9092}, {});
    while (!ending_ && connection) {
      const auto answer =
          co_await (*connection)->call(produce_request(topic_, 0, {"x"}, {}, 1), {.version_max = 12});
      if (!answer) break;
    }
    EXPECT_TRUE(ending_) << "its connection ended";
    --running_;
  }

  ClusterStage& stage_;
  std::string topic_;
  int running_ = 0;
  bool ending_ = false;
};

TEST(ClusterSimSessions, APartitionThatAlwaysHasNewsHoldsUpNoOther) {
  for_seeds(
      [](uint64_t seed) {
        ClusterStage stage(seed);
        stage.start_all();
        ASSERT_TRUE(stage.create("hot", 1));
        ASSERT_TRUE(stage.create("quiet", 1));
        Flood flood(stage, "hot", 12);
        stage.world.run_for(1s);
        const Offset before = stage.replica(1, "hot", 0)->log()->end();
        for (int n = 0; n < 4; ++n) {
          stage.world.run_for(500ms);
          const MonotonicTime from = stage.world.now();
          const auto done = publish_to(stage, 1, "quiet", "p" + std::to_string(n));
          ASSERT_TRUE(done && done->error_code == ErrorCode::none) << n;
          EXPECT_LT(stage.world.now() - from, 100ms) << n;
          EXPECT_EQ(stage.isr("quiet", 0), 3U) << n;
        }
        EXPECT_GT(stage.replica(1, "hot", 0)->log()->end() - before, 2 * 5000) << "an append each 0.2 ms";
        EXPECT_EQ(stage.isr("hot", 0), 3U);
      },
      2);
}

// What is copied to a replica that was away fills each answer; what is published meanwhile does not wait for it, and those that
// are copied share the answers.
TEST(ClusterSimSessions, ReplicasThatCatchUpHoldUpNobodyAndGetOnTogether) {
  for_seeds(
      [](uint64_t seed) {
        constexpr int kLarge = 6;
        const auto large = [](int i) { return "large" + std::to_string(i); };
        ClusterStage stage(seed, 1);  // in one session
        stage.adjust = [](BrokerOptions& options) { options.fetch_bytes_max = 64 << 10; };
        stage.start_all();
        for (int i = 0; i < kLarge; ++i) ASSERT_TRUE(stage.create(large(i), 1));
        ASSERT_TRUE(stage.create("quiet", 1));
        const int away = stage.image()->controller == BrokerId(3) ? 2 : 3;
        stage.node(away).crash(CrashKind::kill);
        ASSERT_TRUE(stage.wait([&] { return stage.isr("quiet", 0) == 2; }));
        constexpr int kBatches = 200;
        ASSERT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
          for (int n = 0; n < kBatches * kLarge; ++n) {
            const auto done = co_await produce_once(
                cluster, produce_request(large(n % kLarge), 0, {std::string(30'000, 'x')}));
            EXPECT_TRUE(done && done->error_code == ErrorCode::none);
          }
        }));
        stage.start(away);
        ASSERT_TRUE(stage.wait([&] { return stage.isr("quiet", 0) == 3; }, 10s))
            << stage.describe_all("quiet");
        const auto copied = [&](int i) {
          const auto replica = stage.replica(away, large(i), 0);
          return replica == nullptr || replica->closed() ? 0 : replica->log()->end().value();
        };
        const auto any_done = [&] {
          for (int i = 0; i < kLarge; ++i)
            if (copied(i) == kBatches) return true;
          return false;
        };
        ASSERT_FALSE(any_done()) << "nothing is copied any more: the scenario shows nothing";
        int published = 0;
        while (!any_done()) {
          const MonotonicTime from = stage.world.now();
          const auto done = publish_to(stage, 1, "quiet", "p");
          ASSERT_TRUE(done && done->error_code == ErrorCode::none);
          EXPECT_LT(stage.world.now() - from, 100ms);
          ASSERT_EQ(stage.isr("quiet", 0), 3U);
          ++published;
        }
        EXPECT_GT(published, 5);
        for (int i = 0; i < kLarge; ++i) EXPECT_GT(copied(i), kBatches / 2) << large(i);
        for (int i = 0; i < kLarge; ++i)
          EXPECT_TRUE(stage.wait([&] { return stage.whole(large(i)); }, 20s)) << stage.describe_all(large(i));
      },
      3);
}

// Slow readers hold all memory for reading files. A replica that needs some waits for it by itself.
TEST(ClusterSimSessions, AReplicaThatWaitsForMemoryToBeReadWithHoldsUpNoOther) {
  for_seeds(
      [](uint64_t seed) {
        ClusterStage stage(seed);
        stage.start_all();
        ASSERT_TRUE(stage.create("large", 1));
        ASSERT_TRUE(stage.create("quiet", 1));
        const int away = stage.image()->controller == BrokerId(3) ? 2 : 3;
        stage.node(away).crash(CrashKind::kill);
        ASSERT_TRUE(stage.wait([&] { return stage.isr("quiet", 0) == 2; }));
        // More than memory holds.
        ASSERT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
          for (int n = 0; n < 120; ++n) {
            const auto done =
                co_await produce_once(cluster, produce_request("large", 0, {std::string(200'000, 'x')}));
            EXPECT_TRUE(done && done->error_code == ErrorCode::none);
          }
        }));
        std::vector<storage::ReadAnswer> held;
        ASSERT_TRUE(stage.node(1).run([&](Runtime&) -> Task<void> {
          const auto led = stage.replica(1, "large", 0);
          co_await stage.broker(1)->shard(0).shard().call([&]() -> Task<void> {
            // What clients may have, and then what is kept for replicas.
            for (const bool for_replica : {false, true}) {
              for (size_t tries = 0;; ++tries) {
                if (tries == 100) {
                  ADD_FAILURE() << "memory has no end";
                  co_return;
                }
                auto read = co_await led->log()->read({.from = Offset(0),
                                                       .bytes_max = 100'000,
                                                       .end = Offset(120),
                                                       .may_wait = false,
                                                       .for_replica = for_replica});
                if (!read || read->batches.empty()) break;
                held.push_back(std::move(*read));
              }
            }
          });
        }));
        EXPECT_GT(held.size(), 3U);
        stage.start(away);
        ASSERT_TRUE(stage.wait([&] { return stage.isr("quiet", 0) == 3; }, 10s))
            << stage.describe_all("quiet");
        for (int n = 0; n < 12; ++n) {
          stage.world.run_for(500ms);
          const MonotonicTime from = stage.world.now();
          const auto done = publish_to(stage, 1, "quiet", "p");
          ASSERT_TRUE(done && done->error_code == ErrorCode::none) << n;
          EXPECT_LT(stage.world.now() - from, 100ms) << n;
          ASSERT_EQ(stage.isr("quiet", 0), 3U) << n;
        }
        EXPECT_EQ(stage.isr("large", 0), 2U) << "the memory was held: else the scenario shows nothing";
        held.clear();
        EXPECT_TRUE(stage.wait([&] { return stage.whole("large"); }, 5s)) << stage.describe_all("large");
      },
      2);
}

// Whatever comes together in a session, at whichever moment: no news waits for a poll to end.
TEST(ClusterSimSessions, NoPublishWaitsForAPollToEnd) {
  for_seeds(
      [](uint64_t seed) {
        ClusterStage stage(seed, 1 + seed % 2);
        stage.start_all();
        constexpr int kTopics = 5;
        const auto topic = [](int i) { return "t" + std::to_string(i); };
        for (int i = 0; i < kTopics; ++i) ASSERT_TRUE(stage.create(topic(i), 1));
        bool ending = false;
        int running = 0;
        Duration longest{};
        size_t published = 0;
        for (int i = 0; i < 2 * kTopics; ++i) {
          ++running;
          stage.client.start([&, i](Runtime& runtime) -> Task<void> {
            auto connection = co_await peer::Connection::connect(runtime.network(), {"b1", 9092}, {});
            while (!ending && connection) {
              const MonotonicTime from = stage.world.now();
              const auto answer =
                  co_await (*connection)
                      ->call(produce_request(topic(i % kTopics), 0, {"x"}), {.version_max = 12});
              EXPECT_TRUE(answer && only(*answer).error_code == ErrorCode::none);
              longest = std::max<Duration>(longest, stage.world.now() - from);
              ++published;
              const auto pause = runtime.shard(0).random().below(1500 * static_cast<uint64_t>(i + 1));
              co_await runtime::sleep_for(std::chrono::microseconds(pause));
            }
            --running;
          });
        }
        stage.world.run_for(5s);
        ending = true;
        ASSERT_TRUE(stage.wait([&] { return running == 0; }));
        EXPECT_GT(published, 3000U);
        EXPECT_LT(longest, 100ms);
      },
      2);
}

// One who fetches partition 0 of a topic in the name of broker 3, on one connection, as the test says.
struct PlayedReplica {
  PlayedReplica(ClusterStage& stage, const std::string& topic) {
    asked.partition = PartitionIndex(0);
    asked.current_leader_epoch = stage.state(topic, 0)->leader_epoch;
    if (const auto replica = stage.replica(3, topic, 0)) asked.fetch_offset = replica->log()->end();
    asked.log_start_offset = Offset(0);
    asked.partition_max_bytes = 1 << 20;
    topic_id = stage.image()->find(topic)->id;
    request.cluster_id = stage.image()->cluster_id;
    request.replica_state = {BrokerId(3), static_cast<int64_t>(stage.broker(3)->metadata().incarnation())};
    request.session_epoch = 0;
    request.max_bytes = 1 << 20;
    request.min_bytes = 1;
  }
  // What it is told of the partition; empty where nothing is.
  Task<std::optional<kafka::FetchResponse::Partition>> fetch(peer::Connection& connection, bool named,
                                                             int32_t wait_ms) {
    request.max_wait_ms = wait_ms;
    request.topics.clear();
    if (named) request.topics.push_back({"", topic_id, {asked}});
    const auto answer = co_await connection.call(request);
    EXPECT_TRUE(answer) << answer.error().describe();
    if (!answer) co_return std::nullopt;
    EXPECT_EQ(answer->error_code, ErrorCode::none);
    request.session_id = answer->session_id;
    ++request.session_epoch;
    if (answer->responses.empty()) co_return std::nullopt;
    co_return only(*answer);
  }
  kafka::FetchRequest::Partition asked;
  TopicId topic_id;
  kafka::FetchRequest request;
};

// It may have had no use for what it was told: it was waiting for the end of a back-off. Before it hears of its leader again it serves
// no reads, and an idle partition has no other news for it.
TEST(ClusterSimSessions, WhoNamesAnIdlePartitionAgainIsAnsweredOnce) {
  for_seeds(
      [](uint64_t seed) {
        ClusterStage stage(seed, 1 + seed % 2);
        stage.start_all();
        ASSERT_TRUE(stage.create("orders", 1));
        ASSERT_TRUE(publish_to(stage, 1, "orders", "a"));
        ASSERT_TRUE(stage.wait([&] { return stage.replica(2, "orders", 0)->high_watermark() == Offset(1); }));
        const LeaderEpoch before = stage.state("orders", 0)->leader_epoch;
        // It does not lead yet, for it cannot sync the beginning of its epoch.
        stage.node(1).crash(CrashKind::kill);
        stage.node(2).disk().stall({.kinds = {runtime::sim::OpKind::write, runtime::sim::OpKind::sync}});
        ASSERT_TRUE(stage.wait([&] { return stage.replica(3, "orders", 0)->leader_epoch() > before; }, 5s));
        PlayedReplica replica(stage, "orders");
        replica.asked.last_fetched_epoch = before;
        bool refused = false;
        bool ended = false;
        stage.client.start([&](Runtime& runtime) -> Task<void> {
          auto connection = co_await peer::Connection::connect(runtime.network(), {"b2", 9092}, {});
          GW_CHECK(connection, "the network is whole");
          auto told = co_await replica.fetch(**connection, true, 0);
          EXPECT_TRUE(told && told->error_code == ErrorCode::not_leader_or_follower);
          refused = true;
          told = co_await replica.fetch(**connection, false, 5000);
          EXPECT_TRUE(told && told->error_code == ErrorCode::none && told->high_watermark == Offset(1))
              << "it leads";
          for (int n = 0; n < 2; ++n) {
            MonotonicTime from = stage.world.now();
            told = co_await replica.fetch(**connection, true, 1000);
            EXPECT_LT(stage.world.now() - from, 50ms) << n;
            EXPECT_TRUE(told && told->error_code == ErrorCode::none && told->high_watermark == Offset(1))
                << n;
            from = stage.world.now();
            told = co_await replica.fetch(**connection, false, 1000);
            EXPECT_GE(stage.world.now() - from, 1s) << n;
            EXPECT_FALSE(told) << "it was told, and says nothing new";
          }
          (*connection)->close();
          ended = true;
        });
        ASSERT_TRUE(stage.wait([&] { return refused; }, 1s));
        stage.world.run_for(50ms);
        stage.node(2).disk().release();
        ASSERT_TRUE(stage.wait([&] { return ended; }, 20s));
      },
      2);
}

// Two images may differ for a moment. Records with each news would keep it asking, as often as somebody publishes.
TEST(ClusterSimSessions, WhoIsTakenForNoReplicaHearsNothingBeforeItNamesThePartitionAgain) {
  for_seeds(
      [](uint64_t seed) {
        ClusterStage stage(seed, 1 + seed % 2);
        stage.start_all();
        ASSERT_TRUE(stage.create("orders", 1, {}, 2));
        PlayedReplica stranger(stage, "orders");
        bool refused = false;
        bool ended = false;
        stage.client.start([&](Runtime& runtime) -> Task<void> {
          auto connection = co_await peer::Connection::connect(runtime.network(), {"b1", 9092}, {});
          GW_CHECK(connection, "the network is whole");
          auto told = co_await stranger.fetch(**connection, true, 0);
          EXPECT_TRUE(told && told->error_code == ErrorCode::not_leader_or_follower);
          refused = true;
          told = co_await stranger.fetch(**connection, false, 1000);
          EXPECT_FALSE(told) << "there was news";
          told = co_await stranger.fetch(**connection, true, 0);
          EXPECT_TRUE(told && told->error_code == ErrorCode::not_leader_or_follower);
          (*connection)->close();
          ended = true;
        });
        ASSERT_TRUE(stage.wait([&] { return refused; }, 1s));
        ASSERT_TRUE(publish_to(stage, 1, "orders", "a"));
        ASSERT_TRUE(stage.wait([&] { return ended; }, 5s));
      },
      2);
}

// Idle partitions cost a request a second and session, whatever their number; one that gets a record now and then costs a few.
TEST(ClusterSimSessions, AnIdleSessionAsksOnceASecond) {
  for_seeds(
      [](uint64_t seed) {
        ClusterStage stage(seed, 1);  // a session for each shard of a follower
        stage.start_all();
        ASSERT_TRUE(stage.create("orders", 30));
        ASSERT_TRUE(publish_to(stage, 1, "orders", "a"));
        stage.world.run_for(3s);
        const auto fetches = [&] {
          return stage.broker(1)->shard(0).metrics().api(kafka::ApiKey::fetch).requests->value();
        };
        auto before = fetches();
        stage.world.run_for(10s);
        EXPECT_GE(fetches() - before, 2 * 9U);
        EXPECT_LE(fetches() - before, 2 * 11U) << "two followers, ten seconds";
        before = fetches();
        for (int n = 0; n < 20; ++n) {
          ASSERT_TRUE(publish_to(stage, 1, "orders", "b"));
          stage.world.run_for(50ms);
        }
        // One brings the record, one says that it is synced, one is there for news meanwhile, and one for the next record.
        EXPECT_LE(fetches() - before, 2 * 20 * 4U);
      },
      2);
}

}  // namespace
}  // namespace godwit::broker
