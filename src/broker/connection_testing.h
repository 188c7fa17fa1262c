// Clients of the Kafka port that speak in bytes: for tests of what a connection does with whatever comes.
#pragma once

#include "broker/stage_testing.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/produce.h"
#include "record/batch_builder.h"

namespace godwit::broker {

using StreamPtr = std::unique_ptr<runtime::Stream>;

inline Task<StreamPtr> dial(Stage& stage) {
  auto stream = co_await stage.runtime.network().connect({"10.0.0.1", 9092}, 1s);
  EXPECT_TRUE(stream.has_value()) << stream.error().describe();
  co_return std::move(*stream);
}

inline Task<bool> say(runtime::Stream& stream, BytesView bytes) {
  co_return (co_await stream.write_all(std::span(&bytes, 1))).has_value();
}
inline Task<bool> say(runtime::Stream& stream, std::string_view text) {
  co_return co_await say(stream, as_bytes(text));
}
inline Task<bool> say(runtime::Stream& stream, const Chain& frame) {
  const Bytes bytes = frame.flatten();
  co_return co_await say(stream, BytesView(bytes));
}

// What comes until the other side ends. Sets *reset where it did not end but broke.
inline Task<std::string> hear_all(runtime::Stream& stream, bool* reset = nullptr) {
  std::string heard;
  Bytes part(512);
  for (;;) {
    const auto count = co_await stream.read_some(part);
    if (reset != nullptr) *reset = !count.has_value();
    if (!count || *count == 0) co_return heard;
    heard += as_text(BytesView(part).first(*count));
  }
}

// How long it takes until the other side ends.
inline Task<Duration> open_for(runtime::Stream& stream) {
  const MonotonicTime began = runtime::Shard::current()->now();
  (void)co_await hear_all(stream);
  co_return runtime::Shard::current()->now() - began;
}

// One answer, without its length; fails when the connection ends before.
inline Task<Result<SharedBytes>> hear(runtime::Stream& stream) {
  Bytes length(4);
  GW_TRY(co_return, co_await runtime::read_exactly(stream, length));
  Bytes answer(load_big<uint32_t>(length.data()));
  GW_TRY(co_return, co_await runtime::read_exactly(stream, answer));
  co_return SharedBytes::own(std::move(answer));
}
inline Task<bool> is_answered(runtime::Stream& stream) {
  co_return (co_await hear(stream)).has_value();
}

inline Chain versions_request(int32_t correlation_id = 1) {
  return *kafka::encode_request(correlation_id, "tester", kafka::ApiVersionsRequest(), 0);
}
// A whole exchange: the connection is served from here on.
inline Task<bool> is_served(runtime::Stream& stream) {
  co_return co_await say(stream, versions_request()) && co_await is_answered(stream);
}

// One record of so many bytes to "orders".
inline Chain produce_of(size_t bytes, int32_t correlation_id = 1, int16_t acks = -1) {
  BatchBuilder builder({});
  const std::string text(bytes, 'x');
  builder.add({.timestamp_ms = 1000, .value = as_bytes(text)});
  kafka::ProduceRequest request;
  request.acks = acks;
  request.timeout_ms = 5000;
  auto& topic = request.topic_data.emplace_back();
  topic.name = "orders";
  topic.partition_data.push_back({PartitionIndex(0), SharedBytes::own(*builder.build())});
  return *kafka::encode_request(correlation_id, "tester", request, 9);
}

// Up to `bytes_max` of "orders"; waits for the first one for up to `wait`.
inline Chain fetch_orders(int32_t bytes_max, Duration wait = {}, int32_t correlation_id = 1) {
  kafka::FetchRequest request;
  request.max_wait_ms =
      static_cast<int32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(wait).count());
  request.min_bytes = 1;
  request.max_bytes = bytes_max;
  auto& topic = request.topics.emplace_back();
  topic.topic = "orders";
  topic.partitions.emplace_back().partition_max_bytes = bytes_max;
  return *kafka::encode_request(correlation_id, "tester", request, 12);
}

inline std::vector<Diagnostic> told(Stage& stage, std::string_view name) {
  std::vector<Diagnostic> found;
  for (const Diagnostic& event : stage.diagnostics.events) {
    if (event.name == name) found.push_back(event);
  }
  return found;
}
inline std::string field(const Diagnostic& diagnostic, std::string_view name) {
  for (const auto& [key, value] : diagnostic.fields) {
    if (key == name) return value;
  }
  return "(none)";
}

}  // namespace godwit::broker
