// DeleteRecords in a cluster: what was answered holds at every later leader.
#include "broker/cluster_asking_testing.h"
#include "kafka/messages/delete_records.h"

namespace godwit::broker {
namespace {

const std::string kTopic = "orders";

struct Stage : ClusterStage {
  explicit Stage(uint64_t seed) : ClusterStage(seed, 1 + seed % 2) {}

  // Ten records in a partition that broker 1 leads, on every disk.
  bool begin() {
    start_all();
    if (!create(kTopic, 1)) return false;
    for (int i = 0; i < 10; ++i) {
      const auto published = publish_to(*this, 1, kTopic, std::to_string(i));
      if (!published || published->error_code != ErrorCode::none) return false;
    }
    return true;
  }
  static kafka::DeleteRecordsRequest before(int64_t offset, int32_t timeout_ms = 10'000) {
    kafka::DeleteRecordsRequest request;
    request.timeout_ms = timeout_ms;
    request.topics.push_back({kTopic, {{PartitionIndex(0), Offset(offset)}}});
    return request;
  }
  static const kafka::DeleteRecordsResponse::Partition& only(const kafka::DeleteRecordsResponse& response) {
    return response.topics.at(0).partitions.at(0);
  }
  Offset start_at(int broker) { return replica(broker, kTopic, 0)->log_start(); }
};

TEST(ClusterSimDeletion, WhatWasDeletedIsNotThereAfterAFailover) {
  for_seeds([](uint64_t seed) {
    Stage stage(seed);
    ASSERT_TRUE(stage.begin());
    stage.world.run_for(std::chrono::milliseconds(stage.world.random().below(700)));
    const auto answer = ask(stage, 1, Stage::before(6));
    ASSERT_TRUE(answer);
    ASSERT_EQ(Stage::only(*answer).error_code, ErrorCode::none);
    EXPECT_EQ(Stage::only(*answer).low_watermark, Offset(6));
    stage.node(1).crash(seed % 2 == 0 ? CrashKind::kill : CrashKind::power_cut);
    ASSERT_TRUE(stage.wait([&] { return stage.leader(kTopic, 0) > 1; }, 10s));
    const int leader = stage.leader(kTopic, 0);
    EXPECT_GE(stage.start_at(leader), Offset(6));
    EXPECT_GE(stage.start_at(5 - leader), Offset(6)) << "nor at the next one after that";
  });
}

TEST(ClusterSimDeletion, ItIsAnsweredAtOnceWhileAllAreIdle) {
  for_seeds([](uint64_t seed) {
    Stage stage(seed);
    ASSERT_TRUE(stage.begin());
    stage.world.run_for(2s);
    const MonotonicTime asked = stage.world.now();
    const auto answer = ask(stage, 1, Stage::before(-1));
    ASSERT_TRUE(answer);
    EXPECT_EQ(Stage::only(*answer).low_watermark, Offset(10));
    EXPECT_LT(stage.world.now() - asked, 200ms) << "followers need not find out by themselves";
  });
}

TEST(ClusterSimDeletion, AReplicaThatHangsIsWaitedForUntilItLeavesTheIsr) {
  for_seeds([](uint64_t seed) {
    Stage stage(seed);
    ASSERT_TRUE(stage.begin());
    stage.node(3).pause();
    const auto late = ask(stage, 1, Stage::before(6, 500));
    ASSERT_TRUE(late);
    EXPECT_EQ(Stage::only(*late).error_code, ErrorCode::request_timed_out);
    const auto answer = ask(stage, 1, Stage::before(6, 60'000));
    ASSERT_TRUE(answer);
    EXPECT_EQ(Stage::only(*answer).error_code, ErrorCode::none);
    EXPECT_EQ(stage.isr(kTopic, 0), 2U);
    stage.node(3).resume();
    // From the moment on at which it is in the ISR again it may be elected.
    ASSERT_TRUE(stage.wait(
        [&] {
          const auto state = stage.state(kTopic, 0);
          const bool in = std::ranges::find(state->isr, BrokerId(3)) != state->isr.end();
          if (in) EXPECT_GE(stage.start_at(3), Offset(6));
          return in;
        },
        60s));
  });
}

TEST(ClusterSimDeletion, WhoStartsAgainWithTheOldBeginningJoinsTheIsrWithoutIt) {
  for_seeds([](uint64_t seed) {
    Stage stage(seed);
    ASSERT_TRUE(stage.begin());
    stage.node(3).crash(CrashKind::power_cut);
    ASSERT_TRUE(stage.wait([&] { return stage.isr(kTopic, 0) == 2; }, 10s));
    ASSERT_EQ(Stage::only(*ask(stage, 1, Stage::before(6))).error_code, ErrorCode::none);
    stage.start(3);
    ASSERT_TRUE(stage.wait([&] { return stage.whole(kTopic); }, 60s)) << stage.describe_all(kTopic);
    EXPECT_GE(stage.start_at(3), Offset(6));
    // Below the start nothing is deleted, and the answer says where it is.
    const auto again = ask(stage, 1, Stage::before(2));
    ASSERT_TRUE(again);
    EXPECT_EQ(Stage::only(*again).low_watermark, Offset(6));
  });
}

TEST(ClusterSimDeletion, WhoWaitsWhenTheLeadershipEndsHearsOfIt) {
  for_seeds([](uint64_t seed) {
    Stage stage(seed);
    ASSERT_TRUE(stage.begin());
    stage.node(3).pause();
    const auto waits = ask_later(stage, 1, Stage::before(6, 60'000));
    stage.world.run_for(100ms);
    ASSERT_FALSE(waits->ended);
    ASSERT_EQ(stage.reassign(kTopic, 0, std::vector<int>{2}), ErrorCode::none);
    ASSERT_TRUE(stage.wait([&] { return waits->ended; }, 20s));
    ASSERT_TRUE(waits->answer);
    const auto code = Stage::only(*waits->answer).error_code;
    // Where broker 3 left the ISR before.
    if (code == ErrorCode::none) return;
    EXPECT_EQ(code, ErrorCode::not_leader_or_follower) << to_string(code);
  });
}

}  // namespace
}  // namespace godwit::broker
