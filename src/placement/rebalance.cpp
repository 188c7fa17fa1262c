#include <algorithm>
#include <map>
#include <queue>

#include "placement/chooser.h"
#include "placement/placement.h"

namespace godwit::placement {
namespace {

using Replicas = std::vector<BrokerId>;

bool contains(std::span<const BrokerId> ids, BrokerId id) {
  return std::ranges::find(ids, id) != ids.end();
}

Replicas without(const Replicas& replicas, BrokerId broker) {
  Replicas rest;
  std::ranges::remove_copy(replicas, std::back_inserter(rest), broker);
  return rest;
}

// Assignments in the making, and what each broker has meanwhile.
class Rebalancing {
 public:
  Rebalancing(std::span<const Assignment> assignments, std::span<const Broker> brokers)
      : original_(assignments),
        current_(assignments.begin(), assignments.end()),
        chooser_(brokers, load_of(assignments)) {
    for (const Assignment& assignment : assignments)
      replicas_ += static_cast<int64_t>(assignment.replicas.size());
    for (const Broker& broker : brokers) brokers_.push_back(broker.id);
    std::ranges::sort(brokers_);
    for (size_t i = 0; i < current_.size(); ++i) by_id_.push_back(i);
    std::ranges::sort(by_id_, {}, [&](size_t i) { return current_[i].id; });
    chooser_.set_totals(replicas_, partitions());
  }

  // Replicas on brokers that keep nothing go elsewhere; `fresh` brokers take theirs first.
  void vacate(std::span<const BrokerId> fresh) {
    chooser_.prefer(fresh, mean(replicas_));
    for (const size_t i : by_id_) {
      const Replicas before = current_[i].replicas;
      for (const BrokerId broker : before) {
        if (!chooser_.keeps(broker)) replace_gone(current_[i], broker);
      }
    }
  }

  // The broker takes its mean share, from those that have most, of the partitions that are nearest on the ring.
  void fill(BrokerId fresh) {
    const BrokerId alone[] = {fresh};
    const Ring ring(alone);
    std::vector<std::pair<uint64_t, size_t>> nearest;
    nearest.reserve(by_id_.size());
    for (const size_t i : by_id_) nearest.emplace_back(ring.distance(ring_point(current_[i].id)), i);
    std::ranges::stable_sort(nearest, {}, &std::pair<uint64_t, size_t>::first);
    const int64_t leaders = std::min(mean(partitions()), mean(replicas_));
    take(fresh, nearest, leaders, &BrokerLoad::leaders);
    take(fresh, nearest, mean(replicas_), &BrokerLoad::replicas);
  }

  void relieve() {
    for (const size_t i : by_id_) {
      const Replicas before = current_[i].replicas;
      for (const BrokerId broker : before) {
        if (chooser_.load(broker).replicas > chooser_.replicas_bound()) hand_over(current_[i], broker);
      }
    }
    for (const size_t i : by_id_) {
      Replicas& replicas = current_[i].replicas;
      if (replicas.empty() || leaders_of(replicas.front()) <= chooser_.leaders_bound()) continue;
      const auto best = std::ranges::min_element(replicas, {}, [&](BrokerId id) { return leaders_of(id); });
      if (leaders_of(*best) < chooser_.leaders_bound()) prefer(replicas, *best);
    }
    for (const size_t i : by_id_) {
      Replicas& replicas = current_[i].replicas;
      if (replicas.empty() || leaders_of(replicas.front()) <= chooser_.leaders_bound()) continue;
      hand_over(current_[i], replicas.front());
    }
  }

  std::vector<Move> moves() const {
    std::vector<Move> moves;
    for (size_t i = 0; i < current_.size(); ++i) {
      if (current_[i] == original_[i]) continue;
      moves.push_back({current_[i].id, original_[i].replicas, current_[i].replicas});
    }
    return moves;
  }

 private:
  int64_t partitions() const { return static_cast<int64_t>(current_.size()); }
  int64_t mean(int64_t total) const {
    return brokers_.empty() ? 0 : total / static_cast<int64_t>(brokers_.size());
  }
  int64_t leaders_of(BrokerId broker) { return chooser_.load(broker).leaders; }

  void replace(Replicas& replicas, BrokerId from, BrokerId to) {
    const auto at = std::ranges::find(replicas, from);
    --chooser_.load(from).replicas;
    ++chooser_.load(to).replicas;
    if (at == replicas.begin()) {
      --chooser_.load(from).leaders;
      ++chooser_.load(to).leaders;
    }
    *at = to;
  }

  // Makes a replica the first; the others keep their order.
  void prefer(Replicas& replicas, BrokerId leader) {
    --chooser_.load(replicas.front()).leaders;
    ++chooser_.load(leader).leaders;
    const auto at = std::ranges::find(replicas, leader);
    std::rotate(replicas.begin(), at, at + 1);
  }

