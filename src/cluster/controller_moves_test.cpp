#include "cluster/controller_testing.h"
#include "cluster/stored_move.h"

namespace godwit::cluster {
namespace {

using namespace std::chrono_literals;

// ISR changes, reassignments, and what an operator orders.
class Moves : public ControllerTest {
 protected:
  static std::map<BrokerId, int> loads(const Image& image) {
    std::map<BrokerId, int> counts;
    for (const auto& [name, topic] : image.topics()) {
      for (const PartitionState& now : topic->partitions) {
        for (const BrokerId id : now.replicas) ++counts[id];
      }
    }
    return counts;
  }
};

TEST_F(Moves, AnIsrChangeOnAnOldVersionOrEpochIsRefused) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2, 3})}));
    const PartitionState old = state(controller, id);
    const auto ask = [&](int asker, uint64_t incarnation, int64_t version,
                         std::map<BrokerId, uint64_t> isr) -> Task<ErrorCode> {
      std::vector<IsrChange> changes{
          {{id, PartitionIndex(0)}, state(controller, id).leader_epoch, version, std::move(isr)}};
      co_return (co_await controller.alter_isr(BrokerId(asker), incarnation, std::move(changes)))[0].code;
    };
    EXPECT_EQ(co_await ask(1, 10, old.version, members({1, 2})), ErrorCode::none);
    EXPECT_EQ(co_await ask(1, 10, old.version, members({1, 3})), ErrorCode::invalid_update_version);
    const int64_t version = state(controller, id).version;
    EXPECT_EQ(co_await ask(1, 10, version, members({1})), ErrorCode::invalid_request);  // below two of three
    EXPECT_EQ(co_await ask(1, 9, version, members({1, 2, 3})), ErrorCode::fenced_leader_epoch);
    EXPECT_EQ(co_await ask(2, 20, version, members({1, 2, 3})), ErrorCode::invalid_request);
    auto other = members({1, 2, 3});
    other[BrokerId(3)] = 31;
    EXPECT_EQ(co_await ask(1, 10, version, other), ErrorCode::ineligible_replica);
    // The leader dies while it asks: whoever is first, it does not change what its successor leads.
    co_await controller.died(BrokerId(1), 10, "refused");
    EXPECT_EQ(co_await ask(1, 10, state(controller, id).version, members({1, 2, 3})),
              ErrorCode::fenced_leader_epoch);
    EXPECT_EQ(state(controller, id).isr,
              ids({1, 2}));  // the minimum holds the dead one until another is in sync
    EXPECT_EQ(co_await ask(2, 20, state(controller, id).version, members({2, 3})), ErrorCode::none);
    EXPECT_EQ(co_await ask(2, 20, state(controller, id).version, members({1, 2, 3})),
              ErrorCode::ineligible_replica);
    EXPECT_EQ(state(controller, id).leader, BrokerId(2));
  });
}

TEST_F(Moves, ChangesThatArriveTogetherAreDecidedOneAfterTheOther) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2, 3})}));
    const PartitionState now = state(controller, id);
    std::vector<ErrorCode> codes;
    auto& shard = *runtime::Shard::current();
    for (const int other : {2, 3}) {
      shard.spawn([](Controller& its, TopicId of, PartitionState from, int member,
                     std::vector<ErrorCode>& into) -> Task<void> {
        std::vector<IsrChange> changes{
            {{of, PartitionIndex(0)}, from.leader_epoch, from.version, members({1, member})}};
        into.push_back((co_await its.alter_isr(BrokerId(1), 10, std::move(changes)))[0].code);
      }(controller, id, now, other, codes));
    }
    const int before = store.commits;
    co_await controller.died(BrokerId(3), 30, "refused");
    co_await runtime::sleep_for(100ms);
    EXPECT_EQ(codes, (std::vector{ErrorCode::none, ErrorCode::invalid_update_version}));
    EXPECT_EQ(state(controller, id).isr, ids({1, 2}));
    EXPECT_EQ(state(controller, id).version, now.version + 1);
    EXPECT_EQ(store.commits - before, 1);  // the state once, the broker's key and the events
  });
}

