#include "placement/ring.h"

#include <algorithm>
#include <limits>

namespace godwit::placement {
namespace {

// Mixes well enough that neighbouring ids land anywhere (the finalizer of MurmurHash3, with other constants known as
// SplitMix64's). Part of where data lies: it must never change.
uint64_t mixed(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

uint64_t both(uint64_t hash, uint64_t next) {
  return mixed(hash * 0x9e3779b97f4a7c15 + next);
}

}  // namespace

uint64_t ring_point(const TopicPartition& partition) {
  uint64_t hash = 1;
  uint64_t word = 0;
  for (size_t i = 0; i < partition.topic.bytes.size(); ++i) {
    word = word << 8 | static_cast<uint64_t>(partition.topic.bytes[i]);
    if (i % 8 == 7) hash = both(hash, word);
  }
  return both(hash, static_cast<uint64_t>(partition.partition.value()));
}

Ring::Ring(std::span<const BrokerId> brokers, int points_per_broker)
    : brokers_(brokers.begin(), brokers.end()) {
  std::ranges::sort(brokers_);
  points_.reserve(brokers_.size() * static_cast<size_t>(points_per_broker));
  for (uint32_t broker = 0; broker < brokers_.size(); ++broker) {
    const uint64_t seed = both(2, static_cast<uint64_t>(brokers_[broker].value()));
    for (int i = 0; i < points_per_broker; ++i)
      points_.push_back({both(seed, static_cast<uint64_t>(i)), broker});
  }
  std::ranges::sort(points_, [](const Point& a, const Point& b) {
    return a.at != b.at ? a.at < b.at : a.broker < b.broker;
  });
}

size_t Ring::first_at_or_behind(uint64_t point) const {
  const auto at = std::ranges::lower_bound(points_, point, {}, &Point::at);
  return at == points_.end() ? 0 : static_cast<size_t>(at - points_.begin());
}

void Ring::order_from(uint64_t point, std::vector<BrokerId>& order) const {
  order.clear();
  std::vector<bool> seen(brokers_.size(), false);
  const size_t first = first_at_or_behind(point);
  for (size_t i = 0; i < points_.size() && order.size() < brokers_.size(); ++i) {
    const uint32_t broker = points_[(first + i) % points_.size()].broker;
    if (seen[broker]) continue;
    seen[broker] = true;
    order.push_back(brokers_[broker]);
  }
}

uint64_t Ring::distance(uint64_t point) const {
  if (points_.empty()) return std::numeric_limits<uint64_t>::max();
  return points_[first_at_or_behind(point)].at - point;  // goes round by itself
}

}  // namespace godwit::placement
