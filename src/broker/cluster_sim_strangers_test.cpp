// A client that plays a replica (rule 23): a Fetch in a broker's name counts only with the cluster's id and the incarnation under
// which that broker is registered. Each scenario ends with one that has both, to show what the others would have moved.
#include "broker/cluster_asking_testing.h"

namespace godwit::broker {
namespace {

constexpr int kUnknownBroker = 9;

struct ClusterSimStrangers : testing::Test {
  ClusterStage stage{23};
  const std::string topic = "orders";

  void begin() {
    stage.start_all();
    ASSERT_TRUE(stage.create(topic, 1));
    ASSERT_EQ(stage.leader(topic, 0), 1);
  }
  int64_t incarnation(int broker) {
    return static_cast<int64_t>(stage.image()->brokers.at(BrokerId(broker)).incarnation);
  }
  // Says in the broker's name that all below the offset is synced there; all else is as it should be.
  kafka::FetchRequest fetch_as(int broker, int64_t offset) {
    const auto image = stage.image();
    kafka::FetchRequest request = fetch_request(topic, 0, offset);
    request.cluster_id = image->cluster_id;
    request.replica_state = {BrokerId(broker), broker == kUnknownBroker ? 1 : incarnation(broker)};
    request.session_epoch = 0;
    request.topics[0].topic_id = image->find(topic)->id;
    request.topics[0].partitions[0].current_leader_epoch = stage.state(topic, 0)->leader_epoch;
    return request;
  }
  // The same as it is written in versions that have no incarnation.
  kafka::FetchRequest older(kafka::FetchRequest request) {
    request.replica_id = std::exchange(request.replica_state, {}).replica_id;
    return request;
  }
  ErrorCode ask_leader(kafka::FetchRequest request, int16_t version_max = codec::kNoVersion) {
    const auto answer = ask(stage, 1, std::move(request), version_max);
    EXPECT_TRUE(answer.has_value());
    if (!answer) return ErrorCode::unknown_server_error;
    if (answer->error_code != ErrorCode::none) {
      EXPECT_TRUE(answer->responses.empty()) << "a stranger is told nothing of the partition";
      EXPECT_EQ(answer->session_id, 0);
      return answer->error_code;
    }
    return answer->responses.empty() ? ErrorCode::none : only(*answer).error_code;
  }
  Offset high_watermark() { return stage.replica(1, topic, 0)->high_watermark(); }

