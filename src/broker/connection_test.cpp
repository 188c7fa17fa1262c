// A connection as its client sees it, over the simulated network.
#include "broker/connection.h"

#include "broker/stage_testing.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/produce.h"
#include "record/batch_builder.h"

namespace godwit::broker {
namespace {

constexpr int16_t kFetchVersion = 12;

// Waits for a record of "orders" for up to `wait`.
kafka::FetchRequest fetch_of(Duration wait) {
  kafka::FetchRequest request;
  request.max_wait_ms =
      static_cast<int32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(wait).count());
  request.min_bytes = 1;
  request.max_bytes = 1 << 20;
  auto& topic = request.topics.emplace_back();
  topic.topic = "orders";
  topic.partitions.emplace_back().partition_max_bytes = 1 << 20;
  return request;
}

Task<std::unique_ptr<runtime::Stream>> send_fetch(Stage& stage, Duration wait) {
  auto stream = co_await stage.runtime.network().connect({"10.0.0.1", 9092}, 1s);
  EXPECT_TRUE(stream.has_value());
  const auto frame = kafka::encode_request(1, "tester", fetch_of(wait), kFetchVersion);
  const Bytes sent = frame->flatten();
  const BytesView part(sent);
  EXPECT_TRUE(co_await (*stream)->write_all(std::span(&part, 1)));
  co_return std::move(*stream);
}

Task<Result<kafka::FetchResponse>> answer_of(runtime::Stream& stream) {
  Bytes length(4);
  GW_TRY(co_return, co_await runtime::read_exactly(stream, length));
  Bytes answer(load_big<uint32_t>(length.data()));
  GW_TRY(co_return, co_await runtime::read_exactly(stream, answer));
  auto frame =
      kafka::parse_response(SharedBytes::own(std::move(answer)), kafka::ApiKey::fetch, kFetchVersion);
  if (!frame) co_return fail(frame.error());
  co_return codec::decode<kafka::FetchResponse>(frame->body, kFetchVersion);
}

// On both shards.
Task<size_t> parked(Stage& stage) {
  size_t count = 0;
  for (size_t i = 0; i < stage.broker->shard_count(); ++i) {
    BrokerShard& shard = stage.broker->shard(i);
    count += co_await shard.shard().call([&shard] {
      size_t here = 0;
      shard.fetch_waits().for_each([&](runtime::ListNode&) { ++here; });
      return here;
    });
  }
  co_return count;
}

TEST(Connection, ThatIsClosedEndsItsParkedFetch) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    std::vector<std::unique_ptr<runtime::Stream>> streams;
    for (int i = 0; i < 4; ++i) streams.push_back(co_await send_fetch(stage, 10min));
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(co_await parked(stage), 4U);
    streams.front()->close();
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(co_await parked(stage), 3U) << "the others go on to wait";
    EXPECT_EQ(stage.broker->metrics().connections.value(), 3);
    streams.clear();
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(co_await parked(stage), 0U);
    EXPECT_EQ(stage.broker->metrics().connections.value(), 0);
  });
}

TEST(Connection, ThatEndsItsSideIsAnsweredAtOnceWithWhatThereIs) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    const auto stream = co_await send_fetch(stage, 10min);
    co_await runtime::sleep_for(1s);
    const MonotonicTime before = stage.runtime.shard(0).now();
    stream->shutdown_write();
    const auto answer = co_await answer_of(*stream);
    EXPECT_LT(stage.runtime.shard(0).now() - before, 1s);
    EXPECT_TRUE(answer.has_value());
    EXPECT_EQ(answer->responses.at(0).partitions.at(0).error_code, ErrorCode::none);
  });
}

