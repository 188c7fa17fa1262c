// Idempotent producers over changes of the leader (design-cluster rules 8 and 10): what is known of them goes back with what is
// cut off, and a repeated batch is answered when the original is committed.
#include "broker/cluster_asking_testing.h"

namespace godwit::broker {
namespace {

const std::string kTopic = "orders";
constexpr int64_t kProducer = 7000;
using Values = std::vector<std::string>;

Idempotence at(int32_t sequence) {
  return {.producer = kProducer, .epoch = 0, .sequence = sequence};
}

// The batch, until somebody acknowledges it; its offset, or -1 where it was refused for good.
int64_t publish(ClusterStage& stage, const std::string& value, int32_t sequence) {
  int64_t offset = -1;
  EXPECT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
    for (int attempts = 0; attempts < 200; ++attempts) {
      const auto answer = co_await produce_once(cluster, produce_request(kTopic, 0, {value}, at(sequence)));
      if (answer && answer->error_code == ErrorCode::none) {
        offset = answer->base_offset.value();
        co_return;
      }
      if (answer && !is_retriable(answer->error_code)) {
        ADD_FAILURE() << value << ": " << to_string(answer->error_code);
        co_return;
      }
      co_await runtime::sleep_for(20ms);
    }
  }));
  return offset;
}

// Broker 3 holds batches 1 and 2 of the producer, which broker 2, elected next, never saw.
struct Cut : ClusterStage {
  explicit Cut(uint64_t seed) : ClusterStage(seed, 1 + seed % 2) {
    adjust = [](BrokerOptions& options) { options.preferred_leader_after = 1h; };
    start_all();
    EXPECT_TRUE(create(kTopic, 1));
    EXPECT_EQ(publish(*this, "0", 0), 0);
    world.network().cut({"b1"}, {"b2"});
    for (int n = 1; n <= 2; ++n) {
      const auto answer = publish_to(*this, 1, kTopic, std::to_string(n), at(n), -1, 50);
      EXPECT_TRUE(answer && answer->error_code == ErrorCode::request_timed_out);
    }
    EXPECT_TRUE(wait([&] { return replica(3, kTopic, 0)->log()->stable_end() == Offset(3); }, 500ms));
    EXPECT_EQ(replica(2, kTopic, 0)->log()->end(), Offset(1));
    node(1).crash(seed % 3 == 0 ? CrashKind::power_cut : CrashKind::kill);
    world.network().heal();
    EXPECT_TRUE(wait([&] { return leader(kTopic, 0) == 2; }, 10s)) << describe_all(kTopic);
  }
  // Until broker 3 has cut off what its leader has not.
  bool wait_cut() {
    return wait([&] { return replica(3, kTopic, 0)->log()->end() < Offset(3); }, 5s);
  }
  // Broker 2 hands over to broker 3 and is back as its follower.
  void hand_over() {
    ASSERT_TRUE(stop(2));
    ASSERT_TRUE(wait([&] { return leader(kTopic, 0) == 3; }, 5s)) << describe_all(kTopic);
    start(2);
    ASSERT_TRUE(wait([&] { return isr(kTopic, 0) == 2 && up(2); }, 30s)) << describe_all(kTopic);
  }
  void expect_all(const Values& values) {
    start(1);
    EXPECT_TRUE(wait([&] { return whole(kTopic); }, 60s)) << describe_all(kTopic);
    for (int i = 1; i <= 3; ++i) EXPECT_EQ(values_of(*this, i, kTopic), values) << "broker " << i;
  }
};

TEST(ClusterSimProducers, AFollowerThatCutOffBatchesTakesThemAnewWhenItLeads) {
  for_seeds([](uint64_t seed) {
    Cut stage(seed);
    ASSERT_TRUE(stage.wait_cut());
    EXPECT_GE(stage.sink.told["replication.truncated"], 1);
    stage.hand_over();
    // No original is there of which they could be a repetition, and nothing is missing before them.
    EXPECT_EQ(publish(stage, "1", 1), 1);
    EXPECT_EQ(publish(stage, "2", 2), 2);
    EXPECT_EQ(publish(stage, "1", 1), 1) << "now it is a repetition";
    EXPECT_EQ(publish(stage, "3", 3), 3);
    stage.expect_all({"0", "1", "2", "3"});
  });
}

