// Memory that clients have used up must not stop replication: what they wait for is that it goes on.
#include "broker/cluster_asking_testing.h"

namespace godwit::broker {
namespace {

constexpr int16_t kFetchVersion = 12;
constexpr int16_t kReplicaFetchVersion = 15;

struct ClusterSimMemory : testing::Test {
  ClusterStage stage{91, 1};  // one that all would hold
  std::string topic = "orders";
  int leader = 0;

  void begin(std::function<void(BrokerOptions&)> adjust) {
    stage.adjust = std::move(adjust);
    stage.start_all();
    ASSERT_TRUE(stage.create(topic, 1));
    leader = stage.leader(topic, 0);
  }

  // Consumers that ask for what is there, again and again, and read nothing. Each holds an eighth, and the last of them wait for the
  // others.
  void begin_hanging_consumers() {
    for (int i = 0; i < kReaders; ++i) {
      stage.client.start([this](Runtime& runtime) -> Task<void> {
        const auto stream = co_await runtime.network().connect({"b" + std::to_string(leader), 9092}, 1s);
        EXPECT_TRUE(stream.has_value());
        Bytes sent;
        for (int32_t k = 0; k < 20; ++k) {
          auto request = fetch_request(topic, 0, 0);
          const Bytes one = kafka::encode_request(k, "hangs", request, kFetchVersion)->flatten();
          sent.insert(sent.end(), one.begin(), one.end());
        }
        const BytesView part(sent);
        EXPECT_TRUE(co_await (*stream)->write_all(std::span(&part, 1)));
        while (!ending) co_await runtime::sleep_for(100ms);
        ++ended;
      });
    }
    stage.world.run_for(2s);
    EXPECT_LT(memory().free(), large.size()) << "they hold all";
  }
  // Asks in the name of a broker for all that there is, and reads nothing.
  void begin_hanging_follower(int broker) {
    const auto image = stage.image();
    kafka::FetchRequest request;
    request.cluster_id = image->cluster_id;
    request.replica_state = {BrokerId(broker),
                             static_cast<int64_t>(image->brokers.at(BrokerId(broker)).incarnation)};
    request.max_wait_ms = 500;
    request.max_bytes = 16 << 20;
    request.session_epoch = 0;
    request.topics.push_back({.topic = {},
                              .topic_id = image->find(topic)->id,
                              .partitions = {{.partition = PartitionIndex(0),
                                              .current_leader_epoch = stage.state(topic, 0)->leader_epoch,
                                              .fetch_offset = Offset(0),
                                              .partition_max_bytes = 4 << 20}}});
    stage.client.start([this, request](Runtime& runtime) -> Task<void> {
      const auto stream = co_await runtime.network().connect({"b" + std::to_string(leader), 9092}, 1s);
      EXPECT_TRUE(stream.has_value());
      const Bytes sent = kafka::encode_request(1, "hangs", request, kReplicaFetchVersion)->flatten();
      const BytesView part(sent);
      EXPECT_TRUE(co_await (*stream)->write_all(std::span(&part, 1)));
      while (!ending) co_await runtime::sleep_for(100ms);
    });
    stage.world.run_for(200ms);
  }
  void end_consumers() {
    EXPECT_LT(memory().free(), large.size()) << "they still do";
    ending = true;
    EXPECT_TRUE(stage.wait([&] { return ended == kReaders; }));
  }
  runtime::Semaphore& memory() { return stage.broker(leader)->shard(0).response_memory(); }
  runtime::Semaphore& reserve() { return stage.broker(leader)->shard(0).replica_memory(); }
  void publish(const std::string& value, int16_t acks) {
    const auto answer = publish_to(stage, leader, topic, value, {}, acks);
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->error_code, ErrorCode::none);
  }

  static constexpr int kReaders = 12;
  const std::string large = std::string(900'000, 'x');
  bool ending = false;
  int ended = 0;
};

TEST_F(ClusterSimMemory, AllThatWasAdmittedIsAcknowledgedWhereProducesHoldAllTheMemory) {
  begin([](BrokerOptions& options) { options.request_memory = 1 << 20; });
  std::vector<std::shared_ptr<Asked<kafka::ProduceResponse>>> asked;
  for (int i = 0; i < 40; ++i) {
    const std::string value(100'000, static_cast<char>('a' + i % 26));
    asked.push_back(ask_later(stage, leader, produce_request(topic, 0, {value}, {}, -1, 30'000), 12));
  }
  EXPECT_TRUE(stage.wait([&] { return std::ranges::all_of(asked, [](const auto& a) { return a->ended; }); },
                         stage.broker(leader)->options().replica_lag_max / 2));
  for (const auto& one : asked) {
    ASSERT_TRUE(one->answer.has_value());
    EXPECT_EQ(only(*one->answer).error_code, ErrorCode::none);
  }
  EXPECT_EQ(stage.isr(topic, 0), 3U);
}

TEST_F(ClusterSimMemory, ReplicationGoesOnWhereConsumersThatHangHoldAllTheMemory) {
  begin([](BrokerOptions& options) { options.response_memory = 8 << 20; });
  for (int i = 0; i < 2; ++i) publish(large, -1);
  begin_hanging_consumers();
  for (int i = 0; i < 20; ++i) publish("small " + std::to_string(i), -1);
  EXPECT_EQ(stage.isr(topic, 0), 3U);
  end_consumers();
}

// What is kept for followers is little more than the answer that one of them does not read.
TEST_F(ClusterSimMemory, AFollowerThatHangsDoesNotKeepTheOthersFromFetching) {
  begin([](BrokerOptions& options) { options.response_memory = 4 << 20; });
  for (int i = 0; i < 2; ++i) publish(large, -1);
  begin_hanging_consumers();
  const int hangs = leader % 3 + 1;
  const int follows = hangs % 3 + 1;
  const size_t kept = reserve().capacity();
  stage.node(hangs).pause();
  const MonotonicTime began = stage.world.now();
  begin_hanging_follower(hangs);
  for (int i = 0; i < 4; ++i) publish(large, 1);
  const auto end = [&] { return stage.replica(follows, topic, 0)->log()->end(); };
  EXPECT_TRUE(stage.wait([&] { return end() == Offset(6); }, 20s)) << to_string(end());
  EXPECT_TRUE(stage.wait([&] { return stage.isr(topic, 0) == 2U; }, 20s)) << stage.isr(topic, 0);
  for (int i = 0; i < 5; ++i) publish(i % 2 == 0 ? large : "small", -1);
  EXPECT_LT(stage.world.now() - began, stage.broker(leader)->options().send_timeout)
      << "while it keeps what it was given";
  end_consumers();
  stage.node(hangs).resume();
  EXPECT_TRUE(stage.wait([&] { return stage.isr(topic, 0) == 3U; }, 120s));
  EXPECT_TRUE(stage.wait([&] { return reserve().free() == kept; })) << "all was given back";
}

}  // namespace
}  // namespace godwit::broker