TEST_F(Moves, AReassignmentEndsWhenTheNewReplicasAreInSync) {
  options.auto_rebalance = false;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3, 4});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2})}));
    const TopicPartition at{id, PartitionIndex(0)};
    std::vector<Reassignment> wishes{{at, ids({3, 4})}};
    EXPECT_TRUE((co_await controller.reassign(wishes))[0]);
    EXPECT_EQ(state(controller, id).replicas, ids({3, 4, 1, 2}));
    EXPECT_EQ(state(controller, id).leader, BrokerId(1));
    EXPECT_EQ((co_await order(controller, "status")).moving, 1);
    EXPECT_EQ(co_await alter_isr(controller, id, members({1, 2, 3})), ErrorCode::none);
    EXPECT_EQ(state(controller, id).replicas.size(), 4u);
    EXPECT_EQ(co_await alter_isr(controller, id, members({1, 2, 3, 4})), ErrorCode::none);
    co_await runtime::sleep_for(100ms);
    const PartitionState moved = state(controller, id);
    EXPECT_EQ(moved.replicas, ids({3, 4}));
    EXPECT_EQ(moved.isr, ids({3, 4}));
    EXPECT_EQ(moved.leader, BrokerId(3));
    EXPECT_EQ(moved.leader_epoch, LeaderEpoch(1));
    EXPECT_TRUE(moved.adding.empty() && moved.removing.empty());
    EXPECT_EQ(co_await stored(id), moved);
    EXPECT_EQ((co_await order(controller, "status")).moving, 0);
  });
}

TEST_F(Moves, AReassignmentCanBeCancelledAndSurvivesTheController) {
  TopicId id;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    id = co_await create(controller, topic_at("t", {ids({1, 2}), ids({1, 2})}));
    std::vector<Reassignment> wishes{{{id, PartitionIndex(0)}, ids({1, 3})},
                                     {{id, PartitionIndex(1)}, ids({2, 3})}};
    for (const auto& outcome : co_await controller.reassign(wishes)) EXPECT_TRUE(outcome);
  });
  with_controller([&](Controller& controller) -> Task<void> {
    const TopicPartition at{id, PartitionIndex(1)};
    std::vector<Reassignment> cancel{{at, std::nullopt}};
    EXPECT_TRUE((co_await controller.reassign(cancel))[0]);
    EXPECT_EQ(state(controller, id, 1).replicas, ids({2, 1}));
    EXPECT_EQ((co_await controller.reassign(cancel))[0].error().code, ErrorCode::no_reassignment_in_progress);
    EXPECT_EQ(co_await alter_isr(controller, id, members({1, 2, 3})), ErrorCode::none);
    co_await runtime::sleep_for(100ms);
    EXPECT_EQ(state(controller, id, 0).replicas, ids({1, 3}));
    std::vector<Reassignment> wrong{{at, ids({})}, {at, ids({1, 1})}, {at, ids({7})}, {{}, ids({1})}};
    const auto refused = co_await controller.reassign(wrong);
    EXPECT_EQ(refused[0].error().code, ErrorCode::invalid_replica_assignment);
    EXPECT_EQ(refused[1].error().code, ErrorCode::invalid_replica_assignment);
    EXPECT_EQ(refused[2].error().code, ErrorCode::invalid_replica_assignment);
    EXPECT_EQ(refused[3].error().code, ErrorCode::unknown_topic_or_partition);
  });
}

