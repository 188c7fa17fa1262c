// design-cluster rule 16: from the moment a leader's connection breaks, nobody is sent to it.
#include "broker/cluster_asking_testing.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/metadata.h"

namespace godwit::broker {
namespace {

const std::string kTopic = "orders";

kafka::MetadataRequest about_topic() {
  kafka::MetadataRequest request;
  request.topics.emplace().push_back({.topic_id = {}, .name = kTopic});
  return request;
}

struct MetadataStage : ClusterStage {
  explicit MetadataStage(uint64_t seed) : ClusterStage(seed, 1 + seed % 2) {
    start_all();
    EXPECT_TRUE(create(kTopic, 1));
    EXPECT_EQ(leader(kTopic, 0), 1);
  }
  bool suspects_first(int i) { return up(i) && broker(i)->suspects(BrokerId(1)); }
  bool wait_suspect(int i) {
    // It may be over within a millisecond.
    const MonotonicTime end = world.now() + 1s;
    while (!suspects_first(i) && world.now() < end) world.run_for(20us);
    return suspects_first(i);
  }
};

// Asks one broker again and again; looks at what it answers to questions that were asked while the first broker was suspect, or
// when that broker had heard already that another one leads.
class Asker {
 public:
  Asker(MetadataStage& stage, int broker) : stage_(stage), broker_(broker) {
    stage.client.start([this](Runtime& runtime) { return run(runtime); });
  }
  void finish() {
    ending_ = true;
    EXPECT_TRUE(stage_.wait([&] { return ended_; }));
  }
  int held = 0;  // were asked in that time
  int named_new = 0;

 private:
  bool knows_another() const {
    const cluster::ImagePtr newest = stage_.broker(broker_)->metadata().image();
    return newest->find(kTopic)->partitions[0].leader != BrokerId(1);
  }
  Task<void> run(Runtime& runtime) {
    auto connection =
        co_await peer::Connection::connect(runtime.network(), {"b" + std::to_string(broker_), 9092}, {});
    EXPECT_TRUE(connection.has_value());
    while (connection && !ending_) {
      const bool suspect = stage_.suspects_first(broker_) || knows_another();
      const MonotonicTime asked = stage_.world.now();
      const auto answer = co_await (*connection)->call(about_topic());
      if (!answer) {
        ADD_FAILURE() << answer.error().describe();
        break;
      }
      const auto& part = answer->topics.at(0).partitions.at(0);
      EXPECT_LT(stage_.world.now() - asked, 305ms);
      if (suspect) {
        ++held;
        EXPECT_NE(part.leader_id, BrokerId(1)) << "the suspect is named";
        const bool none = part.leader_id == kNoBroker;
        EXPECT_EQ(part.error_code, none ? ErrorCode::leader_not_available : ErrorCode::none);
        named_new += !none;
      }
      co_await runtime::sleep_for(std::chrono::microseconds(300));
    }
    ended_ = true;
  }

