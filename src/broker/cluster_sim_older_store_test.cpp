// A coordination store that was put back from a backup knows nothing of the leaders since: no epoch and no incarnation is handed
// out twice, and nobody leads who lacks what was acknowledged, but by an order (docs/decisions/0015).
#include <random>

#include "broker/cluster_history_testing.h"
#include "kafka/messages/elect_leaders.h"

namespace godwit::broker {
namespace {

using Contents = ClusterStage::Contents;

class OlderStore {
 public:
  explicit OlderStore(uint64_t seed) : stage(seed) {}

  // Tries for a while; false where nobody takes it.
  bool publish(int partition, const std::string& value, Duration patience = 30s) {
    bool well = false;
    (void)stage.as_client(
        [&](peer::Cluster& cluster) -> Task<void> {
          const MonotonicTime end = runtime::Shard::current()->now() + patience;
          while (!well && runtime::Shard::current()->now() < end) {
            const auto answer = co_await produce_once(cluster, produce_request(topic, partition, {value}));
            well = answer && answer->error_code == ErrorCode::none;
            if (!well) co_await runtime::sleep_for(50ms);
          }
        },
        patience + 300s);  // never reached: what it runs refers to this frame
    return well;
  }
  ErrorCode elect_unclean(int partition) {
    ErrorCode code = ErrorCode::unknown_server_error;
    EXPECT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
      kafka::ElectLeadersRequest request;
      request.election_type = 1;
      request.topic_partitions.emplace().push_back({topic, {PartitionIndex(partition)}});
      const auto answer = co_await cluster.call(peer::Target::controller(), request,
                                                [](const auto& r) { return r.error_code; });
      if (answer && !answer->replica_election_results.empty())
        code = answer->replica_election_results.at(0).partition_result.at(0).error_code;
    }));
    return code;
  }
  void kill(int i) {
    if (stage.node(i).alive()) stage.node(i).crash(CrashKind::kill);
  }
  void kill_all() {
    for (int i = 1; i <= stage.count; ++i) kill(i);
  }
  // It takes somebody some time, longer than the seconds by which epochs ran ahead of the clock in a few elections at once.
  template <class Snapshot>
  void restore(const Snapshot& backup) {
    stage.world.run_for(10s);
    stage.server.restore(backup);
  }
  bool waits_for_an_order(int partition) {
    const auto now = stage.state(topic, partition);
    return now && now->leader == kNoBroker && now->leader_incarnation != 0;
  }
  // What an operator does once all brokers are up.
  bool put_in_order(int partitions) {
    for (int n = 0; n < 60 && !stage.whole(topic); ++n) {
      for (int p = 0; p < partitions; ++p)
        if (waits_for_an_order(p)) (void)elect_unclean(p);
      stage.world.run_for(1s);
    }
    return stage.whole(topic);
  }

  ClusterStage stage;
  std::string topic = "orders";
};

TEST(ClusterSimOlderStore, WhoJoinsLateWithRecordsOfAReusedEpochIsNotMixedWithTheOthers) {
  OlderStore it(92);
  ClusterStage& stage = it.stage;
  stage.start_all();
  ASSERT_TRUE(stage.create(it.topic, 1, {{"min.insync.replicas", "1"}}));
  it.kill(3);
  ASSERT_TRUE(stage.wait([&] { return stage.isr(it.topic, 0) == 2; }));
  ASSERT_TRUE(it.publish(0, "a"));
  const auto backup = stage.server.snapshot();
  stage.start(3);
  ASSERT_TRUE(stage.wait([&] { return stage.whole(it.topic); }));
  // Neither of the two hears of the third's leadership.
  it.kill(2);
  ASSERT_TRUE(stage.wait([&] { return stage.isr(it.topic, 0) == 2; }));
  it.kill(1);
  ASSERT_TRUE(stage.wait([&] { return stage.leader(it.topic, 0) == 3; }));
  ASSERT_TRUE(it.publish(0, "forgotten"));
  it.kill(3);
  it.restore(backup);
  stage.start(1);
  stage.start(2);
  ASSERT_TRUE(it.publish(0, "later", 60s)) << stage.describe_all(it.topic);
  // Until the epochs that were handed out are as many as before.
  for (int n = 0; n < 3; ++n) {
    const int led = stage.leader(it.topic, 0);
    it.kill(led);
    ASSERT_TRUE(stage.wait([&] { return stage.leader(it.topic, 0) == 3 - led; }));
    ASSERT_TRUE(it.publish(0, "later still", 60s));
    stage.start(led);
    ASSERT_TRUE(stage.wait([&] { return stage.isr(it.topic, 0) == 2; }));
  }
  stage.start(3);
  ASSERT_TRUE(stage.wait([&] { return it.waits_for_an_order(0); })) << stage.describe_all(it.topic);
  EXPECT_GT(stage.sink.told["cluster.partitions.contradicted"], 0);
  EXPECT_FALSE(it.publish(0, "refused", 3s));
  // Over a restart of all, too.
  it.kill_all();
  for (int i = 1; i <= 3; ++i) stage.start(i);
  ASSERT_TRUE(stage.wait([&] { return stage.formed(); }));
  stage.world.run_for(10s);
  ASSERT_TRUE(it.waits_for_an_order(0)) << stage.describe_all(it.topic);
  ASSERT_EQ(it.elect_unclean(0), ErrorCode::none);
  ASSERT_TRUE(stage.wait([&] { return stage.whole(it.topic); })) << stage.describe_all(it.topic);
  for (int i = 1; i <= 3; ++i)
    EXPECT_EQ(stage.contents(i, it.topic, 0), (Contents{{0, "a"}, {1, "forgotten"}})) << i;
  EXPECT_TRUE(it.publish(0, "b"));
  // It is decided: nothing waits again after a restart.
  it.kill_all();
  for (int i = 1; i <= 3; ++i) stage.start(i);
  ASSERT_TRUE(stage.wait([&] { return stage.formed() && stage.whole(it.topic); }, 90s))
      << stage.describe_all(it.topic);
}

