// Moves that go on by themselves: replicas leave brokers that are drained or removed, and go to those that came. A bounded number
// at a time, so that publishing does not suffer and each partition has moved soon; the throttle bounds their bytes.
#include <algorithm>

#include "cluster/controller_impl.h"
#include "cluster/stored_move.h"

namespace godwit::cluster {
namespace {

using runtime::Task;

constexpr Duration kPlanRound = std::chrono::seconds(2);
// Moves that a round begins, and how many of the planned ones it looks at.
constexpr size_t kBegunAtOnce = 100;
constexpr size_t kLookedAt = 500;

bool contains(const std::vector<BrokerId>& ids, BrokerId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

// Copies that are under way, by who makes them and from whom.
class Busy {
 public:
  void add(const PartitionState& state) {
    for (const BrokerId id : state.adding) {
      if (contains(state.isr, id)) continue;
      ++counts_[id];
      ++counts_[state.leader];
    }
  }
  bool fits(const PartitionState& state, const std::vector<BrokerId>& adding, size_t most) const {
    if (adding.empty()) return true;
    return count(state.leader) < most &&
           std::all_of(adding.begin(), adding.end(), [&](BrokerId id) { return count(id) < most; });
  }

 private:
  size_t count(BrokerId id) const {
    const auto found = counts_.find(id);
    return found == counts_.end() ? 0 : found->second;
  }
  std::map<BrokerId, size_t> counts_;
};

}  // namespace

// Moves replicas from brokers that are drained or removed, and what a rebalance planned.
Task<void> ControllerImpl::start_moves() {
  if (rebalance_at_ && now() >= *rebalance_at_) {
    rebalance_at_.reset();
    (void)co_await decide([this](Draft& draft) {
      const std::vector<placement::Broker> late = newcomers(draft.image());
      if (late.empty()) return;
      std::string who;
      for (const placement::Broker& broker : late) {
        who += (who.empty() ? "broker " : ", broker ") + to_string(broker.id);
      }
      (void)rebalance(draft, /*dry_run=*/false, "for less than half of its share is on " + who);
    });
  }
  const bool leaving = std::any_of(fleet_.brokers().begin(), fleet_.brokers().end(), [](const auto& entry) {
    return entry.second.info.draining || entry.second.removing;
  });
  if (!leaving && planned_.empty()) co_return;
  (void)co_await decide([this](Draft& draft) {
    plan(draft);
    start_planned(draft);
    forget_removed(draft);
  });
}

void ControllerImpl::plan(Draft& draft) {
  if (now() < plan_again_at_) return;
  plan_again_at_ = now() + kPlanRound;
  if (!planned_.empty()) return;
  const std::vector<placement::Move> moves = leaving_moves(draft.image());
  const std::set<BrokerId> leaving = this->leaving();
  for (const placement::Move& move : moves)
    planned_.push_back({move, why_leaves(draft.image(), move, leaving)});
}

void ControllerImpl::start_planned(Draft& draft) {
  if (planned_.empty()) return;
  std::set<BrokerId> there;
  for (const placement::Broker& broker : usable()) there.insert(broker.id);
  Busy busy;
  for (const TopicPartition& id : moving_) {
    if (const PartitionState* const state = draft.image().find(id)) busy.add(*state);
  }
  std::map<std::string, ChangeList> changes;  // by reason
  size_t begun = 0;
  std::vector<Draft::Write> writes;
  std::deque<Planned> later;
  for (size_t looked = 0; !planned_.empty() && looked < kLookedAt && begun < kBegunAtOnce; ++looked) {
    Planned planned = std::move(planned_.front());
    const placement::Move& move = planned.move;
    planned_.pop_front();
    // What has changed since it was planned is planned anew.
    const PartitionState* const present = draft.image().find(move.id);
    if (present == nullptr || settled(*present) != move.before) continue;
    const std::vector<BrokerId> adding = move.adding();
    if (!std::all_of(adding.begin(), adding.end(), [&](BrokerId id) { return there.contains(id); })) continue;
    const PartitionState state = *present;
    if (!busy.fits(state, adding, options_.moves_per_broker)) {
      later.push_back(std::move(planned));
      continue;
    }
    auto next = begin_move(state, move.after);
    if (!next) continue;
    changes[planned.why].add(draft.image(), move.id, state, *next);
    ++begun;
    busy.add(*next);
    draft.put(move.id, std::move(*next));
    moving_.insert(move.id);
    const auto [known, first] = automatic_.try_emplace(move.id, move.before);
    writes.push_back({keys::move(move.id), draft.encoded(StoredMove{known->second, move.after})});
  }
  write_moves(draft, std::move(writes));
  planned_.insert(planned_.begin(), std::make_move_iterator(later.begin()),
                  std::make_move_iterator(later.end()));
  for (const auto& [why, list] : changes) {
    note(EventKind::reassignment_begun, why + ": " + std::to_string(list.count()) + " partitions move", list);
  }
}

std::string ControllerImpl::why_leaves(const Image& image, const placement::Move& move,
                                       const std::set<BrokerId>& leaving) const {
  std::string why;
  const auto add = [&](BrokerId id, std::string_view reason) {
    why += (why.empty() ? "broker " : ", and broker ") + to_string(id);
    why += reason;
  };
  for (const BrokerId id : image.find(move.id)->replicas) {
    if (!leaving.contains(id) || contains(move.after, id)) continue;
    add(id, fleet_.find(id)->removing ? " is removed" : " drains");
  }
  for (const BrokerId id : move.removing()) {
    if (!leaving.contains(id)) add(id, ", to which it was on its way, stays dead");
  }
  return why;
}

// Partitions that leave a broker for one that is dead by now, and not for a moment: nobody would be sent there today.
std::map<TopicPartition, std::vector<BrokerId>> ControllerImpl::stranded(
    const Image& image, const std::set<BrokerId>& leaving) const {
  std::map<TopicPartition, std::vector<BrokerId>> found;
  for (const TopicPartition& id : moving_) {
    const PartitionState* const state = image.find(id);
    if (state == nullptr) continue;
    const bool leaves = std::any_of(state->removing.begin(), state->removing.end(),
                                    [&](BrokerId one) { return leaving.contains(one); });
    if (!leaves) continue;
    for (const BrokerId one : state->adding) {
      const Fleet::Broker* const known = fleet_.find(one);
      const bool gone =
          known == nullptr || (!known->alive() && now() - known->dead_since >= options_.move_patience);
      if (gone && !contains(state->isr, one)) found[id].push_back(one);
    }
  }
  return found;
}

void ControllerImpl::stay(Draft& draft, BrokerId broker, bool emptied) {
  std::erase_if(planned_, [&](const Planned& planned) { return contains(planned.move.removing(), broker); });
  plan_again_at_ = now();  // some of them were for other brokers as well
  // What is copied already would have to be copied to it as well.
  if (!emptied) cancel_moves_from(draft, broker, "is back, and is not removed any more");
}

// A drain or a removal is over before its end: what it moves goes back to where it was, as far as it has not arrived.
void ControllerImpl::cancel_moves_from(Draft& draft, BrokerId broker, const std::string& why) {
  const Eligible eligible = this->eligible();
  const ConfigMap settings = fallback(draft.image());
  ChangeList changes;
  std::vector<Draft::Write> writes;
  for (auto at = automatic_.begin(); at != automatic_.end();) {
    const auto& [id, before] = *at;
    const PartitionState* const present = draft.image().find(id);
    if (present == nullptr || !contains(present->removing, broker)) {
      ++at;
      continue;
    }
    const PartitionState state = *present;
    if (auto next = cancel_move(state, eligible, min_insync(*draft.image().find(id.topic), settings))) {
      // The order as well: the broker preferably leads again what it led.
      if (std::is_permutation(before.begin(), before.end(), next->replicas.begin(), next->replicas.end()))
        next->replicas = before;
      changes.add(draft.image(), id, state, *next);
      draft.put(id, std::move(*next));
    }
    writes.push_back({keys::move(id), std::nullopt});
    at = automatic_.erase(at);
  }
  write_moves(draft, std::move(writes));
  if (changes.count() != 0) {
    note(EventKind::reassignment_cancelled,
         "broker " + to_string(broker) + " " + why + ": " + std::to_string(changes.count()) +
             " partitions stay where they are",
         changes);
  }
}

}  // namespace godwit::cluster
