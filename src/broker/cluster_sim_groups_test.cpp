// Consumer groups whose manager is cut off, or dies (design-cluster rule 15).
#include "broker/cluster_asking_testing.h"
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
    kafka::OffsetFetchRequest fetch;
    fetch.group_id = "readers";
    fetch.topics.emplace().push_back({kTopic, {PartitionIndex(0)}});
    const auto kept = ask(stage, stage.leader(kOffsets, 0), fetch, 7);
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->topics.at(0).partitions.at(0).committed_offset, Offset(8));
  });
}

}  // namespace
}  // namespace godwit::broker