TEST(Connection, ThatHasSentItsNextRequestGoesOnToWait) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    const auto stream = co_await send_fetch(stage, 20s);
    const auto next = kafka::encode_request(2, "tester", fetch_of(0s), kFetchVersion);
    const Bytes sent = next->flatten();
    const BytesView part(sent);
    const MonotonicTime before = stage.runtime.shard(0).now();
    EXPECT_TRUE(co_await stream->write_all(std::span(&part, 1)));
    EXPECT_TRUE(co_await answer_of(*stream));
    EXPECT_GE(stage.runtime.shard(0).now() - before, 19s);
    EXPECT_TRUE(co_await answer_of(*stream)) << "and then the second is answered";
    EXPECT_LT(stage.runtime.shard(0).now() - before, 21s);
  });
}

TEST(Connection, AStopAnswersParkedFetchesAndIsNotHeldUp) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    std::vector<std::unique_ptr<runtime::Stream>> streams;
    for (int i = 0; i < 4; ++i) streams.push_back(co_await send_fetch(stage, 10min));
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(co_await parked(stage), 4U);
    const MonotonicTime before = stage.runtime.shard(0).now();
    EXPECT_TRUE(co_await stage.broker->stop());
    EXPECT_LT(stage.runtime.shard(0).now() - before, 1s) << "the limit for requests under way is longer";
    stage.broker.reset();
    for (const auto& stream : streams) {
      const auto answer = co_await answer_of(*stream);
      EXPECT_TRUE(answer.has_value());
      EXPECT_EQ(answer->responses.at(0).partitions.at(0).error_code, ErrorCode::none);
    }
  });
}

// One slow reader hurts nobody.
TEST(Connection, ThatDoesNotReadHoldsAPartOfTheAnswersMemoryAndNoMore) {
  BrokerOptions options = stage_options();
  options.response_memory = 32 << 20;  // 16 MiB a shard: 2 for a connection
  run_on_stage(
      [](Stage& stage) -> Task<void> {
        co_await stage.create("orders");
        for (int i = 0; i < 4; ++i) {
          BatchBuilder builder({});
          const std::string text(900'000, static_cast<char>('a' + i));
          builder.add({.timestamp_ms = 1000, .value = as_bytes(text)});
          kafka::ProduceRequest request;
          request.acks = -1;
          request.timeout_ms = 5000;
          auto& topic = request.topic_data.emplace_back();
          topic.name = "orders";
          topic.partition_data.push_back({PartitionIndex(0), SharedBytes::own(*builder.build())});
          (void)co_await converse(stage.runtime, *kafka::encode_request(1, "tester", request, 9));
        }
        // Each of them has room for two batches; nobody reads what they give.
        const auto slow = co_await stage.runtime.network().connect({"10.0.0.1", 9092}, 1s);
        EXPECT_TRUE(slow.has_value());
        Bytes sent;
        for (int32_t i = 0; i < 20; ++i) {
          auto request = fetch_of(0s);
          request.max_bytes = request.topics[0].partitions[0].partition_max_bytes = 2 << 20;
          const Bytes one = kafka::encode_request(i, "slow", request, kFetchVersion)->flatten();
          sent.insert(sent.end(), one.begin(), one.end());
        }
        const BytesView part(sent);
        EXPECT_TRUE(co_await (*slow)->write_all(std::span(&part, 1)));
        co_await runtime::sleep_for(2s);
        size_t held = 0;
        for (size_t i = 0; i < stage.broker->shard_count(); ++i) {
          const auto& memory =
              from_outside([&]() -> auto& { return stage.broker->shard(i).response_memory(); });
          held += memory.capacity() - memory.free();
        }
        EXPECT_GT(held, 0U);
        EXPECT_LE(held, size_t{2} << 20);
        // Others are served meanwhile, on either shard; and it gets all its answers when it reads.
        for (int i = 0; i < 4; ++i) {
          const auto other = co_await send_fetch(stage, 1s);
          EXPECT_TRUE(co_await answer_of(*other));
        }
        for (int32_t i = 0; i < 20; ++i) {
          const auto answer = co_await answer_of(**slow);
          EXPECT_TRUE(answer.has_value());
          if (!answer) co_return;
          EXPECT_FALSE(answer->responses.at(0).partitions.at(0).records->empty());
        }
      },
      options);
}

}  // namespace
}  // namespace godwit::broker