  struct Case {
    std::string what;
    kafka::FetchRequest request;
    ErrorCode answer;
    int16_t version_max = codec::kNoVersion;
  };
  // All that is wrong with what they say of themselves; the offset is where it should be.
  std::vector<Case> strangers(int broker, int64_t offset) {
    const kafka::FetchRequest right = fetch_as(broker, offset);
    std::vector<Case> all;
    const auto add = [&](std::string what, ErrorCode answer, auto change) {
      kafka::FetchRequest request = right;
      change(request);
      all.push_back({std::move(what), std::move(request), answer});
    };
    using Request = kafka::FetchRequest;
    add("another cluster", ErrorCode::inconsistent_cluster_id,
        [](Request& r) { r.cluster_id = "AAAAAAAAAAAAAAAAAAAAAA"; });
    add("an empty cluster id", ErrorCode::inconsistent_cluster_id, [](Request& r) { r.cluster_id = ""; });
    // As Kafka's own followers ask: they do not say where they belong.
    add("no cluster id", ErrorCode::unsupported_version, [](Request& r) { r.cluster_id.reset(); });
    add("an earlier incarnation", ErrorCode::stale_broker_epoch,
        [](Request& r) { --r.replica_state.replica_epoch; });
    add("a later incarnation", ErrorCode::stale_broker_epoch,
        [](Request& r) { ++r.replica_state.replica_epoch; });
    add("another broker's incarnation", ErrorCode::stale_broker_epoch,
        [&](Request& r) { r.replica_state.replica_epoch = incarnation(1) + 1000; });
    add("no incarnation", ErrorCode::stale_broker_epoch,
        [](Request& r) { r.replica_state.replica_epoch = -1; });
    add("a broker that nobody knows", ErrorCode::stale_broker_epoch,
        [](Request& r) { r.replica_state.replica_id = BrokerId(kUnknownBroker); });
    // From version 15 on brokers can say their incarnation.
    for (const int16_t version : {12, 13, 14})
      all.push_back(
          {"version " + std::to_string(version), older(right), ErrorCode::unsupported_version, version});
    return all;
  }
};

TEST_F(ClusterSimStrangers, CommitNothing) {
  begin();
  // One record that both followers lack, and a leader that hears nothing of them.
  stage.world.network().cut({"b1"}, {"b2", "b3"});
  const auto published = publish_to(stage, 1, topic, "a", {}, 1);
  ASSERT_TRUE(published && published->error_code == ErrorCode::none);
  const auto before = *stage.state(topic, 0);
  for (const int broker : {2, 3}) {
    for (Case& one : strangers(broker, 1)) {
      SCOPED_TRACE(one.what + " in the name of broker " + std::to_string(broker));
      EXPECT_EQ(to_string(ask_leader(std::move(one.request), one.version_max)), to_string(one.answer));
    }
  }
  stage.world.run_for(100ms);
  EXPECT_EQ(high_watermark(), Offset(0));
  EXPECT_EQ(stage.state(topic, 0)->isr, before.isr);
  EXPECT_EQ(stage.state(topic, 0)->version, before.version);
  for (const int broker : {2, 3}) {
    EXPECT_EQ(high_watermark(), Offset(0));
    EXPECT_EQ(ask_leader(fetch_as(broker, 1)), ErrorCode::none);
  }
  EXPECT_EQ(high_watermark(), Offset(1)) << "this is what those waited for";
}

TEST_F(ClusterSimStrangers, BringNobodyIntoSync) {
  begin();
  // Not the controller: it is to stay registered.
  const int away = stage.image()->controller == BrokerId(3) ? 2 : 3;
  stage.world.network().cut({"b1"}, {stage.node(away).name()});
  ASSERT_TRUE(stage.wait([&] { return stage.isr(topic, 0) == 2; }, 10s));
  ASSERT_TRUE(publish_to(stage, 1, topic, "a"));
  ASSERT_EQ(high_watermark(), Offset(1));
  for (Case& one : strangers(away, 1)) {
    SCOPED_TRACE(one.what);
    EXPECT_EQ(to_string(ask_leader(std::move(one.request), one.version_max)), to_string(one.answer));
    stage.world.run_for(500ms);
    EXPECT_EQ(stage.isr(topic, 0), 2U);
  }
  EXPECT_EQ(ask_leader(fetch_as(away, 1)), ErrorCode::none);
  EXPECT_TRUE(stage.wait([&] { return stage.isr(topic, 0) == 3; }, 1s)) << stage.describe_all(topic);
}

TEST_F(ClusterSimStrangers, DoNotGoOnWithTheSessionOfAnother) {
  begin();
  stage.world.network().cut({"b1"}, {"b2", "b3"});
  ASSERT_TRUE(publish_to(stage, 1, topic, "a", {}, 1));
  EXPECT_TRUE(stage.client.run([&](Runtime& runtime) -> Task<void> {
    auto connection = co_await peer::Connection::connect(runtime.network(), {"b1", 9092}, {});
    EXPECT_TRUE(connection.has_value());
    if (!connection) co_return;
    const auto begun = co_await (*connection)->call(fetch_as(2, 1));
    EXPECT_TRUE(begun.has_value());
    if (!begun) co_return;
    EXPECT_EQ(begun->error_code, ErrorCode::none);
    // The same connection, whose session is broker 2's.
    kafka::FetchRequest other = fetch_as(3, 1);
    other.session_id = begun->session_id;
    other.session_epoch = 1;
    const auto refused = co_await (*connection)->call(other);
    EXPECT_TRUE(refused && refused->error_code == ErrorCode::fetch_session_id_not_found);
    EXPECT_EQ(high_watermark(), Offset(0));
    // Begun anew it is broker 3's, and what broker 2 said still counts.
    const auto anew = co_await (*connection)->call(fetch_as(3, 1));
    EXPECT_TRUE(anew && anew->error_code == ErrorCode::none);
    EXPECT_EQ(high_watermark(), Offset(1));
  }));
}

// Rule 1: what an earlier process began is not the later one's, though it is the same broker.
TEST_F(ClusterSimStrangers, ASessionDoesNotOutliveTheIncarnationThatBeganIt) {
  begin();
  EXPECT_TRUE(stage.client.run([&](Runtime& runtime) -> Task<void> {
    auto connection = co_await peer::Connection::connect(runtime.network(), {"b1", 9092}, {});
    EXPECT_TRUE(connection.has_value());
    if (!connection) co_return;
    const auto begun = co_await (*connection)->call(fetch_as(2, 0));
    EXPECT_TRUE(begun && begun->error_code == ErrorCode::none);
    if (!begun) co_return;
    // By the leader; 0 while the broker is not registered.
    const auto known = [&]() -> uint64_t {
      const auto image = stage.broker(1)->metadata().image();
      const auto found = image->brokers.find(BrokerId(2));
      return found == image->brokers.end() ? 0 : found->second.incarnation;
    };
    const uint64_t before = known();
    stage.world.after(1ms, [&] {
      stage.node(2).crash(CrashKind::kill);
      stage.start(2);
    });
    for (int i = 0; i < 1000 && known() <= before; ++i) co_await runtime::sleep_for(10ms);
    EXPECT_GT(known(), before);
    kafka::FetchRequest later = fetch_as(2, 0);
    later.replica_state.replica_epoch = static_cast<int64_t>(known());
    later.session_id = begun->session_id;
    later.session_epoch = 1;
    const auto refused = co_await (*connection)->call(later);
    EXPECT_TRUE(refused && refused->error_code == ErrorCode::fetch_session_id_not_found);
    later.session_id = 0;
    later.session_epoch = 0;
    const auto anew = co_await (*connection)->call(later);
    EXPECT_TRUE(anew && anew->error_code == ErrorCode::none);
  }));
}

// One line for the operator, but for brokers of the cluster: those that restart come under another incarnation for a moment.
TEST_F(ClusterSimStrangers, AreToldOf) {
  begin();
  const auto warned = [&](const char* name) { return stage.sink.warned[name]; };
  kafka::FetchRequest foreign = fetch_as(2, 0);
  foreign.cluster_id = "AAAAAAAAAAAAAAAAAAAAAA";
  (void)ask_leader(std::move(foreign));
  EXPECT_EQ(warned("connection.refused"), 1);
  (void)ask_leader(fetch_as(kUnknownBroker, 0));
  EXPECT_EQ(warned("connection.refused"), 2);
  kafka::FetchRequest stale = fetch_as(2, 0);
  --stale.replica_state.replica_epoch;
  const int told = stage.sink.told["replica.refused"];
  (void)ask_leader(std::move(stale));
  EXPECT_EQ(warned("connection.refused"), 2);
  EXPECT_EQ(warned("replica.refused"), 0);
  EXPECT_EQ(stage.sink.told["replica.refused"], told + 1);
}

}  // namespace
}  // namespace godwit::broker
