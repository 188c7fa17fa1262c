#include <ctime>

#include "cluster/controller_testing.h"

namespace godwit::cluster {
namespace {

using namespace std::chrono_literals;

class Failover : public ControllerTest {};

TEST_F(Failover, ADeadLeaderIsReplacedInANewEpochAndStandsSoInTheStore) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2, 3})}));
    co_await controller.died(BrokerId(1), 10, "refused");
    const PartitionState now = state(controller, id);
    EXPECT_EQ(now.leader, BrokerId(2));
    EXPECT_EQ(now.leader_incarnation, 20u);
    EXPECT_EQ(now.leader_epoch, LeaderEpoch(1));
    EXPECT_EQ(now.isr, ids({2, 3}));
    EXPECT_FALSE(controller.image()->brokers.contains(BrokerId(1)));
    EXPECT_EQ(co_await stored(id), now);
    EXPECT_TRUE(co_await has_event(controller, "broker.dead"));
    EXPECT_TRUE(co_await has_event(controller, "leaders.moved"));
  });
}

TEST_F(Failover, TheIsrIsNotShrunkBelowTheMinimumByDeaths) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2, 3})}));
    co_await controller.died(BrokerId(1), 10, "refused");
    co_await controller.died(BrokerId(2), 20, "refused");
    EXPECT_EQ(state(controller, id).leader, BrokerId(3));
    EXPECT_EQ(state(controller, id).isr, ids({2, 3}));  // two of three, though one of them is dead
    co_await controller.died(BrokerId(3), 30, "refused");
    EXPECT_EQ(state(controller, id).leader, kNoBroker);
    EXPECT_EQ(state(controller, id).isr, ids({2, 3}));
    // Who was outside the ISR does not lead; a member does as soon as it is back.
    controller.registered(broker(1, 11));
    EXPECT_EQ((co_await controller.report(joining(1, 11))).error_code, ErrorCode::none);
    EXPECT_EQ(state(controller, id).leader, kNoBroker);
    controller.registered(broker(2, 21));
    EXPECT_EQ((co_await controller.report(joining(2, 21))).error_code, ErrorCode::none);
    EXPECT_EQ(state(controller, id).leader, BrokerId(2));
    EXPECT_EQ(state(controller, id).leader_incarnation, 21u);
  });
}

TEST_F(Failover, ANewIncarnationIsTheDeathOfTheOldOne) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    const TopicId shared = co_await create(controller, topic_at("shared", {ids({1, 2})}));
    const TopicId alone = co_await create(controller, topic_at("alone", {ids({1})}));
    controller.registered(broker(1, 11));
    Image has;
    const auto stale = co_await controller.poll(polling(1, 10, has));
    EXPECT_EQ(stale.error_code, ErrorCode::none);  // not known yet: the next one is
    co_await runtime::sleep_for(50ms);
    EXPECT_EQ((co_await controller.poll(polling(1, 10, has))).error_code, ErrorCode::stale_broker_epoch);
    EXPECT_EQ(state(controller, shared).leader, BrokerId(2));
    EXPECT_EQ(state(controller, alone).leader, kNoBroker);
    EXPECT_EQ((co_await controller.report(joining(1, 10))).error_code, ErrorCode::stale_broker_epoch);
    // It leads again in an epoch of its own, once it has joined.
    EXPECT_EQ((co_await controller.report(joining(1, 11))).error_code, ErrorCode::none);
    EXPECT_EQ(state(controller, alone).leader, BrokerId(1));
    EXPECT_EQ(state(controller, alone).leader_incarnation, 11u);
    EXPECT_EQ(state(controller, alone).leader_epoch, LeaderEpoch(2));
  });
}

TEST_F(Failover, WhoIsNotRegisteredDoesNotJoin) {
  with_controller([&](Controller& controller) -> Task<void> {
    EXPECT_EQ((co_await controller.report(joining(1, 10))).error_code, ErrorCode::request_timed_out);
    auto foreign = joining(1, 10);
    foreign.cluster_id = "other";
    EXPECT_EQ((co_await controller.report(foreign)).error_code, ErrorCode::inconsistent_cluster_id);
  });
}

