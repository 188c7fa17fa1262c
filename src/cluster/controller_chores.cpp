// What the controller does by itself, twice a second.
#include <algorithm>

#include "cluster/controller_impl.h"
#include "cluster/stored_broker.h"
#include "cluster/stored_move.h"

namespace godwit::cluster {
namespace {

using runtime::Task;

constexpr Duration kRound = std::chrono::milliseconds(500);
constexpr Duration kPreferredRound = std::chrono::seconds(1);
constexpr size_t kPreferredMax = 100;  // partitions in one round

bool contains(const std::vector<BrokerId>& ids, BrokerId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

Task<void> ControllerImpl::run_chores() {
  // Which of the moves under way the controller before began by itself. What matters for elections was read before, and waits for
  // nothing more; where this cannot be read, they count as ordered for the partition.
  const auto take_up_moves = [this](std::vector<coordination::KeyValue> kept) {
    return [this, kept = std::move(kept)](Draft& draft) {
      std::vector<Draft::Write> over;
      for (const auto& entry : kept) {
        const auto id = keys::moved_by(entry.key);
        const auto move = stored_value<StoredMove>(entry);
        if (!id || !move) {
          tell_damage(id ? move.error().message : "coordination key " + entry.key + " is none of godwit's");
          continue;
        }
        if (automatic_.contains(*id)) continue;  // begun since, and kept anew
        const PartitionState* const state = draft.image().find(*id);
        if (state != nullptr && is_under_way(*move, *state)) {
          automatic_.emplace(*id, move->before);
        } else {
          over.push_back({entry.key, std::nullopt});
        }
      }
      write_moves(draft, std::move(over));
    };
  };
  bool first = true;
  while (!ended()) {
    (void)co_await chore_.wait_until(now() + kRound);
    if (ended()) break;
    if (std::exchange(first, false) && !moving_.empty()) {
      auto kept = co_await coordination_.list(std::string(keys::kMoves));
      if (kept && !kept->empty()) (void)co_await decide(take_up_moves(std::move(*kept)));
      if (ended()) break;
    }
    co_await bury_silent();
    co_await look_for_unheard();
    if (ended()) break;
    co_await forget_tombstones();
    co_await restore_preferred();
    co_await start_moves();
  }
}

// Brokers whose registration had vanished before this controller began, of whom nothing was heard for two session timeouts.
Task<void> ControllerImpl::bury_silent() {
  if (missing_.empty() || now() < missing_until_) co_return;
  (void)co_await decide([this](Draft& draft) {
    for (const BrokerId id : std::exchange(missing_, {})) {
      const Fleet::Broker* const broker = fleet_.find(id);
      if (broker == nullptr || !broker->alive() || broker->registered != 0) continue;
      declare_dead(draft, id, "it has no lease, and was not heard of since this controller began");
    }
  });
}

// A tombstone goes when everybody who may have had a log of the topic serves an image without it (rule 3).
Task<void> ControllerImpl::forget_tombstones() {
  std::vector<TopicId> over;
  for (auto& [id, tombstone] : tombstones_) {
    std::erase_if(tombstone.waiting, [&, gone_in = tombstone.gone_in](BrokerId broker) {
      const Fleet::Broker* const known = fleet_.find(broker);
      return known != nullptr && known->alive() && !known->undecided &&
             news_.has(broker, known->joined, gone_in);
    });
    if (tombstone.waiting.empty()) over.push_back(id);
  }
  if (over.empty()) co_return;
  const bool done = co_await decide([over](Draft& draft) {
    for (const TopicId& id : over) draft.write({{keys::tombstone(id), std::nullopt}});
  });
  if (!done) co_return;
  for (const TopicId& id : over) tombstones_.erase(id);
}

Task<void> ControllerImpl::restore_preferred() {
  if (now() < preferred_at_) co_return;
  preferred_at_ = now() + kPreferredRound;
  (void)co_await decide([this](Draft& draft) {
    Eligible eligible = this->eligible();
    for (const auto& [id, incarnation] : eligible.live) {
      if (fleet_.trusted_from(id, options_.preferred_after, now()) > now()) eligible.not_to_lead.insert(id);
    }
    size_t partitions = 0;
    for (const auto& [name, topic] : draft.image().topics()) partitions += topic->partitions.size();
    const size_t most = std::clamp<size_t>(partitions / 10, 1, kPreferredMax);
    ChangeList changes;
    for (const auto& entry : draft.image().topics()) {
      const std::shared_ptr<const Topic> topic = entry.second;
      for (size_t i = 0; i < topic->partitions.size() && changes.count() < most; ++i) {
        const PartitionState& state = topic->partitions[i];
        if (state.leader == state.replicas.front()) continue;
        auto next = elect_preferred(state, eligible);
        if (!next) continue;
        const TopicPartition id{topic->id, PartitionIndex(static_cast<int32_t>(i))};
        changes.add(draft.image(), id, state, *next);
        draft.put(id, std::move(*next));
      }
    }
    if (changes.count() != 0) {
      note(EventKind::leaders_preferred,
           std::to_string(changes.count()) +
               " partitions go back to their preferred leader, which is in sync and was steady for long "
               "enough",
           changes);
    }
  });
}

// Dead brokers that are to be forgotten, once nothing is placed on them.
void ControllerImpl::forget_removed(Draft& draft) {
  std::vector<BrokerId> removing;
  for (const auto& [id, broker] : fleet_.brokers()) {
    // Who has registered since it died is about to join, and is wanted back by that.
    if (broker.removing && !broker.alive() && broker.registered <= broker.died) removing.push_back(id);
  }
  for (const BrokerId id : removing) {
    const auto& topics = draft.image().topics();
    const bool holds = std::any_of(topics.begin(), topics.end(), [id](const auto& entry) {
      const auto& partitions = entry.second->partitions;
      return std::any_of(partitions.begin(), partitions.end(),
                         [id](const PartitionState& state) { return contains(state.replicas, id); });
    });
    if (holds) continue;
    note(EventKind::broker_removed, {.about = "broker " + to_string(id),
                                     .change = from_to(state_of(*fleet_.find(id)), "forgotten"),
                                     .why = "it is removed as ordered, and has no replicas any more"});
    draft.write({{keys::joined(id), std::nullopt}});
    draft.put_broker_config(id, {});
    draft.remove_broker(id);
    fleet_.forget(id);
    for (auto& [topic, tombstone] : tombstones_) tombstone.waiting.erase(id);
  }
}

}  // namespace godwit::cluster
