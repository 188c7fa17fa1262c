// Replicas move between whole brokers: as fast as a throttle lets them, while records flow, cancelled, and with brokers that die
// meanwhile.
#include "broker/cluster_history_testing.h"
#include "kafka/messages/cluster_command.h"
#include "kafka/messages/describe_log_dirs.h"
#include "kafka/messages/incremental_alter_configs.h"

namespace godwit::broker {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

constexpr int8_t kTopic = 2;
constexpr int8_t kBroker = 4;
constexpr const char* kLeaderRate = "leader.replication.throttled.rate";
constexpr const char* kFollowerRate = "follower.replication.throttled.rate";

class Moving : public ClusterStage {
 public:
  using ClusterStage::ClusterStage;

  // As Kafka's tools do; an empty value deletes.
  bool configure(int8_t type, const std::string& name, const Settings& settings) {
    ErrorCode code = ErrorCode::unknown_server_error;
    const bool asked = as_client([&](peer::Cluster& cluster) -> Task<void> {
      kafka::IncrementalAlterConfigsRequest request;
      auto& resource = request.resources.emplace_back();
      resource.resource_type = type;
      resource.resource_name = name;
      for (const auto& [key, value] : settings) {
        auto& one = resource.configs.emplace_back();
        one.name = key;
        one.config_operation = value.empty() ? 1 : 0;
        if (!value.empty()) one.value = value;
      }
      const auto answer = co_await cluster.call(peer::Target::any(), request,
                                                [](const auto& r) { return r.responses.at(0).error_code; });
      if (answer) code = answer->responses.at(0).error_code;
      EXPECT_EQ(code, ErrorCode::none) << (answer ? answer->responses.at(0).error_message.value_or("") : "");
    });
    return asked && code == ErrorCode::none;
  }
  kafka::ClusterCommandResponse order(std::string verb, int broker = -1, int64_t number = 0) {
    kafka::ClusterCommandResponse response;
    EXPECT_TRUE(as_client([&](peer::Cluster& cluster) -> Task<void> {
      kafka::ClusterCommandRequest request;
      request.verb = std::move(verb);
      request.broker_id = BrokerId(broker);
      request.number = number;
      auto answer =
          co_await cluster.call(peer::Target::any(), request, [](const auto& r) { return r.error_code; });
      EXPECT_TRUE(answer.has_value());
      if (answer) response = std::move(*answer);
    }));
    EXPECT_EQ(response.error_code, ErrorCode::none) << response.message;
    return response;
  }
  // Publishes so many batches of so many bytes, each acknowledged by all.
  bool fill(const std::string& topic, int partition, int batches, size_t bytes) {
    bool well = true;
    const bool ended = as_client([&](peer::Cluster& cluster) -> Task<void> {
      for (int i = 0; i < batches && well;) {
        const auto answer = co_await produce_once(
            cluster,
            produce_request(topic, partition, {std::string(bytes, static_cast<char>('a' + i % 26))}));
        if (answer && answer->error_code == ErrorCode::none) {
          ++i;
        } else if (answer && !is_retriable(answer->error_code)) {
          well = false;
        } else {
          co_await runtime::sleep_for(20ms);
        }
      }
    });
    return well && ended;
  }
  // Creates it where the controller sees fit, with three replicas, and waits until it is whole.
  bool place(const std::string& topic, int32_t partitions) {
    ErrorCode code = ErrorCode::unknown_server_error;
    const bool asked = as_client([&](peer::Cluster& cluster) -> Task<void> {
      kafka::CreateTopicsRequest request;
      auto& wish = request.topics.emplace_back();
      wish.name = topic;
      wish.num_partitions = partitions;
      wish.replication_factor = 3;
      const auto answer = co_await cluster.call(peer::Target::controller(), request,
                                                [](const auto& r) { return r.topics.at(0).error_code; });
      if (answer) code = answer->topics.at(0).error_code;
    });
    return asked && code == ErrorCode::none && wait([&] { return whole(topic); });
  }
  bool moved(const std::string& topic, int partition) {
    const auto now = state(topic, partition);
    return now && now->adding.empty() && now->removing.empty();
  }
  int64_t moved_in(int i) { return static_cast<int64_t>(broker(i)->metrics().moved_in.value()); }
  // What the broker says of its replica.
  std::optional<kafka::DescribeLogDirsResponse::Partition> described(int i, const std::string& topic,
                                                                     int partition) {
    std::optional<kafka::DescribeLogDirsResponse::Partition> found;
    EXPECT_TRUE(as_client([&](peer::Cluster& cluster) -> Task<void> {
      kafka::DescribeLogDirsRequest request;
      request.topics->push_back({topic, {PartitionIndex(partition)}});
      const auto answer = co_await cluster.call(peer::Target::broker(BrokerId(i)), request);
      if (answer && !answer->results.at(0).topics.empty())
        found = answer->results[0].topics[0].partitions.at(0);
    }));
    return found;
  }
};

constexpr size_t kBatch = 20'000;

void expect_rate(int64_t bytes, Duration time, double rate) {
  const double per_second = static_cast<double>(bytes) / std::chrono::duration<double>(time).count();
  EXPECT_GT(per_second, 0.8 * rate);
  EXPECT_LT(per_second, 1.2 * rate);
}

// What a move takes in windows of three seconds, while others publish to the same partition without noticing.
void moves_at_rate(uint64_t seed, size_t shards, int broker, const char* setting) {
  Moving stage(seed, shards, 4);
  stage.start_all();
  ASSERT_TRUE(stage.create("orders", 1));
  ASSERT_TRUE(stage.create("busy", 1));
  ASSERT_TRUE(stage.fill("orders", 0, 200, kBatch));
  ASSERT_TRUE(stage.configure(kBroker, std::to_string(broker), {{setting, "400000"}}));
  History history;
  Load load(stage, history, "busy", 1, 20ms);
  stage.world.run_for(2s);
  const size_t quiet = load.acknowledged();
  ASSERT_EQ(stage.reassign("orders", 0, std::vector{1, 2, 4}), ErrorCode::none);
  stage.world.run_for(1s);
  for (int window = 0; window < 2; ++window) {
    const int64_t before = stage.moved_in(4);
    const size_t acknowledged = load.acknowledged();
    stage.world.run_for(3s);
    expect_rate(stage.moved_in(4) - before, 3s, 400'000);
    EXPECT_GT(load.acknowledged() - acknowledged, quiet) << "who publishes notices the move";
  }
  EXPECT_TRUE(stage.wait([&] { return stage.moved("orders", 0) && stage.whole("orders"); }, 20s))
      << stage.describe_all("orders");
  EXPECT_EQ(stage.moved_in(4), static_cast<int64_t>(stage.broker(1)->metrics().moved_out.value()));
  load.finish();
  check_history(stage, history, "busy", 1);
  EXPECT_EQ(stage.contents(4, "orders", 0).size(), 200u);
}

TEST(ClusterSimMoves, AReplicaIsMovedAtTheFollowersRate) {
  moves_at_rate(41, 1, 4, kFollowerRate);
}

TEST(ClusterSimMoves, AReplicaIsMovedAtTheLeadersRate) {
  moves_at_rate(42, 2, 1, kLeaderRate);
}

// kafka-reassign-partitions --throttle sets the rates of each broker, --verify takes them back.
TEST(ClusterSimMoves, ThrottlesAreSetAndTakenBackAsKafkasToolDoes) {
  Moving stage(44, 1, 3);
  stage.start_all();
  for (const char* id : {"1", "2", "3"})
    ASSERT_TRUE(stage.configure(kBroker, id, {{kLeaderRate, "1000000"}, {kFollowerRate, "1000000"}}));
  EXPECT_EQ(stage.broker(2)->leader_throttle().rate(), 1'000'000);
  for (const char* id : {"1", "2", "3"}) {
    ASSERT_TRUE(stage.configure(
        kBroker, id,
        {{kLeaderRate, ""}, {kFollowerRate, ""}, {"replica.alter.log.dirs.io.max.bytes.per.second", ""}}));
  }
  EXPECT_FALSE(stage.broker(2)->leader_throttle().bounded());
  stage.order("throttle", -1, 5'000'000);
  // The order is answered when it is durable; brokers hear of it a moment later.
  EXPECT_TRUE(stage.wait([&] { return stage.broker(3)->follower_throttle().rate() == 5'000'000; }, 1s));
  stage.order("throttle", -1, -1);
  EXPECT_TRUE(stage.wait([&] { return !stage.broker(3)->follower_throttle().bounded(); }, 1s));
}

TEST(ClusterSimMoves, ANewRateHoldsAtOnce) {
  Moving stage(45, 1, 4);
  stage.start_all();
  ASSERT_TRUE(stage.create("orders", 1));
  ASSERT_TRUE(stage.fill("orders", 0, 100, kBatch));
  ASSERT_TRUE(stage.configure(kBroker, "", {{kFollowerRate, "1000"}}));
  ASSERT_EQ(stage.reassign("orders", 0, std::vector{1, 2, 4}), ErrorCode::none);
  stage.world.run_for(10s);
  EXPECT_FALSE(stage.moved("orders", 0));
  EXPECT_LE(stage.moved_in(4), 10 * 1000 + 3 * static_cast<int64_t>(kBatch));
  const auto lagging = stage.described(4, "orders", 0);
  ASSERT_TRUE(lagging);
  EXPECT_EQ(lagging->offset_lag, 100 - stage.replica(4, "orders", 0)->log()->end().value());
  EXPECT_GT(lagging->offset_lag, 90);
  EXPECT_FALSE(lagging->is_future_key);
  EXPECT_EQ(stage.described(1, "orders", 0)->offset_lag, 0);
  EXPECT_EQ(stage.described(2, "orders", 0)->offset_lag, 0);
  EXPECT_GT(stage.described(1, "orders", 0)->partition_size, lagging->partition_size);
  ASSERT_TRUE(stage.configure(kBroker, "", {{kFollowerRate, ""}}));
  EXPECT_TRUE(stage.wait([&] { return stage.moved("orders", 0); }, 3s)) << stage.describe_all("orders");
  EXPECT_EQ(stage.described(4, "orders", 0)->offset_lag, 0);
}

TEST(ClusterSimMoves, ReplicasInSyncAreNeverThrottled) {
  Moving stage(46);
  stage.start_all();
  ASSERT_TRUE(stage.create("orders", 1));
  ASSERT_TRUE(stage.configure(
      kTopic, "orders",
      {{"leader.replication.throttled.replicas", "*"}, {"follower.replication.throttled.replicas", "*"}}));
  ASSERT_TRUE(stage.configure(kBroker, "", {{kLeaderRate, "1000"}, {kFollowerRate, "1000"}}));
  const MonotonicTime began = stage.world.now();
  ASSERT_TRUE(stage.fill("orders", 0, 50, kBatch));
  EXPECT_LT(stage.world.now() - began, 5s) << "a thousand seconds' worth at that rate";
  // One that was away is named, so it waits; once in sync it does not.
  stage.node(3).crash(CrashKind::kill);
  ASSERT_TRUE(stage.wait([&] { return stage.isr("orders", 0) == 2; }));
  ASSERT_TRUE(stage.fill("orders", 0, 50, kBatch));
  stage.start(3);
  ASSERT_TRUE(stage.wait([&] { return stage.up(3); }));
  stage.world.run_for(10s);
  EXPECT_EQ(stage.isr("orders", 0), 2u) << "it is named";
  ASSERT_TRUE(stage.configure(
      kTopic, "orders",
      {{"leader.replication.throttled.replicas", ""}, {"follower.replication.throttled.replicas", ""}}));
  EXPECT_TRUE(stage.wait([&] { return stage.whole("orders"); }, 3s)) << stage.describe_all("orders");
}

TEST(ClusterSimMoves, SmallPartitionsDoNotWaitForALargeOne) {
  for (const char* setting : {kFollowerRate, kLeaderRate}) {
    Moving stage(47, 1, 4);
    stage.start_all();
    ASSERT_TRUE(stage.create("large", 1));
    ASSERT_TRUE(stage.create("small", 20));
    ASSERT_TRUE(stage.fill("large", 0, 250, kBatch));
    for (int p = 0; p < 20; ++p) ASSERT_TRUE(stage.fill("small", p, 1, 5000));
    ASSERT_TRUE(stage.configure(kBroker, "", {{setting, "500000"}}));
    ASSERT_EQ(stage.reassign("large", 0, std::vector{1, 2, 4}), ErrorCode::none);
    for (int p = 0; p < 20; ++p) ASSERT_EQ(stage.reassign("small", p, std::vector{1, 2, 4}), ErrorCode::none);
    const auto all_small = [&] {
      for (int p = 0; p < 20; ++p)
        if (!stage.moved("small", p)) return false;
      return true;
    };
    EXPECT_TRUE(stage.wait(all_small, 5s)) << setting << ": " << stage.describe_all("small");
    EXPECT_FALSE(stage.moved("large", 0)) << "it is ten seconds' worth";
    EXPECT_TRUE(stage.wait([&] { return stage.moved("large", 0); }, 20s)) << stage.describe_all("large");
  }
}

TEST(ClusterSimMoves, AMoveIsCancelledUnderLoad) {
  Moving stage(48, 1, 4);
  stage.start_all();
  ASSERT_TRUE(stage.create("orders", 1));
  ASSERT_TRUE(stage.create("filled", 1));
  ASSERT_TRUE(stage.fill("filled", 0, 100, kBatch));
  ASSERT_TRUE(stage.configure(kBroker, "", {{kFollowerRate, "0"}}));  // nothing arrives
  History history;
  Load load(stage, history, "orders", 1);
  stage.world.run_for(300ms);
  ASSERT_EQ(stage.reassign("orders", 0, std::vector{4, 2, 3}), ErrorCode::none);
  stage.world.run_for(300ms);
  EXPECT_EQ(stage.reassign("orders", 0, std::nullopt), ErrorCode::none);
  ASSERT_TRUE(stage.configure(kBroker, "", {{kFollowerRate, "100000"}}));
  ASSERT_EQ(stage.reassign("filled", 0, std::vector{4, 2, 3}), ErrorCode::none);
  stage.world.run_for(3s);
  EXPECT_GT(stage.moved_in(4), 0);
  EXPECT_EQ(stage.reassign("filled", 0, std::nullopt), ErrorCode::none);
  EXPECT_EQ(stage.reassign("filled", 0, std::nullopt), ErrorCode::no_reassignment_in_progress);
  EXPECT_TRUE(stage.wait([&] { return stage.whole("orders") && stage.whole("filled"); }, 5s))
      << stage.describe_all("filled");
  for (const char* topic : {"orders", "filled"}) {
    auto replicas = stage.state(topic, 0)->replicas;
    std::ranges::sort(replicas);
    EXPECT_EQ(replicas, (std::vector{BrokerId(1), BrokerId(2), BrokerId(3)}));
    EXPECT_TRUE(stage.wait([&] { return stage.replica(4, topic, 0) == nullptr; }, 5s)) << topic;
  }
  const size_t before = load.acknowledged();
  EXPECT_TRUE(stage.wait([&] { return load.acknowledged() > before + 20; }, 5s));
  load.finish();
  check_history(stage, history, "orders", 1);
}

TEST(ClusterSimMoves, AMoveGoesOnWhenItsTargetIsBack) {
  Moving stage(49, 1, 4);
  stage.start_all();
  ASSERT_TRUE(stage.create("orders", 1));
  ASSERT_TRUE(stage.fill("orders", 0, 100, kBatch));
  ASSERT_TRUE(stage.configure(kBroker, "", {{kFollowerRate, "200000"}}));
  ASSERT_EQ(stage.reassign("orders", 0, std::vector{1, 2, 4}), ErrorCode::none);
  stage.world.run_for(3s);
  stage.node(4).crash(CrashKind::power_cut);
  // Nobody waits for it: it counts for nothing yet.
  ASSERT_TRUE(stage.fill("orders", 0, 20, 100));
  stage.world.run_for(5s);
  EXPECT_EQ(stage.state("orders", 0)->adding, std::vector{BrokerId(4)});
  EXPECT_EQ(stage.isr("orders", 0), 3u);
  stage.start(4);
  EXPECT_TRUE(stage.wait([&] { return stage.moved("orders", 0) && stage.whole("orders"); }, 30s))
      << stage.describe_all("orders");
  EXPECT_EQ(stage.state("orders", 0)->replicas, (std::vector{BrokerId(1), BrokerId(2), BrokerId(4)}));
  EXPECT_EQ(stage.contents(4, "orders", 0), stage.contents(1, "orders", 0));
}

// Broker 3 is emptied; one that was to take its replicas dies for good, another one takes them then.
TEST(ClusterSimMoves, ADrainEndsAlthoughATargetDies) {
  Moving stage(50, 1, 5);
  stage.start_all();
  ASSERT_TRUE(stage.create("orders", 5));
  ASSERT_TRUE(stage.create("filled", 5));
  for (int p = 0; p < 5; ++p) ASSERT_TRUE(stage.fill("filled", p, 20, kBatch));
  ASSERT_TRUE(stage.configure(kBroker, "", {{kFollowerRate, "50000"}}));
  History history;
  Load load(stage, history, "orders", 1, 20ms);
  stage.order("drain", 3);
  int target = 0;
  ASSERT_TRUE(stage.wait(
      [&] {
        for (int p = 0; p < 5; ++p) {
          const auto now = stage.state("filled", p);
          if (!now->adding.empty()) target = now->adding.front().value();
        }
        return target != 0;
      },
      10s));
  stage.world.run_for(1s);
  stage.node(target).crash(CrashKind::power_cut);
  stage.configure(kBroker, "", {{kFollowerRate, ""}});
  const auto emptied = [&] {
    const auto now = stage.image();
    for (const auto& [name, topic] : now->topics())
      for (const auto& one : topic->partitions)
        if (std::ranges::find(one.replicas, BrokerId(3)) != one.replicas.end()) return false;
    return true;
  };
  EXPECT_TRUE(stage.wait(emptied, 90s)) << stage.describe_all("filled");
  const size_t before = load.acknowledged();
  EXPECT_TRUE(stage.wait([&] { return load.acknowledged() > before + 20; }, 5s)) << "publishing goes on";
  stage.start(target);
  EXPECT_TRUE(stage.wait([&] { return stage.whole("orders") && stage.whole("filled"); }, 60s))
      << stage.describe_all("filled");
  for (const auto& broker : stage.order("status").brokers)
    if (broker.id == BrokerId(3)) EXPECT_EQ(broker.state, "drained");
  load.finish();
  check_history(stage, history, "orders", 1);
}

TEST(ClusterSimMoves, ADrainIsTakenBackUnderLoad) {
  Moving stage(51, 1, 4);
  stage.start_all();
  ASSERT_TRUE(stage.create("orders", 4));
  ASSERT_TRUE(stage.create("filled", 4));
  for (int p = 0; p < 4; ++p) ASSERT_TRUE(stage.fill("filled", p, 50, kBatch));
  ASSERT_TRUE(stage.configure(kBroker, "", {{kFollowerRate, "50000"}}));
  std::map<int, std::vector<BrokerId>> before;
  for (int p = 0; p < 4; ++p) before[p] = stage.state("filled", p)->replicas;
  History history;
  Load load(stage, history, "orders", 1, 20ms);
  stage.order("drain", 3);
  ASSERT_TRUE(stage.wait([&] { return stage.order("status").moving > 0; }, 10s));
  stage.world.run_for(3s);
  stage.order("resume", 3);
  EXPECT_TRUE(stage.wait([&] { return stage.order("status").moving == 0; }, 5s))
      << stage.describe_all("filled");
  for (int p = 0; p < 4; ++p)
    EXPECT_EQ(stage.state("filled", p)->replicas, before[p]) << "nothing had arrived";
  EXPECT_TRUE(stage.wait([&] { return stage.whole("orders") && stage.whole("filled"); }, 30s));
  load.finish();
  check_history(stage, history, "orders", 1);
}

// The fourth of four: it gets a quarter, ten partitions at a time, and nothing else moves.
TEST(ClusterSimMoves, ABrokerThatIsAddedGetsItsShareWhilePublishingGoesOn) {
  Moving stage(52, 1, 4);
  for (int i = 1; i <= 3; ++i) stage.start(i);
  ASSERT_TRUE(stage.wait(
      [&] { return stage.up(1) && stage.up(2) && stage.up(3) && stage.image()->brokers.size() == 3; }));
  ASSERT_TRUE(stage.place("orders", 24));
  for (int p = 0; p < 24; ++p) ASSERT_TRUE(stage.fill("orders", p, 1, kBatch));
  ASSERT_TRUE(stage.configure(kBroker, "", {{kFollowerRate, "200000"}}));
  History history;
  ASSERT_TRUE(stage.place("busy", 1));
  Load load(stage, history, "busy", 1, 20ms);
  stage.world.run_for(1s);
  const size_t quiet = load.acknowledged();
  std::map<int, std::vector<BrokerId>> before;
  for (int p = 0; p < 24; ++p) before[p] = stage.state("orders", p)->replicas;
  stage.start(4);
  const auto held = [&] {
    size_t count = 0;
    for (int p = 0; p < 24; ++p) {
      const auto now = stage.state("orders", p);
      const auto is_fourth = [](BrokerId id) { return id == BrokerId(4); };
      if (now->adding.empty()) count += static_cast<size_t>(std::ranges::count_if(now->replicas, is_fourth));
    }
    return count;
  };
  size_t most = 0;
  const auto arrived = [&] {
    size_t moving = 0;
    for (int p = 0; p < 24; ++p) moving += stage.state("orders", p)->adding.size();
    most = std::max(most, moving);
    return held() >= 17;
  };
  const MonotonicTime began = stage.world.now();
  ASSERT_TRUE(stage.wait(arrived, 30s)) << held() << " of 18\n" << stage.describe_all("orders");
  EXPECT_GT(stage.world.now() - began, 1200ms) << "18 batches of 20 kB at 200 kB/s";
  EXPECT_LE(most, 10u);
  EXPECT_GT(load.acknowledged(), 2 * quiet) << "publishing goes on";
  ASSERT_TRUE(stage.wait([&] { return stage.order("status").moving == 0; }, 10s));
  int moved = 0;
  for (int p = 0; p < 24; ++p) {
    const auto now = stage.state("orders", p)->replicas;
    if (now == before[p]) continue;
    ++moved;
    EXPECT_EQ(std::ranges::count(now, BrokerId(4)), 1) << "partition " << p;
  }
  EXPECT_LE(moved, 19);
  EXPECT_GE(moved, 17);
  load.finish();
  check_history(stage, history, "busy", 1);
}

}  // namespace
}  // namespace godwit::broker