TEST_F(Failover, WhatADiskCannotProveLeavesTheIsrBeforeTheBrokerCounts) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    NewTopic topic = topic_at("t", {ids({1, 2}), ids({1, 2})});
    topic.config["min.insync.replicas"] = "2";
    const TopicId id = co_await create(controller, topic);
    controller.registered(broker(1, 11));
    auto request = joining(1, 11);
    request.unproven = {{id, {PartitionIndex(1)}}};
    EXPECT_EQ((co_await controller.report(request)).error_code, ErrorCode::none);
    EXPECT_EQ(state(controller, id, 0).isr, ids({1, 2}));  // the minimum held it there, and it has all
    EXPECT_EQ(state(controller, id, 1).isr, ids({2}));
    EXPECT_EQ(state(controller, id, 1).leader, BrokerId(2));
    EXPECT_TRUE(co_await has_event(controller, "replicas.unproven"));
  });
}

TEST_F(Failover, AnEmptyDiskThatWasTheLastInSyncLeavesNoLeaderUntilAnOrder) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2})}));
    EXPECT_EQ(co_await alter_isr(controller, id, members({1})), ErrorCode::none);
    controller.registered(broker(1, 11));
    auto request = joining(1, 11);
    request.has_logs = false;
    EXPECT_EQ((co_await controller.report(request)).error_code, ErrorCode::none);
    EXPECT_EQ(state(controller, id).leader, kNoBroker);
    EXPECT_TRUE(co_await has_event(controller, "partitions.lost"));
    // Not after the next start either, though there are logs by then.
    controller.registered(broker(1, 12));
    EXPECT_EQ((co_await controller.report(joining(1, 12))).error_code, ErrorCode::none);
    EXPECT_EQ(state(controller, id).leader, kNoBroker);
    const TopicPartition at{id, PartitionIndex(0)};
    EXPECT_TRUE((co_await controller.elect(true, {at}))[0]);
    EXPECT_TRUE(co_await has_event(controller, "election.unclean"));
    EXPECT_NE(state(controller, id).leader, kNoBroker);
    EXPECT_EQ((co_await controller.elect(true, {at}))[0].error().code, ErrorCode::election_not_needed);
  });
}

TEST_F(Failover, AnUncleanElectionIsRecordedAsPossibleLoss) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2})}));
    EXPECT_EQ(co_await alter_isr(controller, id, members({1})), ErrorCode::none);
    co_await controller.died(BrokerId(1), 10, "refused");
    EXPECT_EQ(state(controller, id).leader, kNoBroker);
    const TopicPartition at{id, PartitionIndex(0)};
    EXPECT_EQ((co_await controller.elect(false, {at}))[0].error().code,
              ErrorCode::preferred_leader_not_available);
    EXPECT_TRUE((co_await controller.elect(true, {at}))[0]);
    EXPECT_EQ(state(controller, id).leader, BrokerId(2));
    EXPECT_EQ(state(controller, id).isr, ids({2}));
    EXPECT_TRUE(sink.contains("cluster.election.unclean"));
  });
}

TEST_F(Failover, AThousandPartitionsFailOverInFewTransactions) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    std::vector<std::vector<BrokerId>> assignment(1000, ids({1, 2, 3}));
    const TopicId id = co_await create(controller, topic_at("t", assignment));
    const TopicId internal =
        co_await create(controller, topic_at("__consumer_offsets", {50, ids({1, 2, 3})}));
    const int before = store.commits;
    store.operations_max = 0;
    store.in_flight_max = 0;
    std::vector<std::string> order;
    store.next_fate = [&](const Transaction& transaction) {
      order.push_back(transaction.writes.front().key);
      return ShakyStore::Fate::pass;
    };
    co_await controller.died(BrokerId(1), 10, "refused");
    EXPECT_LE(store.commits - before, 11);  // 1,050 states, and one for the broker and the events
    EXPECT_LE(store.operations_max, 128u);
    EXPECT_EQ(store.in_flight_max, 4);
    EXPECT_TRUE(order.front().starts_with(std::string(keys::kPartitions) + to_string(internal)));
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(state(controller, id, i).leader, BrokerId(2));
  });
}

