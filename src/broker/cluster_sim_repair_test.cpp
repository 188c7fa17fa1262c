// Bytes rot in segments while they are read: nobody is given them, and they are put back from another replica (design-storage
// rule 12, and what README and design promise of a sector that rots).
#include "broker/cluster_asking_testing.h"
#include "kafka/messages/elect_leaders.h"

namespace godwit::broker {
namespace {

const std::string kTopic = "orders";
constexpr int kRecords = 24;
// Those of the last block are read from memory: more are to come into it.
constexpr int kInFiles = kRecords - 6;

std::string text_of(int64_t n) {
  std::string text = "<" + std::to_string(n) + ">";
  return text + std::string(1500 - text.size(), '.');
}

// Reads the partition from its beginning to its end from one broker, again and again.
class Reader {
 public:
  Reader(ClusterStage& stage, int broker) : stage_(stage), broker_(broker) {
    stage.client.start([this](Runtime& runtime) { return run(runtime); });
  }
  void finish() {
    ending_ = true;
    EXPECT_TRUE(stage_.wait([&] { return ended_; }));
    EXPECT_EQ(wrong, 0) << "broker " << broker_ << " gave what was not published";
  }
  int rounds = 0;  // how often all was read
  int wrong = 0;
  std::map<ErrorCode, int> refusals;
  std::set<int64_t> given;

 private:
  Task<void> run(Runtime& runtime) {
    auto connection =
        co_await peer::Connection::connect(runtime.network(), {"b" + std::to_string(broker_), 9092}, {});
    EXPECT_TRUE(connection.has_value());
    int64_t at = 0;
    while (connection && !ending_) {
      auto request = fetch_request(kTopic, 0, at);
      request.topics[0].partitions[0].partition_max_bytes = 4000;
      const auto answer = co_await (*connection)->call(request, {.version_max = 12});
      if (!answer) break;
      const auto& part = only(*answer);
      if (part.error_code != ErrorCode::none) {
        ++refusals[part.error_code];
        co_await runtime::sleep_for(3ms);
        continue;
      }
      ClusterStage::Contents got;
      ClusterStage::take(part.records->flatten(), got);
      for (const auto& [offset, value] : got) {
        if (value != text_of(offset)) ++wrong;
        given.insert(offset);
      }
      if (!got.empty()) {
        at = got.rbegin()->first + 1;
      } else if (std::exchange(at, 0) > 0) {
        ++rounds;
      }
    }
    ended_ = true;
  }