TEST(ClusterSimProducers, WhatWasRepeatedToTheLeaderInBetweenIsARepetitionForTheNext) {
  for_seeds([](uint64_t seed) {
    Cut stage(seed);
    EXPECT_EQ(publish(stage, "1", 1), 1);
    ASSERT_TRUE(stage.wait_cut() || stage.replica(3, kTopic, 0)->log()->end() >= Offset(2));
    stage.hand_over();
    EXPECT_EQ(publish(stage, "1", 1), 1);
    const auto gap = [&] {
      const auto answer = publish_to(stage, 3, kTopic, "3", at(3));
      return answer ? answer->error_code : ErrorCode::unknown_server_error;
    };
    EXPECT_TRUE(is_retriable(gap())) << "2 was cut off, and may still be sent again";
    stage.world.run_for(10s);
    EXPECT_EQ(gap(), ErrorCode::out_of_order_sequence_number) << "it was not sent again";
    EXPECT_EQ(publish(stage, "2", 2), 2);
    EXPECT_EQ(publish(stage, "3", 3), 3);
    stage.expect_all({"0", "1", "2", "3"});
  });
}

// Who sends a later batch first (librdkafka, where the refusal of the earlier one is still on its way through its threads) takes a
// new epoch if it is told that something is missing, and stores once more what was stored and not acknowledged.
TEST(ClusterSimProducers, WhatComesTooSoonAfterAnElectionIsSentAgainInOrderRatherThanRefusedForGood) {
  for_seeds([](uint64_t seed) {
    Cut stage(seed);
    const auto told = [&](int32_t sequence) {
      const auto answer = publish_to(stage, 2, kTopic, std::to_string(sequence), at(sequence));
      return answer ? answer->error_code : ErrorCode::unknown_server_error;
    };
    ASSERT_TRUE(stage.wait([&] { return stage.replica(2, kTopic, 0)->leading(); }, 10s));
    EXPECT_EQ(told(2), ErrorCode::not_leader_or_follower);
    EXPECT_EQ(publish(stage, "1", 1), 1);
    EXPECT_EQ(publish(stage, "2", 2), 2);
    EXPECT_EQ(told(4), ErrorCode::out_of_order_sequence_number) << "here the producer's order is known";
    stage.expect_all({"0", "1", "2"});
  });
}

TEST(ClusterSimProducers, WhatStandsBehindABatchThatWasRefusedForNowIsSentAgainAfterIt) {
  ClusterStage stage(7, 1);
  stage.start_all();
  ASSERT_TRUE(stage.create(kTopic, 1));
  EXPECT_EQ(publish(stage, "0", 0), 0);
  const auto told = [&](int32_t sequence) {
    const auto answer = publish_to(stage, 1, kTopic, std::to_string(sequence), at(sequence));
    return answer ? answer->error_code : ErrorCode::unknown_server_error;
  };
  EXPECT_EQ(told(2), ErrorCode::out_of_order_sequence_number);
  for (int i = 2; i <= 3; ++i) stage.node(i).crash(CrashKind::kill);
  stage.world.run_for(10s);
  ASSERT_TRUE(stage.replica(1, kTopic, 0)->leading());
  EXPECT_EQ(told(1), ErrorCode::not_enough_replicas);
  for (int i = 2; i <= 3; ++i) stage.start(i);
  ASSERT_TRUE(stage.wait([&] { return stage.isr(kTopic, 0) == 3; }, 9s)) << stage.describe_all(kTopic);
  EXPECT_EQ(told(2), ErrorCode::not_leader_or_follower);
  EXPECT_EQ(publish(stage, "1", 1), 1);
  EXPECT_EQ(publish(stage, "2", 2), 2);
  stage.world.run_for(10s);
  EXPECT_EQ(told(4), ErrorCode::out_of_order_sequence_number);
}