TEST_F(Failover, APassOverThirtyThousandPartitionsIsShort) {
  options.auto_rebalance = false;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3, 4});
    const TopicId id = co_await create(controller, topic_at("t", std::vector(30'000, ids({1, 2, 3}))));
    EXPECT_EQ(state(controller, id, 29'999).leader, BrokerId(1));
    // It holds one replica: all are looked at, one changes.
    const TopicId other = co_await create(controller, topic_at("u", {ids({4, 1})}));
    const auto began = std::clock();
    co_await controller.died(BrokerId(4), 40, "refused");
    const double ms = 1e3 * static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
    RecordProperty("pass_ms", std::to_string(ms));
    EXPECT_EQ(state(controller, other).leader, BrokerId(1));
    const auto again = std::clock();
    co_await controller.died(BrokerId(1), 10, "refused");
    const double all_ms = 1e3 * static_cast<double>(std::clock() - again) / CLOCKS_PER_SEC;
    RecordProperty("all_change_ms", std::to_string(all_ms));
    EXPECT_LT(ms, 100);  // under sanitizers; a tenth of it without
    EXPECT_EQ(state(controller, id, 29'999).leader, BrokerId(2));
  });
}

TEST_F(Failover, WhoCannotAppendOrLeavesHandsOverItsLeadership) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2})}));
    const TopicId alone = co_await create(controller, topic_at("alone", {ids({1})}));
    auto request = joining(1, 10);
    request.kind = kafka::BrokerReportRequest::kHealth;
    request.can_append = false;
    EXPECT_EQ((co_await controller.report(request)).error_code, ErrorCode::none);
    EXPECT_EQ(state(controller, id).leader, BrokerId(2));
    EXPECT_EQ(state(controller, alone).leader, BrokerId(1));
    EXPECT_EQ(state(controller, id).isr, ids({1, 2}));
    request.can_append = true;
    EXPECT_EQ((co_await controller.report(request)).error_code, ErrorCode::none);
    request = joining(2, 20);
    request.kind = kafka::BrokerReportRequest::kLeave;
    EXPECT_EQ((co_await controller.report(request)).still_leading, 0);
    EXPECT_EQ(state(controller, id).leader, BrokerId(1));
    request = joining(1, 10);
    request.kind = kafka::BrokerReportRequest::kLeave;
    EXPECT_EQ((co_await controller.report(request)).still_leading, 2);
  });
}

TEST_F(Failover, WhoLeavesIsOutOfTheIsrsBeforeItIsAnsweredAndStaysOut) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    const TopicId leads = co_await create(controller, topic_at("leads", {ids({1, 2, 3})}));
    const TopicId follows = co_await create(controller, topic_at("follows", {ids({2, 3, 1})}));
    auto request = joining(1, 10);
    request.kind = kafka::BrokerReportRequest::kLeave;
    const int commits = store.commits;
    EXPECT_EQ((co_await controller.report(request)).still_leading, 0);
    EXPECT_EQ(store.commits, commits + 1);  // one pass
    EXPECT_EQ(state(controller, leads).leader, BrokerId(2));
    EXPECT_EQ(state(controller, leads).isr, ids({2, 3}));
    EXPECT_EQ(state(controller, follows).isr, ids({2, 3}));
    // It fetches until it ends; its leaders are not to take it for one that came back.
    EXPECT_EQ(co_await alter_isr(controller, follows, members({1, 2, 3})), ErrorCode::ineligible_replica);
    // Its next process is as welcome as any.
    controller.registered(broker(1, 11));
    EXPECT_EQ((co_await controller.report(joining(1, 11))).error_code, ErrorCode::none);
    auto again = members({2, 3});
    again[BrokerId(1)] = 11;
    EXPECT_EQ(co_await alter_isr(controller, follows, again), ErrorCode::none);
  });
}

