// Leadership that is given away on purpose: a controlled shutdown (issue: "hands leadership over first"), and an operator's order that
// may lose records.
#include "broker/cluster_asking_testing.h"
#include "kafka/messages/cluster_command.h"
#include "kafka/messages/elect_leaders.h"

namespace godwit::broker {
namespace {

const std::string kTopic = "orders";
using Values = std::vector<std::string>;

// The longest time without an acknowledgement, looked at every millisecond, while `work` runs.
Duration longest_gap(ClusterStage& stage, const Load& load, const std::function<bool()>& until) {
  Duration longest{};
  EXPECT_TRUE(stage.wait(
      [&] {
        longest = std::max<Duration>(longest, stage.world.now() - load.last());
        return until();
      },
      60s));
  return longest;
}

TEST(ClusterSimHandover, AControlledShutdownHandsLeadershipOverFirst) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 3));
    History history;
    Load load(stage, history, kTopic, 3, 1ms);
    stage.world.run_for(std::chrono::milliseconds(100 + stage.world.random().below(100)));
    const int leaver = 1 + static_cast<int>(seed % 3);
    auto* const process = stage.find(leaver);
    stage.node(leaver).start([process](Runtime&) -> Task<void> {
      (void)co_await process->broker->stop();
      process->stopped = true;
    });
    // While it still accepts connections nothing is led by it any more.
    bool served = true;
    const Duration gap = longest_gap(stage, load, [&] {
      if (served && process->broker->stopping()) {
        served = false;
        for (int p = 0; p < 3; ++p) EXPECT_NE(stage.leader(kTopic, p), leaver) << "partition " << p;
      }
      return process->stopped;
    });
    // Asking for the new leader, and one more attempt: a client of this test waits 20 ms between two.
    EXPECT_LT(gap, 100ms);
    stage.node(leaver).crash(CrashKind::kill);
    const size_t before = load.acknowledged();
    EXPECT_LT(longest_gap(stage, load, [&] { return load.acknowledged() > before + 100; }), 100ms);
    stage.start(leaver);
    EXPECT_TRUE(stage.wait([&] { return stage.whole(kTopic); }, 90s));
    load.finish();
    check_history(stage, history, kTopic, 3);
  });
}

TEST(ClusterSimHandover, AControlledShutdownIsBoundedWhereNobodyAnswersIt) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 3));
    const int controller = stage.image()->controller.value();
    const int leaver = seed % 4 == 3 ? controller : 1 + controller % 3;
    switch (seed % 4) {
      case 0:  // the controller hangs, and the store with it: nobody takes its place
        stage.node(controller).pause();
        stage.server.stop();
        break;
      case 1:  // cut off from everybody
        stage.world.network().isolate(stage.node(leaver).name());
        stage.server.cut(stage.node(leaver).name());
        break;
      case 2:  // alone with its controller, without a store
        stage.server.stop();
        stage.node(1 + leaver % 3 == controller ? 1 + (leaver + 1) % 3 : 1 + leaver % 3)
            .crash(CrashKind::kill);
        break;
      default:  // the controller itself, without a store
        stage.server.stop();
        break;
    }
    stage.world.run_for(std::chrono::milliseconds(stage.world.random().below(3000)));
    const MonotonicTime from = stage.world.now();
    EXPECT_TRUE(stage.stop(leaver));
    EXPECT_LT(stage.world.now() - from, BrokerOptions().shutdown_timeout + 3s) << "case " << seed % 4;
    for (int i = 1; i <= 3; ++i) stage.node(i).resume();
    stage.world.network().heal();
    stage.server.heal();
    stage.server.start();
    for (int i = 1; i <= 3; ++i)
      if (!stage.node(i).alive()) stage.start(i);
    EXPECT_TRUE(stage.wait([&] { return stage.whole(kTopic); }, 90s)) << stage.describe_all(kTopic);
  });
}

std::optional<kafka::ClusterCommandResponse> events(ClusterStage& stage, int broker) {
  kafka::ClusterCommandRequest request;
  request.verb = "events";
  request.number = 1000;
  return ask(stage, broker, request);
}

ErrorCode elect(ClusterStage& stage, int8_t type) {
  ErrorCode code = ErrorCode::unknown_server_error;
  EXPECT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
    kafka::ElectLeadersRequest request;
    request.election_type = type;
    request.topic_partitions.emplace().push_back({kTopic, {PartitionIndex(0)}});
    auto answer = co_await cluster.call(peer::Target::controller(), request);
    EXPECT_TRUE(answer.has_value());
    if (answer && !answer->replica_election_results.empty())
      code = answer->replica_election_results.at(0).partition_result.at(0).error_code;
  }));
  return code;
}

