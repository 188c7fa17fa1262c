// Brokers that are to have no replicas: what becomes of those where nobody can take them, and what is told of it.
#include "cluster/controller_testing.h"

namespace godwit::cluster {
namespace {

using namespace std::chrono_literals;
using Status = kafka::ClusterCommandResponse;

class Orders : public ControllerTest {
 protected:
  Orders() { options.auto_rebalance = false; }

  static std::string state_of(const Status& status, int id) {
    for (const auto& one : status.brokers) {
      if (one.id == BrokerId(id)) return one.state;
    }
    return "";
  }
  static Task<void> die(Controller& controller, int id) {
    co_await controller.died(BrokerId(id), 10 * static_cast<uint64_t>(id), "refused");
  }
};

TEST_F(Orders, ARemovedBrokerKeepsItsReplicasUntilAnotherBrokerCanTakeThem) {
  TopicId id;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    id = co_await create(controller, topic_at("t", {ids({1, 2, 3}), ids({3, 1, 2})}));
    co_await create(controller, topic_at("two", {ids({1, 2})}));
    co_await die(controller, 3);
    EXPECT_EQ((co_await order(controller, "remove", 3)).error_code, ErrorCode::none);
    co_await runtime::sleep_for(60s);
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(state(controller, id, i).replicas.size(), 3u) << i;
      EXPECT_TRUE(state(controller, id, i).removing.empty()) << i;
    }
    const Status status = co_await order(controller, "status");
    EXPECT_EQ(state_of(status, 3), "removing");
    EXPECT_EQ(status.under_replicated, 2);
    EXPECT_EQ(status.moving, 0);
    EXPECT_EQ(status.waits.size(), 1u);
    if (status.waits.size() != 1) co_return;
    EXPECT_EQ(status.waits[0].broker, BrokerId(3));
    EXPECT_EQ(status.waits[0].needs, Status::Wait::kBroker);
    EXPECT_EQ(status.waits[0].partitions, 2);
    EXPECT_EQ(status.waits[0].named, (std::vector<std::string>{"t-0", "t-1"}));
  });
  with_controller([&](Controller& controller) -> Task<void> {  // the order stands in the store
    co_await runtime::sleep_for(5s);
    EXPECT_EQ((co_await order(controller, "status")).waits.size(), 1u);
    co_await join(controller, {4});
    co_await runtime::sleep_for(5s);
    EXPECT_TRUE((co_await order(controller, "status")).waits.empty()) << "they are copied now";
    co_await catch_up(controller, id);
    co_await runtime::sleep_for(5s);
    EXPECT_EQ(state(controller, id, 0).replicas, ids({1, 2, 4}));
    for (int i = 0; i < 2; ++i) EXPECT_EQ(state(controller, id, i).isr.size(), 3u) << i;
    EXPECT_FALSE((co_await memory.get("/joined/3"))->has_value());
    const Status status = co_await order(controller, "status");
    EXPECT_EQ(state_of(status, 3), "");
    EXPECT_EQ(status.under_replicated, 0);
  });
}

TEST_F(Orders, FewerReplicasAreAnOrderOfTheirOwn) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2, 3})}));
    co_await die(controller, 3);
    EXPECT_EQ((co_await order(controller, "remove", 3)).error_code, ErrorCode::none);
    co_await runtime::sleep_for(5s);
    std::vector<Reassignment> wishes{{{id, PartitionIndex(0)}, ids({1, 2})}};
    EXPECT_TRUE((co_await controller.reassign(wishes))[0]);
    co_await runtime::sleep_for(5s);
    EXPECT_EQ(state(controller, id).replicas, ids({1, 2}));
    EXPECT_FALSE((co_await memory.get("/joined/3"))->has_value());
  });
}