TEST_F(Moves, APartitionKeepsAsManyReplicasAsItsTopicAsksForToBeInSync) {
  options.auto_rebalance = false;
  options.topic_defaults["min.insync.replicas"] = "3";  // a default is heeded as far as the replicas go
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3, 4});
    NewTopic demanding = topic_at("demanding", {ids({1, 2, 3})});
    demanding.config["min.insync.replicas"] = "2";
    const TopicId id = co_await create(controller, std::move(demanding));
    const TopicId other = co_await create(controller, topic_at("other", {ids({1, 2, 3})}));
    const auto reassign = [&](TopicId topic,
                              std::optional<std::vector<BrokerId>> target) -> Task<Changed<void>> {
      std::vector<Reassignment> wishes{{{topic, PartitionIndex(0)}, std::move(target)}};
      co_return (co_await controller.reassign(std::move(wishes)))[0];
    };
    const PartitionState before = state(controller, id);
    for (const auto& target : {ids({1}), ids({4})}) {
      const auto refused = co_await reassign(id, target);
      EXPECT_EQ(refused.error().code, ErrorCode::invalid_replica_assignment);
      EXPECT_EQ(
          refused.error().message,
          "topic demanding has min.insync.replicas 2, but the partition would have 1 replica(s): name more "
          "brokers, or lower min.insync.replicas before");
    }
    EXPECT_EQ(state(controller, id), before);
    EXPECT_TRUE(co_await reassign(other, ids({1})));
    EXPECT_TRUE(co_await reassign(id, ids({1, 4})));
    EXPECT_FALSE(co_await reassign(id, ids({4}))) << "nor in the place of a move under way";
    EXPECT_EQ(state(controller, id).removing, ids({2, 3}));
    // It asks for more while it gets more: what it has is not to come back.
    EXPECT_TRUE(co_await reassign(id, ids({1, 2, 3, 4})));
    const auto all = [](const ConfigMap&) -> Changed<ConfigMap> {
      return ConfigMap{{"min.insync.replicas", "4"}};
    };
    EXPECT_TRUE(co_await controller.alter_topic_config(id, all, false));
    EXPECT_EQ((co_await reassign(id, std::nullopt)).error().code, ErrorCode::invalid_replica_assignment);
    EXPECT_EQ(state(controller, id).replicas.size(), 4u);
  });
}

// It was made while a broker was alone, which takes what tools bring.
TEST_F(Moves, APartitionThatHasFewerReplicasThanItsTopicAsksForMayMoveAndGrow) {
  options.auto_rebalance = false;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1});
    NewTopic demanding = topic_at("demanding", {ids({1})});
    demanding.config["min.insync.replicas"] = "3";
    const TopicId id = co_await create(controller, std::move(demanding));
    co_await join(controller, {2, 3});
    for (const auto& target : {ids({2}), ids({2, 3}), ids({1, 2, 3})}) {
      std::vector<Reassignment> wishes{{{id, PartitionIndex(0)}, target}};
      EXPECT_TRUE((co_await controller.reassign(wishes))[0]);
    }
    std::vector<Reassignment> fewer{{{id, PartitionIndex(0)}, ids({2, 3})}};
    EXPECT_FALSE((co_await controller.reassign(fewer))[0]);
  });
}

TEST_F(Moves, ADrainEmptiesABrokerAndIsTakenBackByResume) {
  options.auto_rebalance = false;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    const TopicId id = co_await create(controller, topic_named("t", 12, 2));
    EXPECT_EQ((co_await order(controller, "drain", 7)).error_code, ErrorCode::broker_id_not_registered);
    EXPECT_EQ((co_await order(controller, "drain", 1)).error_code, ErrorCode::none);
    EXPECT_TRUE(controller.image()->brokers.at(BrokerId(1)).draining);
    for (int i = 0; i < 12; ++i) EXPECT_NE(state(controller, id, i).leader, BrokerId(1));
    co_await runtime::sleep_for(1s);
    co_await catch_up(controller);
    co_await runtime::sleep_for(1s);
    auto counts = loads(*controller.image());
    EXPECT_FALSE(counts.contains(BrokerId(1)));
    EXPECT_EQ(counts[BrokerId(2)], 12);
    EXPECT_EQ(counts[BrokerId(3)], 12);
    EXPECT_EQ((co_await order(controller, "status")).brokers.front().state, "drained");
    // New topics leave it out, too.
    const TopicId other = co_await create(controller, topic_named("u", 4, 2));
    for (int i = 0; i < 4; ++i) EXPECT_EQ(state(controller, other, i).replicas.size(), 2u);
    EXPECT_FALSE(loads(*controller.image()).contains(BrokerId(1)));
    EXPECT_EQ((co_await order(controller, "resume", 1)).error_code, ErrorCode::none);
    EXPECT_FALSE(controller.image()->brokers.at(BrokerId(1)).draining);
    EXPECT_EQ((co_await order(controller, "remove", 1)).error_code, ErrorCode::invalid_request);
  });
}

