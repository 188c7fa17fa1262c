// design-cluster rule 8: when a follower serves readers (KIP-392), and what it tells them else.
#include "broker/cluster_asking_testing.h"
#include "kafka/messages/delete_records.h"

namespace godwit::broker {
namespace {

const std::string kTopic = "orders";

struct FollowerStage : ClusterStage {
  explicit FollowerStage(uint64_t seed) : ClusterStage(seed, 1 + seed % 2) {
    adjust = [](BrokerOptions& options) { options.rack = rack(options.id.value()); };
    start_all();
    EXPECT_TRUE(create(kTopic, 1));
    EXPECT_TRUE(publish_to(*this, 1, kTopic, "a"));
    EXPECT_TRUE(wait(
        [&] {
          return replica(2, kTopic, 0)->high_watermark() == Offset(1) &&
                 replica(3, kTopic, 0)->high_watermark() == Offset(1);
        },
        2s));
    // Whom the leader asks for another ISR is not cut off from it.
    cut_off = image()->controller == BrokerId(3) ? 2 : 3;
    other = 5 - cut_off;
  }
  std::string name(int i) { return "b" + std::to_string(i); }
  static std::string rack(int i) { return "rack " + std::to_string(i); }
  kafka::FetchResponse::Partition read(int broker, int64_t from, int16_t version = 12,
                                       LeaderEpoch epoch = kNoLeaderEpoch) {
    auto request = fetch_request(kTopic, 0, from);
    request.topics[0].partitions[0].current_leader_epoch = epoch;
    const auto answer = ask(*this, broker, request, version);
    EXPECT_TRUE(answer);
    return answer ? only(*answer) : kafka::FetchResponse::Partition{};
  }
  // The same of a reader that says where it stands.
  kafka::FetchResponse::Partition read_from_rack(int broker, int64_t from, const std::string& rack,
                                                 int32_t wait_ms = 0) {
    auto request = fetch_request(kTopic, 0, from, wait_ms);
    request.rack_id = rack;
    const auto answer = ask(*this, broker, request, 12);
    EXPECT_TRUE(answer);
    return answer ? only(*answer) : kafka::FetchResponse::Partition{};
  }
  static size_t records(const kafka::FetchResponse::Partition& part) {
    Contents got;
    if (part.records) take(part.records->flatten(), got);
    return got.size();
  }
  int cut_off = 0;
  int other = 0;
};

TEST(ClusterSimFollowers, ServeWhatIsCommittedAndSayOfWhatLiesBeyondThatItIsNotThereYet) {
  for_seeds([](uint64_t seed) {
    FollowerStage stage(seed);
    for (int i : {2, 3}) {
      const auto first = stage.read(i, 0);
      EXPECT_EQ(first.error_code, ErrorCode::none);
      EXPECT_EQ(FollowerStage::records(first), 1U);
      EXPECT_EQ(stage.read(i, 1).error_code, ErrorCode::none) << "the end is no error";
      EXPECT_EQ(stage.read(i, 2).error_code, ErrorCode::offset_not_available);
      EXPECT_EQ(stage.read(i, 0, 10).error_code, ErrorCode::not_leader_or_follower)
          << "readers of that version know of leaders alone";
    }
    EXPECT_EQ(stage.read(1, 2).error_code, ErrorCode::offset_out_of_range) << "the leader knows";
    // What the third has not confirmed is on the other follower, and nobody sees it.
    stage.node(stage.cut_off).disk().stall();
    (void)publish_to(stage, 1, kTopic, "b", {}, -1, 100);
    ASSERT_EQ(stage.replica(stage.other, kTopic, 0)->log()->end(), Offset(2));
    EXPECT_EQ(FollowerStage::records(stage.read(stage.other, 1)), 0U);
    EXPECT_EQ(stage.read(stage.other, 2).error_code, ErrorCode::offset_not_available);
    stage.node(stage.cut_off).disk().release();
    ASSERT_TRUE(stage.wait([&] { return FollowerStage::records(stage.read(stage.cut_off, 1)) == 1; }, 5s));
  });
}

TEST(ClusterSimFollowers, OutsideTheIsrServeNothing) {
  int runs = 0;
  for_seeds([&](uint64_t seed) {
    FollowerStage stage(seed);
    // Else it would not hear of it.
    if (stage.image()->controller == BrokerId(1)) return;
    ++runs;
    stage.world.network().cut({"b1"}, {stage.name(stage.cut_off)});
    ASSERT_TRUE(stage.wait([&] { return stage.isr(kTopic, 0) == 2; }, 10s));
    ASSERT_TRUE(stage.wait(
        [&] {
          return stage.broker(stage.cut_off)->metadata().image()->find(kTopic)->partitions[0].isr.size() == 2;
        },
        5s));
    ASSERT_TRUE(publish_to(stage, 1, kTopic, "b"));
    EXPECT_EQ(stage.read(stage.cut_off, 0).error_code, ErrorCode::not_leader_or_follower);
    EXPECT_EQ(stage.read(stage.other, 0).error_code, ErrorCode::none);
    stage.world.network().heal();
    ASSERT_TRUE(stage.wait([&] { return stage.whole(kTopic); }, 30s));
    EXPECT_EQ(stage.read(stage.cut_off, 0).error_code, ErrorCode::none);
  });
  EXPECT_GT(runs, 0);
}

// It may have more than the new leader, and less than what was shown as committed.
TEST(ClusterSimFollowers, ServeNothingBeforeTheyAgreedWithTheLeaderOfTheEpoch) {
  for_seeds([](uint64_t seed) {
    FollowerStage stage(seed);
    const LeaderEpoch before = stage.state(kTopic, 0)->leader_epoch;
    stage.world.network().cut({"b1"}, {"b2"});
    (void)publish_to(stage, 1, kTopic, "tail", {}, -1, 100);
    ASSERT_EQ(stage.replica(3, kTopic, 0)->log()->end(), Offset(2));
    // It hears of the election, and not of the leader: that one's disk is slow to begin its epoch.
    stage.node(1).crash(CrashKind::kill);
    stage.world.network().heal();
    stage.node(2).disk().stall({.kinds = {runtime::sim::OpKind::write, runtime::sim::OpKind::sync}});
    ASSERT_TRUE(stage.wait(
        [&] {
          return stage.broker(3)->metadata().image()->find(kTopic)->partitions[0].leader_epoch > before;
        },
        2s));
    ASSERT_TRUE(stage.wait([&] { return stage.replica(3, kTopic, 0)->leader_epoch() > before; }, 1s));
    for (int64_t from : {0, 1, 2})
      EXPECT_EQ(stage.read(3, from).error_code, ErrorCode::not_leader_or_follower) << from;
    stage.node(2).disk().release();
    ASSERT_TRUE(stage.wait([&] { return stage.read(3, 0).error_code == ErrorCode::none; }, 5s));
    // What was under way to the new leader when the cut healed may have reached it: both agree on it.
    EXPECT_EQ(values_of(stage, 3, kTopic), values_of(stage, 2, kTopic));
    EXPECT_EQ(stage.read(3, 0, 12, before).error_code, ErrorCode::fenced_leader_epoch);
    EXPECT_EQ(stage.read(3, 0, 12, LeaderEpoch(2'100'000'000)).error_code, ErrorCode::unknown_leader_epoch);
  });
}

// It hears of the election before its leader has begun, and is refused again and again, at longer and longer intervals.
TEST(ClusterSimFollowers, AreCountedAsSoonAsTheirLeaderLeads) {
  for_seeds([](uint64_t seed) {
    FollowerStage stage(seed);
    const LeaderEpoch before = stage.state(kTopic, 0)->leader_epoch;
    stage.node(1).crash(CrashKind::kill);
    stage.node(2).disk().stall({.kinds = {runtime::sim::OpKind::write, runtime::sim::OpKind::sync}});
    ASSERT_TRUE(stage.wait([&] { return stage.replica(3, kTopic, 0)->leader_epoch() > before; }, 5s));
    stage.world.run_for(700ms + seed % 50 * 10ms);
    ASSERT_FALSE(stage.replica(2, kTopic, 0)->leading());
    stage.node(2).disk().release();
    ASSERT_TRUE(stage.wait([&] { return stage.replica(2, kTopic, 0)->leading(); }, 1s));
    const MonotonicTime from = stage.world.now();
    const auto done = publish_to(stage, 2, kTopic, "b");
    ASSERT_TRUE(done && done->error_code == ErrorCode::none);
    EXPECT_LT(stage.world.now() - from, 100ms);
    EXPECT_EQ(FollowerStage::records(stage.read(3, 0)), 1U + 1U);
  });
}

// Partitions of several shards in one request, which is served on none of them alone.
TEST(ClusterSimFollowers, ReadersOfManyPartitionsAreSentToTheirRack) {
  for_seeds([](uint64_t seed) {
    constexpr int kPartitions = 12;
    FollowerStage stage(seed);
    ASSERT_TRUE(stage.create("wide", kPartitions));
    stage.world.run_for(1s);  // followers say where they are
    kafka::FetchRequest request = fetch_request("wide", 0, 0);
    request.rack_id = stage.rack(2);
    auto& partitions = request.topics[0].partitions;
    for (int p = 1; p < kPartitions; ++p) {
      partitions.push_back(partitions[0]);
      partitions.back().partition = PartitionIndex(p);
    }
    for (int n = 0; n < 4; ++n) {  // connections, on either shard
      const auto answer = ask(stage, 1, request, 12);
      ASSERT_TRUE(answer && answer->responses.size() == 1);
      ASSERT_EQ(answer->responses[0].partitions.size(), static_cast<size_t>(kPartitions));
      for (const auto& partition : answer->responses[0].partitions) {
        const int p = partition.partition_index.value();
        if (stage.leader("wide", p) != 1) continue;
        EXPECT_EQ(partition.error_code, ErrorCode::none);
        EXPECT_EQ(partition.preferred_read_replica, BrokerId(2)) << p;
      }
    }
  });
}

// It is in sync until the controller says otherwise, which takes a moment: some clients wait a minute for a dead address.
TEST(ClusterSimFollowers, WhoseConnectionEndedIsNamedToNobody) {
  for_seeds([](uint64_t seed) {
    FollowerStage stage(seed);
    stage.world.run_for(1s);  // it says where it is
    ASSERT_EQ(stage.read_from_rack(1, 0, stage.rack(3)).preferred_read_replica, BrokerId(3));
    stage.server.stop();  // nobody can say that it is not in sync any more
    stage.node(3).crash(CrashKind::kill);
    stage.world.run_for(2ms);
    const auto sent = stage.read_from_rack(1, 0, stage.rack(3));
    EXPECT_EQ(stage.isr(kTopic, 0), 3U) << "else this shows nothing";
    EXPECT_EQ(sent.preferred_read_replica, kNoBroker);
    EXPECT_EQ(FollowerStage::records(sent), 1U);
  });
}

// KIP-392: the leader names the in-sync replica of the reader's rack, and serves by itself who has none there.
TEST(ClusterSimFollowers, ReadersAreServedInTheirRack) {
  for_seeds([](uint64_t seed) {
    FollowerStage stage(seed);
    for (int i : {2, 3}) {
      const auto sent = stage.read_from_rack(1, 0, stage.rack(i));
      EXPECT_EQ(sent.error_code, ErrorCode::none);
      EXPECT_EQ(sent.preferred_read_replica, BrokerId(i));
      EXPECT_EQ(FollowerStage::records(sent), 0U) << "they come from the replica";
      const auto near = stage.read_from_rack(i, 0, stage.rack(i));
      EXPECT_EQ(near.error_code, ErrorCode::none);
      EXPECT_EQ(near.preferred_read_replica, kNoBroker) << "it sends nobody on";
      EXPECT_EQ(FollowerStage::records(near), static_cast<size_t>(i - 1));
      // A parked reader of the replica hears of what is published, without another publish behind it.
      auto parked = fetch_request(kTopic, 0, i - 1, 10'000);
      parked.rack_id = stage.rack(i);
      const auto later = ask_later(stage, i, parked, 12);
      ASSERT_TRUE(publish_to(stage, 1, kTopic, "b"));
      ASSERT_TRUE(stage.wait([&] { return later->ended; }, 1s));
      ASSERT_TRUE(later->answer);
      EXPECT_EQ(FollowerStage::records(only(*later->answer)), 1U);
    }
    for (const std::string& rack : {stage.rack(1), std::string("elsewhere"), std::string()}) {
      const auto served = stage.read_from_rack(1, 0, rack);
      EXPECT_EQ(served.preferred_read_replica, kNoBroker) << rack;
      EXPECT_EQ(FollowerStage::records(served), 3U) << rack;
    }
    // The replica may not know yet that its end is committed: whoever reads there is told to come again, not that it is wrong.
    EXPECT_EQ(stage.read_from_rack(2, 4, stage.rack(2)).error_code, ErrorCode::offset_not_available);
  });
}

TEST(ClusterSimFollowers, AReaderWhoseReplicaDiesOrFallsBehindIsServedByTheLeader) {
  int cuts = 0;
  for_seeds([&](uint64_t seed) {
    FollowerStage stage(seed);
    const std::string rack = stage.rack(stage.cut_off);
    const auto at_leader = [&] { return stage.read_from_rack(1, 0, rack); };
    ASSERT_EQ(at_leader().preferred_read_replica, BrokerId(stage.cut_off));
    const auto back_at_leader = [&] {
      const auto now = at_leader();
      return now.error_code == ErrorCode::none && now.preferred_read_replica == kNoBroker &&
             FollowerStage::records(now) > 0;
    };
    if (stage.image()->controller != BrokerId(1)) {
      ++cuts;
      // It falls out of the ISR, and says so itself.
      stage.world.network().cut({"b1"}, {stage.name(stage.cut_off)});
      ASSERT_TRUE(stage.wait(back_at_leader, 10s)) << stage.describe_all(kTopic);
      ASSERT_TRUE(stage.wait(
          [&] {
            return stage.read_from_rack(stage.cut_off, 0, rack).error_code ==
                   ErrorCode::not_leader_or_follower;
          },
          10s))
          << "its reader goes back to the leader";
      stage.world.network().heal();
      ASSERT_TRUE(stage.wait([&] { return stage.whole(kTopic); }, 30s));
      ASSERT_TRUE(
          stage.wait([&] { return at_leader().preferred_read_replica == BrokerId(stage.cut_off); }, 5s));
    }
    stage.node(stage.cut_off).crash(CrashKind::kill);
    ASSERT_TRUE(stage.wait(back_at_leader, 2s)) << stage.describe_all(kTopic);
    stage.start(stage.cut_off);
    ASSERT_TRUE(stage.wait([&] { return stage.whole(kTopic); }, 30s));
    ASSERT_TRUE(
        stage.wait([&] { return at_leader().preferred_read_replica == BrokerId(stage.cut_off); }, 5s));
    EXPECT_EQ(FollowerStage::records(stage.read_from_rack(stage.cut_off, 0, rack)), 1U);
  });
  EXPECT_GT(cuts, 0);
}

// Its log is begun anew behind what was deleted. Nothing is published any more, and yet it hears of its leader: else it would
// be in the ISR, and refuse the readers that are sent to it.
TEST(ClusterSimFollowers, AReplicaThatBeginsBehindWhatWasDeletedServesReaders) {
  for_seeds([](uint64_t seed) {
    FollowerStage stage(seed);
    stage.node(stage.cut_off).crash(CrashKind::power_cut);
    stage.empty_disk(stage.cut_off);
    ASSERT_TRUE(stage.wait([&] { return stage.isr(kTopic, 0) == 2; }, 10s));
    kafka::DeleteRecordsRequest request;
    request.timeout_ms = 1000;
    request.topics.push_back({kTopic, {{PartitionIndex(0), Offset(1)}}});
    const auto deleted = ask(stage, 1, request);
    ASSERT_TRUE(deleted);
    ASSERT_EQ(deleted->topics.at(0).partitions.at(0).low_watermark, Offset(1));
    stage.start(stage.cut_off);
    ASSERT_TRUE(stage.wait([&] { return stage.whole(kTopic); }, 30s)) << stage.describe_all(kTopic);
    EXPECT_TRUE(stage.wait([&] { return stage.read(stage.cut_off, 1).error_code == ErrorCode::none; }, 2s))
        << stage.describe_all(kTopic);
    EXPECT_EQ(stage.read(stage.cut_off, 0).error_code, ErrorCode::offset_out_of_range);
  });
}

}  // namespace
}  // namespace godwit::broker
