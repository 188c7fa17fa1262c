// Consumer groups whose manager is cut off, or dies (design-cluster rule 15).
#include "broker/cluster_asking_testing.h"
#include "broker/group_drivers.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/sync_group.h"

namespace godwit::broker {
namespace {

const std::string kTopic = "orders";
const std::string kOffsets = "__consumer_offsets";

kafka::OffsetCommitRequest commit_of(int64_t offset, const std::string& group = "readers") {
  kafka::OffsetCommitRequest request;
  request.group_id = group;
  auto& topic = request.topics.emplace_back();
  topic.name = kTopic;
  topic.partitions.push_back({.partition_index = PartitionIndex(0), .committed_offset = Offset(offset)});
  return request;
}

// Version 3: an id is given at once.
constexpr int16_t kJoinVersion = 3;
kafka::JoinGroupRequest join_of(const std::string& group, const std::string& member = "") {
  kafka::JoinGroupRequest request;
  request.group_id = group;
  request.session_timeout_ms = 60'000;
  request.rebalance_timeout_ms = 60'000;
  request.member_id = member;
  request.protocol_type = "consumer";
  request.protocols.push_back({"range", Bytes(3)});
  return request;
}

kafka::OffsetFetchRequest fetch_of(const std::string& group = "readers") {
  kafka::OffsetFetchRequest request;
  request.group_id = group;
  request.topics.emplace().push_back({kTopic, {PartitionIndex(0)}});
  return request;
}

struct Stage : ClusterStage {
  explicit Stage(uint64_t seed) : ClusterStage(seed, 1 + seed % 2) {}

