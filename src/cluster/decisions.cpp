#include "cluster/decisions.h"

#include <algorithm>

namespace godwit::cluster {
namespace {

bool contains(const std::vector<BrokerId>& ids, BrokerId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

std::vector<BrokerId> without(const std::vector<BrokerId>& ids, const std::vector<BrokerId>& gone) {
  std::vector<BrokerId> rest;
  for (const BrokerId id : ids) {
    if (!contains(gone, id)) rest.push_back(id);
  }
  return rest;
}

bool may_lead(BrokerId id, const Eligible& brokers) {
  return brokers.alive(id) && !brokers.not_to_lead.contains(id);
}

bool leader_lives(const PartitionState& state, const Eligible& brokers) {
  const auto found = brokers.live.find(state.leader);
  return found != brokers.live.end() && found->second == state.leader_incarnation;
}

// Who of `isr` is to lead: in the order of `replicas`, one that may lead before one that is merely alive.
BrokerId candidate(const std::vector<BrokerId>& replicas, const std::vector<BrokerId>& isr,
                   const Eligible& brokers) {
  BrokerId alive = kNoBroker;
  for (const BrokerId id : replicas) {
    if (!contains(isr, id)) continue;
    if (may_lead(id, brokers)) return id;
    if (alive == kNoBroker && brokers.alive(id)) alive = id;
  }
  return alive;
}

// Each change of leader, also to none and to another incarnation, is a new epoch.
void raise_epoch(PartitionState& state, LeaderEpoch at_least) {
  auto& recent = state.recent_epochs;
  recent.push_back(state.leader_epoch);
  if (recent.size() > kRecentEpochs) recent.erase(recent.begin());
  state.leader_epoch = std::max(LeaderEpoch(state.leader_epoch.value() + 1), at_least);
}

void give_leader(PartitionState& state, BrokerId id, const Eligible& brokers) {
  state.leader = id;
  state.leader_incarnation = id == kNoBroker ? 0 : brokers.live.at(id);
  raise_epoch(state, brokers.epoch_floor);
}

// Who knows most of those that know more than the store.
BrokerId furthest(const Claims& claims, const Eligible& brokers) {
  BrokerId best = kNoBroker;
  for (const auto& [id, claim] : claims) {
    if (!brokers.alive(id)) continue;
    const bool more = best == kNoBroker || claim > claims.at(best);
    if (more || (claim == claims.at(best) && !may_lead(best, brokers) && may_lead(id, brokers))) best = id;
  }
  return best;
}

std::optional<PartitionState> changed(const PartitionState& before, PartitionState after) {
  if (before == after) return std::nullopt;
  after.version = before.version + 1;
  return after;
}

// The ISR without its dead members, as far as the bound lets them go (rule 12).
std::vector<BrokerId> without_dead(const std::vector<BrokerId>& isr, const Eligible& brokers,
                                   int min_insync) {
  const auto alive = std::count_if(isr.begin(), isr.end(), [&](BrokerId id) { return brokers.alive(id); });
  auto stay = std::max<std::ptrdiff_t>(0, std::max(min_insync, 1) - alive);
  std::vector<BrokerId> rest;
  for (const BrokerId id : isr) {
    if (brokers.alive(id) || stay-- > 0) rest.push_back(id);
  }
  return rest;
}

// The ISR without those who will soon not follow, or do not know whom, as far as the bound lets them go: acks=all would wait for
// them. `led` is who led before; who leads now stays.
std::vector<BrokerId> without_going(const std::vector<BrokerId>& isr, BrokerId led, BrokerId leads,
                                    const Eligible& brokers, int min_insync) {
  const auto goes = [&](BrokerId id) {
    if (id == leads || !brokers.alive(id)) return false;
    return brokers.leaving.contains(id) || (id == led && brokers.unheard.contains(id));
  };
  const auto others = std::count_if(isr.begin(), isr.end(), [&](BrokerId id) { return !goes(id); });
  auto stay = std::max<std::ptrdiff_t>(0, std::max(min_insync, 1) - others);
  std::vector<BrokerId> rest;
  for (const BrokerId id : isr) {
    if (!goes(id) || stay-- > 0) rest.push_back(id);
  }
  return rest;
}

}  // namespace

LeaderEpoch epoch_of_clock(WallTime now) {
  constexpr int64_t kFrom = 1577836800;  // 2020-01-01 UTC
  constexpr int64_t kMost = 2'000'000'000;
  const int64_t seconds = now.ms / 1000 - kFrom;
  return LeaderEpoch(static_cast<int32_t>(std::clamp<int64_t>(seconds, 0, kMost)));
}

std::optional<PartitionState> after_change_of_brokers(const PartitionState& state, const Eligible& brokers,
                                                      int min_insync) {
  PartitionState next = state;
  next.isr = without_dead(state.isr, brokers, min_insync);
  if (is_lost(state)) return changed(state, std::move(next));
  const bool goes_on = leader_lives(state, brokers) && contains(next.isr, state.leader);
  if (!goes_on || !may_lead(state.leader, brokers)) {
    const BrokerId better = candidate(state.replicas, next.isr, brokers);
    if (goes_on) {
      if (better != state.leader && may_lead(better, brokers)) give_leader(next, better, brokers);
    } else if (better != kNoBroker || state.leader != kNoBroker) {
      give_leader(next, better, brokers);
    }
  }
  next.isr = without_going(next.isr, state.leader, next.leader, brokers, min_insync);
  return changed(state, std::move(next));
}

std::optional<PartitionState> after_loss(const PartitionState& state, BrokerId broker,
                                         const Eligible& brokers, bool& lost) {
  lost = false;
  if (!contains(state.isr, broker) || is_lost(state)) return std::nullopt;
  PartitionState next = state;
  if (state.isr.size() == 1) {
    lost = true;
    give_leader(next, kNoBroker, brokers);
    next.leader_incarnation = kLostIncarnation;
    return changed(state, std::move(next));
  }
  next.isr = without(state.isr, {broker});
  if (state.leader == broker || !leader_lives(state, brokers)) {
    const BrokerId better = candidate(state.replicas, next.isr, brokers);
    if (better != kNoBroker || state.leader != kNoBroker) give_leader(next, better, brokers);
  }
  return changed(state, std::move(next));
}

std::optional<PartitionState> after_emptying(const PartitionState& state, BrokerId broker,
                                             const Eligible& brokers, bool& lost) {
  lost = false;
  if (!contains(state.replicas, broker)) return std::nullopt;
  PartitionState next = after_loss(state, broker, brokers, lost).value_or(state);
  next.version = state.version;
  if (!contains(next.emptied, broker)) next.emptied.push_back(broker);
  return changed(state, std::move(next));
}

std::optional<PartitionState> after_contradiction(const PartitionState& state, LeaderEpoch epoch,
                                                  const Eligible& brokers) {
  // The last number is nobody's: nothing could follow it.
  if (!contradicts(state, epoch) || epoch.value() == INT32_MAX) return std::nullopt;
  if (is_lost(state) && state.leader_epoch > epoch) return std::nullopt;
  PartitionState next = state;
  next.leader = kNoBroker;
  next.leader_incarnation = kLostIncarnation;
  raise_epoch(next, std::max(brokers.epoch_floor, LeaderEpoch(epoch.value() + 1)));
  return changed(state, std::move(next));
}

std::optional<PartitionState> elect_preferred(const PartitionState& state, const Eligible& brokers) {
  if (state.replicas.empty() || is_lost(state)) return std::nullopt;
  const BrokerId preferred = state.replicas.front();
  if (!contains(state.isr, preferred) || !may_lead(preferred, brokers)) return std::nullopt;
  if (state.leader == preferred && leader_lives(state, brokers)) return std::nullopt;
  PartitionState next = state;
  give_leader(next, preferred, brokers);
  return changed(state, std::move(next));
}

std::optional<PartitionState> elect_unclean(const PartitionState& state, const Eligible& brokers,
                                            const Claims& claims) {
  if (leader_lives(state, brokers)) return std::nullopt;
  PartitionState next = state;
  if (!is_lost(state)) {
    // Nothing needs to be lost as long as a member of the ISR lives.
    if (const BrokerId clean = candidate(state.replicas, state.isr, brokers); clean != kNoBroker) {
      give_leader(next, clean, brokers);
      return changed(state, std::move(next));
    }
  }
  // Who was in sync last is likely to have the most; who came with an empty disk since then has nothing.
  std::vector<BrokerId> order;
  for (const bool emptied : {false, true}) {
    for (const bool in_sync : {true, false}) {
      for (const BrokerId id : state.replicas) {
        if (contains(state.isr, id) == in_sync && contains(state.emptied, id) == emptied) order.push_back(id);
      }
    }
  }
  BrokerId chosen = is_lost(state) ? furthest(claims, brokers) : kNoBroker;
  const bool claimed = chosen != kNoBroker;
  if (claimed && !contains(next.replicas, chosen)) next.replicas.push_back(chosen);
  std::erase(next.removing, chosen);
  for (const BrokerId id : order) {
    if (claimed || !brokers.alive(id)) continue;
    if (chosen == kNoBroker || (!may_lead(chosen, brokers) && may_lead(id, brokers) &&
                                contains(state.emptied, chosen) == contains(state.emptied, id))) {
      chosen = id;
    }
  }
  if (chosen == kNoBroker) return std::nullopt;
  give_leader(next, chosen, brokers);
  next.isr = {chosen};
  std::erase(next.emptied, chosen);  // what it has is the log from now on
  next.unclean_epoch = next.leader_epoch;
  return changed(state, std::move(next));
}

IsrAnswer change_isr(const PartitionState& state, const IsrWish& wish, const Eligible& brokers,
                     int min_insync, std::optional<PartitionState>& next) {
  next.reset();
  if (wish.epoch < state.leader_epoch) return IsrAnswer::fenced_epoch;
  if (wish.epoch > state.leader_epoch || wish.asker != state.leader) return IsrAnswer::invalid;
  // A version above the state's, from its own leader: the store was put back from a backup within this epoch, and forgot what the
  // leader knows (docs/decisions/0015).
  if (wish.version < state.version) return IsrAnswer::stale_version;
  if (!wish.isr.contains(wish.asker)) return IsrAnswer::invalid;
  for (const auto& [id, incarnation] : wish.isr) {
    if (!contains(state.replicas, id)) return IsrAnswer::invalid;
    // Who is in stays in, dead (rule 7 may want that) or alive: a disk that was lost is taken out when its broker joins.
    if (contains(state.isr, id)) continue;
    const auto live = brokers.live.find(id);
    // KIP-903: what the leader knows of a joiner was perhaps true of another process.
    if (live == brokers.live.end() || live->second != incarnation) return IsrAnswer::ineligible;
    if (brokers.leaving.contains(id)) return IsrAnswer::ineligible;
  }
  const bool shrinks =
      std::any_of(state.isr.begin(), state.isr.end(), [&](BrokerId id) { return !wish.isr.contains(id); });
  if (shrinks && wish.isr.size() < static_cast<size_t>(std::max(min_insync, 1))) return IsrAnswer::invalid;
  PartitionState after = state;
  after.isr.clear();
  for (const BrokerId id : state.replicas) {
    if (wish.isr.contains(id)) after.isr.push_back(id);
  }
  std::erase_if(after.emptied, [&](BrokerId id) { return wish.isr.contains(id); });
  // Also where the set is the same the version rises: that is how a leader makes sure that an earlier request, of which it
  // heard nothing, is not written any more (replication/isr_proposal.h).
  after.version = wish.version + 1;
  next = std::move(after);
  return IsrAnswer::accepted;
}

std::optional<PartitionState> begin_move(const PartitionState& state, const std::vector<BrokerId>& target) {
  PartitionState next = state;
  next.replicas = target;
  next.adding.clear();
  next.removing.clear();
  for (const BrokerId id : target) {
    if (!contains(state.replicas, id) || (contains(state.adding, id) && !contains(state.isr, id))) {
      next.adding.push_back(id);
    }
  }
  for (const BrokerId id : state.replicas) {
    if (contains(target, id)) continue;
    // A newcomer of the move that is replaced: it goes at once, unless it counts already.
    if (contains(state.adding, id) && !contains(state.isr, id)) continue;
    next.replicas.push_back(id);
    next.removing.push_back(id);
  }
  return changed(state, std::move(next));
}

std::optional<PartitionState> finish_move(const PartitionState& state, const Eligible& brokers,
                                          int min_insync) {
  if (state.adding.empty() && state.removing.empty()) return std::nullopt;
  for (const BrokerId id : state.adding) {
    if (!contains(state.isr, id)) return std::nullopt;
  }
  PartitionState next = state;
  next.replicas = without(state.replicas, state.removing);
  next.isr = without(state.isr, state.removing);
  next.adding.clear();
  next.removing.clear();
  const size_t needed = std::min(next.replicas.size(), static_cast<size_t>(std::max(min_insync, 1)));
  if (next.isr.size() < needed) return std::nullopt;
  if (contains(state.removing, state.leader)) {
    const BrokerId heir = candidate(next.replicas, next.isr, brokers);
    if (heir == kNoBroker) return std::nullopt;
    give_leader(next, heir, brokers);
  }
  return changed(state, std::move(next));
}

std::optional<PartitionState> cancel_move(const PartitionState& state, const Eligible& brokers,
                                          int min_insync) {
  if (state.adding.empty() && state.removing.empty()) return std::nullopt;
  PartitionState next = state;
  next.replicas = without(state.replicas, state.adding);
  next.isr = without(state.isr, state.adding);
  next.adding.clear();
  next.removing.clear();
  if (next.isr.empty()) return std::nullopt;
  const size_t needed = std::min(next.replicas.size(), static_cast<size_t>(std::max(min_insync, 1)));
  if (next.isr.size() < state.isr.size() && next.isr.size() < needed) return std::nullopt;
  if (contains(state.adding, state.leader)) {
    const BrokerId heir = candidate(next.replicas, next.isr, brokers);
    if (heir == kNoBroker) return std::nullopt;
    give_leader(next, heir, brokers);
  }
  return changed(state, std::move(next));
}

}  // namespace godwit::cluster