TEST(ClusterSimOlderStore, AnOrderTakesTheOnlyCopyFromABrokerThatTheStoreDoesNotNameAsAReplica) {
  OlderStore it(93);
  ClusterStage& stage = it.stage;
  stage.start_all();
  ASSERT_TRUE(stage.create(it.topic, 1, {}, 1));
  ASSERT_TRUE(it.publish(0, "a"));
  const auto backup = stage.server.snapshot();
  ASSERT_EQ(stage.reassign(it.topic, 0, std::vector<int>{3}), ErrorCode::none);
  ASSERT_TRUE(stage.wait([&] {
    const auto state = stage.state(it.topic, 0);
    return state && state->leader == BrokerId(3) && state->removing.empty();
  }));
  ASSERT_TRUE(it.publish(0, "b"));
  it.kill_all();
  it.restore(backup);
  // The one that the store names comes first, and more often than leaders changed. It has nothing any more.
  for (int n = 0; n < 4; ++n) {
    stage.start(1);
    ASSERT_TRUE(stage.wait([&] { return stage.up(1); })) << stage.describe_all(it.topic);
    it.kill(1);
  }
  for (int i = 1; i <= 3; ++i) stage.start(i);
  ASSERT_TRUE(stage.wait([&] { return it.waits_for_an_order(0); })) << stage.describe_all(it.topic);
  stage.world.run_for(5s);
  const TopicPartition id{stage.image()->find(it.topic)->id, PartitionIndex(0)};
  ASSERT_TRUE(stage.has_log(3, id)) << "the only copy";
  ASSERT_EQ(it.elect_unclean(0), ErrorCode::none);
  ASSERT_TRUE(stage.wait([&] { return stage.leader(it.topic, 0) == 3; })) << stage.describe_all(it.topic);
  EXPECT_TRUE(it.publish(0, "c"));
  EXPECT_EQ(stage.contents(3, it.topic, 0), (Contents{{0, "a"}, {1, "b"}, {2, "c"}}));
}

TEST(ClusterSimOlderStore, NoIncarnationIsHandedOutTwice) {
  OlderStore it(94);
  ClusterStage& stage = it.stage;
  stage.start_all();
  ASSERT_TRUE(stage.create(it.topic, 1));
  const auto backup = stage.server.snapshot();
  it.kill(1);
  stage.start(1);
  ASSERT_TRUE(stage.wait([&] { return stage.up(1); }));
  const uint64_t before = stage.broker(1)->metadata().incarnation();
  stage.server.restore(backup);
  // Back before anybody noticed: only the number tells that it is another process.
  it.kill(1);
  stage.start(1);
  ASSERT_TRUE(stage.wait([&] { return stage.up(1); }, 90s));
  EXPECT_GT(stage.broker(1)->metadata().incarnation(), before);
}

TEST(ClusterSimOlderStore, AControllerThatKnowsNothingYetGoesAboveTheFenceThatTheOthersKnow) {
  OlderStore it(95);
  ClusterStage& stage = it.stage;
  stage.start_all();
  ASSERT_TRUE(stage.create(it.topic, 2));
  const auto backup = stage.server.snapshot();
  // Each of these changes is a fence that the backup does not know.
  for (int n = 0; n < 3; ++n) {
    const int controller = stage.image()->controller.value();
    it.kill(controller);
    ASSERT_TRUE(stage.wait([&] { return stage.image()->controller != BrokerId(controller); }));
    stage.start(controller);
    ASSERT_TRUE(stage.wait([&] { return stage.whole(it.topic); })) << stage.describe_all(it.topic);
  }
  const int64_t known = stage.image()->version.fence;
  it.kill(1);
  for (const int other : {2, 3}) stage.server.cut(stage.node(other).name());
  it.restore(backup);
  stage.start(1);
  // It has the office by the store alone, and a fence that the others take for an old one.
  ASSERT_TRUE(stage.wait([&] { return stage.up(1) && stage.broker(1)->metadata().controls(); }));
  ASSERT_LT(stage.broker(1)->metadata().image()->version.fence, known);
  for (const int other : {2, 3}) stage.server.heal(stage.node(other).name());
  ASSERT_TRUE(stage.wait([&] { return stage.formed() && stage.whole(it.topic); }, 90s))
      << stage.describe_all(it.topic);
  EXPECT_GT(stage.image()->version.fence, known);
  for (int p = 0; p < 2; ++p) EXPECT_TRUE(it.publish(p, "a")) << stage.describe_all(it.topic);
}