  bool begin() {
    start_all();
    return create(kTopic, 1) && committed(1) && wait([&] { return whole(kOffsets); });
  }
  // By whichever broker manages the group.
  bool committed(int64_t offset) {
    bool well = false;
    EXPECT_TRUE(as_client([&](peer::Cluster& cluster) -> Task<void> {
      const auto answer = co_await cluster.call(
          peer::Target::coordinator("readers"), commit_of(offset),
          [](const auto& r) { return r.topics.at(0).partitions.at(0).error_code; }, {.version_max = 9});
      well = answer && answer->topics.at(0).partitions.at(0).error_code == ErrorCode::none;
    }));
    return well;
  }
  // From the other brokers and from the store; clients still reach it.
  void cut_off(int broker) {
    const std::string name = node(broker).name();
    world.network().isolate(name);
    world.network().heal({name}, {"client"});
    server.cut(name);
  }
  void heal() {
    world.network().heal();
    server.heal();
  }
};

// Nobody learns of it but by the manager's silence: the connection stands.
TEST(ClusterSimGroups, WhoWaitsAtAManagerThatIsCutOffIsSentAwayInTime) {
  for_seeds([](uint64_t seed) {
    Stage stage(seed);
    ASSERT_TRUE(stage.begin());
    const int old = stage.leader(kOffsets, 0);
    // A leader in its group, whose assignment a follower waits for; and one who waits for another to join again.
    const auto first = ask_later(stage, old, join_of("syncs"), kJoinVersion);
    const auto second = ask_later(stage, old, join_of("syncs"), kJoinVersion);
    const auto stays = ask_later(stage, old, join_of("joins"), kJoinVersion);
    ASSERT_TRUE(stage.wait([&] { return first->ended && second->ended && stays->ended; }, 10s));
    ASSERT_TRUE(first->answer && second->answer && stays->answer);
    ASSERT_EQ(second->answer->error_code, ErrorCode::none);
    const auto& follower =
        first->answer->leader == first->answer->member_id ? *second->answer : *first->answer;
    kafka::SyncGroupRequest sync;
    sync.group_id = "syncs";
    sync.generation_id = follower.generation_id;
    sync.member_id = follower.member_id;
    const auto synced = ask_later(stage, old, sync, 3);
    const auto joined = ask_later(stage, old, join_of("joins"), kJoinVersion);
    stage.world.run_for(100ms);
    ASSERT_FALSE(synced->ended || joined->ended);

    stage.cut_off(old);
    const MonotonicTime cut = stage.world.now();
    const auto commit = ask_later(stage, old, commit_of(7), 9);
    ASSERT_TRUE(stage.wait([&] { return commit->ended && synced->ended && joined->ended; }, 20s));
    ASSERT_TRUE(commit->answer && synced->answer && joined->answer);
    const auto refused = commit->answer->topics.at(0).partitions.at(0).error_code;
    EXPECT_TRUE(refused == ErrorCode::coordinator_not_available || refused == ErrorCode::not_coordinator)
        << to_string(refused);
    // offsets.commit.timeout.ms, and until it was looked.
    EXPECT_LE(commit->at - cut, 5700ms);
    EXPECT_EQ(synced->answer->error_code, ErrorCode::not_coordinator);
    EXPECT_EQ(joined->answer->error_code, ErrorCode::not_coordinator);
    // A session timeout until the manager is unsure, one in which it may become sure again.
    EXPECT_LE(synced->at - cut, 7s);
    EXPECT_LE(joined->at - cut, 7s);

    ASSERT_TRUE(
        stage.wait([&] { return stage.leader(kOffsets, 0) != old && stage.leader(kOffsets, 0) != 0; }, 20s));
    ASSERT_TRUE(stage.committed(8)) << "the other side goes on";
    stage.heal();
    ASSERT_TRUE(stage.wait([&] { return stage.whole(kOffsets); }, 90s));
    const auto kept = ask(stage, stage.leader(kOffsets, 0), fetch_of(), 7);
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->topics.at(0).partitions.at(0).committed_offset, Offset(8));
  });
}

// From the moment on at which another one may manage the group, the old one says nothing of it.
TEST(ClusterSimGroups, AManagerThatIsCutOffIsSilentBeforeAnotherBegins) {
  for_seeds([](uint64_t seed) {
    Stage stage(seed);
    ASSERT_TRUE(stage.begin());
    const int old = stage.leader(kOffsets, 0);
    // Some moment between two renewals of its lease.
    stage.world.run_for(std::chrono::milliseconds(stage.world.random().below(1000)));
    stage.cut_off(old);
    const MonotonicTime cut = stage.world.now();
    bool answered = false;
    for (; stage.leader(kOffsets, 0) == old || stage.leader(kOffsets, 0) == 0; stage.world.run_for(20ms)) {
      const auto answer = ask(stage, old, fetch_of(), 7);
      ASSERT_TRUE(answer);
      answered = answered || answer->error_code == ErrorCode::none;
      ASSERT_LT(stage.world.now() - cut, 20s);
    }
    EXPECT_TRUE(answered) << "what the others said a moment before counts";
    for (const MonotonicTime end = stage.world.now() + 2s; stage.world.now() < end;
         stage.world.run_for(20ms)) {
      const auto answer = ask(stage, old, fetch_of(), 7);
      ASSERT_TRUE(answer);
      EXPECT_EQ(answer->error_code, ErrorCode::not_coordinator)
          << (stage.world.now() - cut) / 1ms << " ms after the cut";
    }
  });
}

TEST(ClusterSimGroups, AManagerAnswersWithoutAPauseWhileItsFollowersAreIdle) {
  for_seeds([](uint64_t seed) {
    Stage stage(seed);
    ASSERT_TRUE(stage.begin());
    const int manager = stage.leader(kOffsets, 0);
    for (int i = 0; i < 100; ++i) {
      stage.world.run_for(70ms);
      const auto answer = ask(stage, manager, fetch_of(), 7);
      ASSERT_TRUE(answer);
      EXPECT_EQ(answer->error_code, ErrorCode::none);
    }
  });
}

// Rule 14: publishing and reading go on for as long as all live, and so do groups, but for a moment in which the manager cannot
// know that it has not slept.
TEST(ClusterSimGroups, AManagerGoesOnWithoutTheStore) {
  for_seeds([](uint64_t seed) {
    Stage stage(seed);
    ASSERT_TRUE(stage.begin());
    const int manager = stage.leader(kOffsets, 0);
    stage.server.stop();
    Duration silent{};
    for (int i = 0; i < 400; ++i) {
      stage.world.run_for(50ms);
      const auto answer = ask(stage, manager, fetch_of(), 7);
      ASSERT_TRUE(answer);
      if (answer->error_code != ErrorCode::none) silent += 50ms;
      if (i >= 300) EXPECT_EQ(answer->error_code, ErrorCode::none);
    }
    EXPECT_LE(silent, 3500ms);
    stage.server.start();
  });
}

// A client that sends one request and goes away before it is answered.
template <class Request>
void ask_and_leave(ClusterStage& stage, int broker, Request request, int16_t version) {
  EXPECT_TRUE(stage.client.run([&](Runtime& runtime) -> Task<void> {
    auto stream = co_await runtime.network().connect({"b" + std::to_string(broker), 9092}, 1s);
    EXPECT_TRUE(stream.has_value());
    if (!stream) co_return;
    const Bytes frame = kafka::encode_request(1, "tester", request, version)->flatten();
    const BytesView part = frame;
    EXPECT_TRUE(co_await (*stream)->write_all({&part, 1}));
    co_await runtime::sleep_for(100ms);
  }));
}

TEST(ClusterSimGroups, WhoHasGoneLeavesNothingParkedButItsMembership) {
  for_seeds([](uint64_t seed) {
    Stage stage(seed);
    ASSERT_TRUE(stage.begin());
    const int manager = stage.leader(kOffsets, 0);
    Broker& broker = *stage.broker(manager);
    const auto driver = [&] {
      const auto partition = stage.replica(manager, kOffsets, 0);
      return broker.shard(broker.store().shard_of(partition->id())).groups().find(PartitionIndex(0));
    };
    const auto connections = [&] { return broker.shard(0).metrics().connections.value(); };
    const auto stays = ask(stage, manager, join_of("g"), kJoinVersion);
    ASSERT_TRUE(stays);
    ASSERT_EQ(stays->error_code, ErrorCode::none);
    kafka::SyncGroupRequest sync;
    sync.group_id = "g";
    sync.generation_id = stays->generation_id;
    sync.member_id = stays->member_id;
    sync.assignments.push_back({stays->member_id, Bytes(1)});
    ASSERT_TRUE(ask(stage, manager, sync, 3));
    // Those of the requests before have ended by then.
    stage.world.run_for(500ms);
    const auto before = connections();
    // Its Join waits for the other member to come again.
    ask_and_leave(stage, manager, join_of("g"), kJoinVersion);
    EXPECT_EQ(driver()->waiting(), 1U);
    stage.world.run_for(2s);
    EXPECT_EQ(driver()->waiting(), 0U);
    EXPECT_EQ(connections(), before);
    EXPECT_EQ(driver()->manager().counts().members, 2U) << "as in Kafka";
    const auto again = ask(stage, manager, join_of("g", stays->member_id), kJoinVersion);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->error_code, ErrorCode::none) << "whose Join is answered, though nobody hears it";
    EXPECT_EQ(again->members.size(), 2U);
  });
}

