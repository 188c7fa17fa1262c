// Requests that name a transaction, which is not offered: their producer is told for good, and nothing of it is stored.
#include "broker/cluster_asking_testing.h"
#include "kafka/messages/init_producer_id.h"

namespace godwit::broker {
namespace {

TEST(TransactionalId, IsRefusedByProduceAndByInitProducerId) {
  ClusterStage stage(44, 1, 1);
  stage.start_all();
  ASSERT_TRUE(stage.create("orders", 1));
  for (const int16_t version : {int16_t{3}, int16_t{12}}) {
    auto request = produce_request("orders", 0, {"paid"});
    request.transactional_id = "payments";
    const auto answer = ask(stage, 1, request, version);
    ASSERT_TRUE(answer) << version;
    EXPECT_EQ(only(*answer).error_code, ErrorCode::transactional_id_authorization_failed) << version;
    EXPECT_EQ(only(*answer).base_offset, Offset(-1)) << version;
  }
  EXPECT_EQ(stage.replica(1, "orders", 0)->log()->end(), Offset(0));

  const auto init = [&](std::optional<std::string> id) {
    kafka::InitProducerIdRequest request;
    request.transactional_id = std::move(id);
    request.transaction_timeout_ms = 60'000;
    return ask(stage, 1, request);
  };
  for (const auto& [id, code] : {std::pair("payments", ErrorCode::transactional_id_authorization_failed),
                                 std::pair("", ErrorCode::invalid_request)}) {
    const auto refused = init(id);
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->error_code, code) << id;
    EXPECT_EQ(refused->producer_id, -1) << id;
    EXPECT_EQ(refused->producer_epoch, -1) << id;
  }
  const auto plain = init(std::nullopt);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->error_code, ErrorCode::none);
  EXPECT_GE(plain->producer_id, 0);
}

}  // namespace
}  // namespace godwit::broker