// Who began it does not matter: what has not arrived stays where it was when the drain is taken back.
TEST_F(Moves, ADrainIsTakenBackAlsoByTheNextController) {
  options.auto_rebalance = false;
  TopicId id;
  TopicPartition ordered;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    id = co_await create(controller, topic_at("t", {ids({1, 2}), ids({2, 1}), ids({1, 3})}));
    EXPECT_EQ((co_await order(controller, "drain", 1)).error_code, ErrorCode::none);
    co_await runtime::sleep_for(1s);
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(state(controller, id, i).removing.empty()) << i;
    EXPECT_EQ(memory.keys().list("/moves/").size(), 3u);
    // An operator's order for the partition is his, though it is the same.
    ordered = {id, PartitionIndex(1)};
    std::vector<Reassignment> wishes{{ordered, ids({3, 2})}};
    EXPECT_TRUE((co_await controller.reassign(wishes))[0]);
  });
  with_controller([&](Controller& controller) -> Task<void> {
    co_await runtime::sleep_for(1s);
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(state(controller, id, i).removing.empty()) << i;
    EXPECT_EQ((co_await order(controller, "resume", 1)).error_code, ErrorCode::none);
    EXPECT_EQ(state(controller, id, 0).replicas, ids({1, 2})) << "in their order";
    EXPECT_EQ(state(controller, id, 2).replicas, ids({1, 3}));
    EXPECT_FALSE(state(controller, id, 1).removing.empty()) << "was ordered for it alone";
    EXPECT_TRUE(memory.keys().list("/moves/").empty());
    EXPECT_TRUE(co_await has_event(controller, "reassignment.cancelled"));
  });
}

TEST_F(Moves, WhatIsKeptOfAMoveGoesWithIt) {
  options.auto_rebalance = false;
  TopicId id;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    id = co_await create(controller, topic_at("t", {ids({1, 2}), ids({2, 1})}));
    EXPECT_EQ((co_await order(controller, "drain", 1)).error_code, ErrorCode::none);
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(memory.keys().list("/moves/").size(), 2u);
    co_await catch_up(controller);
    co_await runtime::sleep_for(1s);
    EXPECT_TRUE(state(controller, id, 0).removing.empty());
    EXPECT_TRUE(memory.keys().list("/moves/").empty());
    std::vector<Reassignment> wishes{{{id, PartitionIndex(1)}, ids({2, 3, 1})}};
    EXPECT_TRUE((co_await controller.reassign(wishes))[0]);
    // A build that does not know of it finished the move, or the topic went.
    Transaction left;
    left.put("/moves/" + to_string(id) + "/00000000",
             std::move(*codec::encode_versioned(StoredMove{ids({1, 2}), ids({3, 2})}, int16_t{0})));
    left.put("/moves/nonsense", to_bytes("x"));
    EXPECT_TRUE(co_await memory.commit(std::move(left)));
  });
  with_controller([&](Controller& controller) -> Task<void> {
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(memory.keys().list("/moves/").size(), 1u) << "what makes no sense is left alone";
    EXPECT_TRUE(state(controller, id, 0).removing.empty());
  });
}

TEST_F(Moves, ARemovedBrokerIsForgottenOnceOthersHaveItsReplicas) {
  options.auto_rebalance = false;
  TopicId id;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    id = co_await create(controller, topic_at("t", {ids({1, 2})}));
    co_await controller.died(BrokerId(1), 10, "burnt down");
    EXPECT_EQ((co_await order(controller, "remove", 1)).error_code, ErrorCode::none);
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(state(controller, id).replicas, ids({3, 2, 1}));
  });
  with_controller([&](Controller& controller) -> Task<void> {  // the order stands in the store
    co_await catch_up(controller);
    co_await runtime::sleep_for(2s);
    EXPECT_EQ(state(controller, id).replicas, ids({3, 2}));
    EXPECT_FALSE((co_await memory.get("/joined/1"))->has_value());
    EXPECT_EQ((co_await order(controller, "status")).brokers.size(), 2u);
    EXPECT_TRUE(co_await has_event(controller, "broker.removed"));
  });
}