TEST(ClusterSimGroups, AProducerThatHasGoneHoldsNoMemoryUntilItsTimeoutEnds) {
  for_seeds([](uint64_t seed) {
    Stage stage(seed);
    ASSERT_TRUE(stage.begin());
    Broker& broker = *stage.broker(1);
    const auto connections = [&] { return broker.shard(0).metrics().connections.value(); };
    stage.world.run_for(500ms);
    const auto before = connections();
    const int16_t acks = seed % 3 == 0 ? 1 : -1;
    if (acks == 1) {
      stage.node(1).disk().stall({.kinds = {runtime::sim::OpKind::write, runtime::sim::OpKind::sync}});
    } else {
      for (int i : {2, 3}) stage.node(i).disk().stall({.kinds = {runtime::sim::OpKind::sync}});
    }
    ask_and_leave(stage, 1, produce_request(kTopic, 0, {"kept"}, {}, acks, 600'000), 9);
    EXPECT_EQ(connections(), before + 1);
    stage.world.run_for(1100ms);
    EXPECT_EQ(connections(), before);
    for (int i = 1; i <= 3; ++i) stage.node(i).disk().release();
    ASSERT_TRUE(stage.wait([&] { return stage.whole(kTopic); }, 60s));
    EXPECT_EQ(values_of(stage, 1, kTopic), std::vector<std::string>{"kept"});
  });
}

// What was committed by a group waits for a replica that does not come; the stop has its own patience.
TEST(ClusterSimGroups, AStopWithoutPatienceEndsThoughACommitIsUnderWay) {
  for (const Duration patience : {Duration(), Duration(1ms), Duration(2s)}) {
    Stage stage(31);
    stage.adjust = [&](BrokerOptions& options) { options.shutdown_timeout = patience; };
    ASSERT_TRUE(stage.begin());
    const int manager = stage.leader(kOffsets, 0);
    for (int i = 1; i <= 3; ++i)
      if (i != manager) stage.node(i).pause();
    const auto asked = ask_later(stage, manager, commit_of(2), 8);
    stage.world.run_for(20ms);
    EXPECT_FALSE(asked->answer) << "it waits for its followers";
    EXPECT_TRUE(stage.stop(manager));
    for (int i = 1; i <= 3; ++i)
      if (i != manager) stage.node(i).resume();
  }
}

}  // namespace
}  // namespace godwit::broker