TEST(ClusterSimHandover, AnUncleanElectionHappensByOrderAloneIsReadLaterAndItsLossIsCutOff) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 1, {{"min.insync.replicas", "1"}}));
    ASSERT_TRUE(publish_to(stage, 1, kTopic, "a"));
    for (int i : {2, 3}) stage.node(i).crash(seed % 2 == 0 ? CrashKind::kill : CrashKind::power_cut);
    ASSERT_TRUE(stage.wait([&] { return stage.isr(kTopic, 0) == 1; }, 15s));
    const Idempotence as{.producer = 7000, .epoch = 0, .sequence = 0};
    const auto lost = publish_to(stage, 1, kTopic, "lost", as);
    ASSERT_TRUE(lost && lost->error_code == ErrorCode::none) << "acknowledged by the whole ISR, which is one";
    stage.node(1).crash(CrashKind::power_cut);
    for (int i : {2, 3}) stage.start(i);
    ASSERT_TRUE(
        stage.wait([&] { return stage.up(2) && stage.up(3) && stage.image()->brokers.size() == 2; }, 20s));
    stage.world.run_for(20s);
    EXPECT_EQ(stage.leader(kTopic, 0), 0) << "nobody leads by itself";
    EXPECT_NE(elect(stage, 0), ErrorCode::none) << "nor by an order for a preferred leader";
    EXPECT_EQ(stage.leader(kTopic, 0), 0);
    ASSERT_EQ(elect(stage, 1), ErrorCode::none);
    ASSERT_TRUE(stage.wait([&] { return stage.leader(kTopic, 0) > 1; }, 5s));
    const int leader = stage.leader(kTopic, 0);
    const LeaderEpoch epoch = stage.state(kTopic, 0)->leader_epoch;
    // What the producer sends again is new there.
    std::optional<kafka::ProduceResponse::Partition> again;
    ASSERT_TRUE(stage.wait([&] {
      again = publish_to(stage, leader, kTopic, "lost", as);
      return again && again->error_code == ErrorCode::none;
    }));
    EXPECT_EQ(again->base_offset, Offset(1));
    ASSERT_TRUE(publish_to(stage, leader, kTopic, "b"));

    // Later, of whoever controls then.
    const int controller = stage.image()->controller.value();
    stage.start(1);
    ASSERT_TRUE(stage.wait([&] { return stage.whole(kTopic); }, 60s)) << stage.describe_all(kTopic);
    stage.node(controller).crash(CrashKind::kill);
    ASSERT_TRUE(stage.wait([&] {
      const auto now = stage.image();
      return now->controller != kNoBroker && now->controller != BrokerId(controller) &&
             stage.up(now->controller.value());
    }));
    std::optional<kafka::ClusterCommandResponse> told;
    ASSERT_TRUE(stage.wait([&] {
      told = events(stage, stage.image()->controller.value());
      return told && told->error_code == ErrorCode::none;
    }));
    const auto event =
        std::ranges::find(told->events, "election.unclean", &kafka::ClusterCommandResponse::Event::what);
    ASSERT_NE(event, told->events.end());
    EXPECT_EQ(event->controller, BrokerId(controller));
    EXPECT_NE(event->detail.find(kTopic + "-0"), std::string::npos) << event->detail;
    EXPECT_NE(event->detail.find("isr [1] -> [" + std::to_string(leader) + "]"), std::string::npos)
        << event->detail;
    EXPECT_GE(event->time_ms, 1'700'000'000'000);
    EXPECT_EQ(
        std::ranges::count(told->events, "election.unclean", &kafka::ClusterCommandResponse::Event::what), 1);

    EXPECT_GE(stage.sink.told["replication.records_given_up"] + stage.sink.told["replication.truncated"], 1);
    EXPECT_GE(stage.state(kTopic, 0)->leader_epoch, epoch);
    stage.start(controller);
    ASSERT_TRUE(stage.wait([&] { return stage.whole(kTopic); }, 60s));
    for (int i = 1; i <= 3; ++i)
      EXPECT_EQ(values_of(stage, i, kTopic), (Values{"a", "lost", "b"})) << "broker " << i;
  });
}

}  // namespace
}  // namespace godwit::broker
