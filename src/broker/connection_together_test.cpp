// Answers that are done together: which of them go in one write, in which order, and what a write that fails leaves.
#include "broker/connection.h"
#include "broker/connection_testing.h"
#include "kafka/messages/metadata.h"

namespace godwit::broker {
namespace {

// The other side of a connection, which hears each write for itself.
struct Peer {
  // What it hears from now on is not taken before go_on().
  void hold() { holding = true; }
  void go_on() {
    holding = false;
    changed.notify_all();
  }
  void say(const Chain& frame) {
    const Bytes bytes = frame.flatten();
    sent.insert(sent.end(), bytes.begin(), bytes.end());
    changed.notify_all();
  }
  void end() {
    ended = true;
    changed.notify_all();
  }

  Bytes sent;
  std::vector<Bytes> writes;
  size_t writes_taken = SIZE_MAX;  // those after fail
  bool holding = false;
  bool ended = false;
  bool closed = false;
  runtime::Condition changed;
};

class PeerStream final : public runtime::Stream {
 public:
  explicit PeerStream(Peer& peer) : peer_(peer) {}
  Task<Result<size_t>> read_some(MutableBytes into) override {
    while (peer_.sent.empty() && !peer_.ended && !peer_.closed) co_await peer_.changed.wait();
    if (peer_.closed) co_return fail(ErrorKind::closed, "closed");
    const size_t count = std::min(into.size(), peer_.sent.size());
    std::copy_n(peer_.sent.begin(), count, into.begin());
    peer_.sent.erase(peer_.sent.begin(), peer_.sent.begin() + static_cast<ptrdiff_t>(count));
    co_return count;
  }
  Task<Result<void>> write_all(std::span<const BytesView> parts) override {
    Bytes& all = peer_.writes.emplace_back();
    for (const BytesView part : parts) all.insert(all.end(), part.begin(), part.end());
    while (peer_.holding && !peer_.closed) co_await peer_.changed.wait();
    if (peer_.closed || peer_.writes.size() > peer_.writes_taken)
      co_return fail(ErrorKind::closed, "reset by the peer");
    co_return Result<void>();
  }
  void shutdown_write() override {}
  void close() override {
    peer_.closed = true;
    peer_.changed.notify_all();
  }
  const runtime::Endpoint& local() const override { return local_; }
  const runtime::Endpoint& peer() const override { return remote_; }
  void detach() override {}
  Result<void> attach() override { return {}; }

