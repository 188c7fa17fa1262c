// From whom the office of controller passes, and why, as the event says it.
#include <gmock/gmock.h>

#include "cluster/cluster_world_testing.h"

namespace godwit::cluster {
namespace {

using runtime::Task;
using testing::MatchesRegex;

class SuccessionTest : public testing::Test {
 protected:
  void form() {
    for (int i : {1, 2, 3}) cluster.start(i);
    ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); }));
    cluster.world.run_for(1s);
  }
  std::vector<std::string> elected() const {
    std::vector<std::string> texts;
    for (const Diagnostic& event : cluster.sink.events) {
      if (event.name == "cluster.controller.elected") texts.push_back(event.text);
    }
    return texts;
  }
  // Of the one that follows on the first; empty where it does not.
  std::string next() {
    (void)cluster.wait([&] { return elected().size() > 1; });
    return elected().size() == 2 ? elected()[1] : "";
  }
  // "controller: broker 1, fence 1 -> broker [0-9]+, fence 2 \\(why\\)"
  static std::string passed(int from, const std::string& why) {
    return "controller: broker " + std::to_string(from) + ", fence 1 -> broker [0-9]+, fence 2 \\(" + why +
           "\\)";
  }

  ClusterWorld cluster{31, &Controller::open};
};

TEST_F(SuccessionTest, AtTheFirstStartNobodyEverHeldTheOffice) {
  form();
  ASSERT_EQ(elected().size(), 1u);
  EXPECT_EQ(elected()[0], "controller: none -> broker " + std::to_string(cluster.controller()) +
                              ", fence 1 (nobody ever held the office)");
}

TEST_F(SuccessionTest, OfAProcessThatDiedTheConnectionIsRefused) {
  form();
  const int former = cluster.controller();
  cluster.crash(former);
  EXPECT_THAT(next(), MatchesRegex(passed(former, "its connection broke, and a new one is refused")));
}

TEST_F(SuccessionTest, OfABrokerThatHangsTheLeaseEnds) {
  form();
  const int former = cluster.controller();
  cluster.node(former).pause();
  EXPECT_THAT(next(), MatchesRegex(passed(former, "its lease ended")));
}

TEST_F(SuccessionTest, WhoStopsInOrderGivesTheOfficeUp) {
  form();
  const int former = cluster.controller();
  ASSERT_TRUE(
      cluster.on(former, [](ClusterMetadata& metadata) -> Task<void> { co_await metadata.leave(5s); }));
  EXPECT_THAT(next(), MatchesRegex(passed(former, "it gave the office up")));
}

TEST_F(SuccessionTest, ABrokerAloneThatStartsAgainFollowsOnItself) {
  cluster.start(1);
  ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1}); }));
  cluster.crash(1);
  cluster.start(1, {.was_member = true});
  EXPECT_EQ(next(),
            "controller: broker 1, fence 1 -> broker 1, fence 2 (that was under an earlier lease of the same "
            "broker)");
}

// It saw nothing of it, and whether the lease ended or the office was given up: the events know who it was.
TEST_F(SuccessionTest, WhoComesLongAfterwardsNamesWhoDecidedLast) {
  cluster.start(1);
  ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1}); }));
  cluster.crash(1);
  cluster.world.run_for(60s);
  cluster.start(2);
  EXPECT_EQ(next(),
            "controller: fence 1 (broker 1 decided last) -> broker 2, fence 2 (nobody held the office when "
            "this broker "
            "looked)");
}

// The death of another broker, as its controller tells it.
class DeathTest : public SuccessionTest {
 protected:
  void SetUp() override {
    form();
    controller = cluster.controller();
    other = controller == 1 ? 2 : 1;
    third = 6 - controller - other;
    incarnation = cluster.metadata(other).incarnation();
  }
  // Of the other broker; empty: it is not told.
  std::string death() {
    const std::string about = "broker " + std::to_string(other) + ", incarnation ";
    std::string text;
    (void)cluster.wait([&] {
      for (const Diagnostic& event : cluster.sink.events) {
        if (event.name == "cluster.broker.dead" && event.text.starts_with(about)) text = event.text;
      }
      return !text.empty();
    });
    return text;
  }
  std::string dead(const std::string& why) const {
    return "broker " + std::to_string(other) + ", incarnation " + std::to_string(incarnation) +
           ": live -> dead (" + why + ")";
  }
  void restart(std::initializer_list<int> who) {
    for (const int i : who) cluster.start(i, {.was_member = true});
  }
  int controller = 0;
  int other = 0;
  int third = 0;
  uint64_t incarnation = 0;
};

TEST_F(DeathTest, OfAProcessThatDiedTheConnectionIsRefused) {
  cluster.crash(other);
  EXPECT_EQ(death(), dead("its connection broke, and a new one is refused"));
}

TEST_F(DeathTest, OfABrokerThatHangsTheLeaseEnds) {
  cluster.node(other).pause();
  EXPECT_THAT(death(),
              MatchesRegex("broker [0-9]+, incarnation [0-9]+: (live|unheard) -> dead \\(its lease ended, "
                           "and a probe failed: b[0-9]:9092: no answer to ApiVersions within [0-9]+ ms\\)"));
}

// Nobody of those that are there had a connection to it.
TEST_F(DeathTest, OfWhoWasNeverReachedAConnectionIsRefused) {
  for (const int i : {1, 2, 3}) cluster.crash(i);
  restart({third});
  EXPECT_EQ(death(), dead("a connection to it is refused"));
}

// Nothing refuses where a machine is gone.
TEST_F(DeathTest, OfAMachineThatWentBeforeTheControllerBeganTheLeaseHasEnded) {
  for (const int i : {1, 2, 3}) cluster.crash(i, runtime::sim::CrashKind::power_cut);
  cluster.world.run_for(10s);
  restart({third});
  EXPECT_THAT(death(),
              MatchesRegex("broker [0-9]+, incarnation [0-9]+: (live|unheard) -> dead \\(its lease ended, "
                           "and a probe failed: .+\\)"));
}

// Both find the former one dead; who is second does not overthrow who was first.
TEST(SuccessionOfOne, WhoSeeTheSameDeathTakeTheOfficeOnce) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    ClusterWorld cluster(seed, &Controller::open);
    for (int i : {1, 2, 3}) cluster.start(i);
    ASSERT_TRUE(cluster.wait([&] { return cluster.formed({1, 2, 3}); })) << seed;
    cluster.world.run_for(1s);
    cluster.crash(cluster.controller());
    cluster.world.run_for(5s);
    EXPECT_EQ(std::ranges::count(cluster.sink.events, "controller.taken", &Diagnostic::name), 2) << seed;
    EXPECT_EQ(std::ranges::count(cluster.sink.events, "controller.lost", &Diagnostic::name), 0) << seed;
  }
}

}  // namespace
}  // namespace godwit::cluster
