#include "cluster/placer.h"

#include <algorithm>

namespace godwit::cluster {
namespace {

bool contains(const std::vector<BrokerId>& ids, BrokerId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

std::vector<BrokerId> settled(const PartitionState& state) {
  std::vector<BrokerId> ids;
  for (const BrokerId id : state.replicas) {
    if (!contains(state.removing, id)) ids.push_back(id);
  }
  return ids;
}

Placer::Placer(const Image& image, std::set<BrokerId> usable) : image_(image), usable_(std::move(usable)) {
  for (const BrokerId id : usable_) loads_[id];
  for (const auto& [name, topic] : image.topics()) {
    for (const PartitionState& state : topic->partitions) {
      const auto ids = settled(state);
      for (const BrokerId id : ids) ++loads_[id].replicas;
      if (!ids.empty()) ++loads_[ids.front()].leads;
    }
  }
}

bool Placer::rack_is_free(BrokerId id, const std::vector<BrokerId>& present) const {
  const auto rack = [&](BrokerId of) -> std::string_view {
    const auto found = image_.brokers.find(of);
    return found == image_.brokers.end() ? std::string_view() : std::string_view(found->second.rack);
  };
  const std::string_view own = rack(id);
  if (own.empty()) return true;
  return std::none_of(present.begin(), present.end(), [&](BrokerId other) { return rack(other) == own; });
}

BrokerId Placer::best(const std::vector<BrokerId>& present, bool leader) const {
  BrokerId found = kNoBroker;
  auto rank = [&](BrokerId id) {
    const Load& load = loads_.at(id);
    return std::tuple(!rack_is_free(id, present), leader ? load.leads : 0, load.replicas, load.leads, id);
  };
  for (const BrokerId id : usable_) {
    if (contains(present, id)) continue;
    if (found == kNoBroker || rank(id) < rank(found)) found = id;
  }
  return found;
}

std::vector<BrokerId> Placer::place(int factor) {
  if (factor < 1 || static_cast<size_t>(factor) > usable_.size()) return {};
  std::vector<BrokerId> ids;
  while (ids.size() < static_cast<size_t>(factor)) {
    const BrokerId id = best(ids, ids.empty());
    ++loads_[id].replicas;
    if (ids.empty()) ++loads_[id].leads;
    ids.push_back(id);
  }
  return ids;
}

std::optional<std::vector<BrokerId>> Placer::replace(const std::vector<BrokerId>& replicas, BrokerId gone) {
  std::vector<BrokerId> rest = replicas;
  std::erase(rest, gone);
  // `present` holds the one that goes too: it is no choice.
  std::vector<BrokerId> present = rest;
  if (usable_.contains(gone)) present.push_back(gone);
  const bool leader = !replicas.empty() && replicas.front() == gone;
  const BrokerId id = best(present, leader);
  if (id == kNoBroker) return std::nullopt;
  std::vector<BrokerId> to = replicas;
  std::replace(to.begin(), to.end(), gone, id);
  --loads_[gone].replicas;
  ++loads_[id].replicas;
  if (leader) {
    --loads_[gone].leads;
    ++loads_[id].leads;
  }
  return to;
}

std::vector<Placer::Move> Placer::rebalance(size_t moves_max) {
  std::vector<Move> moves;
  if (usable_.size() < 2) return moves;
  int64_t total = 0;
  for (const BrokerId id : usable_) total += loads_[id].replicas;
  const auto count = static_cast<int64_t>(usable_.size());
  const int64_t floor = total / count;
  const int64_t ceiling = (total + count - 1) / count;
  for (const auto& [name, topic] : image_.topics()) {
    for (size_t i = 0; i < topic->partitions.size(); ++i) {
      const PartitionState& state = topic->partitions[i];
      if (!state.adding.empty() || !state.removing.empty()) continue;
      if (moves.size() == moves_max) return moves;
      // One replica of a partition at a time: the others hold it meanwhile.
      BrokerId from = kNoBroker;
      for (const BrokerId id : state.replicas) {
        if (usable_.contains(id) && loads_[id].replicas > ceiling - 1 &&
            (from == kNoBroker || loads_[id].replicas > loads_[from].replicas)) {
          from = id;
        }
      }
      if (from == kNoBroker) continue;
      BrokerId to = kNoBroker;
      std::vector<BrokerId> rest = state.replicas;
      std::erase(rest, from);
      for (const BrokerId id : usable_) {
        if (contains(state.replicas, id) || loads_[id].replicas >= floor + (total % count != 0 ? 1 : 0))
          continue;
        if (!rack_is_free(id, rest) && rack_is_free(from, rest)) continue;
        if (loads_[from].replicas - loads_[id].replicas < 2) continue;
        if (to == kNoBroker || loads_[id].replicas < loads_[to].replicas) to = id;
      }
      if (to == kNoBroker) continue;
      Move move{{topic->id, PartitionIndex(static_cast<int32_t>(i))}, state.replicas};
      std::replace(move.to.begin(), move.to.end(), from, to);
      --loads_[from].replicas;
      ++loads_[to].replicas;
      moves.push_back(std::move(move));
    }
  }
  return moves;
}

}  // namespace godwit::cluster
