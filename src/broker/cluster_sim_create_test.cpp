// Who creates topics while the controller changes, and topics that go while a broker starts.
#include "broker/api/handlers.h"
#include "broker/cluster_asking_testing.h"
#include "kafka/messages/delete_topics.h"

namespace godwit::broker {
namespace {

// What the broker answers by itself, as it does where nobody took what it handed on: the controller died, and it is not the next.
kafka::CreateTopicsResponse answer_alone(ClusterStage& stage, int i, kafka::CreateTopicsRequest request) {
  const auto response = std::make_shared<kafka::CreateTopicsResponse>();
  EXPECT_TRUE(stage.node(i).run([&stage, i, request, response](Runtime& runtime) -> Task<void> {
    Client client;
    client.listener = "PLAINTEXT";
    kafka::RequestFrame frame{.api = kafka::find_api(static_cast<int16_t>(kafka::ApiKey::create_topics)),
                              .version = kafka::CreateTopicsRequest::kFormat.versions.last,
                              .client_id = "tester",
                              .body = codec::Input(SharedBytes())};
    RequestContext context(stage.broker(i)->shard(0), client, std::move(frame), nullptr,
                           runtime.shard(0).now(), nullptr);
    *response = co_await api::handle(context, request);
  }));
  return *response;
}

TEST(ClusterSimCreate, WhoIsNotTheControllerDoesNotAskAnotherForLessThanItsClientSaid) {
  ClusterStage stage(61);
  stage.start_all();
  const int controller = stage.image()->controller.value();
  const int other = controller % 3 + 1;
  kafka::CreateTopicsRequest request;
  request.validate_only = true;
  auto& only_asked = request.topics.emplace_back();
  only_asked.name = "only-asked";
  only_asked.num_partitions = 1;
  only_asked.replication_factor = 1;
  EXPECT_EQ(answer_alone(stage, other, request).topics.at(0).error_code, ErrorCode::not_controller);
  request.validate_only = false;
  auto& placed = request.topics.emplace_back();
  placed.name = "placed";
  placed.num_partitions = placed.replication_factor = -1;
  placed.assignments.push_back({PartitionIndex(0), {BrokerId(other)}});
  request.topics.erase(request.topics.begin());
  EXPECT_EQ(answer_alone(stage, other, request).topics.at(0).error_code, ErrorCode::not_controller);
  stage.world.run_for(5s);
  EXPECT_EQ(stage.image()->find("only-asked"), nullptr);
  EXPECT_EQ(stage.image()->find("placed"), nullptr);
}

TEST(ClusterSimCreate, AControllerThatDiesUnderAQuestionLeavesNoTopic) {
  ClusterStage stage(62);
  stage.start_all();
  const int controller = stage.image()->controller.value();
  const int other = controller % 3 + 1;
  kafka::CreateTopicsRequest request;
  request.validate_only = true;
  auto& wish = request.topics.emplace_back();
  wish.name = "only-asked";
  wish.num_partitions = 1;
  wish.replication_factor = 1;
  const auto asked = ask_later(stage, other, request);
  stage.node(controller).crash(CrashKind::kill);
  EXPECT_TRUE(stage.wait([&] { return asked->ended; }, 130s));
  stage.world.run_for(10s);
  EXPECT_EQ(stage.image()->find("only-asked"), nullptr);
  EXPECT_NE(stage.image()->controller, BrokerId(controller));
}

TEST(ClusterSimCreate, ATopicThatIsMadeByItsFirstUseIsMadeWhereverThatIs) {
  ClusterStage stage(63);
  stage.start_all();
  const int other = stage.image()->controller.value() % 3 + 1;
  kafka::MetadataRequest request;
  request.topics.emplace();
  request.topics->emplace_back().name = "used";
  request.allow_auto_topic_creation = true;
  const auto answer = ask(stage, other, request);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->topics.at(0).error_code, ErrorCode::none);
  EXPECT_NE(stage.image()->find("used"), nullptr);
}

// Rule 3: at whatever step of its start.
TEST(ClusterSimCreate, TopicsThatAreDeletedWhileABrokerStartsAreGoneThereToo) {
  for_seeds([](uint64_t seed) {
    constexpr int kTopics = 30;
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    std::vector<TopicId> ids;
    for (int i = 0; i < kTopics; ++i) {
      ASSERT_TRUE(stage.create("t" + std::to_string(i), 1));
      ids.push_back(stage.image()->find("t" + std::to_string(i))->id);
    }
    stage.node(3).crash(CrashKind::kill);
    ASSERT_TRUE(stage.wait([&] { return stage.isr("t0", 0) == 2; }, 10s));
    int deleted = 0;
    int before_ready = 0;
    constexpr int kClients = 10;
    for (int client = 0; client < kClients; ++client) {
      stage.client.start([&, client](Runtime& runtime) -> Task<void> {
        peer::Cluster cluster(runtime.network(), stage.bootstrap(), ClusterStage::patient());
        for (int i = client; i < kTopics; i += kClients) {
          co_await runtime::sleep_for(std::chrono::microseconds(stage.world.random().below(8000)));
          before_ready += stage.up(3) ? 0 : 1;
          kafka::DeleteTopicsRequest request;
          request.topics.push_back({.name = "t" + std::to_string(i), .topic_id = {}});
          const auto answer = co_await cluster.call(peer::Target::controller(), request, [](const auto& r) {
            return r.responses.at(0).error_code;
          });
          EXPECT_TRUE(answer && answer->responses.at(0).error_code == ErrorCode::none);
          ++deleted;
        }
        cluster.close();
      });
    }
    stage.world.run_for(std::chrono::milliseconds(stage.world.random().below(5)));
    stage.start(3);
    ASSERT_TRUE(stage.wait([&] { return deleted == kTopics && stage.formed(); }, 60s));
    EXPECT_GT(before_ready, 5) << "else this shows nothing";
    stage.world.run_for(2s);
    for (int i = 0; i < kTopics; ++i)
      EXPECT_FALSE(stage.has_log(3, {ids[static_cast<size_t>(i)], PartitionIndex(0)})) << "t" << i;
    EXPECT_EQ(stage.sink.told["storage.unknown_partition"], 0);
  });
}

}  // namespace
}  // namespace godwit::broker
