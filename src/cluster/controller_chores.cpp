// What the controller does by itself, twice a second.
#include <algorithm>

#include "cluster/controller_impl.h"

namespace godwit::cluster {
namespace {

using runtime::Task;

constexpr Duration kRound = std::chrono::milliseconds(500);
constexpr Duration kPreferredRound = std::chrono::seconds(1);
constexpr size_t kPreferredMax = 100;  // partitions in one round
constexpr size_t kMovingMax = 100;     // partitions that automatic moves keep under way

bool contains(const std::vector<BrokerId>& ids, BrokerId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

Task<void> ControllerImpl::run_chores() {
  while (!ended()) {
    (void)co_await chore_.wait_until(now() + kRound);
    if (ended()) break;
    co_await bury_silent();
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
      return known != nullptr && known->alive() && news_.has(broker, known->joined, gone_in);
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
    Eligible eligible = fleet_.eligible();
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
      note(Severity::info, "leaders.preferred",
           std::to_string(changes.count()) +
               " partitions go back to their preferred leader: " + changes.describe());
    }
  });
}

// Moves replicas from brokers that are drained or removed, and what a rebalance planned, a bounded number at a time.
Task<void> ControllerImpl::start_moves() {
  if (rebalance_at_ && now() >= *rebalance_at_) {
    rebalance_at_.reset();
    (void)co_await changed<std::vector<Response::Move>>(
        [this](Draft& draft) { return rebalance(draft, /*dry_run=*/false); });
  }
  std::set<BrokerId> leaving;
  for (const auto& [id, broker] : fleet_.brokers()) {
    if (broker.info.draining || broker.removing) leaving.insert(id);
  }
  if (leaving.empty() && planned_.empty()) co_return;
  (void)co_await decide([this, leaving](Draft& draft) {
    ChangeList changes;
    const auto begin = [&](const TopicPartition& id, const PartitionState& state,
                           const std::vector<BrokerId>& to) {
      auto next = begin_move(state, to);
      if (!next) return;
      changes.add(draft.image(), id, state, *next);
      draft.put(id, std::move(*next));
      moving_.insert(id);
    };
    Placer placer(draft.image(), usable());
    for (const auto& entry : draft.image().topics()) {
      const std::shared_ptr<const Topic> topic = entry.second;
      for (size_t i = 0; i < topic->partitions.size() && moving_.size() < kMovingMax; ++i) {
        const PartitionState& state = topic->partitions[i];
        std::vector<BrokerId> to = settled(state);
        for (const BrokerId id : leaving) {
          if (!contains(to, id)) continue;
          if (auto other = placer.replace(to, id)) {
            to = std::move(*other);
          } else if (fleet_.find(id)->removing && to.size() > 1) {
            std::erase(to, id);  // nobody else is there: the others stay
          }
        }
        if (to != settled(state)) begin({topic->id, PartitionIndex(static_cast<int32_t>(i))}, state, to);
      }
    }
    while (!planned_.empty() && moving_.size() < kMovingMax) {
      const Placer::Move move = std::move(planned_.front());
      planned_.pop_front();
      const PartitionState* const state = draft.image().find(move.id);
      const bool possible = state != nullptr && state->adding.empty() && state->removing.empty() &&
                            state->replicas.size() == move.to.size() &&
                            std::all_of(move.to.begin(), move.to.end(), [&](BrokerId id) {
                              return contains(state->replicas, id) || usable().contains(id);
                            });
      if (possible) begin(move.id, PartitionState(*state), move.to);
    }
    if (changes.count() != 0) {
      note(Severity::info, "reassignment.begun",
           std::to_string(changes.count()) + " partitions move: " + changes.describe());
    }
    for (const BrokerId id : leaving) {
      if (!fleet_.find(id)->removing) continue;
      bool holds = false;
      for (const auto& [name, topic] : draft.image().topics()) {
        holds =
            holds || std::any_of(topic->partitions.begin(), topic->partitions.end(),
                                 [id](const PartitionState& state) { return contains(state.replicas, id); });
      }
      if (holds) continue;
      note(Severity::info, "broker.removed",
           "broker " + to_string(id) + " has no replicas any more and is forgotten");
      draft.write({{keys::joined(id), std::nullopt}});
      draft.put_broker_config(id, {});
      draft.remove_broker(id);
      fleet_.forget(id);
      for (auto& [topic, tombstone] : tombstones_) tombstone.waiting.erase(id);
    }
  });
}

}  // namespace godwit::cluster
