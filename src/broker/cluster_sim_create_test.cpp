// Who creates topics while the controller changes.
#include "broker/api/handlers.h"
#include "broker/cluster_asking_testing.h"

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

}  // namespace
}  // namespace godwit::broker
