// What moves when a broker is added, removed or drained: about 1/N, and nothing else (design.md §8).
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "placement/placement.h"

namespace godwit::placement {
namespace {

TopicId topic(int number) {
  TopicId id;
  id.bytes[0] = std::byte{0x5e};
  id.bytes[14] = static_cast<std::byte>(number >> 8);
  id.bytes[15] = static_cast<std::byte>(number);
  return id;
}

class Cluster {
 public:
  explicit Cluster(int count, int factor, int racks = 0, int topics = 6) : racks_(racks) {
    for (int i = 0; i < count; ++i) with(i + 1);
    for (int i = 0; i < topics; ++i) {
      const auto placed =
          place({.topic = topic(i), .partitions = 60, .replication_factor = factor}, brokers, load());
      assignments.insert(assignments.end(), placed->begin(), placed->end());
    }
  }

  Load load() const { return load_of(assignments); }
  int64_t replicas() const {
    int64_t count = 0;
    for (const auto& assignment : assignments) count += static_cast<int64_t>(assignment.replicas.size());
    return count;
  }
  void with(int id) {
    brokers.push_back({BrokerId(id), racks_ == 0 ? "" : "rack-" + std::to_string(id % racks_)});
  }
  void without(int id) {
    std::erase_if(brokers, [&](const Broker& broker) { return broker.id == BrokerId(id); });
  }
  // Moves from `before` to the brokers of now, carried out. How many replicas were copied.
  int64_t rebalances(const std::vector<Broker>& before) {
    moves = rebalance(assignments, before, brokers);
    int64_t copied = 0;
    for (const Move& move : moves) {
      const auto at = std::ranges::find(assignments, move.id, &Assignment::id);
      EXPECT_EQ(at->replicas, move.before);
      at->replicas = move.after;
      EXPECT_EQ(move.adding().size(), move.removing().size());
      copied += static_cast<int64_t>(move.adding().size());
    }
    return copied;
  }
  void expect_good(const std::string& when) const {
    for (const Assignment& assignment : assignments) {
      std::set<BrokerId> distinct(assignment.replicas.begin(), assignment.replicas.end());
      EXPECT_EQ(distinct.size(), assignment.replicas.size()) << when;
      std::set<std::string> racks;
      for (const BrokerId id : distinct) {
        const auto at = std::ranges::find(brokers, id, &Broker::id);
        ASSERT_NE(at, brokers.end()) << when;
        racks.insert(at->rack);
      }
      if (racks_ > 0) {
        EXPECT_EQ(racks.size(), std::min(distinct.size(), static_cast<size_t>(racks_))) << when;
      }
    }
    for (const auto& [id, has] : load()) {
      EXPECT_LE(has.replicas, load_bound(replicas(), brokers.size())) << when << ", broker " << to_string(id);
      EXPECT_LE(has.leaders, load_bound(static_cast<int64_t>(assignments.size()), brokers.size()))
          << when << ", broker " << to_string(id);
    }
  }

  std::vector<Broker> brokers;
  std::vector<Assignment> assignments;
  std::vector<Move> moves;

