// How many replicas new topics get, and where, while some brokers are dead.
#include "cluster/controller_testing.h"

namespace godwit::cluster {
namespace {

using namespace std::chrono_literals;

class Places : public ControllerTest {
 protected:
  Places() { options.auto_rebalance = false; }

  static Task<void> die(Controller& controller, int id) {
    co_await controller.died(BrokerId(id), static_cast<uint64_t>(10 * id), "refused");
  }
  static Task<std::string> refusal(Controller& controller, NewTopic topic) {
    const auto created = co_await controller.create_topic(std::move(topic), false);
    co_return created ? "" : created.error().message;
  }
};

TEST_F(Places, ATopicGetsThreeReplicasAlsoWhileOneOfThreeBrokersIsDead) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    co_await die(controller, 2);
    const TopicId usual = co_await create(controller, topic_named("usual", 12, kUsualReplicas));
    const TopicId asked = co_await create(controller, topic_named("asked", 12, 3));
    std::map<BrokerId, int> leads;
    for (const TopicId& id : {usual, asked}) {
      for (int i = 0; i < 12; ++i) {
        const PartitionState now = state(controller, id, i);
        EXPECT_EQ(now.replicas.size(), 3u);
        EXPECT_EQ(now.replicas.back(), BrokerId(2)) << "it leads when it was there, not before others";
        EXPECT_EQ(now.isr, (std::vector{now.replicas[0], now.replicas[1]}));
        EXPECT_EQ(now.leader, now.replicas.front());
        ++leads[now.leader];
      }
    }
    EXPECT_EQ(leads[BrokerId(1)], 12);
    EXPECT_EQ(leads[BrokerId(3)], 12);
    EXPECT_EQ(co_await refusal(controller, topic_named("more", 1, 4)),
              "Unable to replicate the partition 4 time(s): The target replication factor of 4 cannot be "
              "reached because only 3 broker(s) are registered.");
    // Partitions that are added are as those that are there.
    std::vector<std::vector<BrokerId>> nowhere;
    EXPECT_TRUE(co_await controller.create_partitions(usual, 13, nowhere, false));
    EXPECT_EQ(state(controller, usual, 12).replicas.size(), 3u);
    // Its leader takes it in once it is back.
    controller.registered(broker(2, 21));
    EXPECT_EQ((co_await controller.report(joining(2, 21))).error_code, ErrorCode::none);
    auto all = members({1, 3});
    all[BrokerId(2)] = 21;
    EXPECT_EQ(co_await alter_isr(controller, usual, all), ErrorCode::none);
    EXPECT_EQ(state(controller, usual).isr.size(), 3u);
  });
}

TEST_F(Places, WhoIsDeadGetsNothingWhereEnoughOthersLive) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3, 4});
    co_await die(controller, 4);
    const TopicId id = co_await create(controller, topic_named("t", 8, kUsualReplicas));
    for (int i = 0; i < 8; ++i) EXPECT_EQ(state(controller, id, i).isr.size(), 3u) << i;
  });
}

TEST_F(Places, WhoIsRemovedIsNoBrokerAnyMore) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    co_await create(controller, topic_at("held", {ids({1, 2, 3})}));
    co_await die(controller, 3);
    EXPECT_EQ((co_await order(controller, "remove", 3)).error_code, ErrorCode::none);
    const TopicId id = co_await create(controller, topic_named("t", 1, kUsualReplicas));
    EXPECT_EQ(state(controller, id).isr.size(), 2u);
    EXPECT_EQ(state(controller, id).replicas.size(), 2u);
    EXPECT_NE((co_await refusal(controller, topic_named("u", 1, 3))).find("only 2 broker(s)"),
              std::string::npos);
  });
}

// Better a replica that has to move than one that is not there.
TEST_F(Places, WhoIsToBeEmptiedComesBeforeWhoIsDead) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    co_await die(controller, 3);
    EXPECT_EQ((co_await order(controller, "drain", 2)).error_code, ErrorCode::none);
    const TopicId id = co_await create(controller, topic_named("t", 4, 2));
    for (int i = 0; i < 4; ++i) EXPECT_EQ(state(controller, id, i).isr, ids({1, 2})) << i;
  });
}

TEST_F(Places, ABrokerThatIsAloneGivesOneReplica) {
  with_controller([&](Controller& controller) -> Task<void> {
    EXPECT_NE((co_await refusal(controller, topic_named("t", 1, kUsualReplicas))).find("only 0 broker(s)"),
              std::string::npos);
    co_await join(controller, {1});
    const TopicId id = co_await create(controller, topic_named("t", 1, kUsualReplicas));
    EXPECT_EQ(state(controller, id).replicas, ids({1}));
    EXPECT_NE((co_await refusal(controller, topic_named("u", 1, 3))).find("only 1 broker(s)"),
              std::string::npos)
        << "who wants three waits for three";
  });
}

TEST_F(Places, NobodyAliveIsNoPlace) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    co_await die(controller, 1);
    co_await die(controller, 2);
    EXPECT_EQ(co_await refusal(controller, topic_named("t", 1, 1)),
              "of the brokers that would get partition 0 none is alive");
  });
}

}  // namespace
}  // namespace godwit::cluster
