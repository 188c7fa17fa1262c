// Clients of a ClusterStage that ask one broker, whatever metadata says: what it answers, and when.
//
//   auto parked = ask_later(stage, 1, fetch_request("orders", 0, 5, 60'000), 12);
//   … faults …
//   ASSERT_TRUE(stage.wait([&] { return parked->ended; }));
#pragma once

#include "broker/cluster_history_testing.h"

namespace godwit::broker {

template <class Response>
struct Asked {
  std::optional<Response> answer;  // empty: the connection broke, or there was none
  bool ended = false;
  MonotonicTime at{};
};

// On a connection of its own; waits for the answer for two minutes.
template <class Request>
std::shared_ptr<Asked<typename Request::Response>> ask_later(ClusterStage& stage, int broker, Request request,
                                                             int16_t version_max = codec::kNoVersion) {
  auto asked = std::make_shared<Asked<typename Request::Response>>();
  stage.client.start([&stage, broker, request = std::move(request), version_max,
                      asked](Runtime& runtime) -> Task<void> {
    peer::ConnectionOptions options;
    options.connect_timeout = 1s;
    options.request_timeout = 120s;
    auto connection =
        co_await peer::Connection::connect(runtime.network(), {"b" + std::to_string(broker), 9092}, options);
    if (connection) {
      auto answer = co_await (*connection)->call(request, {.version_max = version_max});
      if (answer) asked->answer = std::move(*answer);
    }
    asked->ended = true;
    asked->at = stage.world.now();
  });
  return asked;
}

template <class Request>
std::optional<typename Request::Response> ask(ClusterStage& stage, int broker, Request request,
                                              int16_t version_max = codec::kNoVersion) {
  const auto asked = ask_later(stage, broker, std::move(request), version_max);
  EXPECT_TRUE(stage.wait([&] { return asked->ended; }, 130s));
  return asked->answer;
}

inline kafka::FetchRequest fetch_request(const std::string& topic, int partition, int64_t offset,
                                         int32_t wait_ms = 0) {
  kafka::FetchRequest request;
  request.max_wait_ms = wait_ms;
  request.min_bytes = wait_ms > 0 ? 1 : 0;
  request.topics.push_back({.topic = topic,
                            .topic_id = {},
                            .partitions = {{.partition = PartitionIndex(partition),
                                            .fetch_offset = Offset(offset),
                                            .partition_max_bytes = 1 << 20}}});
  return request;
}

// The only partition of an answer.
inline const kafka::ProduceResponse::Partition& only(const kafka::ProduceResponse& response) {
  return response.responses.at(0).partition_responses.at(0);
}
inline const kafka::FetchResponse::Partition& only(const kafka::FetchResponse& response) {
  return response.responses.at(0).partitions.at(0);
}

// One publish to that broker; none where the connection broke.
inline std::optional<kafka::ProduceResponse::Partition> publish_to(ClusterStage& stage, int broker,
                                                                   const std::string& topic,
                                                                   const std::string& value,
                                                                   Idempotence as = {}, int16_t acks = -1,
                                                                   int32_t timeout_ms = 1500) {
  const auto answer = ask(stage, broker, produce_request(topic, 0, {value}, as, acks, timeout_ms), 12);
  if (!answer) return std::nullopt;
  return only(*answer);
}

// The values of a replica in their order.
inline std::vector<std::string> values_of(ClusterStage& stage, int broker, const std::string& topic) {
  std::vector<std::string> all;
  for (const auto& [at, value] : stage.contents(broker, topic, 0)) all.push_back(value);
  return all;
}

// Runs a scenario from several seeds, until it fails; gives how many. GODWIT_SEED_FIRST and GODWIT_SEEDS choose others, and
// more.
inline int for_seeds(const std::function<void(uint64_t)>& scenario, uint64_t count = 6) {
  const auto number = [](const char* name, uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
  };
  const uint64_t first = number("GODWIT_SEED_FIRST", 1);
  const uint64_t end = first + number("GODWIT_SEEDS", count);
  int runs = 0;
  for (uint64_t seed = first; seed < end && !testing::Test::HasFailure(); ++seed, ++runs) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    scenario(seed);
  }
  return runs;
}

}  // namespace godwit::broker