TEST_F(Failover, LeadershipReturnsToAPreferredBrokerThatIsSteady) {
  options.preferred_after = 10s;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    const TopicId id = co_await create(controller, topic_at("t", std::vector(40, ids({1, 2}))));
    const auto led_by_1 = [&] {
      int count = 0;
      for (int i = 0; i < 40; ++i) count += state(controller, id, i).leader == BrokerId(1) ? 1 : 0;
      return count;
    };
    const auto restart = [&](uint64_t incarnation) -> Task<void> {
      controller.registered(broker(1, incarnation));
      EXPECT_EQ((co_await controller.report(joining(1, incarnation))).error_code, ErrorCode::none);
      // The leader finds it in sync again.
      std::vector<IsrChange> changes;
      for (int i = 0; i < 40; ++i) {
        const PartitionState now = state(controller, id, i);
        changes.push_back({{id, PartitionIndex(i)},
                           now.leader_epoch,
                           now.version,
                           {{BrokerId(1), incarnation}, {BrokerId(2), 20}}});
      }
      for (const auto& outcome : co_await controller.alter_isr(BrokerId(2), 20, changes)) {
        EXPECT_EQ(outcome.code, ErrorCode::none);
      }
    };
    co_await restart(11);
    co_await runtime::sleep_for(8s);
    EXPECT_EQ(led_by_1(), 0);
    co_await runtime::sleep_for(4s);
    EXPECT_GE(led_by_1(), 4);  // a tenth of them each second
    EXPECT_LE(led_by_1(), 16);
    co_await runtime::sleep_for(12s);
    EXPECT_EQ(led_by_1(), 40);
    // The second death within the hour: twice as long.
    co_await restart(12);
    co_await runtime::sleep_for(18s);
    EXPECT_EQ(led_by_1(), 0);
    co_await runtime::sleep_for(15s);
    EXPECT_EQ(led_by_1(), 40);
  });
}

TEST_F(Failover, ANewControllerGoesOnWhereTheLastOneStopped) {
  TopicId id;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    id = co_await create(controller, topic_at("t", {ids({1, 2, 3})}));
    co_await controller.died(BrokerId(1), 10, "refused");
  });
  with_controller([&](Controller& controller) -> Task<void> {
    EXPECT_EQ(controller.image()->version.fence, 2);
    EXPECT_EQ(controller.image()->brokers.size(), 2u);
    EXPECT_EQ(controller.image()->brokers.at(BrokerId(2)), broker(2, 20));
    EXPECT_EQ(state(controller, id).leader, BrokerId(2));
    EXPECT_TRUE(co_await has_event(controller, "broker.dead"));
    co_await runtime::sleep_for(10s);  // their registrations stand
    EXPECT_EQ(controller.image()->brokers.size(), 2u);
  });
}

TEST_F(Failover, WhoHasNoLeaseWhenAControllerBeginsIsDeadUnlessItIsHeardOf) {
  TopicId id;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    id = co_await create(controller, topic_at("t", {ids({1, 2, 3})}));
    Transaction gone;
    gone.remove("/brokers/1").remove("/brokers/2");
    EXPECT_TRUE(co_await memory.commit(std::move(gone)));
  });
  with_controller([&](Controller& controller) -> Task<void> {
    EXPECT_EQ(state(controller, id).leader, BrokerId(1));
    co_await runtime::sleep_for(3s);
    EXPECT_EQ((co_await controller.poll(polling(2, 20, Image{}))).error_code, ErrorCode::none);
    co_await runtime::sleep_for(4s);
    EXPECT_EQ(state(controller, id).leader, BrokerId(2));
    EXPECT_EQ(state(controller, id).isr, ids({2, 3}));
  });
}

}  // namespace
}  // namespace godwit::cluster