  ClusterStage& stage_;
  int broker_;
  bool ending_ = false;
  bool ended_ = false;
};

struct RepairStage : ClusterStage {
  explicit RepairStage(uint64_t seed, int replicas = 3) : ClusterStage(seed, 1 + seed % 2) {
    start_all();
    EXPECT_TRUE(create(kTopic, 1, {}, replicas));
    EXPECT_TRUE(publish(0, kRecords));
    // Into files, and out of memory.
    for (int i = 1; i <= count; ++i) EXPECT_TRUE(checkpoint(i));
    for (int i = 1; i <= count; ++i) node(i).crash(CrashKind::power_cut);
    for (int i = 1; i <= count; ++i) start(i);
    EXPECT_TRUE(wait([&] { return whole(kTopic); })) << describe_all(kTopic);
  }
  bool checkpoint(int i) {
    bool well = false;
    return node(i).run([&](Runtime&) -> Task<void> {
      well = (co_await broker(i)->store().checkpoint()).has_value();
    }) && well;
  }
  bool publish(int from, int to) {
    bool well = true;
    return as_client([&](peer::Cluster& cluster) -> Task<void> {
             for (int n = from; n < to && well; ++n) {
               const auto answer = co_await produce_once(cluster, produce_request(kTopic, 0, {text_of(n)}));
               well = answer && answer->error_code == ErrorCode::none && answer->base_offset == Offset(n);
             }
           }) &&
           well;
  }
  // Flips a bit of the record in the segment that has it.
  bool rot(int i, int record) {
    const std::string mark = "<" + std::to_string(record) + ">";
    for (const std::string& path : node(i).disk().files()) {
      if (!path.ends_with(".log")) continue;
      const auto contents = node(i).disk().contents(path);
      if (!contents) continue;
      const std::string_view text(reinterpret_cast<const char*>(contents->data()), contents->size());
      const size_t found = text.find(mark);
      if (found != std::string_view::npos)
        return node(i).disk().flip_bit(path, found + 5 + world.random().below(1000),
                                       static_cast<unsigned>(world.random().below(8)));
    }
    return false;
  }
  size_t damages(int i) {
    const auto found = replica(i, kTopic, 0);
    return found == nullptr || found->closed() ? 0 : found->log()->damages().size();
  }
  // All replicas have what was published, and nothing is damaged.
  void expect_whole(int records) {
    Contents published;
    for (int n = 0; n < records; ++n) published[n] = text_of(n);
    for (int i = 1; i <= count; ++i) {
      EXPECT_EQ(damages(i), 0U) << "broker " << i;
      EXPECT_EQ(contents(i, kTopic, 0), published) << "broker " << i;
    }
  }
};

TEST(ClusterSimRepair, WhatRotsWhileItIsReadIsNeverServedAndIsPutBackFromAReplica) {
  for_seeds([](uint64_t seed) {
    RepairStage stage(seed);
    const int leader = stage.leader(kTopic, 0);
    const int follower = 1 + leader % 3;
    const LeaderEpoch epoch = stage.state(kTopic, 0)->leader_epoch;
    std::vector<std::unique_ptr<Reader>> readers;
    for (int i = 1; i <= 3; ++i) readers.push_back(std::make_unique<Reader>(stage, i));
    ASSERT_TRUE(
        stage.wait([&] { return std::ranges::all_of(readers, [](auto& r) { return r->rounds > 0; }); }));
    auto& random = stage.world.random();
    int rotten = 0;
    for (const int victim : {leader, follower}) {
      const int record = static_cast<int>(random.below(kInFiles));
      stage.world.after(std::chrono::microseconds(random.below(20'000)),
                        [&, victim, record] { rotten += stage.rot(victim, record); });
    }
    ASSERT_TRUE(stage.wait([&] { return stage.sink.told["log.damaged"] >= 2; }, 10s));
    EXPECT_EQ(rotten, 2);
    EXPECT_TRUE(stage.publish(kRecords, kRecords + 2)) << "publishing goes on beside the damage";
    ASSERT_TRUE(stage.wait([&] { return stage.damages(leader) + stage.damages(follower) == 0; }, 10s));
    EXPECT_TRUE(stage.wait([&] { return stage.sink.told["storage.repaired"] >= 2; }, 1s));
    std::vector<int> before;
    for (const auto& reader : readers) before.push_back(reader->rounds);
    EXPECT_TRUE(stage.wait(
        [&] {
          for (size_t i = 0; i < readers.size(); ++i)
            if (readers[i]->rounds < before[i] + 2) return false;
          return true;
        },
        5s))
        << "reads go on";
    for (const auto& reader : readers) {
      reader->finish();
      EXPECT_EQ(reader->given.size(), static_cast<size_t>(kRecords + 2));
      for (const auto& [code, times] : reader->refusals) EXPECT_EQ(code, ErrorCode::kafka_storage_error);
    }
    EXPECT_EQ(stage.state(kTopic, 0)->leader_epoch, epoch) << "nobody lost its leadership over it";
    stage.expect_whole(kRecords + 2);
    // And it is on the disk.
    for (const int i : {leader, follower}) {
      stage.node(i).crash(CrashKind::power_cut);
      stage.start(i);
    }
    EXPECT_TRUE(stage.wait([&] { return stage.whole(kTopic); }));
    stage.expect_whole(kRecords + 2);
  });
}

TEST(ClusterSimRepair, AFollowerThatIsRebuiltFromADamagedLeaderGetsNothingButWhatWasPublished) {
  for_seeds([](uint64_t seed) {
    RepairStage stage(seed);
    const int leader = stage.leader(kTopic, 0);
    const int empty = 1 + leader % 3;
    ASSERT_TRUE(stage.rot(leader, static_cast<int>(stage.world.random().below(kInFiles))));
    stage.node(empty).crash(CrashKind::power_cut);
    stage.empty_disk(empty);
    stage.start(empty);
    ASSERT_TRUE(stage.wait([&] { return stage.whole(kTopic); }, 30s)) << stage.describe_all(kTopic);
    EXPECT_EQ(stage.sink.told["log.damaged"], 1);
    stage.expect_whole(kRecords);
  });
}

TEST(ClusterSimRepair, DamageOfTwoReplicasIsPutBackFromTheThird) {
  for_seeds([](uint64_t seed) {
    RepairStage stage(seed);
    const int whole = 1 + static_cast<int>(seed % 3);
    std::vector<std::unique_ptr<Reader>> readers;
    for (int i = 1; i <= 3; ++i) {
      if (i != whole) ASSERT_TRUE(stage.rot(i, 7));
      readers.push_back(std::make_unique<Reader>(stage, i));
    }
    ASSERT_TRUE(stage.wait([&] { return stage.sink.told["log.damaged"] == 2; }, 10s));
    EXPECT_TRUE(stage.wait([&] { return stage.damages(1) + stage.damages(2) + stage.damages(3) == 0; }, 20s))
        << "broker " << whole << " has it, the leader is " << stage.leader(kTopic, 0);
    for (const auto& reader : readers) reader->finish();
    stage.expect_whole(kRecords);
  });
}

TEST(ClusterSimRepair, DamageOfAllReplicasStaysNamedAndIsNeverServed) {
  RepairStage stage(5);
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(stage.rot(i, 7));
    readers.push_back(std::make_unique<Reader>(stage, i));
  }
  // One more, that two others have, and that no reader gets to.
  ASSERT_TRUE(stage.rot(1, 15));
  (void)ask(stage, 1, fetch_request(kTopic, 0, 15), 12);
  ASSERT_TRUE(stage.wait([&] { return stage.damages(1) == 2; }, 1s));
  stage.world.run_for(30s);
  for (const auto& reader : readers) {
    reader->finish();
    EXPECT_EQ(reader->given, (std::set<int64_t>{0, 1, 2, 3, 4, 5, 6}));
    EXPECT_GT(reader->refusals[ErrorCode::kafka_storage_error], 0);
  }
  EXPECT_GE(stage.sink.told["storage.not_repaired"], 3);
  EXPECT_TRUE(stage.publish(kRecords, kRecords + 1)) << "all else goes on";
  for (int i = 1; i <= 3; ++i) {
    const auto damages = stage.replica(i, kTopic, 0)->log()->damages();
    ASSERT_EQ(damages.size(), 1U) << "broker " << i;
    EXPECT_EQ(damages[0].from, Offset(7));
    EXPECT_EQ(damages[0].to, Offset(8));
    EXPECT_NE(damages[0].what.find(".log"), std::string::npos) << damages[0].what;
    const auto behind = ask(stage, i, fetch_request(kTopic, 0, 8), 12);
    ASSERT_TRUE(behind);
    ClusterStage::Contents got;
    ClusterStage::take(only(*behind).records->flatten(), got);
    EXPECT_EQ(got.size(), static_cast<size_t>(kRecords + 1 - 8)) << "what lies behind is served";
  }
  EXPECT_EQ(stage.isr(kTopic, 0), 3U);
}

// Rule 2 besides: after a restart the only replica cannot prove what it reported, so it leads by an operator's order alone.
TEST(ClusterSimRepair, DamageOfTheOnlyReplicaStaysNamedAndIsNeverServed) {
  RepairStage stage(6, 1);
  ASSERT_EQ(stage.leader(kTopic, 0), 1);
  ASSERT_TRUE(stage.rot(1, 7));
  Reader reader(stage, 1);
  stage.world.run_for(20s);
  reader.finish();
  EXPECT_EQ(reader.given, (std::set<int64_t>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(stage.damages(1), 1U);
  EXPECT_TRUE(stage.publish(kRecords, kRecords + 1));
  EXPECT_TRUE(stage.checkpoint(1));
  stage.node(1).crash(CrashKind::power_cut);
  stage.start(1);
  ASSERT_TRUE(stage.wait([&] { return stage.formed(); }));
  stage.world.run_for(15s);
  EXPECT_EQ(stage.leader(kTopic, 0), 0) << "it cannot prove what it had";
  kafka::ElectLeadersRequest order;
  order.election_type = 1;
  order.topic_partitions.emplace().push_back({kTopic, {PartitionIndex(0)}});
  ASSERT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
    (void)co_await cluster.call(peer::Target::controller(), order);
  }));
  ASSERT_TRUE(stage.wait([&] { return stage.leader(kTopic, 0) == 1; }, 5s));
  EXPECT_TRUE(stage.wait([&] { return stage.publish(kRecords + 1, kRecords + 2); }, 5s));
  EXPECT_EQ(stage.damages(1), 1U);
  const auto damaged = ask(stage, 1, fetch_request(kTopic, 0, 7), 12);
  ASSERT_TRUE(damaged);
  EXPECT_EQ(only(*damaged).error_code, ErrorCode::kafka_storage_error);
}

}  // namespace
}  // namespace godwit::broker
