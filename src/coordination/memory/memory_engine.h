// What an engine of coordination holds: keys, leases, and which keys hang on which lease. Pure: the time comes in, the
// keys that changed go out. MemoryServer puts it behind delays and faults.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/strong.h"
#include "coordination/memory/memory_coordination.h"

namespace godwit::coordination {

// Names a lease at the engine; never given twice, also not after an engine lost everything.
using LeaseId = Strong<struct LeaseIdTag, uint64_t>;

class MemoryEngine {
 public:
  using Keys = std::vector<std::string>;

  // A lease asked for a shorter timeout gets this one, as at etcd and ZooKeeper.
  explicit MemoryEngine(Duration lease_timeout_min) : lease_timeout_min_(lease_timeout_min) {}

  // The keys and the leases as they are, to go back to.
  struct Snapshot {
    KeySpace keys;
    std::map<LeaseId, Duration> leases;  // with their timeouts
    std::map<std::string, LeaseId> owners;
  };

  const KeySpace& keys() const { return keys_; }
  size_t leases() const { return leases_.size(); }

  // Carries the transaction out and gives the keys that it wrote. Errors: conflict, limit (nothing changed). A key that
  // is put without a lease hangs on none from then on.
  Result<Keys> commit(const Transaction& transaction);
  // The same for the holder of a lease, on which the keys put by put_leased hang from then on. Error besides: not_found.
  Result<Keys> commit(const Transaction& transaction, LeaseId lease);

  struct Granted {
    LeaseId lease;
    Duration timeout;
  };
  // A lease that ends at now + its timeout unless it is kept alive.
  Granted grant(Duration timeout, MonotonicTime now);
  // Lets it live until now + its timeout. Error: not_found.
  Result<void> keep_alive(LeaseId lease, MonotonicTime now);
  // Whether it lives, and nothing else. Error: not_found.
  Result<void> check(LeaseId lease) const;
  // Ends it; gives the keys that vanished. Error: not_found.
  Result<Keys> revoke(LeaseId lease);
  // Ends the leases whose time is over; gives the keys that vanished.
  Keys expire(MonotonicTime now);
  // When the next lease would end; max() without any.
  MonotonicTime next_expiry() const;
  // Every lease begins its timeout anew.
  void extend_all(MonotonicTime now);

  Snapshot snapshot() const;
  // Everything since is gone; leases of the snapshot live again, for a timeout from now. Versions go back too: those
  // given since then are given again, for other values, as after a restore of etcd.
  void restore(Snapshot snapshot, MonotonicTime now);

 private:
  struct Held {
    Duration timeout;
    MonotonicTime ends;
  };
  Keys apply(const Transaction& transaction, const LeaseId* lease);

  Duration lease_timeout_min_;
  KeySpace keys_;
  std::map<LeaseId, Held> leases_;
  std::map<std::string, LeaseId> owners_;  // of leased keys
  uint64_t last_lease_ = 0;
};

}  // namespace godwit::coordination
