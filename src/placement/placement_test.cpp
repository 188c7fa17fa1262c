// Where new topics go, and what moves with brokers (design.md §8).
#include "placement/placement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "placement/ring.h"

namespace godwit::placement {
namespace {

TopicId topic(int number) {
  TopicId id;
  id.bytes[0] = std::byte{0x5e};
  id.bytes[14] = static_cast<std::byte>(number >> 8);
  id.bytes[15] = static_cast<std::byte>(number);
  return id;
}

// Brokers first…first + count - 1, over `racks` racks in turn; 0: without racks.
std::vector<Broker> brokers(int count, int racks = 0, int first = 1) {
  std::vector<Broker> all;
  all.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    all.push_back({BrokerId(first + i), racks == 0 ? "" : "rack-" + std::to_string((first + i) % racks)});
  }
  return all;
}

void append(std::vector<Assignment>& to, std::vector<Assignment> more) {
  to.insert(to.end(), more.begin(), more.end());
}

// Topics of twelve partitions, one after the other beside what is there.
std::vector<Assignment> cluster_of(const std::vector<Broker>& brokers, int topics, int factor,
                                   int partitions = 12) {
  std::vector<Assignment> all;
  for (int i = 0; i < topics; ++i) {
    append(all, *place({.topic = topic(i), .partitions = partitions, .replication_factor = factor}, brokers,
                       load_of(all)));
  }
  return all;
}

int64_t total(const std::vector<Assignment>& assignments) {
  int64_t replicas = 0;
  for (const auto& assignment : assignments) replicas += static_cast<int64_t>(assignment.replicas.size());
  return replicas;
}

std::string rack_of(const std::vector<Broker>& brokers, BrokerId id) {
  return std::ranges::find(brokers, id, &Broker::id)->rack;
}

// Distinct brokers that may be used, each within its bounds.
void expect_good(const std::vector<Assignment>& assignments, const std::vector<Broker>& brokers) {
  for (const Assignment& assignment : assignments) {
    const std::set<BrokerId> distinct(assignment.replicas.begin(), assignment.replicas.end());
    EXPECT_EQ(distinct.size(), assignment.replicas.size());
    for (const BrokerId id : distinct) EXPECT_NE(std::ranges::find(brokers, id, &Broker::id), brokers.end());
  }
  const Load load = load_of(assignments);
  for (const auto& [id, has] : load) {
    EXPECT_LE(has.replicas, load_bound(total(assignments), brokers.size())) << to_string(id);
    EXPECT_LE(has.leaders, load_bound(static_cast<int64_t>(assignments.size()), brokers.size()))
        << to_string(id);
  }
}

void expect_distinct_racks(const std::vector<Assignment>& assignments, const std::vector<Broker>& brokers) {
  for (const Assignment& assignment : assignments) {
    std::set<std::string> racks;
    for (const BrokerId id : assignment.replicas) racks.insert(rack_of(brokers, id));
    EXPECT_EQ(racks.size(), assignment.replicas.size());
  }
}

TEST(Bound, IsFiveQuartersOfTheMeanRoundedUp) {
  EXPECT_EQ(load_bound(12, 3), 5);
  EXPECT_EQ(load_bound(16, 4), 5);
  EXPECT_EQ(load_bound(17, 4), 6);
  EXPECT_EQ(load_bound(1, 3), 1);
  EXPECT_EQ(load_bound(0, 3), 0);
  EXPECT_EQ(load_bound(3, 0), 0);
}

TEST(Place, StaysWithinTheBoundsForEveryNumberOfBrokers) {
  for (int count = 3; count <= 50; ++count) {
    const auto all = brokers(count);
    for (const int factor : {1, 3}) expect_good(cluster_of(all, 4, factor), all);
  }
}

TEST(Place, SpreadsOverRacks) {
  for (const int count : {3, 6, 9, 30}) {
    const auto all = brokers(count, 3);
    const auto assignments = cluster_of(all, 20, 3);
    expect_good(assignments, all);
    expect_distinct_racks(assignments, all);
  }
}

TEST(Place, WithMoreReplicasThanRacksIsAsEvenOverRacksAsCanBe) {
  const auto all = brokers(6, 2);
  for (const Assignment& assignment : cluster_of(all, 20, 4)) {
    const auto in_first =
        std::ranges::count_if(assignment.replicas, [&](BrokerId id) { return rack_of(all, id) == "rack-0"; });
    EXPECT_EQ(in_first, 2);
  }
}

TEST(Place, SpreadingOverRacksIsWorthMoreThanTheBound) {
  std::vector<Broker> all = brokers(5);
  for (Broker& broker : all) broker.rack = broker.id == BrokerId(1) ? "small" : "large";
  for (const Assignment& assignment : cluster_of(all, 10, 2)) {
    EXPECT_NE(std::ranges::find(assignment.replicas, BrokerId(1)), assignment.replicas.end());
  }
}

TEST(Place, ASmallTopicIsSpreadToo) {
  // Beside a large load, so that the bounds of the cluster say nothing.
  const auto all = brokers(3);
  auto assignments = cluster_of(all, 50, 3);
  for (int i = 100; i < 150; ++i) {
    const auto placed =
        *place({.topic = topic(i), .partitions = 3, .replication_factor = 1}, all, load_of(assignments));
    std::set<BrokerId> leaders;
    for (const auto& assignment : placed) leaders.insert(assignment.replicas.front());
    EXPECT_EQ(leaders.size(), 3u);
    append(assignments, placed);
  }
}

TEST(Place, MorePartitionsOfATopicBeginWhereItEnds) {
  const auto all = brokers(3);
  const auto more =
      *place({.topic = topic(1), .first_partition = 4, .partitions = 2, .replication_factor = 3}, all, {});
  ASSERT_EQ(more.size(), 2u);
  EXPECT_EQ(more[0].id, (TopicPartition{topic(1), PartitionIndex(4)}));
  EXPECT_EQ(more[1].id, (TopicPartition{topic(1), PartitionIndex(5)}));
}

TEST(Place, DoesNotDependOnTheOrderOfTheBrokers) {
  auto all = brokers(7, 3);
  const auto once = cluster_of(all, 5, 3);
  std::ranges::reverse(all);
  EXPECT_EQ(cluster_of(all, 5, 3), once);
}

TEST(Place, GivesForEverWhatItGaveOnce) {
  // Where data lies must not change with a build or a machine.
  const auto placed = *place({.topic = topic(7), .partitions = 4, .replication_factor = 2}, brokers(5), {});
  std::vector<std::vector<int>> found;
  found.reserve(placed.size());
  for (const auto& assignment : placed) {
    found.push_back({assignment.replicas[0].value(), assignment.replicas[1].value()});
  }
  EXPECT_EQ(found, (std::vector<std::vector<int>>{{2, 3}, {5, 2}, {3, 5}, {1, 4}}));
  EXPECT_EQ(ring_point({topic(7), PartitionIndex(0)}), 12019353168231356639u);
}

TEST(Place, SaysWhatIsNotPossible) {
  const auto refused = [&](int32_t partitions, int32_t factor, int count) {
    const auto all = brokers(count);
    const auto placed =
        place({.topic = topic(1), .partitions = partitions, .replication_factor = factor}, all, {});
    EXPECT_FALSE(placed);
    return placed ? "" : placed.error().describe();
  };
  EXPECT_EQ(refused(1, 3, 2),
            "a replication factor of 3 is not possible with 2 brokers that take replicas (invalid)");
  EXPECT_EQ(refused(1, 0, 2),
            "a replication factor of 0 is not possible with 2 brokers that take replicas (invalid)");
  EXPECT_EQ(refused(0, 1, 2), "a topic has at least 1 partition, not 0 (invalid)");
  EXPECT_EQ(refused(1, 1, 0),
            "no broker may take replicas: none is registered, or all are draining (invalid)");
}

// Brokers 1 to count, of which these are reserves.
std::vector<Broker> with_reserves(int count, const std::set<int>& reserves, int racks = 0) {
  std::vector<Broker> all = brokers(count, racks);
  for (Broker& broker : all) broker.reserve = reserves.contains(broker.id.value()) ? 1 : 0;
  return all;
}

TEST(Place, ReservesComeLastAndLeadNothing) {
  const auto all = with_reserves(3, {2});
  const auto placed = cluster_of(all, 4, 3);
  for (const Assignment& one : placed) EXPECT_EQ(one.replicas.back(), BrokerId(2));
  const Load load = load_of(placed);
  EXPECT_EQ(load.at(BrokerId(1)).leaders, 24);
  EXPECT_EQ(load.at(BrokerId(3)).leaders, 24);
  for (const Assignment& one : cluster_of(all, 4, 2)) {
    EXPECT_EQ(std::ranges::find(one.replicas, BrokerId(2)), one.replicas.end()) << "there are enough others";
  }
}

TEST(Place, AmongReservesThoseOfALowerNumberComeFirstAndThenRacksCount) {
  std::vector<Broker> all = with_reserves(5, {3, 4, 5});
  all[4].reserve = 2;
  for (const Assignment& one : cluster_of(all, 2, 4)) {
    EXPECT_EQ(std::ranges::find(one.replicas, BrokerId(5)), one.replicas.end());
  }
  all = with_reserves(4, {3, 4});
  all[0].rack = all[1].rack = all[2].rack = "a";
  all[3].rack = "b";
  for (const Assignment& one : cluster_of(all, 2, 3)) EXPECT_EQ(one.replicas.back(), BrokerId(4));
}

// Brokers 1, 2, 3 have all; 3 goes, and 2 is away for a moment.
TEST(Rebalance, AReserveKeepsItsReplicasAndGetsNone) {
  const auto before = brokers(4);
  const std::vector<Assignment> held{
      {{topic(1), PartitionIndex(0)}, {BrokerId(1), BrokerId(2), BrokerId(3)}}};
  std::vector<Broker> after = with_reserves(4, {2});
  after.erase(after.begin() + 2);
  const auto moves = rebalance(held, before, after);
  ASSERT_EQ(moves.size(), 1u);
  EXPECT_EQ(moves[0].after, (std::vector{BrokerId(1), BrokerId(2), BrokerId(4)}));
  after.back().reserve = 1;
  EXPECT_TRUE(rebalance(held, before, after).empty()) << "nobody is there to take it";
}

TEST(Rebalance, ATakerIsOnAnotherRackThanTheReserveThatKeepsItsReplica) {
  std::vector<Broker> after = with_reserves(5, {2});
  after[0].rack = "a";
  after[1].rack = "b";
  after[3].rack = "b";
  after[4].rack = "c";
  const auto before = after;
  after.erase(after.begin() + 2);
  for (int i = 0; i < 20; ++i) {
    const std::vector<Assignment> held{
        {{topic(i), PartitionIndex(0)}, {BrokerId(1), BrokerId(2), BrokerId(3)}}};
    const auto moves = rebalance(held, before, after);
    ASSERT_EQ(moves.size(), 1u);
    EXPECT_EQ(moves[0].after.back(), BrokerId(5));
  }
}

TEST(Ring, ABrokerMoreTakesOnlyItsOwnPlaces) {
  for (int count = 3; count <= 50; count += 3) {
    std::vector<BrokerId> ids;
    for (int i = 1; i <= count; ++i) ids.emplace_back(i);
    const Ring before(ids);
    ids.emplace_back(count + 1);
    const Ring after(ids);
    std::vector<BrokerId> a, b;
    int changed = 0;
    for (int i = 0; i < 2000; ++i) {
      const uint64_t point = ring_point({topic(i / 10), PartitionIndex(i % 10)});
      before.order_from(point, a);
      after.order_from(point, b);
      changed += a.front() != b.front() ? 1 : 0;
      std::erase(b, BrokerId(count + 1));
      ASSERT_EQ(a, b) << "the others keep their order";
    }
    EXPECT_GT(changed, 2000 / (count + 1) / 2) << count;
    EXPECT_LT(changed, 2000 / (count + 1) * 2) << count;
  }
}

TEST(Ring, WithoutBrokersIsEmpty) {
  const Ring ring({});
  std::vector<BrokerId> order{BrokerId(1)};
  ring.order_from(5, order);
  EXPECT_TRUE(order.empty());
  EXPECT_EQ(ring.distance(5), std::numeric_limits<uint64_t>::max());
}

}  // namespace
}  // namespace godwit::placement
