// A consistent-hash ring: each broker stands on it at many points, a partition at one, and prefers brokers in the order
// in which they follow it. A broker that comes or goes changes only what lies just before its own points.
//
// Depends on ids alone, not on their order, the machine or the build: the same brokers give the same ring for ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/broker_id.h"
#include "model/topic.h"

namespace godwit::placement {

// Where a partition stands.
uint64_t ring_point(const TopicPartition& partition);

class Ring {
 public:
  static constexpr int kPointsPerBroker = 128;

  // The brokers must be distinct; at most some thousands.
  explicit Ring(std::span<const BrokerId> brokers, int points_per_broker = kPointsPerBroker);

  // All brokers, each once, in the order in which they follow `point`. Written to `order`, whose memory is reused.
  void order_from(uint64_t point, std::vector<BrokerId>& order) const;
  // How far behind `point` the first point of any broker comes, going round: 0 at the point itself. The largest
  // number where the ring is empty.
  uint64_t distance(uint64_t point) const;

 private:
  struct Point {
    uint64_t at = 0;
    uint32_t broker = 0;  // its index
  };
  size_t first_at_or_behind(uint64_t point) const;

  std::vector<BrokerId> brokers_;
  std::vector<Point> points_;
};

}  // namespace godwit::placement
