// Where replicas and leaders should be: new topics, and what moves when a broker comes, goes or is drained.
//
//   auto placed = place({.topic = id, .partitions = 12, .replication_factor = 3}, brokers, load_of(assignments));
//   for (const Move& move : rebalance(assignments, before, after)) reassign(move);
//
// Order of what counts: a partition's replicas are on distinct brokers (always); on distinct racks (where there are
// as many racks as replicas; else as evenly over racks as can be); no broker gets more than its bound of replicas, nor
// more than its bound of leaders; and then the order of the consistent-hash ring. The bound is 1.25 times the mean,
// rounded up. Only racks of very different size may break it: spreading over racks is worth more.
//
// Pure functions: the same arguments give the same answer, in whatever order brokers and partitions are listed.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/broker_id.h"
#include "model/topic.h"

namespace godwit::placement {

// A broker that may hold replicas: registered, and not draining.
struct Broker {
  BrokerId id;
  std::string rack;  // empty: a rack of its own
  // Above 0: it is not there now, or is to be emptied. It keeps what it has; of new partitions it gets replicas only where there
  // are not enough brokers of a lower number, and is the first of them only where all are like it; nothing is moved to it.
  int reserve = 0;
};

// Replicas in their order; the first is the preferred leader.
struct Assignment {
  TopicPartition id;
  std::vector<BrokerId> replicas;
  friend bool operator==(const Assignment&, const Assignment&) = default;
};

struct BrokerLoad {
  int64_t replicas = 0;  // leaders among them
  int64_t leaders = 0;   // partitions of which it is the first replica
  friend bool operator==(const BrokerLoad&, const BrokerLoad&) = default;
};
using Load = std::map<BrokerId, BrokerLoad>;

Load load_of(std::span<const Assignment> assignments);

// The most of `total` that one of `brokers` should have: 1.25 times the mean, rounded up.
int64_t load_bound(int64_t total, size_t brokers);

struct NewPartitions {
  TopicId topic;
  int32_t first_partition = 0;  // above 0 where a topic gets more partitions
  int32_t partitions = 0;
  int32_t replication_factor = 0;
};

// Places partitions beside what the brokers hold already (who is not in `load` holds nothing). The topic itself is
// spread too: no broker gets more of it than the mean rounded up, where the rules above allow. Reserves come last in each
// partition, whatever their racks. Error `invalid`, with the numbers: no brokers, a replication factor below 1 or above the number of brokers, no partitions.
Result<std::vector<Assignment>> place(const NewPartitions& wanted, std::span<const Broker> brokers,
                                      const Load& load);

// A partition that gets other replicas, or the same in another order (then no data moves, only the preferred leader).
struct Move {
  TopicPartition id;
  std::vector<BrokerId> before;
  std::vector<BrokerId> after;
  // Who has to copy the partition.
  std::vector<BrokerId> adding() const;
  // Who drops it when those have caught up.
  std::vector<BrokerId> removing() const;
};

// What moves because the brokers were `before` and are to be `after` (distinct ids in each):
//   - replicas on brokers that are not in `after` (removed, drained) go elsewhere, and nothing else is touched
//   - a broker that is only in `after` (added, resumed) takes its mean share of replicas and of leaders from those that
//     have most, nothing moves between others
//   - a reserve in `after` keeps its replicas and gets none
// So about 1/N of all moves. A replica stays where it is when there is nobody left to take it (fewer brokers than
// replicas). In the order of the assignments. `assignments` must be distinct partitions.
std::vector<Move> rebalance(std::span<const Assignment> assignments, std::span<const Broker> before,
                            std::span<const Broker> after);

// What moves so that no broker has more than its bound, where brokers did not change: an operator's "rebalance".
// Usually nothing. Preferred leaders move by order alone where that is enough.
std::vector<Move> even_out(std::span<const Assignment> assignments, std::span<const Broker> brokers);

}  // namespace godwit::placement
