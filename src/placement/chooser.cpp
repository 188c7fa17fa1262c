#include "placement/chooser.h"

#include <algorithm>
#include <tuple>

namespace godwit::placement {
namespace {

std::vector<BrokerId> ids_of(std::span<const Broker> brokers) {
  std::vector<BrokerId> ids;
  for (const Broker& broker : brokers) ids.push_back(broker.id);
  return ids;
}

}  // namespace

Chooser::Chooser(std::span<const Broker> brokers, const Load& load)
    : ring_(ids_of(brokers)), load_(load.begin(), load.end()) {
  for (const Broker& broker : brokers) racks_.emplace(broker.id, broker.rack);
}

void Chooser::set_totals(int64_t replicas, int64_t leaders) {
  replicas_bound_ = load_bound(replicas, racks_.size());
  leaders_bound_ = load_bound(leaders, racks_.size());
}

void Chooser::prefer(std::span<const BrokerId> brokers, int64_t target) {
  preferred_.assign(brokers.begin(), brokers.end());
  preferred_target_ = target;
}

int Chooser::rack_uses(BrokerId broker, std::span<const BrokerId> others) const {
  const auto rack = racks_.find(broker);
  if (rack == racks_.end() || rack->second.empty()) return 0;
  return static_cast<int>(std::ranges::count_if(others, [&](BrokerId other) {
    const auto its = racks_.find(other);
    return other != broker && its != racks_.end() && its->second == rack->second;
  }));
}

std::optional<BrokerId> Chooser::pick(uint64_t point, std::span<const BrokerId> chosen, bool leads,
                                      const Topic* topic) {
  // The replicas of a partition are picked one after the other.
  if (order_point_ != point) ring_.order_from(point, order_);
  order_point_ = point;
  std::optional<BrokerId> best;
  // Lowest first: shares a rack, is at its bound (and by how much), is not preferred, has its share of this topic.
  std::tuple<int, int64_t, bool, int64_t> best_rank;
  for (const BrokerId broker : order_) {
    if (std::ranges::find(chosen, broker) != chosen.end()) continue;
    const BrokerLoad& has = load_[broker];
    int64_t over = std::max<int64_t>(0, has.replicas + 1 - replicas_bound_);
    if (leads) over = std::max(over, has.leaders + 1 - leaders_bound_);
    const bool late =
        std::ranges::find(preferred_, broker) == preferred_.end() || has.replicas >= preferred_target_;
    int64_t over_topic = 0;
    if (topic != nullptr) {
      if (const auto of = topic->load.find(broker); of != topic->load.end()) {
        over_topic = std::max<int64_t>(0, of->second.replicas + 1 - topic->replicas_max);
        if (leads) over_topic = std::max(over_topic, of->second.leaders + 1 - topic->leaders_max);
      }
    }
    const std::tuple rank{rack_uses(broker, chosen), over, late, over_topic};
    if (best && rank >= best_rank) continue;  // of equals the first on the ring
    best = broker;
    best_rank = rank;
  }
  return best;
}

}  // namespace godwit::placement