TEST_F(Moves, ARemovedBrokerThatComesBackKeepsItsReplicas) {
  options.auto_rebalance = false;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3, 4});
    const TopicId id = co_await create(controller, topic_at("t", std::vector(40, ids({1, 4}))));
    const TopicId other = co_await create(controller, topic_at("other", std::vector(10, ids({1, 2}))));
    co_await controller.died(BrokerId(4), 40, "refused");
    EXPECT_EQ((co_await order(controller, "remove", 4)).error_code, ErrorCode::none);
    co_await runtime::sleep_for(3s);
    EXPECT_EQ((co_await order(controller, "drain", 2)).error_code, ErrorCode::none);
    co_await runtime::sleep_for(3s);
    const auto moving = [&] {
      int count = 0;
      for (int i = 0; i < 40; ++i) count += state(controller, id, i).removing.empty() ? 0 : 1;
      return count;
    };
    EXPECT_GT(moving(), 0);
    EXPECT_LT(moving(), 40) << "the others are planned";
    controller.registered(broker(4, 41));
    EXPECT_EQ((co_await controller.report(joining(4, 41))).error_code, ErrorCode::none);
    EXPECT_EQ(moving(), 0);
    for (int second = 0; second < 60; ++second) {
      co_await catch_up(controller);
      co_await runtime::sleep_for(1s);
    }
    for (int i = 0; i < 40; ++i) EXPECT_EQ(state(controller, id, i).replicas, ids({1, 4})) << i;
    EXPECT_EQ(loads(*controller.image())[BrokerId(2)], 0) << "what another order wants goes on";
    EXPECT_EQ(state(controller, other).replicas.size(), 2u);
    EXPECT_TRUE(co_await has_event(controller, "reassignment.cancelled"));
  });
}

// What it had is gone, and is on its way to others already.
TEST_F(Moves, ARemovedBrokerThatComesBackWithAnEmptyDiskKeepsWhatHasNotBegunToMove) {
  options.auto_rebalance = false;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 4});
    const TopicId id = co_await create(controller, topic_at("t", std::vector(40, ids({1, 4}))));
    co_await controller.died(BrokerId(4), 40, "refused");
    EXPECT_EQ((co_await order(controller, "remove", 4)).error_code, ErrorCode::none);
    co_await runtime::sleep_for(3s);
    std::set<int> moving;
    for (int i = 0; i < 40; ++i) {
      if (!state(controller, id, i).removing.empty()) moving.insert(i);
    }
    EXPECT_GT(moving.size(), 0u);
    EXPECT_LT(moving.size(), 40u);
    controller.registered(broker(4, 41));
    auto request = joining(4, 41);
    request.has_logs = false;
    EXPECT_EQ((co_await controller.report(request)).error_code, ErrorCode::none);
    for (int second = 0; second < 60; ++second) {
      co_await catch_up(controller);
      co_await runtime::sleep_for(1s);
    }
    for (int i = 0; i < 40; ++i) {
      EXPECT_EQ(state(controller, id, i).replicas, moving.contains(i) ? ids({1, 2}) : ids({1, 4})) << i;
    }
  });
}

TEST_F(Moves, ANewBrokerGetsItsShareAndNothingElseMoves) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    const TopicId id = co_await create(controller, topic_named("t", 40, 2));
    co_await runtime::sleep_for(5s);
    std::vector<PartitionState> before = controller.image()->find(id)->partitions;
    co_await join(controller, {4});
    EXPECT_EQ((co_await order(controller, "rebalance", -1, true)).moves.size(), 20u);
    EXPECT_EQ(loads(*controller.image()).size(), 3u);  // only told
    for (int i = 0; i < 4; ++i) {
      co_await runtime::sleep_for(3s);
      co_await catch_up(controller);
    }
    co_await runtime::sleep_for(1s);
    const auto counts = loads(*controller.image());
    for (const int broker : {1, 2, 3, 4}) EXPECT_EQ(counts.at(BrokerId(broker)), 20) << broker;
    int moved = 0;
    for (size_t i = 0; i < 40; ++i) {
      const PartitionState& now = controller.image()->find(id)->partitions[i];
      if (now.replicas == before[i].replicas) continue;
      ++moved;
      EXPECT_EQ(std::count(now.replicas.begin(), now.replicas.end(), BrokerId(4)), 1);
    }
    EXPECT_EQ(moved, 20);
    EXPECT_TRUE((co_await order(controller, "rebalance", -1, true)).moves.empty());
  });
}

