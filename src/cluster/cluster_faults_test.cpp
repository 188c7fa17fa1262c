// Faults of all kinds in any order, from a seed: brokers crash, stop, are cut off and come back while the store goes and returns.
// Afterwards everything is as if nothing had been, and at no time did anything contradict itself.
#include "cluster/cluster_world_testing.h"
#include "cluster/controller.h"

namespace godwit::cluster {
namespace {

using runtime::Task;

class FaultRun {
 public:
  explicit FaultRun(uint64_t seed) : cluster(seed, &Controller::open) {}

  void run(int faults) {
    for (int i : {1, 2, 3}) cluster.start(i);
    ASSERT_TRUE(wait([&] { return cluster.formed({1, 2, 3}); }, 10s));
    ASSERT_TRUE(cluster.create_topic("t", 6, 3));
    for (int i = 0; i < faults; ++i) {
      fault();
      wait([] { return false; }, std::chrono::milliseconds(cluster.world.random().below(4000)));
    }
    repair();
    EXPECT_TRUE(wait([&] { return cluster.formed({1, 2, 3}) && all_led(); }, 60s)) << cluster.describe_all();
    EXPECT_EQ(two_controllers_, 0);
  }

 private:
  using Wanted = std::function<bool()>;

  bool wait(const Wanted& condition, Duration limit) {
    return cluster.wait(
        [&] {
          look();
          return condition();
        },
        limit);
  }

  // What must hold at every instant, in every broker's image.
  void look() {
    for (int i : {1, 2, 3}) {
      if (!cluster.process(i) || !cluster.process(i)->metadata) continue;
      const auto image = cluster.metadata(i).image();
      if (image == seen_[i]) continue;
      seen_[i] = image;
      // One state for each version of the image and of a partition, whoever tells of it.
      for (const auto& [name, topic] : image->topics()) {
        for (size_t p = 0; p < topic->partitions.size(); ++p) {
          const PartitionState& state = topic->partitions[p];
          const auto [at, fresh] = states_.emplace(std::pair(p, state.version), state);
          EXPECT_EQ(at->second, state) << "partition " << p << " version " << state.version;
          if (state.leader == kNoBroker) continue;
          // An epoch has one leader in one incarnation.
          const auto leader = std::pair(state.leader, state.leader_incarnation);
          EXPECT_EQ(leaders_.emplace(std::pair(p, state.leader_epoch), leader).first->second, leader);
        }
      }
    }
    int controllers = 0;
    for (int i : {1, 2, 3}) {
      // Whoever believes in its office has a lease that holds: so there are never two.
      if (!cluster.process(i) || !cluster.process(i)->metadata || cluster.node(i).paused()) continue;
      controllers += cluster.metadata(i).controls() && cluster.metadata(i).lease_holds();
    }
    if (controllers > 1) ++two_controllers_;
  }

  void fault() {
    auto& random = cluster.world.random();
    const int i = 1 + static_cast<int>(random.below(3));
    const std::string name = ClusterWorld::name(i);
    const std::string other = ClusterWorld::name(1 + i % 3);
    switch (random.below(9)) {
      case 0:
      case 1:
        if (cluster.process(i)) cluster.crash(i);
        break;
      case 2:
      case 3:
        if (!cluster.process(i)) cluster.start(i, {.was_member = true});
        break;
      case 4:
        if (cluster.process(i) && !cluster.node(i).paused()) cluster.node(i).pause();
        break;
      case 5:
        if (cluster.node(i).paused()) cluster.node(i).resume();
        break;
      case 6:
        if (cluster.server.running()) {
          cluster.server.stop();
        } else {
          cluster.server.start(random.chance(1, 2) ? coordination::MemoryServer::Leases::expired
                                                   : coordination::MemoryServer::Leases::extended);
        }
        break;
      case 7:
        if (random.chance(1, 2)) {
          cluster.server.cut(name);
        } else {
          cluster.server.heal();
        }
        break;
      case 8:
        if (random.chance(1, 2)) {
          cluster.world.network().cut({name}, {other});
        } else {
          cluster.world.network().heal();
        }
        break;
    }
  }

  void repair() {
    cluster.world.network().heal();
    cluster.server.heal();
    if (!cluster.server.running()) cluster.server.start();
    for (int i : {1, 2, 3}) {
      if (cluster.node(i).paused()) cluster.node(i).resume();
      if (!cluster.process(i)) cluster.start(i, {.was_member = true});
    }
  }

  bool all_led() {
    for (size_t p = 0; p < 6; ++p) {
      const PartitionState* const state = cluster.partition(1, "t", p);
      if (state == nullptr || state->leader == kNoBroker) return false;
      if (cluster.metadata(1).image()->brokers.at(state->leader).incarnation != state->leader_incarnation)
        return false;
    }
    return true;
  }

  ClusterWorld cluster;
  std::map<int, ImagePtr> seen_;
  std::map<std::pair<size_t, int64_t>, PartitionState> states_;
  std::map<std::pair<size_t, LeaderEpoch>, std::pair<BrokerId, uint64_t>> leaders_;
  int two_controllers_ = 0;
};

TEST(ClusterFaultsTest, WhateverHappensNothingContradictsItselfAndAllIsWellAfterwards) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    FaultRun run(seed);
    run.run(25);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace godwit::cluster