TEST(ClusterSimProducers, TheNextLeaderKnowsBatchesThatNobodyAcknowledgedButAllHave) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 1));
    EXPECT_EQ(publish(stage, "0", 0), 0);
    // The leader's answers are lost, and so is the leader.
    const auto unheard = ask_later(stage, 1, produce_request(kTopic, 0, {"1"}, at(1), -1, 60'000), 12);
    ASSERT_TRUE(stage.wait([&] {
      return stage.replica(2, kTopic, 0)->log()->end() == Offset(2) &&
             stage.replica(3, kTopic, 0)->log()->end() == Offset(2);
    }));
    stage.node(1).crash(CrashKind::kill);
    EXPECT_EQ(publish(stage, "1", 1), 1);
    EXPECT_EQ(publish(stage, "2", 2), 2);
    stage.start(1);
    EXPECT_TRUE(stage.wait([&] { return stage.whole(kTopic); }));
    for (int i = 1; i <= 3; ++i) EXPECT_EQ(values_of(stage, i, kTopic), (Values{"0", "1", "2"}));
  });
}

// Rule 10: at every acks level the answer to a repetition speaks of the original.
TEST(ClusterSimProducers, ARepetitionIsAnsweredOnlyWhenTheOriginalIsCommitted) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 1));
    const int third = stage.image()->controller == BrokerId(3) ? 2 : 3;
    stage.node(third).disk().stall();
    const auto original = publish_to(stage, 1, kTopic, "0", at(0), -1, 100);
    ASSERT_TRUE(original);
    EXPECT_EQ(original->error_code, ErrorCode::request_timed_out);
    for (const int16_t acks : {int16_t{1}, int16_t{-1}}) {
      const auto again = publish_to(stage, 1, kTopic, "0", at(0), acks, 100);
      ASSERT_TRUE(again);
      EXPECT_EQ(again->error_code, ErrorCode::request_timed_out) << "acks=" << acks;
    }
    const auto parked = ask_later(stage, 1, produce_request(kTopic, 0, {"0"}, at(0), 1, 60'000), 12);
    stage.world.run_for(100ms);
    EXPECT_FALSE(parked->ended);
    stage.node(third).disk().release();
    ASSERT_TRUE(stage.wait([&] { return parked->ended; }, 5s));
    ASSERT_TRUE(parked->answer);
    EXPECT_EQ(only(*parked->answer).error_code, ErrorCode::none);
    EXPECT_EQ(only(*parked->answer).base_offset, Offset(0));
    EXPECT_EQ(stage.replica(1, kTopic, 0)->high_watermark(), Offset(1));
    EXPECT_EQ(values_of(stage, 1, kTopic), Values{"0"});
  });
}

// Rule 10: ids come from blocks, rests of which are dropped.
TEST(ClusterSimProducers, NoProducerIdIsGivenTwiceWhoeverIsAskedAndWhoeverDies) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 1));
    EXPECT_EQ(publish(stage, "0", 0), 0) << "an id that nobody was given";
    std::set<int64_t> given{kProducer};
    for (int round = 0; round < 4; ++round) {
      for (int i = 1; i <= 3; ++i) {
        const auto answer = ask(stage, i, kafka::InitProducerIdRequest{.transactional_id = std::nullopt});
        if (!answer || answer->error_code != ErrorCode::none) continue;
        EXPECT_TRUE(given.insert(answer->producer_id).second) << answer->producer_id << " was given before";
      }
      const int dies = 1 + static_cast<int>(stage.world.random().below(3));
      stage.node(dies).crash(stage.world.random().coin() ? CrashKind::kill : CrashKind::power_cut);
      stage.start(dies);
      ASSERT_TRUE(stage.wait([&] { return stage.whole(kTopic); }, 30s));
      // All that lived when the id was written have died once by then.
      if (round > 0) continue;
      for (int i = 1; i <= 3; ++i) stage.node(i).crash(CrashKind::power_cut);
      for (int i = 1; i <= 3; ++i) stage.start(i);
      ASSERT_TRUE(stage.wait([&] { return stage.whole(kTopic); }, 30s));
    }
    EXPECT_GT(given.size(), 9U);
  });
}

}  // namespace
}  // namespace godwit::broker
