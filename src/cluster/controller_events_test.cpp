// What a controller decided is read later: all of it, and what matters for long.
#include "cluster/controller_testing.h"

namespace godwit::cluster {
namespace {

using Event = kafka::ClusterCommandResponse::Event;

class EventsRead : public ControllerTest {
 protected:
  static Task<std::vector<Event>> events(Controller& controller, std::string what) {
    kafka::ClusterCommandRequest request;
    request.verb = "events";
    request.number = 100'000;
    auto response = co_await controller.command(std::move(request));
    std::erase_if(response.events, [&](const Event& event) { return event.what != what; });
    co_return std::move(response.events);
  }
  static int times(const std::vector<Event>& events, const std::string& text) {
    int count = 0;
    for (const Event& event : events) {
      for (size_t at = 0; (at = event.detail.find(text, at)) != std::string::npos; ++at) ++count;
    }
    return count;
  }
};

class ElectionsRead : public EventsRead, public testing::WithParamInterface<int> {};

TEST_P(ElectionsRead, EachAfterADeathIsNamedWithItsReasonAndItsStates) {
  const int partitions = GetParam();
  std::vector<Event> told;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    (void)co_await create(controller,
                          topic_at("t", std::vector(static_cast<size_t>(partitions), ids({1, 2, 3}))));
    co_await controller.died(BrokerId(1), 10, "its disk burns");
    told = co_await events(controller, "leaders.moved");
    EXPECT_EQ(times(co_await events(controller, "broker.dead"), "its disk burns"), 1);
  });
  const std::string why =
      "broker 1, incarnation 10 is dead: " + std::to_string(partitions) + " partitions change";
  for (const Event& event : told) {
    EXPECT_TRUE(event.detail.starts_with(why)) << event.detail;
    EXPECT_LE(event.detail.size(), 8'000u);
  }
  EXPECT_LE(store.operations_max, coordination::kTransactionOperationsMax);
  with_controller([&](Controller& controller) -> Task<void> {
    const auto moved = co_await events(controller, "leaders.moved");
    EXPECT_EQ(moved, told);
    for (int i = 0; i < partitions; ++i) {
      const std::string change =
          " t-" + std::to_string(i) + ": leader 1 -> 2, epoch 0 -> 1, isr [1,2,3] -> [2,3]";
      EXPECT_EQ(times(moved, change), 1) << change;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(OfPartitions, ElectionsRead, testing::Values(1, 40, 1'500));

TEST_F(EventsRead, AnUncleanElectionIsReadAfterMoreThanAThousandChangesOfAnIsr) {
  TopicId id;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    id = co_await create(controller, topic_at("t", {ids({1, 2, 3})}));
    const TopicId lost = co_await create(controller, topic_at("lost", {ids({3, 2})}));
    EXPECT_EQ(co_await alter_isr(controller, lost, members({3})), ErrorCode::none);
    co_await controller.died(BrokerId(3), 30, "refused");
    const std::vector<TopicPartition> which{{lost, PartitionIndex(0)}};
    EXPECT_TRUE((co_await controller.elect(true, which))[0]);
    controller.registered(broker(3, 31));
    EXPECT_EQ((co_await controller.report(joining(3, 31))).error_code, ErrorCode::none);
    for (int i = 0; i < 1'100; ++i) {
      auto isr = members({1, 2});
      if (i % 2 == 0) isr[BrokerId(3)] = 31;
      EXPECT_EQ(co_await alter_isr(controller, id, isr), ErrorCode::none) << i;
    }
  });
  with_controller([&](Controller& controller) -> Task<void> {
    const auto unclean = co_await events(controller, "election.unclean");
    EXPECT_EQ(times(unclean, "lost-0: leader none -> 2"), 1);
    EXPECT_EQ((co_await events(controller, "topic.created")).size(), 2u);
    EXPECT_EQ((co_await events(controller, "leaders.moved")).size(), 1u);
    EXPECT_EQ((co_await events(controller, "isr.changed")).size(), 1000u);
    EXPECT_LE(memory.keys().list(keys::kEvents).size(), 1020u);
  });
}

}  // namespace
}  // namespace godwit::cluster