  void replace_gone(Assignment& assignment, BrokerId gone) {
    Replicas& replicas = assignment.replicas;
    const Replicas rest = without(replicas, gone);
    const bool led = replicas.front() == gone;
    // Who holds the partition already takes the lead over at once; the newcomer only where they lead enough.
    const bool leads = led && std::ranges::all_of(rest, [&](BrokerId id) {
                         return !chooser_.may_be_picked(id) || leaders_of(id) >= chooser_.leaders_bound();
                       });
    const auto to = chooser_.pick(ring_point(assignment.id), rest, leads);
    if (!to || !chooser_.may_be_picked(*to)) return;
    replace(replicas, gone, *to);
    if (!led) return;
    // The lead is open: whoever leads least.
    --chooser_.load(*to).leaders;
    BrokerId best = *to;
    for (const BrokerId id : replicas) {
      if (chooser_.may_be_picked(id) && leaders_of(id) < leaders_of(best)) best = id;
    }
    ++chooser_.load(*to).leaders;
    if (best != *to) prefer(replicas, best);
  }

  // A replica leaves a broker that has too much, for one that has room, and not for a worse spread over racks.
  void hand_over(Assignment& assignment, BrokerId from) {
    const Replicas rest = without(assignment.replicas, from);
    const bool leads = assignment.replicas.front() == from;
    const auto to = chooser_.pick(ring_point(assignment.id), rest, leads);
    if (!to || *to == from || !chooser_.may_be_picked(*to)) return;
    if (chooser_.rack_uses(*to, rest) > chooser_.rack_uses(from, rest)) return;
    if (chooser_.load(*to).replicas >= chooser_.replicas_bound()) return;
    if (leads && leaders_of(*to) >= chooser_.leaders_bound()) return;
    replace(assignment.replicas, from, *to);
  }

  // How many each broker gives so that `amount` come together and those that have most give first.
  std::map<BrokerId, int64_t> quotas(BrokerId taker, int64_t amount, int64_t BrokerLoad::*what) {
    std::priority_queue<std::pair<int64_t, BrokerId>> highest;
    for (const BrokerId id : brokers_) {
      if (id != taker) highest.emplace(chooser_.load(id).*what, id);
    }
    std::map<BrokerId, int64_t> quotas;
    for (; amount > 0 && !highest.empty(); --amount) {
      auto [has, id] = highest.top();
      highest.pop();
      ++quotas[id];
      highest.emplace(has - 1, id);
    }
    return quotas;
  }

  void take(BrokerId taker, std::span<const std::pair<uint64_t, size_t>> nearest, int64_t target,
            int64_t BrokerLoad::*what) {
    const BrokerLoad& has = chooser_.load(taker);
    auto left = quotas(taker, target - has.*what, what);
    // First from who has most; then, where racks forbade that, from anybody who has more.
    for (const bool strict : {true, false}) {
      for (const auto& [distance, i] : nearest) {
        if (has.*what >= target) return;
        const auto from = giver(current_[i].replicas, taker, what, [&](BrokerId id) {
          return strict ? left[id] : chooser_.load(id).*what - has.*what - 1;
        });
        if (!from) continue;
        --left[*from];
        replace(current_[i].replicas, *from, taker);
      }
    }
  }

  // The replica that gives way to the taker: the leader, where leaders are taken, else one that does not lead, with the
  // largest `weight` above 0.
  template <class Weight>
  std::optional<BrokerId> giver(const Replicas& replicas, BrokerId taker, int64_t BrokerLoad::*what,
                                Weight weight) {
    if (contains(replicas, taker)) return std::nullopt;
    std::optional<BrokerId> best;
    int64_t best_weight = 0;
    for (size_t at = 0; at < replicas.size(); ++at) {
      if ((at == 0) != (what == &BrokerLoad::leaders)) continue;
      const BrokerId id = replicas[at];
      if (!chooser_.may_be_picked(id) || weight(id) <= best_weight) continue;
      const Replicas rest = without(replicas, id);
      if (chooser_.rack_uses(taker, rest) > chooser_.rack_uses(id, rest)) continue;
      best = id;
      best_weight = weight(id);
    }
    return best;
  }

  std::span<const Assignment> original_;
  std::vector<Assignment> current_;
  Chooser chooser_;
  std::vector<BrokerId> brokers_;
  std::vector<size_t> by_id_;  // indexes into current_, so that the order of the arguments means nothing
  int64_t replicas_ = 0;
};

}  // namespace

std::vector<Move> rebalance(std::span<const Assignment> assignments, std::span<const Broker> before,
                            std::span<const Broker> after) {
  std::vector<BrokerId> fresh;
  for (const Broker& broker : after) {
    if (std::ranges::find(before, broker.id, &Broker::id) == before.end()) fresh.push_back(broker.id);
  }
  std::ranges::sort(fresh);
  Rebalancing rebalancing(assignments, after);
  rebalancing.vacate(fresh);
  for (const BrokerId broker : fresh) rebalancing.fill(broker);
  return rebalancing.moves();
}

std::vector<Move> even_out(std::span<const Assignment> assignments, std::span<const Broker> brokers) {
  Rebalancing rebalancing(assignments, brokers);
  rebalancing.relieve();
  return rebalancing.moves();
}

}  // namespace godwit::placement