  MetadataStage& stage_;
  int broker_;
  bool ending_ = false;
  bool ended_ = false;
};

TEST(ClusterSimMetadata, IsHeldWhileALeaderIsSuspectAndAnsweredWithTheNewOne) {
  int held = 0;
  int quick_runs = 0;
  const int runs = for_seeds([&](uint64_t seed) {
    MetadataStage stage(seed);
    std::vector<std::unique_ptr<Asker>> askers;
    askers.reserve(6);
    for (int n = 0; n < 6; ++n) askers.push_back(std::make_unique<Asker>(stage, 2 + n % 2));
    stage.world.run_for(std::chrono::microseconds(stage.world.random().below(50'000)));
    // An election that takes its time.
    stage.server.slow(std::chrono::milliseconds(seed % 8));
    stage.node(1).crash(CrashKind::kill);
    ASSERT_TRUE(stage.wait([&] { return stage.suspects_first(2) || stage.suspects_first(3); }, 1s));
    const MonotonicTime suspected = stage.world.now();
    ASSERT_TRUE(stage.wait([&] { return stage.leader(kTopic, 0) > 1; }, 1s));
    const bool quick = stage.world.now() - suspected < 250ms;
    quick_runs += quick;
    stage.world.run_for(350ms);
    for (const auto& asker : askers) {
      asker->finish();
      held += asker->held;
      if (quick) EXPECT_EQ(asker->named_new, asker->held) << "it was elected within the patience";
    }
  });
  EXPECT_GE(2 * quick_runs, runs);
  EXPECT_GE(held, runs) << "questions came in that moment";
}

TEST(ClusterSimMetadata, SaysAfterAWhileThatThereIsNoLeaderWhereNobodyIsElected) {
  for_seeds([](uint64_t seed) {
    MetadataStage stage(seed);
    stage.server.stop();
    stage.node(1).crash(CrashKind::kill);
    for (int i : {2, 3}) {
      ASSERT_TRUE(stage.wait_suspect(i));
      const MonotonicTime asked = stage.world.now();
      const auto answer = ask_later(stage, i, about_topic());
      ASSERT_TRUE(stage.wait([&] { return answer->ended; }, 1s));
      EXPECT_GE(answer->at - asked, 290ms);
      EXPECT_LE(answer->at - asked, 320ms);
      ASSERT_TRUE(answer->answer);
      const auto& part = answer->answer->topics.at(0).partitions.at(0);
      EXPECT_EQ(part.leader_id, kNoBroker);
      EXPECT_EQ(part.error_code, ErrorCode::leader_not_available);
      EXPECT_EQ(answer->answer->topics[0].error_code, ErrorCode::none);
    }
    stage.server.start();
    EXPECT_TRUE(stage.wait([&] { return stage.leader(kTopic, 0) > 1; }, 10s));
  });
}

TEST(ClusterSimMetadata, IsHeldNoLongerThanTheInterruptionOfAConnection) {
  for_seeds([](uint64_t seed) {
    MetadataStage stage(seed);
    stage.world.run_for(std::chrono::milliseconds(seed));
    stage.world.network().break_connections("b2", "b1");
    ASSERT_TRUE(stage.wait_suspect(2));
    const MonotonicTime asked = stage.world.now();
    const auto answer = ask_later(stage, 2, about_topic());
    ASSERT_TRUE(stage.wait([&] { return answer->ended; }, 1s));
    ASSERT_TRUE(answer->answer);
    EXPECT_EQ(answer->answer->topics.at(0).partitions.at(0).leader_id, BrokerId(1)) << "it is there again";
    EXPECT_LT(answer->at - asked, 60ms);
    EXPECT_EQ(stage.leader(kTopic, 0), 1);
  });
}

// librdkafka before 2.4 that hears of the new leader, of the dead one and of the new one again stays with the dead one for good
// (its issue 4976): an answer must be no older than the moment at which it is sent.
TEST(ClusterSimMetadata, IsNotAnsweredFromBeforeWhatStandsInFrontOfItWasAnswered) {
  for_seeds([](uint64_t seed) {
    MetadataStage stage(seed);
    ASSERT_TRUE(stage.create("others", 3));
    ASSERT_TRUE(stage.wait([&] { return stage.whole("others"); }));
    int of_third = 0;
    while (of_third < 2 && stage.leader("others", of_third) != 3) ++of_third;
    ASSERT_EQ(stage.leader("others", of_third), 3);
    auto publish = produce_request("others", of_third, {"a"}, {}, -1, 30'000);
    bool published = false;
    std::optional<BrokerId> named;
    bool ended = false;
    stage.node(3).disk().stall({.kinds = {runtime::sim::OpKind::write, runtime::sim::OpKind::sync}});
    stage.client.start([&](Runtime& runtime) -> Task<void> {
      peer::ConnectionOptions options;
      options.request_timeout = 60s;
      auto connection = co_await peer::Connection::connect(runtime.network(), {"b3", 9092}, options);
      EXPECT_TRUE(connection.has_value());
      if (!connection) co_return;
      std::vector<Task<void>> both;
      both.push_back([](peer::Connection& to, kafka::ProduceRequest request, bool& done) -> Task<void> {
        const auto answer = co_await to.call(std::move(request), {.version_max = 12});
        done = answer && only(*answer).error_code == ErrorCode::none;
      }(**connection, std::move(publish), published));
      both.push_back([](peer::Connection& to, std::optional<BrokerId>& leader) -> Task<void> {
        const auto answer = co_await to.call(about_topic());
        if (answer) leader = answer->topics.at(0).partitions.at(0).leader_id;
      }(**connection, named));
      co_await runtime::when_all(std::move(both));
      ended = true;
    });
    stage.world.run_for(5ms);
    ASSERT_FALSE(ended);
    stage.node(1).crash(CrashKind::kill);
    ASSERT_TRUE(stage.wait([&] { return stage.leader(kTopic, 0) > 1; }, 1s));
    stage.node(3).disk().release();
    ASSERT_TRUE(stage.wait([&] { return ended; }, 10s));
    EXPECT_TRUE(published);
    ASSERT_TRUE(named);
    EXPECT_NE(*named, BrokerId(1)) << "who was dead when it was answered";
  });
}

// A shard that still goes by the image before, which names the dead one as a leader, must not answer with it: whether it is dead
// every shard knows at once, the new image one after the other.
TEST(ClusterSimMetadata, WhomTheNewestImageDoesNotHaveIsSuspectUntilItIsThereAgain) {
  for_seeds([](uint64_t seed) {
    MetadataStage stage(seed);
    stage.node(1).crash(CrashKind::kill);
    for (int i : {2, 3}) {
      ASSERT_TRUE(stage.wait(
          [&] { return !stage.broker(i)->metadata().image()->brokers.contains(BrokerId(1)); }, 2s));
      EXPECT_TRUE(stage.suspects_first(i));
    }
    stage.start(1);
    ASSERT_TRUE(stage.wait([&] { return stage.whole(kTopic); }, 10s));
    for (int i : {2, 3}) EXPECT_TRUE(stage.wait([&] { return !stage.suspects_first(i); }, 2s));
  });
}

// KIP-951 is no way round the rule; nor is FindCoordinator.
TEST(ClusterSimMetadata, NoAnswerSendsAnybodyToASuspect) {
  for_seeds([](uint64_t seed) {
    MetadataStage stage(seed);
    kafka::FindCoordinatorRequest group;
    group.key_type = 0;
    group.coordinator_keys = {"readers"};
    const auto found_by = [&](int i) {
      const auto found = ask(stage, i, group);
      return found ? found->coordinators.at(0) : kafka::FindCoordinatorResponse::Coordinator{};
    };
    ASSERT_TRUE(stage.wait([&] { return found_by(2).error_code == ErrorCode::none; }));
    ASSERT_TRUE(stage.wait([&] { return stage.whole("__consumer_offsets"); }));
    const int manager = stage.leader("__consumer_offsets", 0);
    stage.server.stop();
    stage.node(1).crash(CrashKind::kill);
    ASSERT_TRUE(stage.wait_suspect(2));
    const auto refused = publish_to(stage, 2, kTopic, "a");
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->error_code, ErrorCode::not_leader_or_follower);
    EXPECT_EQ(refused->current_leader.leader_id, kNoBroker);
    if (manager != 1) stage.node(manager).crash(CrashKind::kill);
    const int left = manager == 2 ? 3 : 2;
    ASSERT_TRUE(stage.wait([&] { return stage.broker(left)->suspects(BrokerId(manager)); }, 1s));
    EXPECT_EQ(found_by(left).error_code, ErrorCode::coordinator_not_available);
  });
}

}  // namespace
}  // namespace godwit::broker