// Who makes how many copies, and of whom, at this moment.
std::map<BrokerId, int> copies(const Image& image) {
  std::map<BrokerId, int> counts;
  for (const auto& [name, topic] : image.topics()) {
    for (const PartitionState& now : topic->partitions) {
      for (const BrokerId id : now.adding) {
        ++counts[id];
        ++counts[now.leader];
      }
    }
  }
  return counts;
}

TEST_F(Moves, ANewBrokerIsFilledAFewPartitionsAtATime) {
  options.moves_per_broker = 5;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    (void)co_await create(controller, topic_named("t", 120, 3));
    co_await runtime::sleep_for(5s);
    co_await join(controller, {4});
    co_await runtime::sleep_for(4s);
    int rounds = 0;
    for (; rounds < 60; ++rounds) {
      const auto busy = copies(*controller.image());
      if (busy.empty()) break;
      for (const auto& [id, count] : busy) EXPECT_LE(count, 5) << to_string(id);
      EXPECT_EQ(busy.at(BrokerId(4)), rounds < 17 ? 5 : busy.at(BrokerId(4)));
      const auto status = co_await order(controller, "status");
      EXPECT_EQ(status.moves.size() + static_cast<size_t>(status.moving) + static_cast<size_t>(rounds * 5),
                90u);
      co_await catch_up(controller);
      co_await runtime::sleep_for(10ms);  // the next ones begin as soon as those have arrived
    }
    EXPECT_EQ(rounds, 18);
    EXPECT_EQ(loads(*controller.image()).at(BrokerId(4)), 90);
  });
}

TEST_F(Moves, ADrainGoesElsewhereWhenATargetStaysDead) {
  options.auto_rebalance = false;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2})}));
    EXPECT_EQ((co_await order(controller, "drain", 1)).error_code, ErrorCode::none);
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(state(controller, id).adding, ids({3}));
    co_await controller.died(BrokerId(3), 30, "burnt down");
    co_await join(controller, {4});
    co_await runtime::sleep_for(20s);
    EXPECT_EQ(state(controller, id).adding, ids({3})) << "it may only be starting again";
    co_await runtime::sleep_for(15s);
    EXPECT_EQ(state(controller, id).adding, ids({4}));
    EXPECT_EQ(state(controller, id).replicas.size(), 3u) << "the dead one is no replica any more";
    co_await catch_up(controller);
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(state(controller, id).replicas.size(), 2u);
    EXPECT_FALSE(loads(*controller.image()).contains(BrokerId(1)));
  });
}

TEST_F(Moves, WhatAnOperatorMovesIsNotSentElsewhere) {
  options.auto_rebalance = false;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3, 4});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2})}));
    std::vector<Reassignment> wishes{{{id, PartitionIndex(0)}, ids({2, 3})}};
    EXPECT_TRUE((co_await controller.reassign(wishes))[0]);
    co_await controller.died(BrokerId(3), 30, "burnt down");
    co_await runtime::sleep_for(60s);
    EXPECT_EQ(state(controller, id).adding, ids({3}));
    std::vector<Reassignment> cancel{{{id, PartitionIndex(0)}, std::nullopt}};
    EXPECT_TRUE((co_await controller.reassign(cancel))[0]);
    EXPECT_EQ(state(controller, id).replicas, ids({2, 1}));
  });
}

TEST_F(Moves, WhatAnOperatorMovesIsLeftOutOfARebalance) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    const TopicId id = co_await create(controller, topic_named("t", 40, 2));
    std::vector<Reassignment> wishes;
    for (int i = 0; i < 40; ++i) {
      const BrokerId first = state(controller, id, i).replicas[0];
      const BrokerId second = state(controller, id, i).replicas[1];
      const BrokerId third(1 + 2 + 3 - first.value() - second.value());
      wishes.push_back({{id, PartitionIndex(i)}, std::vector<BrokerId>{first, third}});
    }
    for (const auto& answer : co_await controller.reassign(wishes)) EXPECT_TRUE(answer);
    co_await join(controller, {4});
    EXPECT_TRUE((co_await order(controller, "rebalance", -1, true)).moves.empty());
    co_await runtime::sleep_for(10s);
    for (int i = 0; i < 40; ++i) {
      EXPECT_EQ(state(controller, id, i).adding, std::vector<BrokerId>{wishes[i].replicas->back()}) << i;
    }
    co_await catch_up(controller);
    co_await runtime::sleep_for(1s);
    EXPECT_EQ((co_await order(controller, "rebalance", -1, true)).moves.size(), 20u)
        << "now all have arrived";
  });
}

