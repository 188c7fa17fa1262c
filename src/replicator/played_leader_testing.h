// For tests: a leader whose answers the test gives, and a follower with real logs.
//
//   PlayedLeader leader(runtime, 9092);
//   co_await leader.listen();
//   const FetchOf asked = co_await leader.next();
//   leader.answer(asked, records_of(log, "a"));
//
// All of it lives on one simulated node and one shard.
#pragma once

#include <gtest/gtest.h>

#include <deque>

#include "base/endian.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/fetch.h"
#include "record/batch_builder.h"
#include "record/batch_edit.h"
#include "record/batches.h"
#include "record/record_reader.h"
#include "replicator/replicator.h"
#include "runtime/sim/node.h"
#include "storage/store.h"

namespace godwit::replicator {

using runtime::Runtime;
using runtime::Task;
using namespace std::chrono_literals;

// A Fetch as it came, and where its answer goes.
struct FetchOf {
  size_t connection = 0;  // counted from 1
  int32_t correlation_id = 0;
  int16_t version = 0;
  kafka::FetchRequest request;
  MonotonicTime at{};

  // What is asked for one partition; null where it is not named.
  const kafka::FetchRequest::Partition* of(const TopicPartition& id) const {
    for (const auto& topic : request.topics)
      for (const auto& partition : topic.partitions)
        if (topic.topic_id == id.topic && partition.partition == id.partition) return &partition;
    return nullptr;
  }
  size_t named() const {
    size_t count = 0;
    for (const auto& topic : request.topics) count += topic.partitions.size();
    return count;
  }
  bool forgets(const TopicPartition& id) const {
    for (const auto& topic : request.forgotten_topics_data)
      for (const PartitionIndex partition : topic.partitions)
        if (topic.topic_id == id.topic && partition == id.partition) return true;
    return false;
  }
};

class PlayedLeader {
 public:
  PlayedLeader(Runtime& runtime, uint16_t port) : runtime_(runtime), port_(port) {}

  Task<void> listen() {
    auto listener = co_await runtime_.network().listen({"", port_}, {});
    GW_CHECK(listener, "the port is free");
    runtime_.shard(0).spawn(accept(std::move(*listener)));
  }
  Leader leader(int id = 1, uint64_t incarnation = 10) const {
    return {BrokerId(id), incarnation, {"a", port_}};
  }

  // The next Fetch of those that came.
  Task<FetchOf> next() {
    while (asked_.empty()) co_await came_.wait();
    FetchOf first = std::move(asked_.front());
    asked_.pop_front();
    co_return first;
  }
  // Fetches that came and that next() did not give yet.
  size_t waiting() const { return asked_.size(); }
  size_t connections() const { return connections_.size(); }
  bool open(size_t connection) const { return connections_.at(connection - 1) != nullptr; }

  void answer(const FetchOf& asked, kafka::FetchResponse response) {
    response.session_id = kSession;
    auto bytes = kafka::encode_response(asked.correlation_id, response, asked.version);
    GW_CHECK(bytes, bytes.error().message);
    runtime_.shard(0).spawn(write(asked.connection, bytes->flatten()));
  }
  // Ends all connections.
  void hang_up() {
    for (auto& stream : connections_)
      if (stream != nullptr) stream->close();
  }
  static constexpr int32_t kSession = 77;

 private:
  Task<void> accept(std::unique_ptr<runtime::Listener> listener) {
    for (;;) {
      auto stream = co_await listener->accept();
      if (!stream) co_return;
      connections_.push_back(std::shared_ptr<runtime::Stream>(std::move(*stream)));
      runtime_.shard(0).spawn(talk(connections_.size()));
    }
  }
  Task<void> talk(size_t connection) {
    const std::shared_ptr<runtime::Stream> stream = connections_[connection - 1];
    for (;;) {
      std::byte head[kafka::kFrameLengthSize];
      if (!co_await runtime::read_exactly(*stream, head)) break;
      Bytes body(static_cast<size_t>(load_big<int32_t>(head)));
      if (!co_await runtime::read_exactly(*stream, body)) break;
      auto frame = kafka::parse_request(SharedBytes::own(std::move(body)));
      GW_CHECK(frame, frame.error().message);
      if (frame->key() == kafka::ApiKey::api_versions) {
        kafka::ApiVersionsResponse response;
        for (const auto& api : kafka::all_apis())
          response.api_keys.push_back({static_cast<int16_t>(api.key), api.accepted.first, api.accepted.last});
        auto bytes = kafka::encode_response(frame->correlation_id, response, frame->version);
        co_await write(connection, bytes->flatten());
        continue;
      }
      auto request = codec::decode<kafka::FetchRequest>(frame->body, frame->version);
      GW_CHECK(request, request.error().message);
      asked_.push_back(
          {connection, frame->correlation_id, frame->version, std::move(*request), runtime_.shard(0).now()});
      came_.notify_all();
    }
    connections_[connection - 1] = nullptr;
  }
  Task<void> write(size_t connection, Bytes bytes) {
    const auto stream = connections_[connection - 1];
    if (stream == nullptr) co_return;
    const BytesView part = bytes;
    (void)co_await stream->write_all({&part, 1});
  }

