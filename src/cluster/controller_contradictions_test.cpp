// Brokers whose logs know more than the coordination store (docs/decisions/0015).
#include "cluster/controller_testing.h"

namespace godwit::cluster {
namespace {

class Contradictions : public ControllerTest {
 protected:
  static kafka::BrokerReportRequest with_log(kafka::BrokerReportRequest request, TopicId id, int epoch,
                                             int64_t end) {
    request.later_logs.push_back({id, PartitionIndex(0), LeaderEpoch(epoch), Offset(end)});
    return request;
  }
  static kafka::BrokerReportRequest health(int id, uint64_t incarnation) {
    auto request = joining(id, incarnation);
    request.kind = kafka::BrokerReportRequest::kHealth;
    return request;
  }
};

TEST_F(Contradictions, APartitionOfWhichABrokerKnowsMoreHasNoLeaderUntilAnOrderAlsoUnderTheNextController) {
  TopicId id;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    id = co_await create(controller, topic_at("t", {ids({1, 2})}));
    co_await put_registration(3);
    controller.registered(broker(3, 30));
    EXPECT_EQ((co_await controller.report(with_log(joining(3, 30), id, 5, 70))).error_code, ErrorCode::none);
    EXPECT_TRUE(is_lost(state(controller, id)));
    EXPECT_EQ(state(controller, id).leader_epoch, LeaderEpoch(6));
    EXPECT_TRUE(co_await has_event(controller, "partitions.contradicted"));
    EXPECT_EQ(co_await stored(id), state(controller, id));
    Image seen;
    co_await follow(controller, 1, 10, seen);
    EXPECT_EQ(seen.find(TopicPartition{id, PartitionIndex(0)})->recent_epochs,
              state(controller, id).recent_epochs);
    EXPECT_FALSE(seen.find(TopicPartition{id, PartitionIndex(0)})->recent_epochs.empty());
  });
  with_controller([&](Controller& controller) -> Task<void> {
    EXPECT_EQ((co_await controller.report(with_log(health(2, 20), id, 4, 90))).error_code, ErrorCode::none);
    EXPECT_EQ((co_await controller.report(with_log(health(3, 30), id, 5, 70))).error_code, ErrorCode::none);
    EXPECT_TRUE(is_lost(state(controller, id)));
    EXPECT_FALSE((co_await controller.elect(false, {{id, PartitionIndex(0)}}))[0]);
    EXPECT_TRUE((co_await controller.elect(true, {{id, PartitionIndex(0)}}))[0]);
    EXPECT_EQ(state(controller, id).leader, BrokerId(3));
    EXPECT_EQ(state(controller, id).replicas, ids({1, 2, 3}));
    // It was decided: what others say of what was given up changes nothing.
    EXPECT_EQ((co_await controller.report(with_log(health(2, 20), id, 4, 90))).error_code, ErrorCode::none);
    EXPECT_EQ(state(controller, id).leader, BrokerId(3));
  });
}

TEST_F(Contradictions, WhatABrokerSaidBeforeItsDiskWasExchangedCountsForNothing) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2})}));
    co_await put_registration(3);
    controller.registered(broker(3, 30));
    EXPECT_EQ((co_await controller.report(with_log(joining(3, 30), id, 5, 70))).error_code, ErrorCode::none);
    EXPECT_EQ((co_await controller.report(with_log(health(2, 20), id, 4, 90))).error_code, ErrorCode::none);
    EXPECT_TRUE(is_lost(state(controller, id)));
    co_await controller.died(BrokerId(3), 30, "refused");
    controller.registered(broker(3, 31));
    auto emptied = joining(3, 31);
    emptied.has_logs = false;
    EXPECT_EQ((co_await controller.report(emptied)).error_code, ErrorCode::none);
    EXPECT_TRUE((co_await controller.elect(true, {{id, PartitionIndex(0)}}))[0]);
    EXPECT_EQ(state(controller, id).leader, BrokerId(2)) << "3 has nothing any more";
  });
}

// As by a store that knows only of fewer partitions: what a log of that number holds was written in a history that is forgotten.
TEST_F(Contradictions, ALogOfAPartitionThatIsAddedAgainIsNotTakenForAnOldOneOfIts) {
  options.epochs_by_clock = true;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2})}));
    EXPECT_TRUE(co_await controller.create_partitions(id, 2, {}, false));
    const PartitionState added = state(controller, id, 1);
    EXPECT_TRUE(contradicts(added, LeaderEpoch(added.leader_epoch.value() - 5)));
    EXPECT_FALSE(contradicts(added, added.leader_epoch));
  });
}

TEST_F(Contradictions, WhatAnEmptyDiskIsSaidToHoldAndWhatIsKnownCountsForNothing) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2})}));
    co_await controller.died(BrokerId(1), 10, "refused");
    EXPECT_EQ(state(controller, id).leader, BrokerId(2));
    EXPECT_EQ((co_await controller.report(with_log(health(2, 20), id, 0, 9))).error_code, ErrorCode::none);
    EXPECT_EQ(state(controller, id).leader, BrokerId(2));
    controller.registered(broker(1, 11));
    auto request = with_log(joining(1, 11), id, 50, 70);
    request.has_logs = false;
    EXPECT_EQ((co_await controller.report(request)).error_code, ErrorCode::none);
    EXPECT_EQ(state(controller, id).leader, BrokerId(2));
    // Nor what somebody says of a partition that is not there.
    EXPECT_EQ((co_await controller.report(with_log(health(2, 20), TopicId{}, 7, 9))).error_code,
              ErrorCode::none);
  });
}

TEST_F(Contradictions, EpochsGoOnFromTheWallClockAlsoThoseOfPartitionsThatATopicGetsLater) {
  options.epochs_by_clock = true;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2})}));
    const LeaderEpoch floor = epoch_of_clock(runtime::Shard::current()->wall_now());
    EXPECT_GT(floor, LeaderEpoch(0));
    co_await controller.died(BrokerId(1), 10, "refused");
    EXPECT_GE(state(controller, id).leader_epoch, floor);
    EXPECT_TRUE(co_await controller.create_partitions(id, 2, {}, false));
    EXPECT_GE(state(controller, id, 1).leader_epoch, floor);
  });
}

}  // namespace
}  // namespace godwit::cluster
