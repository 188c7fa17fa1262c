#include "coordination/memory/memory_engine.h"

#include <algorithm>

namespace godwit::coordination {
namespace {

auto unknown_lease(LeaseId lease) {
  return fail(ErrorKind::not_found, "lease " + to_string(lease) + " has ended");
}

}  // namespace

Result<MemoryEngine::Keys> MemoryEngine::commit(const Transaction& transaction) {
  for (const auto& write : transaction.writes)
    GW_CHECK(!write.leased, "a leased key is put through its lease");
  GW_TRY(return, keys_.check(transaction));
  return apply(transaction, nullptr);
}

Result<MemoryEngine::Keys> MemoryEngine::commit(const Transaction& transaction, LeaseId lease) {
  if (!leases_.contains(lease)) return unknown_lease(lease);
  GW_TRY(return, keys_.check(transaction));
  return apply(transaction, &lease);
}

MemoryEngine::Keys MemoryEngine::apply(const Transaction& transaction, const LeaseId* lease) {
  keys_.apply(transaction.writes);
  Keys changed;
  for (const auto& write : transaction.writes) {
    owners_.erase(write.key);
    if (write.leased && write.value) owners_.emplace(write.key, *lease);
    changed.push_back(write.key);
  }
  return changed;
}

MemoryEngine::Granted MemoryEngine::grant(Duration timeout, MonotonicTime now) {
  const Granted granted{LeaseId(++last_lease_), std::max(timeout, lease_timeout_min_)};
  leases_.emplace(granted.lease, Held{granted.timeout, now + granted.timeout});
  return granted;
}

Result<void> MemoryEngine::keep_alive(LeaseId lease, MonotonicTime now) {
  const auto found = leases_.find(lease);
  if (found == leases_.end()) return unknown_lease(lease);
  found->second.ends = now + found->second.timeout;
  return {};
}

Result<void> MemoryEngine::check(LeaseId lease) const {
  if (!leases_.contains(lease)) return unknown_lease(lease);
  return {};
}

Result<MemoryEngine::Keys> MemoryEngine::revoke(LeaseId lease) {
  if (leases_.erase(lease) == 0) return unknown_lease(lease);
  Transaction removal;
  for (const auto& [key, owner] : owners_)
    if (owner == lease) removal.remove(key);
  return apply(removal, nullptr);
}

MemoryEngine::Keys MemoryEngine::expire(MonotonicTime now) {
  std::vector<LeaseId> over;
  for (const auto& [lease, held] : leases_)
    if (held.ends <= now) over.push_back(lease);
  Keys vanished;
  for (const LeaseId lease : over) {
    auto keys = revoke(lease);
    vanished.insert(vanished.end(), keys->begin(), keys->end());
  }
  return vanished;
}

MonotonicTime MemoryEngine::next_expiry() const {
  auto next = MonotonicTime::max();
  for (const auto& [lease, held] : leases_) next = std::min(next, held.ends);
  return next;
}

void MemoryEngine::extend_all(MonotonicTime now) {
  for (auto& [lease, held] : leases_) held.ends = now + held.timeout;
}

MemoryEngine::Snapshot MemoryEngine::snapshot() const {
  Snapshot taken{keys_, {}, owners_};
  for (const auto& [lease, held] : leases_) taken.leases.emplace(lease, held.timeout);
  return taken;
}

void MemoryEngine::restore(Snapshot snapshot, MonotonicTime now) {
  keys_ = std::move(snapshot.keys);
  owners_ = std::move(snapshot.owners);
  leases_.clear();
  for (const auto& [lease, timeout] : snapshot.leases) leases_.emplace(lease, Held{timeout, now + timeout});
}

}  // namespace godwit::coordination