// Bounces of brokers before and after the backup; then the store is put back under running brokers or stopped ones, which come in
// any order, perhaps one of them late, when the others have gone on.
void run_random(uint64_t seed) {
  OlderStore it(seed);
  ClusterStage& stage = it.stage;
  std::mt19937_64 random(seed);
  const auto below = [&](uint64_t n) { return random() % n; };
  stage.start_all();
  ASSERT_TRUE(stage.create(it.topic, 2));
  std::map<int, std::vector<std::string>> acknowledged;
  int number = 0;
  const auto publish = [&](Duration patience = 30s) {
    for (int p = 0; p < 2; ++p) {
      const std::string value = std::to_string(number++);
      if (it.publish(p, value, patience)) acknowledged[p].push_back(value);
    }
  };
  const auto bounce = [&] {
    const int i = 1 + static_cast<int>(below(3));
    it.kill(i);
    if (below(2) != 0) stage.world.run_for(1s);
    publish();
    stage.start(i);
    ASSERT_TRUE(stage.wait([&] { return stage.whole(it.topic); }, 90s)) << stage.describe_all(it.topic);
    publish();
  };
  for (uint64_t n = below(3); n > 0; --n) bounce();
  const auto backup = stage.server.snapshot();
  for (uint64_t n = 1 + below(3); n > 0; --n) bounce();
  if (testing::Test::HasFatalFailure()) return;
  const bool running = below(3) == 0;
  const bool late = !running && below(2) == 0;
  if (running) {
    it.restore(backup);
    ASSERT_TRUE(stage.wait([&] { return stage.formed() && stage.image()->controller != kNoBroker; }));
    const int controller = stage.image()->controller.value();
    it.kill(controller);
    stage.world.run_for(std::chrono::milliseconds(below(8000)));
    stage.start(controller);
  } else {
    it.kill_all();
    it.restore(backup);
    std::vector<int> order{1, 2, 3};
    std::shuffle(order.begin(), order.end(), random);
    for (const int i : order) {
      if (late && i == order.back()) {
        publish(10s);
        // As many elections as were forgotten, and more.
        for (uint64_t n = below(5); n > 0; --n) {
          const int again = order[below(2)];
          it.kill(again);
          stage.world.run_for(std::chrono::milliseconds(below(5000)));
          stage.start(again);
          publish(10s);
        }
      }
      stage.start(i);
      stage.world.run_for(std::chrono::milliseconds(below(3000)));
    }
  }
  ASSERT_TRUE(stage.wait([&] { return stage.formed(); }, 120s)) << stage.describe_all(it.topic);
  stage.world.run_for(5s);
  const bool whole = it.put_in_order(2);
  // One that came late may know that something was committed which the others lack: it waits, too.
  if (!late) {
    ASSERT_TRUE(whole) << stage.describe_all(it.topic);
  }
  for (int p = 0; p < 2; ++p) {
    const auto state = stage.state(it.topic, p);
    ASSERT_TRUE(state.has_value());
    if (state->leader == kNoBroker || !stage.up(state->leader.value())) continue;
    const Contents led = stage.contents(state->leader.value(), it.topic, p);
    for (const BrokerId id : state->isr) {
      if (!stage.up(id.value())) continue;
      EXPECT_EQ(stage.contents(id.value(), it.topic, p), led)
          << "partition " << p << " of broker " << to_string(id) << ": " << stage.describe_all(it.topic);
    }
    if (late) continue;
    std::set<std::string> there;
    for (const auto& [offset, value] : led) there.insert(value);
    for (const std::string& value : acknowledged[p])
      EXPECT_TRUE(there.contains(value))
          << value << " of partition " << p << ": " << stage.describe_all(it.topic);
  }
}

TEST(ClusterSimOlderStore, ReplicasAgreeAndNothingAcknowledgedIsLostWhileAllBrokersAreThere) {
  for (uint64_t seed = 1; seed <= 12 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    if (std::getenv("GODWIT_TEST_TELL") != nullptr) std::cerr << "seed " << seed << '\n';
    run_random(seed);
  }
}

}  // namespace
}  // namespace godwit::broker
