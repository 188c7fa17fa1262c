// What connections that hang, or drip, may take of a broker's memory: never what the others need.
#include "broker/fetch_wait.h"
#include "broker/stage_testing.h"
#include "kafka/messages/describe_configs.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/produce.h"
#include "record/batch_builder.h"

namespace godwit::broker {
namespace {

constexpr int16_t kProduceVersion = 9;
constexpr int16_t kFetchVersion = 12;

Chain produce_of(size_t bytes, int16_t acks = -1) {
  BatchBuilder builder({});
  const std::string text(bytes, 'x');
  builder.add({.timestamp_ms = 1000, .value = as_bytes(text)});
  kafka::ProduceRequest request;
  request.acks = acks;
  request.timeout_ms = 5000;
  auto& topic = request.topic_data.emplace_back();
  topic.name = "orders";
  topic.partition_data.push_back({PartitionIndex(0), SharedBytes::own(*builder.build())});
  return *kafka::encode_request(1, "tester", request, kProduceVersion);
}

Task<ErrorCode> publish(Stage& stage, size_t bytes) {
  auto frame = kafka::parse_response(co_await converse(stage.runtime, produce_of(bytes)),
                                     kafka::ApiKey::produce, kProduceVersion);
  EXPECT_TRUE(frame.has_value());
  const auto answer = codec::decode<kafka::ProduceResponse>(frame->body, kProduceVersion);
  EXPECT_TRUE(answer.has_value());
  co_return answer->responses.at(0).partition_responses.at(0).error_code;
}

Task<std::unique_ptr<runtime::Stream>> send(Stage& stage, BytesView bytes) {
  auto stream = co_await stage.runtime.network().connect({"10.0.0.1", 9092}, 1s);
  EXPECT_TRUE(stream.has_value());
  EXPECT_TRUE(co_await (*stream)->write_all(std::span(&bytes, 1)));
  co_return std::move(*stream);
}

// The head of a Produce, or of a Fetch, of 100 MiB.
Bytes large_head(kafka::ApiKey key) {
  Bytes head(12);
  store_big(head.data(), int32_t{100 << 20});
  store_big(head.data() + 4, static_cast<int16_t>(key));
  store_big(head.data() + 6, int16_t{9});
  return head;
}

BrokerOptions little_memory() {
  BrokerOptions options = stage_options();
  options.request_memory = 8 << 20;  // 3 MiB for the Produces of a shard
  return options;
}

TEST(ConnectionMemory, HeadsOfLargeRequestsHoldUpNobody) {
  run_on_stage(
      [](Stage& stage) -> Task<void> {
        co_await stage.create("orders");
        std::vector<std::unique_ptr<runtime::Stream>> heads;
        for (int i = 0; i < 20; ++i) {
          heads.push_back(co_await send(stage, large_head(kafka::ApiKey::produce)));
          heads.push_back(co_await send(stage, large_head(kafka::ApiKey::fetch)));
        }
        co_await runtime::sleep_for(1s);
        const MonotonicTime before = stage.runtime.shard(0).now();
        for (int i = 0; i < 4; ++i) {
          kafka::MetadataRequest metadata;
          (void)co_await converse(stage.runtime, *kafka::encode_request(1, "tester", metadata, 9));
          EXPECT_EQ(co_await publish(stage, 300'000), ErrorCode::none);
        }
        EXPECT_LT(stage.runtime.shard(0).now() - before, 1s);
      },
      little_memory());
}

TEST(ConnectionMemory, ABodyThatDoesNotComeEndsItsConnection) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    std::vector<std::unique_ptr<runtime::Stream>> streams;
    const Bytes whole = produce_of(200).flatten();
    streams.push_back(co_await send(stage, large_head(kafka::ApiKey::produce)));
    Bytes one_and_a_head = whole;
    one_and_a_head.insert(one_and_a_head.end(), whole.begin(), whole.begin() + 6);
    streams.push_back(co_await send(stage, one_and_a_head));
    streams.push_back(co_await send(stage, BytesView(whole).first(100)));
    const auto waits_for_its_next = co_await send(stage, whole);
    co_await runtime::sleep_for(25s);
    EXPECT_EQ(stage.broker->metrics().connections.value(), 4);
    co_await runtime::sleep_for(30s);
    EXPECT_EQ(stage.broker->metrics().connections.value(), 1) << "between requests there is more time";
    EXPECT_EQ(stage.broker->metrics().closed_slow.value(), 3U);
    Bytes some(1);
    for (const size_t i : {0, 2}) EXPECT_EQ(co_await streams[i]->read_some(some), 0U);
  });
}

// A byte now and then is not enough for ever.
TEST(ConnectionMemory, ABodyThatDripsEndsItsConnection) {
  run_on_stage([](Stage& stage) -> Task<void> {
    const auto stream = co_await send(stage, large_head(kafka::ApiKey::produce));
    const Bytes drop(1);
    const BytesView part(drop);
    for (int i = 0; i < 60; ++i) {
      co_await runtime::sleep_for(1s);
      (void)co_await stream->write_all(std::span(&part, 1));
    }
    EXPECT_EQ(stage.broker->metrics().closed_slow.value(), 1U);
  });
}

TEST(ConnectionMemory, ASlowBodyIsTakenAsItComes) {
  run_on_stage(
      [](Stage& stage) -> Task<void> {
        co_await stage.create("orders");
        // As slow as a slow line: 4 MiB in 32 s, more than all the memory there is.
        const Bytes whole = produce_of(900'000).flatten();
        const auto stream = co_await send(stage, BytesView(whole).first(10));
        for (size_t at = 10; at < whole.size(); at += 40'000) {
          co_await runtime::sleep_for(200ms);
          const BytesView part = BytesView(whole).subspan(at, std::min<size_t>(40'000, whole.size() - at));
          EXPECT_TRUE(co_await stream->write_all(std::span(&part, 1)));
        }
        Bytes length(4);
        EXPECT_TRUE(co_await runtime::read_exactly(*stream, length));
        EXPECT_EQ(stage.broker->metrics().closed_slow.value(), 0U);
      },
      little_memory());
}

TEST(ConnectionMemory, AWaitForMemoryEndsWithItsConnection) {
  BrokerOptions options = little_memory();
  options.idle_timeout = 5s;
  run_on_stage(
      [](Stage& stage) -> Task<void> {
        co_await stage.create("orders");
        // All that there is for Produces, on both shards.
        std::vector<std::unique_ptr<RequestMemory::Claim>> all;
        runtime::Condition changed;
        for (size_t i = 0; i < stage.broker->shard_count(); ++i) {
          BrokerShard& shard = stage.broker->shard(i);
          co_await shard.shard().call([&] {
            auto& memory = shard.request_memory(RequestOf::producer);
            auto& claim =
                *all.emplace_back(std::make_unique<RequestMemory::Claim>(memory, memory.capacity(), changed));
            while (claim.granted() < memory.capacity()) claim.want_more();
          });
        }
        const Bytes whole = produce_of(900'000).flatten();
        const auto stream = co_await send(stage, BytesView(whole).first(100'000));
        co_await runtime::sleep_for(1s);
        EXPECT_EQ(stage.broker->metrics().connections.value(), 1);
        co_await runtime::sleep_for(10s);
        EXPECT_EQ(stage.broker->metrics().connections.value(), 0);
        for (size_t i = 0; i < all.size(); ++i) {
          co_await stage.broker->shard(i).shard().call([&] { all[i].reset(); });
        }
        EXPECT_EQ(co_await publish(stage, 900'000), ErrorCode::none);
      },
      options);
}

kafka::FetchRequest fetch_of(Duration wait, int32_t min_bytes, int32_t max_bytes) {
  kafka::FetchRequest request;
  request.max_wait_ms =
      static_cast<int32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(wait).count());
  request.min_bytes = min_bytes;
  request.max_bytes = max_bytes;
  auto& topic = request.topics.emplace_back();
  topic.topic = "orders";
  topic.partitions.emplace_back().partition_max_bytes = max_bytes;
  return request;
}

// All memory of the broker for Produces, and for answers, is free.
Task<bool> holds_nothing(Stage& stage) {
  bool nothing = true;
  for (size_t i = 0; i < stage.broker->shard_count(); ++i) {
    BrokerShard& shard = stage.broker->shard(i);
    nothing &= co_await shard.shard().call([&shard] {
      const RequestMemory& requests = shard.request_memory(RequestOf::producer);
      const runtime::Semaphore& answers = shard.response_memory();
      return requests.free() == requests.capacity() && answers.free() == answers.capacity();
    });
  }
  co_return nothing;
}

// Sends it and reads the answer; the connection stays.
Task<size_t> converse_on(runtime::Stream& stream, const Chain& frame) {
  const Bytes request = frame.flatten();
  const BytesView part(request);
  EXPECT_TRUE(co_await stream.write_all(std::span(&part, 1)));
  Bytes length(4);
  EXPECT_TRUE(co_await runtime::read_exactly(stream, length));
  Bytes answer(load_big<uint32_t>(length.data()));
  EXPECT_TRUE(co_await runtime::read_exactly(stream, answer));
  // The last byte comes before the broker knows that it was sent.
  co_await runtime::sleep_for(1ms);
  co_return answer.size();
}

TEST(ConnectionMemory, AnAnsweredRequestHoldsNothingWhileItsConnectionStays) {
  run_on_stage(
      [](Stage& stage) -> Task<void> {
        co_await stage.create("orders");
        std::vector<std::unique_ptr<runtime::Stream>> streams;
        for (int i = 0; i < 4; ++i) {
          streams.push_back(*co_await stage.runtime.network().connect({"10.0.0.1", 9092}, 1s));
        }
        // Each has a third of the memory that there is for Produces.
        for (int round = 0; round < 2; ++round) {
          for (const auto& stream : streams) {
            const MonotonicTime before = stage.runtime.shard(0).now();
            (void)co_await converse_on(*stream, produce_of(1'000'000));
            EXPECT_LT(stage.runtime.shard(0).now() - before, 1s);
            EXPECT_TRUE(co_await holds_nothing(stage));
          }
        }
        const auto fetch = kafka::encode_request(1, "tester", fetch_of(1s, 1, 10 << 20), kFetchVersion);
        for (const auto& stream : streams) {
          EXPECT_GT(co_await converse_on(*stream, *fetch), 1'000'000U);
          EXPECT_TRUE(co_await holds_nothing(stage));
        }
      },
      little_memory());
}

// What a parked Fetch has read already lies in buffers that others need.
TEST(ConnectionMemory, ParkedFetchesHoldNoReadBuffers) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    for (int i = 0; i < 4; ++i) EXPECT_EQ(co_await publish(stage, 900'000), ErrorCode::none);
    co_await stage.restart();  // what was published is on the disk alone
    std::vector<std::unique_ptr<runtime::Stream>> parked;
    for (int i = 0; i < 8; ++i) {
      const auto frame =
          kafka::encode_request(1, "tester", fetch_of(10min, 10 << 20, 10 << 20), kFetchVersion);
      parked.push_back(co_await send(stage, frame->flatten()));
    }
    co_await runtime::sleep_for(2s);
    const MonotonicTime before = stage.runtime.shard(0).now();
    const auto bytes = co_await converse(
        stage.runtime, *kafka::encode_request(1, "tester", fetch_of(1s, 1, 10 << 20), kFetchVersion));
    EXPECT_LT(stage.runtime.shard(0).now() - before, 1s);
    EXPECT_GT(bytes.size(), 900'000U);
    // They are answered with all that there is when what they wait for comes no more.
    parked.front()->shutdown_write();
    Bytes length(4);
    EXPECT_TRUE(co_await runtime::read_exactly(*parked.front(), length));
    EXPECT_GT(load_big<uint32_t>(length.data()), 900'000U);
  });
}

constexpr int8_t kTopicResource = 2;

// All settings of the topic, with all that there is to say of them.
kafka::DescribeConfigsRequest describe_of(const std::string& topic, int times) {
  kafka::DescribeConfigsRequest request;
  request.include_synonyms = request.include_documentation = true;
  for (int i = 0; i < times; ++i) {
    auto& resource = request.resources.emplace_back();
    resource.resource_type = kTopicResource;
    resource.resource_name = topic;
    resource.configuration_keys.reset();
  }
  return request;
}

TEST(ConnectionMemory, WhatIsNamedRepeatedlyIsAnsweredOnce) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    kafka::MetadataRequest metadata;
    metadata.topics.emplace();
    for (int i = 0; i < 1000; ++i) {
      auto& topic = metadata.topics->emplace_back();
      topic.topic_id = stage.topic_id("orders");
      topic.name.reset();
    }
    EXPECT_EQ((co_await stage.ask(metadata)).topics.size(), 1U);

    kafka::DescribeGroupsRequest groups;
    groups.groups.assign(1000, "g");
    EXPECT_EQ((co_await stage.ask(groups)).groups.size(), 1U);

    kafka::FindCoordinatorRequest find;
    find.coordinator_keys.assign(1000, "g");
    EXPECT_EQ((co_await stage.ask(find)).coordinators.size(), 1U);

    kafka::OffsetFetchRequest offsets;
    for (int i = 0; i < 3; ++i) {
      auto& group = offsets.groups.emplace_back();
      group.group_id = "g";
      group.topics.emplace();
      for (int k = 0; k < 3; ++k) {
        auto& topic = group.topics->emplace_back();
        topic.name = "orders";
        topic.partition_indexes.assign(1000, PartitionIndex(0));
      }
    }
    const auto fetched = co_await stage.ask(offsets, 9);
    EXPECT_EQ(fetched.groups.size(), 1U);
    size_t partitions = 0;
    for (const auto& topic : fetched.groups.at(0).topics) partitions += topic.partitions.size();
    EXPECT_LE(partitions, 1U);
  });
}

TEST(ConnectionMemory, AResourceThatIsNamedRepeatedlyIsAnsweredAsOftenUpToABound) {
  run_on_stage([](Stage& stage) -> Task<void> {
    co_await stage.create("orders");
    constexpr int kTimes = 10000;
    const auto answers = co_await stage.ask(describe_of("orders", kTimes));
    EXPECT_EQ(answers.results.size(), size_t{kTimes});
    EXPECT_GT(answers.results.front().configs.size(), 10U);
    EXPECT_EQ(answers.results.front().configs.size(), answers.results.at(1).configs.size());
    EXPECT_EQ(answers.results.back().error_code, ErrorCode::invalid_request);
    EXPECT_TRUE(answers.results.back().configs.empty());
  });
}

TEST(ConnectionMemory, LargeAnswersThatAreNotReadDoNotPileUp) {
  BrokerOptions options = stage_options();
  options.response_memory = 4 << 20;  // a connection's part is 1 MiB
  run_on_stage(
      [](Stage& stage) -> Task<void> {
        kafka::DescribeConfigsRequest request;
        for (int i = 0; i < 40; ++i) {
          co_await stage.create("orders" + std::to_string(i));
          request.resources.push_back(describe_of("orders" + std::to_string(i), 1).resources[0]);
        }
        request.include_synonyms = request.include_documentation = true;
        constexpr int kRequests = 60;
        Bytes sent;
        for (int32_t i = 0; i < kRequests; ++i) {
          const Bytes one = kafka::encode_request(i, "slow", request, 4)->flatten();
          sent.insert(sent.end(), one.begin(), one.end());
        }
        const auto slow = co_await send(stage, sent);
        co_await runtime::sleep_for(5s);
        const auto& served = *stage.broker->metrics().api(kafka::ApiKey::describe_configs).requests;
        EXPECT_LT(served.value(), static_cast<uint64_t>(kRequests) / 2);
        for (int32_t i = 0; i < kRequests; ++i) {
          Bytes length(4);
          EXPECT_TRUE(co_await runtime::read_exactly(*slow, length));
          Bytes answer(load_big<uint32_t>(length.data()));
          EXPECT_GT(answer.size(), size_t{64} << 10) << "large enough to be counted";
          EXPECT_TRUE(co_await runtime::read_exactly(*slow, answer));
        }
      },
      options);
}

}  // namespace
}  // namespace godwit::broker
