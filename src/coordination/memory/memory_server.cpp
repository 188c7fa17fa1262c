#include "coordination/memory/memory_server.h"

#include <numeric>
#include <utility>

namespace godwit::coordination {

using namespace std::chrono_literals;
using runtime::Callback;
using runtime::Random;
using runtime::Task;
using Outcome = MemoryCall::Outcome;

namespace {

constexpr Duration kReconnectMax = 100ms;    // a client's back-off
constexpr Duration kRetransmissionMax = 1s;  // how long what was sent over a cut is tried again

bool coin(Random& random) {
  return random.chance(1, 2);
}

Duration between(Random& random, Duration low, Duration high) {
  return low + Duration(random.below(static_cast<uint64_t>((high - low).count()) + 1));
}

Task<void> act_after(Duration delay, Callback action) {
  co_await runtime::sleep_for(delay);
  action();
}

}  // namespace

MemoryServer::MemoryServer(runtime::Runtime& host, MemoryServerOptions options)
    : shard_(host.shard(0)), engine_(options.lease_timeout_min) {}

// A message on its way is a frame of the host, so that it goes on when its sender dies.
void MemoryServer::later(Duration delay, Callback action) {
  shard_.post([&shard = shard_, delay, action = std::move(action)]() mutable {
    shard.spawn(act_after(delay, std::move(action)));
  });
}

Duration MemoryServer::delay(const Link& link) {
  return between(shard_.random(), link.delay_min, link.delay_max) + extra_delay_;
}

bool MemoryServer::lost() {
  return lose_numerator_ > 0 && shard_.random().chance(lose_numerator_, lose_denominator_);
}

// --- faults

void MemoryServer::stop() {
  running_ = false;
  frozen_ = false;
  waiting_.clear();
  break_connections([](const Connection&) { return true; });
}

void MemoryServer::start(Leases leases) {
  if (running_) return;
  running_ = true;
  ++runs_;
  if (leases == Leases::extended) engine_.extend_all(shard_.now());
  end_leases();
  reconnect_all();
}

void MemoryServer::thaw() {
  if (!frozen_) return;
  frozen_ = false;
  end_leases();
  for (auto& action : std::exchange(waiting_, {})) later(0ms, std::move(action));
}

void MemoryServer::cut(const std::string& node) {
  cuts_.insert(node);
  break_connections([&](const Connection& connection) { return connection.link.node == node; });
}

void MemoryServer::heal(const std::string& node) {
  cuts_.erase(node);
  reconnect_all();
}

void MemoryServer::heal() {
  cuts_.clear();
  reconnect_all();
}

void MemoryServer::lose_randomly(uint64_t numerator, uint64_t denominator) {
  GW_CHECK(denominator > 0, "a probability has a denominator");
  lose_numerator_ = numerator;
  lose_denominator_ = denominator;
}

void MemoryServer::lose_everything() {
  restore({});
}

void MemoryServer::restore(Snapshot snapshot) {
  engine_.restore(std::move(snapshot), shard_.now());
  arm_expiry();
  break_connections([](const Connection&) { return true; });
  reconnect_all();
}

Result<void> MemoryServer::change(const Transaction& transaction) {
  auto keys = engine_.commit(transaction);
  if (!keys) return fail(keys.error());
  changed(std::move(*keys));
  return {};
}

uint64_t MemoryServer::calls_asked() const {
  return std::accumulate(calls_.begin(), calls_.end(), uint64_t{0}) - calls(CallKind::keep_alive);
}

// --- a call

void MemoryServer::submit(Peer peer, Call call) {
  const auto alive = peer.lock();
  GW_CHECK(alive, "a client calls while it lives");
  count(call->kind);
  shard_.post([this, peer = std::move(peer), link = alive->link(), call = std::move(call)] {
    send(peer, link, call);
  });
}

void MemoryServer::send(const Peer& peer, const Link& link, const Call& call) {
  if (!reachable(link) || lost()) return fail_to_arrive(peer, link, call);
  later(delay(link), [this, peer, link, call] {
    // It may find the wire cut, or the server stopped, while it was under way.
    if (!reachable(link)) return fail_to_arrive(peer, link, call);
    arrive(peer, link, call);
  });
}

void MemoryServer::fail_to_arrive(const Peer& peer, const Link& link, const Call& call) {
  if (coin(shard_.random())) {  // no connection
    return later(between(shard_.random(), link.delay_min, link.delay_max),
                 [peer, call] { tell(peer, call, Outcome::not_applied); });
  }
  // Gone, and the deadline ends it. But over a cut TCP sends it again, and reaches whoever still knows the connection.
  if (!running_ || coin(shard_.random())) return;
  later(between(shard_.random(), 0ms, kRetransmissionMax), [this, peer, link, call, run = runs_] {
    if (reachable(link) && run == runs_) arrive(peer, link, call);
  });
}

void MemoryServer::arrive(const Peer& peer, const Link& link, const Call& call) {
  if (frozen_) {
    waiting_.push_back([this, peer, link, call] { arrive(peer, link, call); });
    return;
  }
  // An engine may drop what its client has given up, and may be too far to stop.
  if (shard_.now() >= call->deadline && coin(shard_.random())) return;
  // What is over by now has ended, whichever event of this instant comes first.
  end_leases();
  auto keys = call->apply(engine_, shard_.now());
  arm_expiry();
  changed(std::move(keys));
  answer(peer, link, call);
}

void MemoryServer::answer(const Peer& peer, const Link& link, const Call& call) {
  later(delay(link), [this, peer, link, call, run = runs_] {
    const bool died_before_it_answered = (!running_ || run != runs_) && coin(shard_.random());
    if (!cuts_.contains(link.node) && !died_before_it_answered && !lost()) {
      return tell(peer, call, Outcome::answered);
    }
    if (coin(shard_.random())) tell(peer, call, Outcome::unknown);  // the connection broke
  });
}

void MemoryServer::tell(const Peer& peer, const Call& call, Outcome outcome) {
  const auto alive = peer.lock();
  if (!alive) return;
  alive->shard().post([peer, call, outcome] {
    if (peer.expired() || call->outcome != Outcome::under_way) return;
    call->outcome = outcome;
    call->told.notify_all();
  });
}

// --- watches

void MemoryServer::join(Peer peer) {
  const auto alive = peer.lock();
  GW_CHECK(alive, "a client joins while it lives");
  // Joined while it cannot be reached: what it misses until then is told by the reconnection.
  const bool stale = !reachable(alive->link());
  connections_.emplace(++last_connection_, Connection{std::move(peer), alive->link(), stale});
}

void MemoryServer::changed(MemoryEngine::Keys changed_keys) {
  if (changed_keys.empty()) return;
  ++changes_;
  std::erase_if(connections_, [](const auto& entry) { return entry.second.peer.expired(); });
  const auto keys = std::make_shared<const MemoryEngine::Keys>(std::move(changed_keys));
  for (const auto& [id, connection] : connections_) {
    const auto watcher = connection.peer.lock();
    if (connection.stale || !watcher->watching()) continue;
    later(delay(connection.link), [this, id = id, keys, change = changes_] {
      const auto found = connections_.find(id);
      if (found == connections_.end()) return;
      Connection& to = found->second;
      const auto alive = to.peer.lock();
      if (!alive || to.stale) return;
      if (!reachable(to.link) || lost()) {
        to.stale = true;
        return reconnect(id);
      }
      alive->shard().post([peer = to.peer, keys, change] {
        if (const auto client = peer.lock()) client->tell(*keys, change);
      });
    });
  }
}

template <class Which>
void MemoryServer::break_connections(Which which) {
  for (auto& [id, connection] : connections_)
    if (which(connection)) connection.stale = true;
}

void MemoryServer::reconnect_all() {
  for (const auto& [id, connection] : connections_)
    if (connection.stale) reconnect(id);
}

// After its back-off the client is connected again and reads everything anew (design-cluster rule 19). Where it cannot be
// reached, heal() or start() comes back here.
void MemoryServer::reconnect(uint64_t id) {
  Connection& connection = connections_.at(id);
  if (connection.reconnecting || !reachable(connection.link)) return;
  connection.reconnecting = true;
  const Duration back_off = between(shard_.random(), 0ms, kReconnectMax);
  later(back_off + delay(connection.link), [this, id] {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    Connection& again = found->second;
    again.reconnecting = false;
    const auto alive = again.peer.lock();
    if (!alive || !reachable(again.link)) return;
    if (lost()) return reconnect(id);
    again.stale = false;
    alive->shard().post([peer = again.peer] {
      if (const auto client = peer.lock()) client->tell_all();
    });
  });
}

// --- leases

void MemoryServer::end_leases() {
  if (running_ && !frozen_) changed(engine_.expire(shard_.now()));
  arm_expiry();
}

void MemoryServer::arm_expiry() {
  const MonotonicTime next = engine_.next_expiry();
  // An earlier look finds nothing over and arms again.
  if (!running_ || frozen_ || next >= expiry_armed_) return;
  expiry_armed_ = next;
  later(next - shard_.now(), [this, next] {
    if (expiry_armed_ == next) expiry_armed_ = MonotonicTime::max();
    end_leases();
  });
}

}  // namespace godwit::coordination