TEST_F(Moves, ResumeGivesUpWhatTheDrainMovesAndNothingElse) {
  options.auto_rebalance = false;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3, 4});
    const TopicId drained = co_await create(controller, topic_at("drained", {ids({1, 2}), ids({1, 2})}));
    const TopicId ordered = co_await create(controller, topic_at("ordered", {ids({1, 2})}));
    std::vector<Reassignment> wishes{{{ordered, PartitionIndex(0)}, ids({2, 3})}};
    EXPECT_TRUE((co_await controller.reassign(wishes))[0]);
    EXPECT_EQ((co_await order(controller, "drain", 1)).error_code, ErrorCode::none);
    co_await runtime::sleep_for(1s);
    EXPECT_EQ((co_await order(controller, "status")).moving, 3);
    EXPECT_EQ((co_await order(controller, "resume", 1)).error_code, ErrorCode::none);
    EXPECT_EQ((co_await order(controller, "status")).moving, 1);
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(state(controller, drained, i).replicas, ids({1, 2})) << "in that order";
    }
    EXPECT_EQ(state(controller, ordered).adding, ids({3}));
    co_await runtime::sleep_for(5s);
    EXPECT_EQ((co_await order(controller, "status")).moving, 1) << "nothing is planned again";
  });
}

TEST_F(Moves, WhatWasDecidedCanBeReadLaterAndTheNewestThousandAreKept) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1});
    const TopicId id = co_await create(controller, topic_named("t", 1, 1));
    for (int i = 0; i < 1100; ++i) {
      EXPECT_TRUE(co_await controller.alter_topic_config(
          id,
          [i](const ConfigMap&) -> Changed<ConfigMap> {
            return ConfigMap{{"k", std::to_string(i)}};
          },
          false));
    }
    EXPECT_EQ(memory.keys().list(keys::kEvents).size(), 1000u);
  });
  with_controller([&](Controller& controller) -> Task<void> {
    co_await runtime::sleep_for(100ms);
    kafka::ClusterCommandRequest request;
    request.verb = "events";
    request.number = 5000;
    const auto all = co_await controller.command(request);
    EXPECT_EQ(all.events.size(), 1000u);
    EXPECT_EQ(all.events.back().what, "controller.elected");
    for (size_t i = 1; i < all.events.size(); ++i) {
      EXPECT_EQ(all.events[i].sequence, all.events[i - 1].sequence + 1);
    }
    request.number = 3;
    EXPECT_EQ((co_await controller.command(request)).events.size(), 3u);
    EXPECT_EQ((co_await order(controller, "dance")).error_code, ErrorCode::invalid_request);
  });
}

TEST_F(Moves, TheThrottleStandsInTheSettingsOfAllBrokers) {
  with_controller([&](Controller& controller) -> Task<void> {
    kafka::ClusterCommandRequest request;
    request.verb = "throttle";
    request.number = 1'000'000;
    EXPECT_EQ((co_await controller.command(request)).error_code, ErrorCode::none);
    EXPECT_EQ(controller.image()->broker_configs.at(kNoBroker).at("follower.replication.throttled.rate"),
              "1000000");
    request.number = 0;  // no bound, whatever the brokers' own settings say
    EXPECT_EQ((co_await controller.command(request)).error_code, ErrorCode::none);
    EXPECT_EQ(controller.image()->broker_configs.at(kNoBroker).at("leader.replication.throttled.rate"),
              "9223372036854775807");
    request.number = -1;
    EXPECT_EQ((co_await controller.command(request)).error_code, ErrorCode::none);
    EXPECT_TRUE(controller.image()->broker_configs.empty());
  });
}

}  // namespace
}  // namespace godwit::cluster
