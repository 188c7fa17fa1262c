// Partitions: elections, the ISR, moves.
#include <algorithm>

#include "cluster/controller_impl.h"
#include "cluster/stored_move.h"

namespace godwit::cluster {

using runtime::Task;

namespace {

std::string brokers_named(const std::set<BrokerId>& ids) {
  std::string text = ids.size() == 1 ? "broker " : "brokers ";
  for (auto id = ids.begin(); id != ids.end(); ++id) {
    text += (id == ids.begin() ? "" : ", ") + to_string(*id);
  }
  return text;
}

// Those of `ids` that are not among `others`.
std::set<BrokerId> besides(const std::vector<BrokerId>& ids, const std::vector<BrokerId>& others) {
  std::set<BrokerId> found(ids.begin(), ids.end());
  for (const BrokerId id : others) found.erase(id);
  return found;
}

// Why a leader asked for another ISR.
std::string why_changed(const std::vector<BrokerId>& before, const std::vector<BrokerId>& after) {
  const std::set<BrokerId> behind = besides(before, after);
  const std::set<BrokerId> caught_up = besides(after, before);
  std::string why;
  if (!behind.empty()) why = "behind which " + brokers_named(behind) + " fell";
  if (!caught_up.empty()) {
    why += (why.empty() ? "" : ", and ") + ("with which " + brokers_named(caught_up) + " caught up");
  }
  return why.empty() ? "to be sure of the set that it knows" : why;
}

}  // namespace

Eligible ControllerImpl::eligible() const {
  Eligible eligible = fleet_.eligible();
  if (options_.epochs_by_clock) eligible.epoch_floor = epoch_of_clock(shard_.wall_now());
  return eligible;
}

ConfigMap ControllerImpl::fallback(const Image& image) const {
  ConfigMap settings = options_.topic_defaults;
  if (const auto found = image.broker_configs.find(kNoBroker); found != image.broker_configs.end()) {
    for (const auto& [name, value] : found->second) settings[name] = value;
  }
  return settings;
}

int ControllerImpl::bound(const Topic& topic, const PartitionState& state, const ConfigMap& fallback) const {
  return std::min(min_insync(topic, fallback), static_cast<int>(state.replicas.size()));
}

void ControllerImpl::review(Draft& draft, const Concerns& concerns, ChangeList& changes) {
  const Eligible eligible = this->eligible();
  const ConfigMap settings = fallback(draft.image());
  for (const auto& entry : draft.image().topics()) {
    const std::shared_ptr<const Topic> topic = entry.second;  // the draft may put another object in its place
    for (size_t i = 0; i < topic->partitions.size(); ++i) {
      const PartitionState& state = topic->partitions[i];
      if (!concerns(state)) continue;
      const PartitionState before = state;
      auto next = after_change_of_brokers(before, eligible, bound(*topic, before, settings));
      if (!next) continue;
      const TopicPartition id{topic->id, PartitionIndex(static_cast<int32_t>(i))};
      changes.add(draft.image(), id, before, *next);
      draft.put(id, std::move(*next));
    }
  }
}

void ControllerImpl::review_and_note(Draft& draft, const Concerns& concerns, const std::string& why) {
  ChangeList changes;
  review(draft, concerns, changes);
  if (changes.count() == 0) return;
  note(EventKind::leaders_moved, why + ": " + std::to_string(changes.count()) + " partitions change",
       changes);
}

Task<std::vector<IsrOutcome>> ControllerImpl::alter_isr(BrokerId asker, uint64_t incarnation,
                                                        std::vector<IsrChange> changes) {
  const Call call(*this);
  auto asked = std::make_shared<const std::vector<IsrChange>>(std::move(changes));
  const auto outcome = co_await changed<std::vector<IsrOutcome>>(
      [this, asker, incarnation, asked](Draft& draft) -> Changed<std::vector<IsrOutcome>> {
        std::vector<IsrOutcome> outcomes;
        IsrNews news;
        for (const IsrChange& change : *asked) {
          outcomes.push_back(alter_one_isr(draft, asker, incarnation, change, news));
        }
        for (const auto& [why, list] : news) {
          note(EventKind::isr_changed,
               "as leader " + to_string(asker) + " asked, " + why + ": " + std::to_string(list.count()) +
                   " partitions change",
               list);
        }
        return outcomes;
      });
  if (outcome) co_return *outcome;
  std::vector<IsrOutcome> refused;
  for (const IsrChange& change : *asked) refused.push_back({change.id, outcome.error().code, 0});
  co_return refused;
}

IsrOutcome ControllerImpl::alter_one_isr(Draft& draft, BrokerId asker, uint64_t incarnation,
                                         const IsrChange& change, IsrNews& news) {
  const Topic* const topic = draft.image().find(change.id.topic);
  const PartitionState* const present = draft.image().find(change.id);
  if (present == nullptr) return {change.id, ErrorCode::unknown_topic_or_partition, 0};
  const PartitionState state = *present;
  // An asker that is dead, or leads in another incarnation, does not lead any more.
  if (!fleet_.alive(asker, incarnation) ||
      (state.leader == asker && state.leader_incarnation != incarnation)) {
    return {change.id, ErrorCode::fenced_leader_epoch, state.version};
  }
  std::optional<PartitionState> next;
  const int min = bound(*topic, state, fallback(draft.image()));
  switch (change_isr(state, {asker, change.epoch, change.version, change.isr}, eligible(), min, next)) {
    case IsrAnswer::fenced_epoch:
      return {change.id, ErrorCode::fenced_leader_epoch, state.version};
    case IsrAnswer::stale_version:
      return {change.id, ErrorCode::invalid_update_version, state.version};
    case IsrAnswer::ineligible:
      return {change.id, ErrorCode::ineligible_replica, state.version};
    case IsrAnswer::invalid:
      return {change.id, ErrorCode::invalid_request, state.version};
    case IsrAnswer::accepted:
      break;
  }
  if (!next) return {change.id, ErrorCode::none, state.version};
  news[why_changed(state.isr, next->isr)].add(draft.image(), change.id, state, *next);
  const int64_t version = next->version;
  draft.put(change.id, std::move(*next));
  return {change.id, ErrorCode::none, version};
}

Task<std::vector<Changed<void>>> ControllerImpl::reassign(std::vector<Reassignment> wishes) {
  const Call call(*this);
  auto asked = std::make_shared<const std::vector<Reassignment>>(std::move(wishes));
  auto outcome = co_await changed<std::vector<Changed<void>>>(
      [this, asked](Draft& draft) -> Changed<std::vector<Changed<void>>> {
        std::vector<Changed<void>> outcomes;
        for (const Reassignment& wish : *asked) outcomes.push_back(reassign_one(draft, wish));
        return outcomes;
      });
  if (!outcome) co_return std::vector<Changed<void>>(asked->size(), tl::unexpected(outcome.error()));
  co_await settle();
  co_return std::move(*outcome);
}

// By the topic's own setting: a default for all topics is heeded as far as the replicas of each go. What has fewer since a broker
// that was alone took it may stay so, or grow.
Changed<void> ControllerImpl::check_replicas(const Topic& topic, const PartitionState& before,
                                             const PartitionState& after) const {
  const auto min = static_cast<size_t>(own_min_insync(topic.config));
  const size_t count = settled(after).size();
  if (count >= min || count >= settled(before).size()) return {};
  return refuse(ErrorCode::invalid_replica_assignment,
                "topic " + topic.name + " has min.insync.replicas " + std::to_string(min) +
                    ", but the partition would have " + std::to_string(count) +
                    " replica(s): name more brokers, or lower min.insync.replicas before");
}

Changed<void> ControllerImpl::reassign_one(Draft& draft, const Reassignment& wish) {
  const PartitionState* const present = draft.image().find(wish.id);
  if (present == nullptr) return refuse(ErrorCode::unknown_topic_or_partition, "there is no such partition");
  const PartitionState state = *present;
  std::optional<PartitionState> next;
  if (wish.replicas) {
    const auto& target = *wish.replicas;
    if (target.empty())
      return refuse(ErrorCode::invalid_replica_assignment, "a partition has at least one replica");
    if (std::set<BrokerId>(target.begin(), target.end()).size() != target.size()) {
      return refuse(ErrorCode::invalid_replica_assignment, "a broker is named twice for one partition");
    }
    for (const BrokerId id : target) {
      const bool there = std::find(state.replicas.begin(), state.replicas.end(), id) != state.replicas.end();
      if (!there && !is_known(id)) {
        return refuse(ErrorCode::invalid_replica_assignment,
                      "the assignment names broker " + to_string(id) + ", which is not registered");
      }
    }
    next = begin_move(state, target);
  } else {
    if (state.adding.empty() && state.removing.empty()) {
      return refuse(ErrorCode::no_reassignment_in_progress, "no reassignment is in progress");
    }
    const int min = min_insync(*draft.image().find(wish.id.topic), fallback(draft.image()));
    next = cancel_move(state, eligible(), min);
    if (!next) {
      return refuse(ErrorCode::invalid_replica_assignment,
                    "without the replicas that were added too few are in sync: the reassignment cannot be "
                    "cancelled now");
    }
  }
  if (!next) return {};
  if (auto enough = check_replicas(*draft.image().find(wish.id.topic), state, *next); !enough) return enough;
  ChangeList changes;
  changes.add(draft.image(), wish.id, state, *next);
  note(wish.replicas ? EventKind::reassignment_begun : EventKind::reassignment_cancelled,
       wish.replicas                  ? "as ordered for this partition"
       : automatic_.contains(wish.id) ? "as ordered for this partition, which a drain, a removal or a "
                                        "rebalance moved"
                                      : "the order to move this partition is taken back",
       changes);
  moving_.insert(wish.id);
  if (automatic_.erase(wish.id) > 0) draft.write_beside({{keys::move(wish.id), std::nullopt}});
  draft.put(wish.id, std::move(*next));
  return {};
}

void ControllerImpl::finish_moves(Draft& draft) {
  const Eligible eligible = this->eligible();
  const ConfigMap settings = fallback(draft.image());
  ChangeList came;
  ChangeList went;  // alone
  std::vector<Draft::Write> writes;
  const auto is_over = [&](const TopicPartition& id) {
    if (automatic_.erase(id) > 0) writes.push_back({keys::move(id), std::nullopt});
  };
  for (auto at = moving_.begin(); at != moving_.end();) {
    const PartitionState* const present = draft.image().find(*at);
    if (present == nullptr || (present->adding.empty() && present->removing.empty())) {
      is_over(*at);
      at = moving_.erase(at);
      continue;
    }
    const PartitionState state = *present;
    const Topic& topic = *draft.image().find(at->topic);
    if (auto next = finish_move(state, eligible, min_insync(topic, settings))) {
      (state.adding.empty() ? went : came).add(draft.image(), *at, state, *next);
      draft.put(*at, std::move(*next));
      is_over(*at);
      at = moving_.erase(at);
    } else {
      ++at;
    }
  }
  write_moves(draft, std::move(writes));
  const auto note_finished = [this](const std::string& why, const ChangeList& changes) {
    if (changes.count() == 0) return;
    note(EventKind::reassignment_finished,
         why + ": " + std::to_string(changes.count()) + " partitions have moved", changes);
  };
  note_finished("the replicas that came are in sync", came);
  note_finished("enough replicas are in sync without those that go", went);
}

Task<std::vector<Changed<void>>> ControllerImpl::elect(bool unclean, std::vector<TopicPartition> partitions) {
  const Call call(*this);
  auto asked = std::make_shared<const std::vector<TopicPartition>>(std::move(partitions));
  auto outcome = co_await changed<std::vector<Changed<void>>>(
      [this, unclean, asked](Draft& draft) -> Changed<std::vector<Changed<void>>> {
        std::vector<Changed<void>> outcomes;
        for (const TopicPartition& id : *asked) outcomes.push_back(elect_one(draft, unclean, id));
        return outcomes;
      });
  if (!outcome) co_return std::vector<Changed<void>>(asked->size(), tl::unexpected(outcome.error()));
  co_await settle();
  co_return std::move(*outcome);
}

Changed<void> ControllerImpl::elect_one(Draft& draft, bool unclean, const TopicPartition& id) {
  const PartitionState* const present = draft.image().find(id);
  if (present == nullptr) return refuse(ErrorCode::unknown_topic_or_partition, "there is no such partition");
  const PartitionState state = *present;
  const Eligible eligible = this->eligible();
  const bool led = fleet_.alive(state.leader, state.leader_incarnation);
  if (led && (unclean || state.leader == state.replicas.front())) {
    return refuse(ErrorCode::election_not_needed,
                  unclean ? "the partition has a leader" : "the preferred leader leads already");
  }
  const auto claims = claims_.find(id);
  auto next = unclean ? elect_unclean(state, eligible, claims == claims_.end() ? Claims{} : claims->second)
                      : elect_preferred(state, eligible);
  if (!next) {
    return unclean ? refuse(ErrorCode::eligible_leaders_not_available, "no replica is on a live broker")
                   : refuse(ErrorCode::preferred_leader_not_available,
                            "the preferred leader is dead, not in sync, or not to lead");
  }
  ChangeList changes;
  changes.add(draft.image(), id, state, *next);
  if (!unclean) {
    note(EventKind::election_ordered, "as ordered, to the preferred leader", changes);
  } else if (next->isr != state.isr) {
    note(EventKind::election_unclean, "records may be lost, by an operator's order", changes);
  } else {
    // The only replica in sync, and lost: another one that lives leads since the last change of brokers.
    note(EventKind::election_unclean,
         "records may be lost, by an operator's order, for the last replica in sync could not prove what it "
         "has",
         changes);
  }
  claims_.erase(id);
  draft.put(id, std::move(*next));
  return {};
}

}  // namespace godwit::cluster
