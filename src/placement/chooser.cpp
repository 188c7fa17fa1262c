#include "placement/chooser.h"

#include <algorithm>
#include <map>
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
  std::map<std::string, int> racks;
  for (const Broker& broker : brokers) {
    Candidate candidate{.id = broker.id, .reserve = broker.reserve, .load = &load_[broker.id]};
    if (!broker.rack.empty())
      candidate.rack = racks.try_emplace(broker.rack, static_cast<int>(racks.size())).first->second;
    candidates_.push_back(candidate);
  }
  std::ranges::sort(candidates_, {}, &Candidate::id);
}

void Chooser::set_totals(int64_t replicas, int64_t leaders) {
  const auto takers = static_cast<size_t>(std::ranges::count(candidates_, 0, &Candidate::reserve));
  replicas_bound_ = load_bound(replicas, takers);
  leaders_bound_ = load_bound(leaders, takers);
}

void Chooser::prefer(std::span<const BrokerId> brokers, int64_t target) {
  for (Candidate& candidate : candidates_) {
    candidate.preferred = std::ranges::find(brokers, candidate.id) != brokers.end();
  }
  preferred_target_ = target;
}

const Chooser::Candidate* Chooser::find(BrokerId broker) const {
  const auto at = std::ranges::lower_bound(candidates_, broker, {}, &Candidate::id);
  return at == candidates_.end() || at->id != broker ? nullptr : &*at;
}

int Chooser::rack_uses(BrokerId broker, std::span<const BrokerId> others) const {
  const Candidate* const candidate = find(broker);
  if (candidate == nullptr || candidate->rack == kOwnRack) return 0;
  return static_cast<int>(std::ranges::count_if(others, [&](BrokerId other) {
    const Candidate* const its = find(other);
    return its != nullptr && its != candidate && its->rack == candidate->rack;
  }));
}

void Chooser::order_from(uint64_t point) {
  // The replicas of a partition are picked one after the other.
  if (order_point_ == point) return;
  order_point_ = point;
  ring_.order_from(point, order_ids_);
  order_.clear();
  for (const BrokerId id : order_ids_) order_.push_back(find(id));
}

std::optional<BrokerId> Chooser::pick(uint64_t point, std::span<const BrokerId> chosen, bool leads,
                                      const Topic* topic) {
  order_from(point);
  chosen_racks_.clear();
  for (const BrokerId id : chosen) {
    const Candidate* const its = find(id);
    chosen_racks_.push_back(its == nullptr ? kOwnRack : its->rack);
  }
  std::optional<BrokerId> best;
  // Lowest first: is a reserve, shares a rack, is at its bound (and by how much), is not preferred, has its share of this topic.
  std::tuple<int, int64_t, int64_t, bool, int64_t> best_rank;
  for (const Candidate* const candidate : order_) {
    if (std::ranges::find(chosen, candidate->id) != chosen.end()) continue;
    const BrokerLoad& has = *candidate->load;
    const int64_t rack_uses =
        candidate->rack == kOwnRack ? 0 : std::ranges::count(chosen_racks_, candidate->rack);
    int64_t over = std::max<int64_t>(0, has.replicas + 1 - replicas_bound_);
    if (leads) over = std::max(over, has.leaders + 1 - leaders_bound_);
    const bool late = !candidate->preferred || has.replicas >= preferred_target_;
    int64_t over_topic = 0;
    if (topic != nullptr) {
      if (const auto of = topic->load.find(candidate->id); of != topic->load.end()) {
        over_topic = std::max<int64_t>(0, of->second.replicas + 1 - topic->replicas_max);
        if (leads) over_topic = std::max(over_topic, of->second.leaders + 1 - topic->leaders_max);
      }
    }
    const std::tuple rank{candidate->reserve, rack_uses, over, late, over_topic};
    if (best && rank >= best_rank) continue;  // of equals the first on the ring
    best = candidate->id;
    best_rank = rank;
  }
  return best;
}

}  // namespace godwit::placement
