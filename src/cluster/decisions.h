// What becomes of one partition when something happens: the rules of design-cluster 2, 4, 7, 12 and of moving replicas, as
// functions of its state and of who is alive. Pure: the controller reads, decides here, writes.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/time.h"
#include "cluster/image.h"
#include "model/offset.h"

namespace godwit::cluster {

// Who may lead and be counted on, by the controller's knowledge.
struct Eligible {
  std::map<BrokerId, uint64_t> live;  // joined, with its incarnation
  // Alive, but not to lead: cannot append, is about to stop, drains, is not heard.
  std::set<BrokerId> not_to_lead;
  // Of those: about to stop, so nobody is to wait for them; and not heard by the controller, so they do not learn who leads.
  std::set<BrokerId> leaving;
  std::set<BrokerId> unheard;
  // Each epoch that is handed out is at least this: the wall clock's (docs/decisions/0015).
  LeaderEpoch epoch_floor{0};

  bool alive(BrokerId id) const { return live.contains(id); }
};

// The least epoch that may be handed out at that time: seconds since the beginning of 2020, and not so many that a clock that runs
// ahead could use all epochs up.
LeaderEpoch epoch_of_clock(WallTime now);

// A partition whose last member of the ISR lost what it had, or of which a log knows more than the store: it has no leader, its leader_incarnation is this, and only
// elect_unclean gives it one.
constexpr uint64_t kLostIncarnation = UINT64_MAX;
inline bool is_lost(const PartitionState& state) {
  return state.leader == kNoBroker && state.leader_incarnation == kLostIncarnation;
}

// Each gives the partition's next state with version (and, where the leader or its incarnation changes, epoch) raised; empty when
// nothing is to be changed. `min_insync` is already bounded by the number of replicas.

// Members of the ISR that are dead leave it, not below `min_insync` (rule 12), and so do those that are about to stop and lead no
// more, and a leader that is not heard once another one leads; a leader that is dead, has another incarnation
// or is not to lead is replaced by a live member of the ISR, in the order of `replicas`, one of those that may lead if there is
// one. Without one there is no leader (kNoBroker): it is elected as soon as a member is back. A leader that is alive with its
// incarnation, and is the only one left, goes on, also if it is not to lead.
std::optional<PartitionState> after_change_of_brokers(const PartitionState& state, const Eligible& brokers,
                                                      int min_insync);
// `broker` cannot prove that it has what it reported (rule 2): it leaves the ISR whatever the bound says. Was it the only
// member, the ISR is left as it is and the partition has no leader until an operator's order: `lost` is set then.
std::optional<PartitionState> after_loss(const PartitionState& state, BrokerId broker,
                                         const Eligible& brokers, bool& lost);
// As after_loss, where `broker` has nothing of what it had: its disk is empty, or another one. Until it is in the ISR again, or
// leads, it is the last that elect_unclean takes, also as a member of the ISR of a partition that is lost.
std::optional<PartitionState> after_emptying(const PartitionState& state, BrokerId broker,
                                             const Eligible& brokers, bool& lost);
// A live broker has a log whose latest epoch is `epoch`, and this state knows nothing of such a leader: the store is older than the
// log, and who leads may lack what was acknowledged. The partition has no leader until an operator's order.
std::optional<PartitionState> after_contradiction(const PartitionState& state, LeaderEpoch epoch,
                                                  const Eligible& brokers);
// Leadership goes to the first of `replicas`, if it is in the ISR and may lead.
std::optional<PartitionState> elect_preferred(const PartitionState& state, const Eligible& brokers);
// An operator's order where no leader lives: any live replica leads, and the ISR is that one alone. Records may be lost; where a
// member of the ISR lives it is taken, the ISR stays and nothing is lost. Of a partition that waits since logs know more than the
// store, the log that goes furthest is taken, also of a broker that the store does not name as a replica: it is one then.
struct Claim {
  LeaderEpoch epoch;
  Offset end;
  friend auto operator<=>(const Claim&, const Claim&) = default;
};
using Claims = std::map<BrokerId, Claim>;
std::optional<PartitionState> elect_unclean(const PartitionState& state, const Eligible& brokers,
                                            const Claims& claims = {});

// What the leader asks for (AlterPartition).
enum class IsrAnswer { accepted, fenced_epoch, stale_version, ineligible, invalid };
struct IsrWish {
  BrokerId asker;
  LeaderEpoch epoch;
  int64_t version = 0;
  std::map<BrokerId, uint64_t> isr;  // with incarnations
};
// `next` is set where it is accepted and something changes. Ineligible: who wants in is dead, another process by now, or about to
// stop. Invalid: the asker does not lead, is not in its own ISR, a member is
// no replica, or it shrinks below `min_insync`.
IsrAnswer change_isr(const PartitionState& state, const IsrWish& wish, const Eligible& brokers,
                     int min_insync, std::optional<PartitionState>& next);

// Moving replicas. begin: replicas become target ∪ present ones, with `adding` and `removing`; a move under way is replaced.
std::optional<PartitionState> begin_move(const PartitionState& state, const std::vector<BrokerId>& target);
// Where all of `adding` are in the ISR and it has `min_insync` without those of `removing`: those go, the leader among them hands
// over first. Empty as long as not.
std::optional<PartitionState> finish_move(const PartitionState& state, const Eligible& brokers,
                                          int min_insync);
// Those of `adding` go again, unless that would shrink the ISR below `min_insync`, or nobody else could lead.
std::optional<PartitionState> cancel_move(const PartitionState& state, const Eligible& brokers,
                                          int min_insync);

}  // namespace godwit::cluster
