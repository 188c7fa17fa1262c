#include "cluster/registration.h"

#include "cluster/counter.h"
#include "cluster/feature_level.h"

namespace godwit::cluster {

using coordination::kAbsent;
using coordination::Transaction;
using runtime::Task;
using namespace std::chrono_literals;

namespace {

// How old the copy of the lease's end may be that other shards read. It only errs to the safe side while the lease lives.
constexpr Duration kMirrorEvery = 200ms;
// From the grant of a lease that replaces a lost one until this broker counts on it: a few round trips to the controller.
constexpr Duration kHearsFirst = 1s;

// Whether the same call may succeed later without anybody doing anything.
bool passes(const Error& error) {
  return error.kind == ErrorKind::unavailable || error.kind == ErrorKind::timed_out ||
         error.kind == ErrorKind::io || error.kind == ErrorKind::not_found ||
         error.kind == ErrorKind::refused || error.kind == ErrorKind::no_space;
}

int64_t to_ns(MonotonicTime time) {
  return time.time_since_epoch().count();
}

}  // namespace

Registration::Registration(const MetadataOptions& options, coordination::Coordination& store,
                           runtime::Runtime& runtime, Bell& bell, const Roster& roster,
                           DiagnosticSink& diagnostics)
    : options_(options),
      store_(store),
      shard_(runtime.shard(0)),
      bell_(bell),
      roster_(roster),
      diagnostics_(diagnostics),
      patience_("coordination", "the coordination store", bell, diagnostics),
      self_(options.self) {}

Registration::~Registration() = default;

Task<Result<void>> Registration::begin() {
  GW_TRY(co_return, co_await claim_cluster());
  GW_TRY(co_return, co_await take_incarnation());
  co_return co_await enroll(true);
}

Task<Result<coordination::Version>> Registration::cluster_version() {
  const auto found = co_await store_.get(std::string(keys::kCluster));
  if (!found) co_return fail(found.error());
  if (!*found) {
    co_return fail(
        ErrorKind::conflict,
        "the coordination store knows no cluster, but this broker belongs to cluster " + cluster_id_ +
            ": it came back empty, or another one answers. Restore the store, or point the broker to the "
            "right one; its logs stay as they are");
  }
  const auto stored = stored_value<StoredCluster>(**found);
  if (!stored) co_return fail(stored.error());
  if (stored->cluster_id != cluster_id_) {
    co_return fail(ErrorKind::conflict, "the coordination store belongs to cluster " + stored->cluster_id +
                                            ", this broker to " + cluster_id_);
  }
  co_return (*found)->version;
}

Task<Result<void>> Registration::claim_cluster() {
  const Uuid fresh = Uuid::from_random(shard_.random().bytes16());
  while (!over()) {
    const auto found = co_await store_.get(std::string(keys::kCluster));
    if (!found) {
      if (!passes(found.error())) co_return fail(found.error());
      co_await patience_.pause(found.error());
      continue;
    }
    patience_.over();
    if (*found) {
      const auto stored = stored_value<StoredCluster>(**found);
      if (!stored) co_return fail(stored.error());
      if (!options_.cluster_id.empty() && options_.cluster_id != stored->cluster_id) {
        co_return fail(ErrorKind::conflict,
                       "the coordination store belongs to cluster " + stored->cluster_id +
                           ", this broker to " + options_.cluster_id +
                           ". Point the broker to its own cluster's store, or give it another data "
                           "directory");
      }
      cluster_id_ = stored->cluster_id;
      co_return Result<void>();
    }
    // Rule 3: a new cluster would be made of a store that is empty by mistake, and this broker's logs would belong to nobody.
    if (options_.was_member) {
      co_return fail(
          ErrorKind::conflict,
          "the coordination store knows no cluster, but this data directory belongs to cluster " +
              (options_.cluster_id.empty() ? std::string("(unknown)") : options_.cluster_id) +
              ": the store is empty or another one. Point the broker to the right store or restore it from a "
              "backup; for a new cluster, start with an empty data directory");
    }
    const std::string id = options_.cluster_id.empty() ? to_string(fresh) : options_.cluster_id;
    Transaction claim;
    claim.require(std::string(keys::kCluster), kAbsent);
    claim.put(std::string(keys::kCluster), stored_bytes(StoredCluster{id}, kFirstLevel));
    // A new cluster works at the newest level at once.
    claim.put(std::string(keys::kFeatures), stored_bytes(StoredFeatures{self_.features.last}, kFirstLevel));
    const auto done = co_await store_.commit(std::move(claim));
    if (done) {
      cluster_id_ = id;
      diagnostics_.emit({Severity::info, "cluster.formed", "a new cluster was formed", {{"cluster", id}}});
      co_return Result<void>();
    }
    // Another broker was first, or the outcome is unknown: what stands there tells.
    if (done.error().kind == ErrorKind::conflict) continue;
    if (!passes(done.error())) co_return fail(done.error());
    co_await patience_.pause(done.error());
  }
  co_return fail(ErrorKind::closed, "the broker is being stopped");
}

Task<Result<void>> Registration::take_incarnation() {
  while (!over()) {
    const auto at_least = static_cast<int64_t>(std::max(options_.incarnation_before, self_.incarnation)) + 1;
    auto next = co_await raise_counter(store_, keys::incarnation(self_.id), 1, at_least);
    if (next && options_.note_incarnation) {
      auto noted = co_await options_.note_incarnation(static_cast<uint64_t>(*next));
      if (!noted) next = fail(noted.error());
    }
    if (next) {
      patience_.over();
      // Before it is registered: who reads the registration and asks this broker must not hear of the old one.
      self_.incarnation = static_cast<uint64_t>(*next);
      co_return Result<void>();
    }
    if (!passes(next.error()) && next.error().kind != ErrorKind::conflict) co_return fail(next.error());
    co_await patience_.pause(next.error());
  }
  co_return fail(ErrorKind::closed, "the broker is being stopped");
}

Task<Result<void>> Registration::enroll(bool at_start) {
  registered_ = false;
  while (!over()) {
    // Rule 13: who makes no progress does not count as alive, whether its lease ended or it never had one.
    if (options_.healthy && !options_.healthy()) {
      co_await bell_.sleep(kMirrorEvery);
      continue;
    }
    const auto done = co_await enroll_once(at_start);
    if (done) {
      patience_.over();
      occupied_since_.reset();
      told_occupied_ = false;
      registered_ = true;
      announced_ = self_.incarnation;
      mirror();
      bell_.ring();
      co_return Result<void>();
    }
    if (done.error().kind == ErrorKind::exists) {  // occupied: waits for the other's lease
      patience_.over();
      co_await bell_.sleep(100ms);
      continue;
    }
    occupied_since_.reset();
    if (at_start && !passes(done.error())) co_return fail(done.error());
    co_await patience_.pause(done.error());
  }
  co_return fail(ErrorKind::closed, "the broker is being stopped");
}

// An error of kind `exists`: somebody else is registered, and not yet for long enough to give up.
Task<Result<void>> Registration::enroll_once(bool at_start) {
  GW_TRY(co_return, co_await ensure_lease());
  const auto lease = lease_;
  const std::string key = keys::broker(self_.id);
  const auto cluster = co_await cluster_version();
  if (!cluster) co_return fail(cluster.error());
  const auto features = co_await read_feature_level(store_);
  if (!features) co_return fail(features.error());
  if (const std::string fault = level_fault(self_.features, features->level); !fault.empty())
    co_return fail(ErrorKind::unsupported, fault);
  const auto found = co_await store_.get(key);
  if (!found) co_return fail(found.error());
  if (*found) {
    const auto other = to_registered(**found);
    if (!other) co_return fail(other.error());
    if (other->lease == lease_name_ && other->info == self_) co_return Result<void>();
    if (auto error = occupied(*other, at_start, std::max(options_.session_timeout, lease->timeout())))
      co_return fail(std::move(*error));
  }
  // What stood there hung on another lease, which may still live: with etcd a put attaches the key to this lease, and the end of
  // the old one no longer concerns it; with ZooKeeper the owner of an ephemeral node cannot change, so the node is deleted and
  // created anew in one multi. Either way the old lease's end must not take the new registration along.
  Transaction transaction;
  transaction.require(std::string(keys::kCluster), *cluster);
  transaction.require(key, *found ? (*found)->version : kAbsent);
  transaction.require(std::string(keys::kFeatures), features->version);
  transaction.put_leased(key,
                         stored_bytes(to_stored(self_, options_.storage_id, lease_name_), features->level));
  const auto done = co_await lease->commit(std::move(transaction));
  if (done) co_return Result<void>();
  if (done.error().kind == ErrorKind::not_found) {
    // Perhaps nobody else has told of it yet: the next one does not count at once either.
    lease_lost_ = true;
    drop_lease();
  }
  // Somebody changed it meanwhile; the next attempt reads it.
  if (done.error().kind == ErrorKind::conflict) co_return fail(ErrorKind::unavailable, done.error().message);
  co_return fail(done.error());
}

std::optional<Error> Registration::occupied(const Registered& other, bool at_start, Duration timeout) {
  const std::string id = to_string(self_.id);
  if (other.storage_id == options_.storage_id) {
    // Whoever holds the data directory's lock has proven that our own earlier process is dead.
    if (at_start || other.info.incarnation <= self_.incarnation) return std::nullopt;
    if (!std::exchange(told_occupied_, true)) {
      diagnostics_.emit(
          {Severity::error,
           "broker.superseded",
           "another process with this broker's id and storage id has registered: is the data directory a "
           "copy? This broker stays out of the cluster until the other one is gone",
           {{"broker", id}, {"incarnation", std::to_string(other.info.incarnation)}}});
    }
    return Error{ErrorKind::exists, "superseded"};
  }
  // Rule 2: another storage under this id must wait for the old one's lease.
  const MonotonicTime now = shard_.now();
  if (!occupied_since_) occupied_since_ = now;
  const std::string where = to_string(address_of(other.info, options_.listener));
  if (!std::exchange(told_occupied_, true)) {
    diagnostics_.emit(
        {Severity::warning,
         "broker.id_in_use",
         "this broker's id is registered with another data directory; waiting for that lease to end",
         {{"broker", id}, {"at", where}}});
  }
  if (at_start && now - *occupied_since_ >= 2 * timeout) {
    return Error{ErrorKind::conflict, "broker id " + id + " is in use by a running broker at " + where +
                                          ": give this broker another id, or stop that one"};
  }
  return Error{ErrorKind::exists, "in use"};
}

Task<Result<void>> Registration::ensure_lease() {
  if (lease_ && !lease_lost_) co_return Result<void>();
  drop_lease();
  auto granted = co_await store_.grant(options_.session_timeout);
  if (!granted) co_return fail(granted.error());
  if (over()) co_return fail(ErrorKind::closed, "the broker is being stopped");
  lease_ = std::move(*granted);
  lease_name_ = Uuid::from_random(shard_.random().bytes16());
  if (std::exchange(lease_lost_, false)) {
    counts_from_ns_.store(to_ns(shard_.now() + kHearsFirst), std::memory_order_relaxed);
  }
  if (options_.healthy) lease_->keep_alive_while(options_.healthy);
  if (lease_->timeout() > options_.session_timeout) {
    diagnostics_.emit({Severity::warning,
                       "coordination.session_timeout",
                       "the coordination store grants only longer sessions than asked for: a broker that "
                       "hangs is noticed later",
                       {{"asked_ms", std::to_string(options_.session_timeout / 1ms)},
                        {"granted_ms", std::to_string(lease_->timeout() / 1ms)}}});
  }
  listener_ = listen(lease_);
  listener_.start();
  co_return Result<void>();
}

// Destroyed with its lease.
Task<void> Registration::listen(std::shared_ptr<coordination::Lease> lease) {
  const auto lost = co_await lease->lost();
  if (ended_ || lease != lease_) co_return;
  lease_lost_ = true;
  mirror();
  if (lost) {
    diagnostics_.emit({Severity::warning,
                       "broker.lease_lost",
                       "this broker's lease has ended; it registers again",
                       {{"broker", to_string(self_.id)}}});
  }
  bell_.ring();
}

void Registration::drop_lease() {
  listener_ = {};
  lease_.reset();
  registered_ = false;
  mirror();
}

Task<void> Registration::run() {
  while (!over()) {
    const uint64_t seen = bell_.rung();
    if (renew_) {
      renew_ = false;
      registered_ = false;
      const auto taken = co_await take_incarnation();
      if (!taken && !over()) {
        renew_ = true;
        co_await patience_.pause(taken.error());
        continue;
      }
    }
    bool stands = registered_ && !lease_lost_;
    if (stands && roster_.reads() != checked_reads_) {
      // The key may have been removed or replaced by somebody: the roster may be older than our own write, so look again.
      checked_reads_ = roster_.reads();
      const Registered* const mine = roster_.find(self_.id);
      stands = mine != nullptr && mine->lease == lease_name_ && mine->info.incarnation == self_.incarnation;
    }
    if (!stands) (void)co_await enroll(false);
    if (renew_ || over()) continue;
    mirror();
    co_await bell_.wait(seen, shard_.now() + kMirrorEvery);
  }
}

void Registration::renew(uint64_t incarnation) {
  if (incarnation != self_.incarnation || ended_) return;
  if (std::exchange(renew_, true)) return;
  declared_dead_.store(incarnation);
  diagnostics_.emit({Severity::warning,
                     "broker.declared_dead",
                     "the controller takes this incarnation for dead; the broker joins again under a new one",
                     {{"broker", to_string(self_.id)}, {"incarnation", std::to_string(incarnation)}}});
  bell_.ring();
}

Task<void> Registration::end() {
  ended_ = true;
  registered_ = false;
  const auto lease = lease_;
  if (lease) (void)co_await lease->revoke();
  drop_lease();
}

void Registration::mirror() {
  valid_until_ns_.store(to_ns(valid_until()), std::memory_order_relaxed);
  // A lease that was taken for over is kept alive again (the store was away for a while): the office may be taken.
  const bool now = holds_now();
  if (std::exchange(held_, now) != now) bell_.ring();
}

MonotonicTime Registration::valid_until() const {
  return !lease_ || lease_lost_ ? MonotonicTime::min() : lease_->valid_until();
}

bool Registration::holds_now() const {
  return valid_until() > shard_.now();
}

bool Registration::holds() const {
  // The clock is the same for all shards; a foreign thread reads it through ours.
  const runtime::Shard* const here = runtime::Shard::current();
  const int64_t now = to_ns((here != nullptr ? *here : shard_).now());
  return valid_until_ns_.load(std::memory_order_relaxed) > now &&
         counts_from_ns_.load(std::memory_order_relaxed) <= now;
}

}  // namespace godwit::cluster
