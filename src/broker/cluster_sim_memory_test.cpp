// Memory that clients have used up must not stop replication: what they wait for is that it goes on.
#include "broker/cluster_asking_testing.h"

namespace godwit::broker {
namespace {

constexpr int16_t kFetchVersion = 12;

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
  const std::string large(900'000, 'x');
  for (int i = 0; i < 2; ++i) {
    const auto answer = publish_to(stage, leader, topic, large);
    ASSERT_TRUE(answer.has_value());
    ASSERT_EQ(answer->error_code, ErrorCode::none);
  }
  // Each holds an eighth, and the last of them wait for the others.
  bool ending = false;
  int ended = 0;
  constexpr int kReaders = 12;
  for (int i = 0; i < kReaders; ++i) {
    stage.client.start([&](Runtime& runtime) -> Task<void> {
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
  auto& memory = stage.broker(leader)->shard(0).response_memory();
  EXPECT_LT(memory.free(), large.size()) << "they hold all";
  for (int i = 0; i < 20; ++i) {
    const auto answer = publish_to(stage, leader, topic, "small " + std::to_string(i));
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->error_code, ErrorCode::none);
  }
  EXPECT_LT(memory.free(), large.size()) << "they still do";
  EXPECT_EQ(stage.isr(topic, 0), 3U);
  ending = true;
  EXPECT_TRUE(stage.wait([&] { return ended == kReaders; }));
}

}  // namespace
}  // namespace godwit::broker