 private:
  Peer& peer_;
  const runtime::Endpoint local_{"10.0.0.1", 9092};
  const runtime::Endpoint remote_{"10.0.0.9", 40000};
};

// The answers of one write: the ids of their requests.
using Ids = std::vector<int32_t>;
Ids ids_of(BytesView write) {
  Ids ids;
  while (write.size() >= 8) {
    const size_t size = 4 + load_big<uint32_t>(write.data());
    ids.push_back(load_big<int32_t>(write.data() + 4));
    write = write.subspan(std::min(size, write.size()));
  }
  EXPECT_TRUE(write.empty()) << "whole answers";
  return ids;
}
std::vector<Ids> heard(const Peer& peer) {
  std::vector<Ids> all;
  all.reserve(peer.writes.size());
  for (const Bytes& write : peer.writes) all.push_back(ids_of(write));
  return all;
}

// A connection of one shard with "orders" there, so that it stays where it is.
void run_with_peer(std::move_only_function<Task<void>(Stage&, Peer&)> body,
                   BrokerOptions options = stage_options()) {
  run_on_stage(
      [&](Stage& stage) -> Task<void> {
        co_await stage.create("orders", 1);
        Peer peer;
        runtime::Gate serving;
        BrokerShard& shard = stage.broker->shard(0);
        serving.spawn(shard.shard(),
                      serve_connection(shard, std::make_unique<PeerStream>(peer), "PLAINTEXT"));
        co_await body(stage, peer);
        peer.go_on();
        peer.end();
        co_await serving.close();
        EXPECT_EQ(stage.broker->metrics().connections.value(), 0);
        EXPECT_EQ(shard.response_memory().free(), shard.response_memory().capacity());
      },
      std::move(options), stage_machine(1));
}

// Until whatever was said is done.
Task<void> done() {
  return runtime::sleep_for(1s);
}

// A first answer is on its way and is not taken yet, so that those to what comes next wait for it.
Task<void> busy(Peer& peer) {
  peer.hold();
  peer.say(versions_request(1));
  co_await done();
  EXPECT_EQ(heard(peer), (std::vector<Ids>{{1}}));
}

Chain fetch_from(int64_t offset, int32_t id) {
  kafka::FetchRequest request;
  request.max_bytes = 1;
  auto& topic = request.topics.emplace_back();
  topic.topic = "orders";
  topic.partitions.push_back({.fetch_offset = Offset(offset), .partition_max_bytes = 1});
  return *kafka::encode_request(id, "tester", request, 12);
}

TEST(AnswersTogether, ThatAreDoneWhileAnotherIsSentGoInOneWriteInTheirOrder) {
  run_with_peer([](Stage&, Peer& peer) -> Task<void> {
    co_await busy(peer);
    for (int32_t id = 2; id <= 5; ++id) peer.say(versions_request(id));
    co_await done();
    EXPECT_EQ(peer.writes.size(), 1U) << "one write at a time";
    peer.go_on();
    co_await done();
    EXPECT_EQ(heard(peer), (std::vector<Ids>{{1}, {2, 3, 4, 5}}));
  });
}

TEST(AnswersTogether, ToProducesThatOneSyncMakesDurableGoInOneWrite) {
  run_with_peer([](Stage&, Peer& peer) -> Task<void> {
    for (int32_t id = 1; id <= 6; ++id) peer.say(produce_of(100, id));
    co_await done();
    std::vector<Ids> all = heard(peer);
    EXPECT_LE(all.size(), 2U) << "the first sync may have begun with the first alone";
    Ids ids;
    for (const Ids& write : all) ids.insert(ids.end(), write.begin(), write.end());
    EXPECT_EQ(ids, (Ids{1, 2, 3, 4, 5, 6}));
  });
}

TEST(AnswersTogether, AreAtMost64KiBAndALargerOneGoesAlone) {
  run_with_peer([](Stage&, Peer& peer) -> Task<void> {
    // What an answer to a Fetch is larger than the value of its one record: the same for all of these.
    constexpr size_t kLimit = 64 * 1024;
    constexpr size_t kFirst = 30'000;
    peer.say(produce_of(kFirst));
    co_await done();
    peer.say(fetch_from(0, 1));
    co_await done();
    const size_t around = peer.writes.back().size() - kFirst;
    const size_t second = kLimit - kFirst - 2 * around;
    for (const size_t bytes : {second, second + 1, kLimit}) peer.say(produce_of(bytes));
    co_await done();
    peer.writes.clear();

    co_await busy(peer);
    peer.say(fetch_from(0, 2));
    peer.say(fetch_from(1, 3));  // just as much as goes together
    peer.say(fetch_from(0, 4));
    peer.say(fetch_from(2, 5));  // a byte more
    peer.say(versions_request(6));
    peer.say(fetch_from(3, 7));  // more than goes together by itself
    peer.say(versions_request(8));
    co_await done();
    peer.go_on();
    co_await done();
    EXPECT_EQ(heard(peer), (std::vector<Ids>{{1}, {2, 3}, {4}, {5, 6}, {7}, {8}}));
    EXPECT_EQ(peer.writes[1].size(), kLimit);
    EXPECT_EQ(peer.writes[2].size(), kFirst + around);
    EXPECT_GT(peer.writes[4].size(), kLimit);
  });
}

TEST(AnswersTogether, LeaveOutAProduceThatWantsNone) {
  const auto unanswered = [](int32_t id) { return produce_of(100, id, 0); };
  run_with_peer([&](Stage& stage, Peer& peer) -> Task<void> {
    co_await busy(peer);
    peer.say(produce_of(100, 2));
    peer.say(unanswered(3));
    peer.say(versions_request(4));
    peer.say(unanswered(5));
    co_await done();
    peer.go_on();
    co_await done();
    EXPECT_EQ(heard(peer), (std::vector<Ids>{{1}, {2, 4}}));
    peer.say(unanswered(6));
    co_await done();
    EXPECT_EQ(peer.writes.size(), 2U) << "nothing is no write";
    peer.say(versions_request(7));
    co_await done();
    EXPECT_EQ(heard(peer).back(), Ids{7});
    const auto log = stage.broker->shard(0).find({stage.topic_id("orders"), PartitionIndex(0)});
    EXPECT_EQ(log->log()->end(), Offset(4)) << "each was written";
  });
}

// More than 64 KiB of topics that are not there.
Chain metadata_of_many(int32_t id) {
  kafka::MetadataRequest request;
  request.allow_auto_topic_creation = false;
  auto& topics = request.topics.emplace();
  for (int i = 0; i < 1000; ++i)
    topics.push_back({.topic_id = {}, .name = std::string(100, 'n') + std::to_string(i)});
  return *kafka::encode_request(id, "tester", request, 9);
}
Chain fetch_of_much(int32_t id) {
  kafka::FetchRequest request;
  request.max_bytes = 8 << 20;
  auto& topic = request.topics.emplace_back();
  topic.topic = "orders";
  topic.partitions.push_back({.fetch_offset = Offset(0), .partition_max_bytes = 8 << 20});
  return *kafka::encode_request(id, "tester", request, 12);
}

// Metadata is made when its turn comes. What stands behind it was done before, and may have all of the connection's part of the
// memory for answers, which it gives back only after it.
TEST(AnswersTogether, WhatIsMadeWhenItsTurnComesDoesNotWaitForTheMemoryOfWhatStandsBehindIt) {
  for (const bool is_cut_off : {false, true}) {
    BrokerOptions options = stage_options();
    options.response_memory = 4 << 20;  // a connection's part is 1 MiB
    run_with_peer(
        [is_cut_off](Stage& stage, Peer& peer) -> Task<void> {
          for (int i = 0; i < 4; ++i) peer.say(produce_of(500'000));
          co_await done();
          peer.writes.clear();
          co_await busy(peer);
          peer.say(metadata_of_many(2));
          peer.say(fetch_of_much(3));
          peer.say(metadata_of_many(4));
          peer.say(fetch_of_much(5));
          co_await done();
          const auto& memory = stage.broker->shard(0).response_memory();
          EXPECT_LE(memory.free() + 900'000, memory.capacity()) << "taken by what stands behind";
          const auto& made = *stage.broker->metrics().api(kafka::ApiKey::metadata).requests;
          EXPECT_EQ(made.value(), 0U);
          if (is_cut_off) peer.writes_taken = 1;
          peer.go_on();
          co_await done();
          if (is_cut_off) {
            EXPECT_TRUE(peer.closed);
            EXPECT_LE(made.value(), 1U) << "for nobody";
            EXPECT_EQ(memory.free(), memory.capacity());
          } else {
            EXPECT_EQ(heard(peer), (std::vector<Ids>{{1}, {2}, {3}, {4}, {5}}));
          }
        },
        std::move(options));
  }
}

TEST(AnswersTogether, ThatCannotBeSentEndTheConnectionAndAreNotCounted) {
  run_with_peer([](Stage& stage, Peer& peer) -> Task<void> {
    peer.say(produce_of(1000, 1));
    co_await done();
    peer.writes.clear();
    peer.writes_taken = 1;
    co_await busy(peer);
    const auto& sent = stage.broker->shard(0).metrics().bytes_out;
    const uint64_t before = sent.value();
    peer.say(fetch_from(0, 2));
    peer.say(versions_request(3));
    peer.say(produce_of(100, 4));
    co_await done();
    EXPECT_LT(stage.broker->shard(0).response_memory().free(),
              stage.broker->shard(0).response_memory().capacity());
    peer.go_on();
    co_await done();
    EXPECT_EQ(heard(peer), (std::vector<Ids>{{1}, {2, 3, 4}}));
    EXPECT_EQ(sent.value() - before, peer.writes[0].size()) << "the first alone";
    EXPECT_TRUE(peer.closed);
    EXPECT_EQ(stage.broker->metrics().connections.value(), 0);
    EXPECT_EQ(stage.broker->shard(0).response_memory().free(),
              stage.broker->shard(0).response_memory().capacity());
  });
}

}  // namespace
}  // namespace godwit::broker