 private:
  int racks_;
};

TEST(Adding, ABrokerMovesItsShareAndNothingElse) {
  for (int count = 3; count <= 50; ++count) {
    Cluster cluster(count, 3);
    const auto before = cluster.brokers;
    cluster.with(count + 1);
    const int64_t copied = cluster.rebalances(before);
    const int64_t share = cluster.replicas() / (count + 1);
    EXPECT_LE(copied, share);
    EXPECT_GE(copied, share - 1);
    for (const Move& move : cluster.moves) EXPECT_EQ(move.adding(), std::vector{BrokerId(count + 1)});
    const auto load = cluster.load();
    EXPECT_GE(load.at(BrokerId(count + 1)).leaders,
              static_cast<int64_t>(cluster.assignments.size()) / (count + 1) - 1);
    cluster.expect_good("one more than " + std::to_string(count));
  }
}

TEST(Adding, OneAfterTheOtherKeepsTheBounds) {
  Cluster cluster(3, 3);
  for (int id = 4; id <= 50; ++id) {
    const auto before = cluster.brokers;
    cluster.with(id);
    const int64_t copied = cluster.rebalances(before);
    EXPECT_LE(copied, cluster.replicas() / id);
    cluster.expect_good(std::to_string(id) + " brokers");
  }
}

TEST(Removing, ABrokerMovesWhatItHasAndNothingElse) {
  for (int count = 4; count <= 50; ++count) {
    Cluster cluster(count, 3);
    const int64_t had = cluster.load().at(BrokerId(2)).replicas;
    const auto before = cluster.brokers;
    cluster.without(2);
    EXPECT_EQ(cluster.rebalances(before), had);
    EXPECT_LE(had, load_bound(cluster.replicas(), static_cast<size_t>(count)));
    for (const Move& move : cluster.moves) {
      EXPECT_EQ(move.removing(), std::vector{BrokerId(2)});
      if (move.before.front() != BrokerId(2))
        EXPECT_EQ(move.after.front(), move.before.front()) << "leads on";
    }
    cluster.expect_good("one less than " + std::to_string(count));
  }
}

TEST(Removing, OneAfterTheOtherKeepsTheBounds) {
  Cluster cluster(50, 3);
  for (int id = 50; id > 3; --id) {
    const auto before = cluster.brokers;
    cluster.without(id);
    cluster.rebalances(before);
    cluster.expect_good(std::to_string(id - 1) + " brokers");
  }
}

TEST(Removing, OfSingleReplicasKeepsTheBounds) {
  for (int count = 4; count <= 50; ++count) {
    Cluster cluster(count, 1);
    const auto before = cluster.brokers;
    cluster.without(1);
    cluster.rebalances(before);
    cluster.expect_good("one less than " + std::to_string(count));
  }
}

TEST(Removing, BelowTheReplicationFactorLeavesReplicasWhereTheyAre) {
  Cluster cluster(3, 3);
  const auto before = cluster.brokers;
  cluster.without(2);
  EXPECT_EQ(cluster.rebalances(before), 0);
  EXPECT_TRUE(cluster.moves.empty());
}

TEST(Replacing, ABrokerMovesWhatTheOldOneHadToTheNewOne) {
  Cluster cluster(6, 3);
  const int64_t had = cluster.load().at(BrokerId(2)).replicas;
  const auto before = cluster.brokers;
  cluster.without(2);
  cluster.with(7);
  const int64_t copied = cluster.rebalances(before);
  EXPECT_LE(copied, had + had / 8);
  cluster.expect_good("replaced");
  EXPECT_GE(cluster.load().at(BrokerId(7)).replicas, cluster.replicas() / 6 - 1);
}

TEST(Draining, AndResumingGivesTheBrokerItsShareAgain) {
  Cluster cluster(5, 3);
  const auto all = cluster.brokers;
  cluster.without(4);
  cluster.rebalances(all);
  EXPECT_FALSE(cluster.load().contains(BrokerId(4)));
  const auto rest = cluster.brokers;
  cluster.with(4);
  cluster.rebalances(rest);
  EXPECT_GE(cluster.load().at(BrokerId(4)).replicas, cluster.replicas() / 5 - 1);
  cluster.expect_good("resumed");
}

TEST(Racks, StayDistinctWhenBrokersComeAndGo) {
  Cluster cluster(6, 3, 3);
  cluster.expect_good("at first");
  for (int id = 7; id <= 15; id += 3) {
    // A broker for each rack, so that racks stay of equal size.
    const auto before = cluster.brokers;
    for (int more = id; more < id + 3; ++more) cluster.with(more);
    cluster.rebalances(before);
    cluster.expect_good(std::to_string(id + 2) + " brokers");
  }
  for (int id = 15; id > 6; id -= 3) {
    const auto before = cluster.brokers;
    for (int less = id; less > id - 3; --less) cluster.without(less);
    cluster.rebalances(before);
    cluster.expect_good(std::to_string(id - 3) + " brokers");
  }
}

TEST(Unchanged, BrokersMoveNothing) {
  Cluster cluster(7, 3, 3);
  EXPECT_EQ(cluster.rebalances(cluster.brokers), 0);
  EXPECT_TRUE(even_out(cluster.assignments, cluster.brokers).empty());
}

TEST(Rebalance, DoesNotDependOnTheOrderOfWhatItIsGiven) {
  Cluster cluster(5, 3);
  auto after = cluster.brokers;
  after.push_back({BrokerId(9), ""});
  const auto once = rebalance(cluster.assignments, cluster.brokers, after);
  auto assignments = cluster.assignments;
  std::ranges::reverse(assignments);
  std::ranges::reverse(after);
  auto again = rebalance(assignments, cluster.brokers, after);
  std::ranges::reverse(again);
  ASSERT_EQ(once.size(), again.size());
  for (size_t i = 0; i < once.size(); ++i) {
    EXPECT_EQ(once[i].id, again[i].id);
    EXPECT_EQ(once[i].after, again[i].after);
  }
}

TEST(EvenOut, BringsEveryBrokerWithinItsBounds) {
  Cluster cluster(5, 3);
  // All leaders on one broker where it has a replica, and replicas heaped on three.
  for (Assignment& assignment : cluster.assignments)
    assignment.replicas = {BrokerId(1), BrokerId(2), BrokerId(3)};
  auto moves = even_out(cluster.assignments, cluster.brokers);
  for (const Move& move : moves)
    std::ranges::find(cluster.assignments, move.id, &Assignment::id)->replicas = move.after;
  cluster.expect_good("evened out");
  EXPECT_TRUE(even_out(cluster.assignments, cluster.brokers).empty());
}

TEST(EvenOut, MovesPreferredLeadersByOrderAloneWhereThatIsEnough) {
  Cluster cluster(3, 3);
  for (Assignment& assignment : cluster.assignments)
    assignment.replicas = {BrokerId(1), BrokerId(2), BrokerId(3)};
  for (const Move& move : even_out(cluster.assignments, cluster.brokers)) {
    EXPECT_TRUE(move.adding().empty());
    std::ranges::find(cluster.assignments, move.id, &Assignment::id)->replicas = move.after;
  }
  cluster.expect_good("evened out");
}

}  // namespace
}  // namespace godwit::placement