// It is there again in a moment: nothing of what it has is given to others, and nothing is given up.
TEST_F(Orders, ABrokerThatRestartsKeepsItsReplicasWhileAnotherIsRemoved) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3, 4});
    const std::vector<std::vector<BrokerId>> at = {ids({1, 2, 3}), ids({2, 3, 4}), ids({4, 3, 1}),
                                                   ids({3, 4, 2})};
    const TopicId id = co_await create(controller, topic_at("t", at));
    co_await die(controller, 3);
    co_await die(controller, 4);
    EXPECT_EQ((co_await order(controller, "remove", 3)).error_code, ErrorCode::none);
    for (int second = 0; second < 60; ++second) {
      co_await runtime::sleep_for(1s);
      for (int i = 0; i < 4; ++i) {
        const PartitionState now = state(controller, id, i);
        EXPECT_GE(now.replicas.size(), 3u) << i;
        for (const BrokerId one : at[static_cast<size_t>(i)]) {
          if (one == BrokerId(3)) continue;
          EXPECT_NE(std::ranges::find(now.replicas, one), now.replicas.end()) << i << ": " << to_string(one);
          EXPECT_EQ(std::ranges::find(now.removing, one), now.removing.end()) << i << ": " << to_string(one);
        }
      }
      co_await catch_up(controller, id);
    }
    const Status status = co_await order(controller, "status");
    EXPECT_EQ(status.waits.size(), 1u);
    if (!status.waits.empty()) EXPECT_EQ(status.waits[0].named, std::vector<std::string>{"t-0"});
    // Who lives took what is theirs to take.
    EXPECT_EQ(state(controller, id, 2).replicas, ids({4, 2, 1}));
    controller.registered(broker(4, 41));
    EXPECT_EQ((co_await controller.report(joining(4, 41))).error_code, ErrorCode::none);
    co_await runtime::sleep_for(5s);
    co_await catch_up(controller, id);
    co_await runtime::sleep_for(5s);
    EXPECT_EQ(state(controller, id, 0).replicas, ids({1, 2, 4}));
    EXPECT_EQ(state_of(co_await order(controller, "status"), 3), "");
  });
}

TEST_F(Orders, ADrainThatNobodyCanTakeWaitsAndSaysForWhat) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2, 3})}));
    const TopicId one = co_await create(controller, topic_at("one", {ids({1})}));
    EXPECT_EQ((co_await order(controller, "drain", 1)).error_code, ErrorCode::none);
    co_await runtime::sleep_for(3s);
    EXPECT_EQ(state(controller, id).replicas.size(), 3u);
    EXPECT_EQ(state(controller, one).adding.size(), 1u) << "others can take this one";
    const Status status = co_await order(controller, "status");
    EXPECT_EQ(status.waits.size(), 1u);
    if (!status.waits.empty()) EXPECT_EQ(status.waits[0].named, std::vector<std::string>{"t-0"});
    EXPECT_EQ((co_await order(controller, "resume", 1)).error_code, ErrorCode::none);
    EXPECT_TRUE((co_await order(controller, "status")).waits.empty());
  });
}

TEST_F(Orders, WhatHasNoLeaderToBeCopiedFromIsTold) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    co_await create(controller, topic_at("t", {ids({1})}));
    co_await die(controller, 1);
    EXPECT_EQ((co_await order(controller, "remove", 1)).error_code, ErrorCode::none);
    co_await runtime::sleep_for(3s);
    const Status status = co_await order(controller, "status");
    EXPECT_EQ(status.waits.size(), 1u);
    if (!status.waits.empty()) EXPECT_EQ(status.waits[0].needs, Status::Wait::kLeader);
  });
}

TEST_F(Orders, WhatWasToGoToABrokerThatDiedAndHasNobodyElseToGoToIsTold) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2})}));
    EXPECT_EQ((co_await order(controller, "drain", 1)).error_code, ErrorCode::none);
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(state(controller, id).adding, ids({3}));
    EXPECT_TRUE((co_await order(controller, "status")).waits.empty());
    co_await die(controller, 3);
    co_await runtime::sleep_for(60s);
    EXPECT_EQ(state(controller, id).adding, ids({3})) << "there is nobody else";
    const Status status = co_await order(controller, "status");
    EXPECT_EQ(status.waits.size(), 1u);
    if (!status.waits.empty()) EXPECT_EQ(status.waits[0].needs, Status::Wait::kTarget);
  });
}

TEST_F(Orders, TopicsThatAreLeftAsideAreTold) {
  TopicId torn, nameless;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1});
    torn = co_await create(controller, topic_named("torn", 3, 1));
    nameless = co_await create(controller, topic_named("nameless", 3, 1));
    co_await create(controller, topic_named("whole", 2, 1));
    EXPECT_TRUE((co_await order(controller, "status")).aside.empty());
  });
  Transaction damage;
  damage.put(keys::partition(torn, 1), to_bytes("x"));
  damage.put(keys::topic(nameless), to_bytes("x")).remove(std::string(keys::kNames) + "nameless");
  memory.load(damage.writes);
  with_controller([&](Controller& controller) -> Task<void> {
    const Status status = co_await order(controller, "status");
    EXPECT_EQ(status.partitions, 2);
    std::vector<std::string> expected{"torn", to_string(nameless)};
    EXPECT_EQ(std::set(status.aside.begin(), status.aside.end()), std::set(expected.begin(), expected.end()));
  });
}

}  // namespace
}  // namespace godwit::cluster