  Runtime& runtime_;
  uint16_t port_;
  std::vector<std::shared_ptr<runtime::Stream>> connections_;
  std::deque<FetchOf> asked_;
  runtime::Condition came_;
};

struct Observer final : FollowObserver {
  void settled(LeaderEpoch epoch) override { epochs.push_back(epoch); }
  void followed() override { ++news; }
  std::vector<LeaderEpoch> epochs;
  int news = 0;
};

struct FollowerStage {
  explicit FollowerStage(runtime::sim::Node& n) : node(n), runtime(n), shard(n.shard(0)) {}

  Task<void> open_store() {
    storage::StoreOptions options;
    options.directory = "/data";
    options.arena_bytes = 8 << 20;
    options.read_buffer_bytes = 4 << 20;
    options.journal_file_bytes = 1 << 20;
    options.reserve_bytes = 0;
    options.ballast_bytes = 0;
    auto opened = co_await storage::Store::open(options, runtime, diagnostics, registry);
    GW_CHECK(opened.has_value(), opened.error().describe());
    store = std::move(*opened);
  }
  Task<void> open() {
    co_await open_store();
    ReplicatorOptions how;
    how.self = BrokerId(2);
    how.incarnation = 20;
    how.cluster_id = "birds";
    replicator = std::make_unique<Replicator>(how, runtime, diagnostics);
    co_await first.listen();
    co_await second.listen();
    for (int i = 0; i < 6; ++i) (void)co_await log(i);
  }
  static TopicPartition id(int32_t index) {
    TopicPartition id;
    id.topic.bytes[3] = std::byte{1};
    id.partition = PartitionIndex(index);
    return id;
  }
  Task<storage::Log*> log(int32_t index) {
    auto made = co_await store->create(id(index), {});
    GW_CHECK(made.has_value(), "a log can be made");
    co_return *made;
  }
  // log(index) was called before.
  void follow(int32_t index, Leader leader, int32_t epoch = 1) {
    replicator->follow({.id = id(index),
                        .log = store->find(id(index)),
                        .epoch = LeaderEpoch(epoch),
                        .leader = leader,
                        .observer = &observer});
  }
  // "offset=text" of all records.
  Task<std::vector<std::string>> texts(int32_t index) {
    std::vector<std::string> all;
    storage::Log* const from = co_await log(index);
    if (from->start() == from->end()) co_return all;
    auto read = co_await from->read({.from = from->start(), .end = from->end()});
    EXPECT_TRUE(read.has_value());
    const Bytes bytes = read->batches.flatten();
    (void)for_each_batch(bytes, {}, [&](const BatchView& batch, size_t) -> Result<void> {
      (void)for_each_record(batch, {}, [&](const Record& record) {
        const BytesView value = record.value.value_or(BytesView{});
        all.push_back(to_string(record.offset) + "=" +
                      std::string(reinterpret_cast<const char*>(value.data()), value.size()));
        return true;
      });
      return {};
    });
    co_return all;
  }
  // Until the condition holds; a minute at most.
  Task<bool> wait(std::function<bool()> condition) {
    for (const MonotonicTime end = shard.now() + 1min; !condition();) {
      if (shard.now() >= end) co_return false;
      co_await runtime::sleep_for(100us);
    }
    co_return true;
  }

  runtime::sim::Node& node;
  Runtime& runtime;
  runtime::Shard& shard;
  RecordingSink diagnostics;
  metrics::Registry registry;
  std::unique_ptr<storage::Store> store;
  PlayedLeader first{node, 9092};
  PlayedLeader second{node, 9093};
  Observer observer;
  std::unique_ptr<Replicator> replicator;
};

inline void run_on_follower(std::move_only_function<Task<void>(FollowerStage&)> body, uint64_t seed = 3) {
  runtime::sim::World world(seed);
  runtime::sim::Node& node = world.add_node("a");
  bool ended = false;
  EXPECT_TRUE(node.run(
      [&](Runtime&) -> Task<void> {
        FollowerStage& stage = node.make<FollowerStage>(node);
        co_await stage.open();
        co_await body(stage);
        co_await stage.replicator->close();
        ended = true;
      },
      10min));
  EXPECT_TRUE(ended);
  node.crash(runtime::sim::CrashKind::kill);
}

// The part of an answer for one partition: with one batch of that text at the offset, where there is a text.
inline kafka::FetchResponse::Partition part_of(int32_t index, int64_t high_watermark,
                                               const std::string& text = "", int64_t offset = 0,
                                               int32_t epoch = 1) {
  kafka::FetchResponse::Partition part;
  part.partition_index = PartitionIndex(index);
  part.high_watermark = Offset(high_watermark);
  part.log_start_offset = Offset(0);
  part.aborted_transactions.reset();
  if (text.empty()) return part;
  BatchBuilder builder({});
  builder.add({.timestamp_ms = 1000, .value = as_bytes(text)});
  Bytes batch = *builder.build();
  stamp(batch, Offset(offset), LeaderEpoch(epoch));
  part.records = Chain(SharedBytes::own(std::move(batch)));
  return part;
}
inline kafka::FetchResponse answer_of(std::vector<kafka::FetchResponse::Partition> parts) {
  kafka::FetchResponse response;
  if (!parts.empty()) response.responses.push_back({"", FollowerStage::id(0).topic, std::move(parts)});
  return response;
}

}  // namespace godwit::replicator
