// Leadership returns to a broker that was steady for a while, longer with each failure (design-cluster rule 13).
#include "cluster/controller_testing.h"
#include "cluster/fleet.h"

namespace godwit::cluster {
namespace {

using namespace std::chrono_literals;

// Broker 1 prefers to lead a partition that 2 leads when it cannot; 3 is there.
class Trust : public ControllerTest {
 protected:
  Trust() { options.preferred_after = 10s; }

  Task<void> begin(Controller& controller) {
    co_await join(controller, {1, 2, 3});
    id_ = co_await create(controller, topic_at("t", {ids({1, 2})}));
  }
  // Time passes while these brokers ask for news every second.
  Task<void> pass(Controller& controller, Duration time, std::vector<int> asking) {
    auto& shard = *runtime::Shard::current();
    for (const MonotonicTime end = shard.now() + time; shard.now() < end;) {
      for (const int each : asking) {
        (void)co_await controller.poll(polling(each, static_cast<uint64_t>(10 * each), *controller.image()));
      }
      co_await runtime::sleep_for(1s);
    }
  }
  Task<void> report(Controller& controller, bool can_append) {
    auto request = joining(1, 10);
    request.kind = kafka::BrokerReportRequest::kHealth;
    request.can_append = can_append;
    EXPECT_EQ((co_await controller.report(request)).error_code, ErrorCode::none);
  }
  BrokerId leader(Controller& controller) { return state(controller, id_).leader; }
  // Broker 1, which is well again, leads not before `time` has passed, and then soon.
  Task<void> leads_after(Controller& controller, Duration time) {
    co_await pass(controller, 1s, {1, 2, 3});
    EXPECT_EQ(co_await alter_isr(controller, id_, members({1, 2})), ErrorCode::none) << "it is in sync";
    co_await pass(controller, time - 3s, {1, 2, 3});
    EXPECT_EQ(leader(controller), BrokerId(2)) << time / 1s;
    co_await pass(controller, 5s, {1, 2, 3});
    EXPECT_EQ(leader(controller), BrokerId(1)) << time / 1s;
  }
  TopicId id_;
};

TEST_F(Trust, ReturnsLaterEachTimeABrokerCannotAppend) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await begin(controller);
    for (const Duration wait : {10s, 20s, 40s, 80s}) {
      co_await report(controller, false);
      co_await report(controller, false);  // the same failure
      EXPECT_EQ(leader(controller), BrokerId(2));
      co_await report(controller, true);
      co_await leads_after(controller, wait);
    }
  });
}

TEST_F(Trust, ReturnsLaterEachTimeABrokerDoesNotAsk) {
  options.leased = [](const BrokerInfo&) { return true; };
  options.reaches = [](BrokerInfo) -> Task<bool> { co_return false; };
  with_controller([&](Controller& controller) -> Task<void> {
    co_await begin(controller);
    for (const Duration wait : {10s, 20s, 40s}) {
      co_await pass(controller, 3s, {1, 2, 3});
      co_await pass(controller, 6s, {2, 3});
      EXPECT_EQ(leader(controller), BrokerId(2));
      co_await leads_after(controller, wait);
    }
    EXPECT_TRUE(co_await has_event(controller, "broker.unheard"));
    EXPECT_FALSE(co_await has_event(controller, "broker.dead"));
  });
}

TEST_F(Trust, CountsAFailureThatIsSeenInSeveralWaysOnce) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await begin(controller);
    co_await report(controller, false);
    co_await controller.died(BrokerId(1), 10, "somebody sees to its disk");
    controller.registered(broker(1, 11));
    EXPECT_EQ((co_await controller.report(joining(1, 11))).error_code, ErrorCode::none);
    auto isr = members({2});
    isr[BrokerId(1)] = 11;
    EXPECT_EQ(co_await alter_isr(controller, id_, isr), ErrorCode::none);
    co_await runtime::sleep_for(8s);
    EXPECT_EQ(leader(controller), BrokerId(2));
    co_await runtime::sleep_for(5s);
    EXPECT_EQ(leader(controller), BrokerId(1));
  });
}

// One after the other is the rule when a machine fails that controls, too.
TEST_F(Trust, IsWhatItWasWithTheNextController) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await begin(controller);
    for (const Duration wait : {10s, 20s}) {
      co_await report(controller, false);
      co_await report(controller, true);
      co_await leads_after(controller, wait);
    }
    co_await report(controller, false);
  });
  with_controller([&](Controller& controller) -> Task<void> {
    EXPECT_EQ(leader(controller), BrokerId(2));
    EXPECT_EQ(co_await alter_isr(controller, id_, members({1, 2})), ErrorCode::none);
    co_await pass(controller, 36s, {1, 2, 3});
    EXPECT_EQ(leader(controller), BrokerId(2));
    co_await pass(controller, 8s, {1, 2, 3});
    EXPECT_EQ(leader(controller), BrokerId(1));
  });
}

TEST(FleetTrust, AFailureCountsForAnHourAlsoByTheClockOfTheNextController) {
  constexpr BrokerId kId(1);
  constexpr Duration kAfter = 10s;
  MonotonicTime now{1000h};
  WallTime wall{1'700'000'000'000};
  const auto pass = [&](Duration time) {
    now += time;
    wall = wall + time;
  };
  Fleet fleet;
  const auto wait = [&](const Fleet& its, MonotonicTime at) {
    return its.trusted_from(kId, kAfter, at) - its.find(kId)->steady_since;
  };
  BrokerInfo info;
  info.id = kId;
  info.incarnation = 10;
  (void)fleet.registered(info);
  fleet.joined(kId, {}, false, true, now);
  EXPECT_EQ(wait(fleet, now), kAfter);
  for (int i = 0; i < 3; ++i) {
    fleet.failed(kId, now);
    fleet.recovered(kId, now);
    pass(20min);
  }
  EXPECT_EQ(wait(fleet, now), 4 * kAfter);
  // Another machine with another clock that never goes back, and a little behind.
  const auto next_at = [&](const StoredJoined& stored, WallTime at) {
    Fleet next;
    next.load(kId, stored, MonotonicTime{5s}, at);
    return wait(next, MonotonicTime{5s});
  };
  const StoredJoined stored = fleet.stored(kId, now, wall);
  EXPECT_EQ(stored.failures_ms.size(), 3u);
  EXPECT_EQ(next_at(stored, wall + -1h), 4 * kAfter) << "an hour behind";
  EXPECT_EQ(next_at(stored, wall), 4 * kAfter);
  EXPECT_EQ(next_at(stored, wall + 1min), 2 * kAfter);
  EXPECT_EQ(next_at(stored, wall + 41min), kAfter);
  pass(1min);
  EXPECT_EQ(wait(fleet, now), 2 * kAfter);
  EXPECT_EQ(fleet.stored(kId, now, wall).failures_ms.size(), 2u);
  // A store in which somebody wrote.
  StoredJoined nonsense = stored;
  nonsense.failures_ms = {INT64_MIN, INT64_MAX, 0, wall.ms};
  EXPECT_EQ(next_at(nonsense, wall), 2 * kAfter);
  nonsense.failures_ms.assign(10'000, wall.ms);
  EXPECT_EQ(next_at(nonsense, wall), 256 * kAfter);
}

}  // namespace
}  // namespace godwit::cluster
