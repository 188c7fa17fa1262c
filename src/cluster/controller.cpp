#include "cluster/controller.h"

#include <algorithm>
#include <charconv>

#include "cluster/controller_impl.h"
#include "cluster/metadata_load.h"
#include "cluster/stored_broker.h"
#include "cluster/stored_control.h"

namespace godwit::cluster {
namespace {

using runtime::Task;

constexpr Duration kSettle = std::chrono::milliseconds(500);
constexpr std::string_view kRegistrations = "/brokers/";
constexpr std::string_view kIncarnations = "/incarnations/";

std::optional<BrokerId> broker_of(std::string_view key, std::string_view prefix) {
  const std::string_view digits = key.substr(prefix.size());
  int32_t id = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (error != std::errc{} || end != digits.data() + digits.size() || id < 0) return std::nullopt;
  return BrokerId(id);
}

}  // namespace

Task<Result<std::unique_ptr<Controller>>> Controller::open(ControllerOptions options,
                                                           coordination::Coordination& store,
                                                           runtime::Runtime& runtime,
                                                           DiagnosticSink& diagnostics) {
  auto controller = std::make_unique<ControllerImpl>(std::move(options), store, runtime, diagnostics);
  GW_TRY(co_return, co_await controller->load());
  co_return std::unique_ptr<Controller>(std::move(controller));
}

ControllerImpl::ControllerImpl(ControllerOptions options, coordination::Coordination& store,
                               runtime::Runtime& runtime, DiagnosticSink& diagnostics)
    : options_(std::move(options)),
      coordination_(store),
      shard_(runtime.shard(0)),
      diagnostics_(diagnostics),
      store_(store, options_.fence_version, diagnostics),
      log_(options_.self, diagnostics) {}

Task<Result<void>> ControllerImpl::load() {
  GW_TRY(co_return, co_await store_.open());
  auto loaded = co_await load_image(coordination_);
  if (!loaded) co_return fail(loaded.error());
  Image& image = loaded->image;
  if (options_.cluster_id.empty()) options_.cluster_id = image.cluster_id;
  if (image.cluster_id != options_.cluster_id) {
    co_return fail(ErrorKind::conflict, "the coordination store belongs to cluster '" + image.cluster_id +
                                            "', this broker to '" + options_.cluster_id + "'");
  }
  for (const Error& damage : loaded->damages) tell_damage(damage.message);
  reserved_names_ = std::move(loaded->reserved_names);
  aside_ = std::move(loaded->aside);
  GW_TRY(co_return, co_await load_brokers(image));
  auto events = co_await coordination_.list(std::string(keys::kEvents));
  if (!events) co_return fail(events.error());
  log_.load(*events);
  // Before anything else: partitions that a topic gets later have the same keys.
  Draft::Transactions removals;
  for (const std::string& key : loaded->orphans) {
    if (removals.empty() || removals.back().size() == FencedStore::kWritesMax) removals.emplace_back();
    removals.back().push_back({key, std::nullopt});
  }
  if (!co_await store_.write_all(std::move(removals))) {
    co_return fail(ErrorKind::conflict, "the office of controller was taken by somebody else");
  }
  for (const std::string& key : loaded->orphans) {
    diagnostics_.emit({Severity::info,
                       "metadata.orphan_removed",
                       "a partition of a topic that was never finished, or is deleted, is removed",
                       {{"key", key}}});
  }
  image.version = {options_.fence, 1};
  image.controller = options_.self;
  GW_TRY(co_return, co_await load_tombstones());
  for (const auto& [name, topic] : image.topics()) {
    for (size_t i = 0; i < topic->partitions.size(); ++i) {
      const PartitionState& state = topic->partitions[i];
      if (!state.adding.empty() || !state.removing.empty()) {
        moving_.insert({topic->id, PartitionIndex(static_cast<int32_t>(i))});
      }
    }
  }
  news_.publish(std::make_shared<const Image>(std::move(image)));
  opened_at_ = now();
  preferred_at_ = now() + options_.preferred_after;
  plan_again_at_ = now();
  if (options_.auto_rebalance) rebalance_at_ = now() + 2 * options_.session_timeout;
  missing_until_ = now() + 2 * options_.session_timeout;
  // The last controller may have gone in the middle of a pass.
  decide_soon([this](Draft& draft) {
    note_election();
    settle_doubts(draft);
    review_and_note(
        draft, [](const PartitionState&) { return true; }, "a new controller looks at everything");
  });
  gate_.spawn(shard_, run_writer());
  gate_.spawn(shard_, run_chores());
  gate_.spawn(shard_, watch_end());
  co_return Result<void>();
}

Task<Result<void>> ControllerImpl::load_brokers(Image& image) {
  auto joined = co_await coordination_.list(std::string(keys::kJoined));
  if (!joined) co_return fail(joined.error());
  for (const auto& entry : *joined) {
    const auto id = broker_of(entry.key, keys::kJoined);
    if (!id) {
      tell_damage("coordination key " + entry.key + " does not end in a broker id");
      continue;
    }
    // As if it had never joined: where it lives it finds that out, and joins anew. Orders for it are to be given again.
    const auto stored = stored_value<StoredJoined>(entry);
    const bool possible = stored && std::ranges::all_of(stored->listeners, [](const auto& listener) {
                            return listener.port >= 0 && listener.port <= UINT16_MAX;
                          });
    if (!possible) {
      tell_damage(stored ? "coordination key " + entry.key + " names an impossible port"
                         : stored.error().message);
      continue;
    }
    fleet_.load(*id, *stored, now(), shard_.wall_now());
    if (fleet_.find(*id)->alive()) {
      image.brokers[*id] = fleet_.shown(*id);
      missing_.insert(*id);
    }
  }
  auto registered = co_await coordination_.list(std::string(kRegistrations));
  if (!registered) co_return fail(registered.error());
  for (const auto& entry : *registered) {
    if (const auto id = broker_of(entry.key, kRegistrations)) missing_.erase(*id);
  }
  co_return Result<void>();
}

Task<Result<void>> ControllerImpl::load_tombstones() {
  auto listed = co_await coordination_.list(std::string(keys::kTombstones));
  if (!listed) co_return fail(listed.error());
  for (const auto& entry : *listed) {
    const auto id = Uuid::parse(std::string_view(entry.key).substr(keys::kTombstones.size()));
    if (!id) {
      tell_damage("coordination key " + entry.key + " is none of godwit's");
      continue;
    }
    Tombstone& tombstone = tombstones_[*id];
    tombstone.gone_in = {options_.fence, 1};
    for (const auto& [broker, known] : fleet_.brokers()) tombstone.waiting.insert(broker);
    const auto stored = stored_value<StoredTombstone>(entry);
    if (stored) {
      tombstone.waiting.insert(stored->replicas.begin(), stored->replicas.end());
      continue;
    }
    // Of a build that wrote the name alone, as text, or damaged: every broker that ever was may have a log.
    if (!topic_name_fault(as_text(entry.value)).empty()) tell_damage(stored.error().message);
    auto ever = co_await coordination_.list(std::string(kIncarnations));
    if (!ever) co_return fail(ever.error());
    for (const auto& counter : *ever) {
      if (const auto broker = broker_of(counter.key, kIncarnations)) tombstone.waiting.insert(*broker);
    }
  }
  co_return Result<void>();
}

void ControllerImpl::tell_damage(const std::string& what) {
  diagnostics_.emit(
      {Severity::error,
       "coordination.damaged",
       "a key in the coordination store makes no sense and is left aside; mend or remove it, and what it "
       "described is there again with the next controller",
       {{"error", what}}});
}

Task<void> ControllerImpl::deposed() {
  const Call call(*this);
  co_await store_.wait_for_end();
}

Task<bool> ControllerImpl::decide(Decide decide) {
  if (ended()) co_return false;
  auto pending = std::make_shared<Pending>();
  wishes_.push_back({std::move(decide), pending});
  wished_.notify_one();
  while (!pending->over) co_await pending->changed.wait();
  co_return pending->durable;
}

void ControllerImpl::decide_soon(Decide decide) {
  if (ended()) return;
  wishes_.push_back({std::move(decide), nullptr});
  wished_.notify_one();
}

Task<void> ControllerImpl::run_writer() {
  while (!ended()) {
    if (wishes_.empty()) {
      co_await wished_.wait();
      continue;
    }
    co_await runtime::yield();  // what arrives in the same turn shares the round
    auto round = std::exchange(wishes_, {});
    Draft draft(*image());
    for (Wish& wish : round) wish.decide(draft);
    if (log_.dirty()) log_.flush(draft);
    bool durable = true;
    if (!draft.empty()) {
      durable = co_await write(draft);
      if (durable) {
        // Not before: a former controller that wakes up decides as if it held the office, and its fence refuses all of it.
        log_.tell();
        gate_.spawn(shard_, clean_up(draft.leavings()));
        const int64_t sequence = image()->version.sequence + 1;
        news_.publish(std::make_shared<const Image>(std::move(draft).finish(sequence)));
        // In a round of its own: who asked for an ISR is told the version of just that.
        if (!moving_.empty() && !std::exchange(finish_queued_, true)) {
          decide_soon([this](Draft& next) {
            finish_queued_ = false;
            finish_moves(next);
            start_planned(next);
          });
        }
      } else {
        end();
      }
    }
    for (Wish& wish : round) {
      if (!wish.pending) continue;
      wish.pending->durable = durable;
      wish.pending->over = true;
      wish.pending->changed.notify_all();
    }
  }
  end();
  for (Wish& wish : std::exchange(wishes_, {})) {
    if (!wish.pending) continue;
    wish.pending->over = true;
    wish.pending->changed.notify_all();
  }
}

Task<bool> ControllerImpl::write(const Draft& draft) {
  if (!co_await store_.write_all(draft.states())) co_return false;
  for (const auto& transaction : draft.orders()) {
    if (!co_await store_.write(transaction)) co_return false;
  }
  co_return true;
}

Task<void> ControllerImpl::clean_up(Draft::Transactions leavings) {
  (void)co_await store_.write_all(std::move(leavings));
}

Task<void> ControllerImpl::watch_end() {
  co_await store_.wait_for_end();
  end();
}

void ControllerImpl::end() {
  store_.end();
  wished_.notify_all();
  chore_.notify_all();
  registered_.notify_all();
  news_.ring();
}

Task<void> ControllerImpl::settle() {
  const ImageVersion version = image()->version;
  co_await news_.wait_for_brokers(version, now() + kSettle, [this] {
    std::vector<std::pair<BrokerId, uint64_t>> who;
    if (ended()) return who;
    for (const auto& [id, broker] : fleet_.brokers()) {
      // This broker itself may take the image from here without polling.
      if (!broker.alive() || (id == options_.self && !news_.contact(id, broker.joined))) continue;
      who.emplace_back(id, broker.joined);
    }
    return who;
  });
}

void ControllerImpl::note(EventKind kind, const Decision& decision) {
  log_.note(kind, decision, shard_.wall_now());
}

void ControllerImpl::note(EventKind kind, const std::string& why, const ChangeList& changes) {
  log_.note(kind, why, changes, shard_.wall_now());
}

void ControllerImpl::note_election() {
  const auto named = [](BrokerId id, int64_t fence) {
    return "broker " + to_string(id) + (fence == 0 ? "" : ", fence " + std::to_string(fence));
  };
  const Succession& before = options_.succession;
  std::string from = before.from != kNoBroker ? named(before.from, before.fence)
                     : before.fence != 0      ? "fence " + std::to_string(before.fence)
                                              : "none";
  // Where this broker did not see who held it, the events know who decided last: perhaps under an earlier fence, for who died soon
  // wrote none.
  if (const BrokerId last = log_.controller_before(); before.from == kNoBroker && last != kNoBroker) {
    from += " (broker " + to_string(last) + " decided last)";
  }
  note(EventKind::controller_elected, {.about = "controller",
                                       .change = from_to(from, named(options_.self, options_.fence)),
                                       .why = before.why});
}

Task<void> ControllerImpl::close() {
  end();
  co_await gate_.close();
  while (calls_ > 0) co_await idle_.wait();
}

}  // namespace godwit::cluster
