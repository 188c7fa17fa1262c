#include "cluster/office.h"

#include "cluster/counter.h"
#include "cluster/feature_level.h"

namespace godwit::cluster {

using coordination::Transaction;
using runtime::Task;
using namespace std::chrono_literals;

namespace {

// Brokers that see the same death take turns, so that their transactions seldom meet.
constexpr Duration kTurn = 20ms;
constexpr Duration kPauseAfterFailure = 50ms;
constexpr Duration kPauseAfterDamage = 1s;
// Of an office that was given up: so many session timeouts. The next controller needs one to see who is silent.
constexpr int kAwayFor = 4;
// Where the holder is proven dead meanwhile: after the turns of all others.
constexpr Duration kTurnOfWhoWasAway = 500ms;
constexpr Duration kVacateAgain = 200ms;
// How often a broker without a lease that answers is asked again.
constexpr Duration kAskAgain = 500ms;
// Elections by which a store that was put back may be behind what brokers know; what goes beyond is no fence of this cluster.
constexpr int64_t kForgottenFencesMax = int64_t{1} << 32;

Severity severity_of_loss(bool wanted) {
  return wanted ? Severity::info : Severity::warning;
}

}  // namespace

Office::Office(const MetadataOptions& options, Parts parts, Open open)
    : options_(options), parts_(parts), open_(std::move(open)) {}

Office::~Office() = default;

Task<void> Office::run() {
  Bell& bell = parts_.bell;
  while (!bell.closed()) {
    const uint64_t seen = bell.rung();
    if (held_ && !still_held()) {
      const auto version = held_->fence_version;
      const bool isolated = held_->controller->isolated();
      co_await lose(isolated ? "most of the brokers do not reach it"
                    : held_->fence < later_fence_
                        ? "a broker knows a later controller: the office was taken by another, or the "
                          "store was put back from a backup and it is taken again above that one"
                        : "it is somebody else's, or this broker's lease is over");
      if (isolated) {
        away_until_ = now() + kAwayFor * options_.session_timeout;
        to_vacate_ = version;
      }
    }
    if (held_ && leaving_) {
      const auto version = held_->fence_version;
      co_await lose("this broker leaves");
      (void)co_await vacate(version);
    }
    if (leaving_ && !left_) {
      left_ = true;
      bell.ring();
    }
    MonotonicTime next = MonotonicTime::max();
    // Its lease lives, so nobody else can take what is not taken away.
    if (to_vacate_ && (held_ || now() >= away_until_ || co_await vacate(*to_vacate_))) to_vacate_.reset();
    if (!held_) {
      const auto when = may_take();
      if (when && *when <= now()) {
        taking_ = true;
        co_await take();
        taking_ = false;
        bell.ring();
        continue;
      }
      if (when) next = *when;
    } else {
      feed();
      next = parts_.registration.valid_until();
    }
    if (to_vacate_) next = std::min(next, now() + kVacateAgain);
    co_await bell.wait(seen, next);
  }
  if (held_) co_await lose("this broker stops");
  co_await gate_.close();
}

std::optional<MonotonicTime> Office::may_take() {
  const Roster& roster = parts_.roster;
  if (leaving_ || !roster.known() || !roster.reachable()) return std::nullopt;
  if (!parts_.registration.registered() || !parts_.registration.holds_now()) return std::nullopt;
  const auto& holder = roster.holder();
  // None, or a key that makes no sense, which is replaced: should somebody hold the office after all, the fence ends that.
  if (!holder) return std::max(now(), away_until_);
  // Ours: the transaction that took it went through though its outcome was not heard. Or an earlier process of this broker's,
  // which is dead, for it has this one's data directory, or another lease of this process.
  if (holder->id == options_.self.id) return std::max(now(), away_until_);
  const Registered* const registered = roster.find(holder->id);
  const bool restarted = registered != nullptr && registered->info.incarnation > holder->incarnation;
  const auto refused = refused_.find(holder->id);
  if (!restarted && (refused == refused_.end() || refused->second.incarnation != holder->incarnation))
    return std::nullopt;
  if (!dead_holder_ || dead_holder_->first != holder->version) dead_holder_ = {holder->version, now()};
  // Most that are left may not reach this broker still; where they do, they have taken the office by then.
  if (now() < away_until_) return std::min(away_until_, dead_holder_->second + kTurnOfWhoWasAway);
  return dead_holder_->second + rank(holder->id) * kTurn;
}

// How many registered brokers with a smaller id come first.
int Office::rank(BrokerId holder) const {
  int before = 0;
  for (const auto& [id, broker] : parts_.roster.brokers()) {
    const auto refused = refused_.find(id);
    const bool dead = refused != refused_.end() && refused->second.incarnation == broker.info.incarnation;
    if (id < options_.self.id && id != holder && !dead) ++before;
  }
  return before;
}

Succession Office::succession(int64_t fence) const {
  const Roster& roster = parts_.roster;
  if (const auto& holder = roster.holder()) {
    const auto from = [&](std::string why) { return Succession{holder->id, holder->fence, std::move(why)}; };
    if (holder->lease == parts_.registration.lease_name()) {
      return from(lost_why_.empty() ? "what became of taking it before was not heard" : lost_why_);
    }
    if (holder->id == options_.self.id) return from("that was under an earlier lease of the same broker");
    const Registered* const registered = roster.find(holder->id);
    if (registered != nullptr && registered->info.incarnation > holder->incarnation) {
      return from("it started again, as incarnation " + std::to_string(registered->info.incarnation));
    }
    // It may have answered since then.
    const auto refused = refused_.find(holder->id);
    return from(refused == refused_.end() ? "a connection to it was refused" : refused->second.why);
  }
  if (roster.office_version() != coordination::kAbsent) {
    return {kNoBroker, fence, "the key of the office made no sense"};
  }
  if (const auto& past = roster.past(); past && past->holder.fence >= fence) {
    return {past->holder.id, past->holder.fence, past->lives ? "it gave the office up" : "its lease ended"};
  }
  if (fence == 0) return {kNoBroker, 0, "nobody ever held the office"};
  return {kNoBroker, fence, "nobody held the office when this broker looked"};
}

bool Office::ours(int64_t fence, const Uuid& lease) const {
  if (lease != parts_.registration.lease_name() || !parts_.registration.holds_now()) return false;
  // While the store cannot be read the lease alone decides. What was read is from after the office was taken.
  if (!parts_.roster.reachable()) return true;
  const auto& holder = parts_.roster.holder();
  return holder && holder->lease == lease && holder->fence == fence;
}

bool Office::still_held() const {
  return !held_->deposed && held_->fence >= later_fence_ && ours(held_->fence, held_->lease);
}

Task<void> Office::settled(MonotonicTime deadline) {
  while (!held_ && taking_ && !parts_.bell.closed() && now() < deadline)
    co_await parts_.bell.wait(parts_.bell.rung(), deadline);
}

Task<void> Office::take() {
  const Uuid lease = parts_.registration.lease_name();
  // Of the holder that may_take() found dead, of this broker, or of none: whoever comes after that one lives.
  const coordination::Version office_version = parts_.roster.office_version();
  const auto& holder = parts_.roster.holder();
  // The transaction that took it went through though its outcome was not heard.
  const std::optional<int64_t> taken_before =
      holder && holder->lease == lease && holder->fence > opened_fence_ ? std::optional(holder->fence)
                                                                        : std::nullopt;
  Result<Fence> fence = fail(ErrorKind::not_found, "");
  if (taken_before) fence = co_await read_fence();
  if (!taken_before || (fence && fence->number != *taken_before))
    fence = co_await raise_fence(office_version);
  // From here on the roster is newer than the office.
  co_await parts_.roster.refresh();
  const auto& now_holder = parts_.roster.holder();
  const bool taken = fence && now_holder && now_holder->lease == lease &&
                     now_holder->fence == fence->number && parts_.roster.reachable();
  if (!taken) {
    // Conflict: somebody was first, which the roster shows by now. Otherwise the store does not answer well, or what it says does
    // not fit together.
    if (fence || fence.error().kind != ErrorKind::conflict) co_await parts_.bell.sleep(kPauseAfterFailure);
    co_return;
  }
  dead_holder_.reset();
  co_await open(*fence);
}

Task<Result<Office::Fence>> Office::read_fence() {
  const auto found = co_await parts_.store.get(std::string(keys::kFence));
  if (!found) co_return fail(found.error());
  if (!*found) co_return Fence{};
  const auto counter = stored_value<StoredCounter>(**found);
  if (!counter) {
    damage_ = counter.error();
    parts_.bell.ring();
    co_return fail(counter.error());
  }
  co_return Fence{counter->next, (*found)->version};
}

Task<Result<Office::Fence>> Office::raise_fence(coordination::Version office_version) {
  const auto lease = parts_.registration.lease();
  const Uuid lease_name = parts_.registration.lease_name();
  if (!lease) co_return fail(ErrorKind::unavailable, "there is no lease");
  // Never in a store that has forgotten this cluster, or is another one's (rule 3).
  const auto cluster = co_await parts_.registration.cluster_version();
  if (!cluster) {
    // Somebody must do something: no hurry.
    if (cluster.error().kind == ErrorKind::conflict) co_await parts_.bell.sleep(kPauseAfterDamage);
    co_return fail(ErrorKind::unavailable, cluster.error().message);
  }
  // Nor at a level that this build does not take: it was raised while the broker registered.
  const auto features = co_await read_feature_level(parts_.store);
  if (!features) co_return fail(features.error());
  const BrokerInfo& self = parts_.registration.self();
  if (!self.features.contains(features->level)) {
    co_await parts_.bell.sleep(kPauseAfterDamage);
    co_return fail(ErrorKind::unsupported, level_fault(self.features, features->level));
  }
  const auto before = co_await read_fence();
  if (!before) {
    if (before.error().kind == ErrorKind::corrupt) co_await parts_.bell.sleep(kPauseAfterDamage);
    co_return fail(before.error());
  }
  // Somebody else took it meanwhile, who lives.
  if (parts_.roster.office_version() != office_version) {
    co_return fail(ErrorKind::conflict, "the office was taken");
  }
  succession_ = succession(before->number);
  const runtime::Endpoint address = address_of(self, options_.listener);
  StoredOffice office;
  office.broker = self.id;
  office.incarnation = static_cast<int64_t>(self.incarnation);
  // Above what brokers know, too: of a store that came back from a backup they would believe nothing else (rule 3).
  office.fence = std::max({before->number, parts_.known.image()->version.fence, later_fence_}) + 1;
  office.lease = lease_name;
  office.host = address.host;
  office.port = address.port;
  Transaction transaction;
  transaction.require(std::string(keys::kCluster), *cluster)
      .require(std::string(keys::kFeatures), features->version)
      .require(std::string(keys::kFence), before->version)
      .require(std::string(keys::kController), office_version)
      .put(std::string(keys::kFence), stored_bytes(StoredCounter{office.fence}, features->level))
      .put_leased(std::string(keys::kController), stored_bytes(office, features->level));
  const auto done = co_await lease->commit(std::move(transaction));
  if (!done) co_return fail(done.error());
  co_return co_await read_fence();
}

Task<void> Office::open(Fence fence) {
  const Uuid lease = parts_.registration.lease_name();
  ControllerOptions options;
  options.self = options_.self.id;
  options.cluster_id = parts_.registration.cluster_id();
  options.succession = succession_;
  options.fence = fence.number;
  options.fence_version = fence.version;
  options.features = parts_.registration.self().features;
  options.session_timeout = options_.session_timeout;
  options.preferred_after = options_.preferred_after;
  options.topic_defaults = options_.topic_defaults;
  options.epochs_by_clock = options_.epochs_by_clock;
  options.leased = [&roster = parts_.roster](const BrokerInfo& broker) {
    const Registered* const registered = roster.find(broker.id);
    return roster.reachable() && registered != nullptr && registered->info.incarnation == broker.incarnation;
  };
  options.reaches = [&liveness = parts_.liveness](BrokerInfo broker) -> Task<bool> {
    co_return (co_await liveness.probe(std::move(broker))).has_value();
  };
  options.later_fence = [this, own = fence.number](int64_t later) {
    if (later <= later_fence_ || later - own > kForgottenFencesMax) return;
    later_fence_ = later;
    parts_.bell.ring();
  };
  for (bool told = false;;) {
    auto opened = co_await open_(options, parts_.store, parts_.runtime, parts_.diagnostics);
    if (opened) {
      held_ = std::make_shared<Held>();
      held_->controller = std::move(*opened);
      holds_ = true;
      break;
    }
    if (!std::exchange(told, true)) {
      parts_.diagnostics.emit({Severity::error,
                               "controller.not_opened",
                               "this broker has the office of controller but cannot read the cluster's state",
                               {{"error", opened.error().describe()}}});
    }
    if (opened.error().kind == ErrorKind::corrupt) {
      damage_ = opened.error();
      parts_.bell.ring();
      (void)co_await vacate(fence.version);
      co_await parts_.bell.sleep(kPauseAfterDamage);
      co_return;
    }
    co_await parts_.bell.sleep(kPauseAfterFailure);
    const bool goes_on = opened.error().kind != ErrorKind::conflict && ours(fence.number, lease);
    if (!goes_on || leaving_ || parts_.bell.closed()) co_return;
  }
  damage_.reset();
  opened_fence_ = fence.number;
  held_->fence = fence.number;
  held_->fence_version = fence.version;
  held_->lease = lease;
  parts_.diagnostics.emit({Severity::info,
                           "controller.taken",
                           "this broker is the controller now",
                           {{"broker", to_string(options_.self.id)},
                            {"fence", std::to_string(fence.number)},
                            {"why", succession_.why}}});
  // Before anybody asks it.
  feed();
  held_->watcher = watch_deposed(*held_);
  held_->watcher.start();
  parts_.link.here(held_->controller);
  parts_.bell.ring();
}

// Destroyed with the office that it watches, never by itself.
Task<void> Office::watch_deposed(Held& held) {
  co_await held.controller->deposed();
  held.deposed = true;
  parts_.bell.ring();
}

Task<void> Office::lose(std::string why) {
  holds_ = false;
  lost_why_ = why;
  const auto held = std::exchange(held_, nullptr);
  parts_.link.here(nullptr);
  parts_.bell.ring();
  co_await held->controller->close();
  held->watcher = {};
  parts_.diagnostics.emit(
      {severity_of_loss(leaving_ || parts_.bell.closed()),
       "controller.lost",
       "this broker is the controller no more",
       {{"broker", to_string(options_.self.id)}, {"fence", std::to_string(held->fence)}, {"why", why}}});
}

// Takes the key away if it is still that office's.
Task<bool> Office::vacate(coordination::Version fence_version) {
  const auto found = co_await parts_.store.get(std::string(keys::kController));
  if (!found) co_return false;
  if (!*found) co_return true;
  Transaction transaction;
  transaction.require(std::string(keys::kFence), fence_version)
      .require(std::string(keys::kController), (*found)->version)
      .remove(std::string(keys::kController));
  const auto done = co_await parts_.store.commit(std::move(transaction));
  co_await parts_.roster.refresh();
  co_return done || done.error().kind == ErrorKind::conflict;
}

void Office::heard(BrokerId id, uint64_t incarnation, Liveness::State state, const std::string& why) {
  if (state == Liveness::State::refused) {
    refused_[id] = {incarnation, why};
  } else if (state == Liveness::State::connected) {
    refused_.erase(id);
    if (held_) held_->deaths.erase({id, incarnation});
  }
  parts_.bell.ring();
}

void Office::feed() {
  runtime::Shard& shard = parts_.runtime.shard(0);
  for (const auto& [id, broker] : parts_.roster.brokers()) {
    const auto told = held_->told.find(id);
    if (told != held_->told.end() && told->second == broker.info) continue;
    held_->told[id] = broker.info;
    held_->controller->registered(broker.info);
  }
  for (const auto& [id, refused] : refused_) {
    if (!held_->deaths.insert({id, refused.incarnation}).second) continue;
    gate_.spawn(shard, tell_death(held_, id, refused.incarnation, refused.why));
  }
  // Who counts as alive and has no registration any more: its lease ended, which alone proves nothing.
  for (const auto& [id, broker] : held_->controller->image()->brokers) {
    const Registered* const registered = parts_.roster.find(id);
    if (registered != nullptr && registered->info.incarnation >= broker.incarnation) continue;
    if (!held_->doubted.insert({id, broker.incarnation}).second) continue;
    gate_.spawn(shard, settle(held_, broker));
  }
}

Task<void> Office::tell_death(std::shared_ptr<Held> held, BrokerId id, uint64_t incarnation,
                              std::string why) {
  co_await held->controller->died(id, incarnation, std::move(why));
}

Task<void> Office::settle(std::shared_ptr<Held> held, BrokerInfo broker) {
  const auto over = [&] {
    const Registered* const registered = parts_.roster.find(broker.id);
    return parts_.bell.closed() || held_ != held ||
           (registered != nullptr && registered->info.incarnation >= broker.incarnation);
  };
  while (!over()) {
    // Rule 14: after a store's return everybody gets the time to register again.
    const MonotonicTime from = parts_.roster.back_since() + options_.session_timeout;
    if (!parts_.roster.reachable() || now() < from) {
      co_await parts_.bell.wait(parts_.bell.rung(), std::max(from, now() + 100ms));
      continue;
    }
    const auto answer = co_await parts_.liveness.probe(broker);
    if (over()) break;
    if (answer && answer->healthy) {
      co_await parts_.bell.sleep(kAskAgain);
      continue;
    }
    const std::string found =
        answer ? "it makes no progress" : "and a probe failed: " + answer.error().message;
    co_await held->controller->died(broker.id, broker.incarnation, "its lease ended, " + found);
    // Until the controller's image shows it.
    co_await parts_.bell.sleep(kAskAgain);
    break;
  }
  held->doubted.erase({broker.id, broker.incarnation});
  parts_.bell.ring();
}

Task<void> Office::learn(BrokerId id, uint64_t incarnation) {
  if (!held_) co_return;
  const auto told = held_->told.find(id);
  if (told != held_->told.end() && told->second.incarnation >= incarnation) co_return;
  co_await parts_.roster.refresh();
  if (held_) feed();
}

Task<void> Office::give_up() {
  leaving_ = true;
  parts_.bell.ring();
  while (!left_ && !parts_.bell.closed()) co_await parts_.bell.wait(parts_.bell.rung());
}

}  // namespace godwit::cluster
