// What the cluster agrees on, kept by an engine that exists: a file (local), etcd, ZooKeeper, or memory for tests.
// Small, ordered keys with versions; never asked on the path of a publish or a fetch.
//
//   auto topic = co_await store.get("/topics/AbC…");
//   Transaction change;
//   change.require("/topics/AbC…", topic->version).put("/topics/AbC…", encoded);
//   auto outcome = co_await store.commit(std::move(change));
//   // conflict: somebody else was first, read again. timed_out: unknown, read back (rule 19)
//
// The contract (one suite for all implementations):
// - a transaction changes all of its keys or none; conditions are checked in the same instant;
// - versions of a key differ between any two writes, also across deletion and recreation; nothing else is said of them,
//   and none of them enters durable data of a broker;
// - get and list are linearizable;
// - a watch is level-triggered: "something under the prefix changed since you last asked"; states may be skipped.
//
// Belongs to one shard.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "runtime/task.h"

namespace godwit::coordination {

using Version = uint64_t;
constexpr Version kAbsent = 0;  // the version of a key that does not exist

struct KeyValue {
  std::string key;
  Bytes value;
  Version version = kAbsent;
  friend bool operator==(const KeyValue&, const KeyValue&) = default;
};

// What the engines behind allow in one transaction (etcd: 128 operations; ZooKeeper: 1 MB).
constexpr size_t kTransactionOperationsMax = 128;
constexpr size_t kTransactionBytesMax = 1'000'000;

class Transaction {
 public:
  struct Condition {
    std::string key;
    Version version;  // kAbsent: must not exist
  };
  struct Write {
    std::string key;
    std::optional<Bytes> value;  // empty: delete
    bool leased = false;         // vanishes with the lease that commits it
  };
  Transaction& require(std::string key, Version version) {
    conditions.push_back({std::move(key), version});
    return *this;
  }
  Transaction& put(std::string key, Bytes value) {
    writes.push_back({std::move(key), std::move(value), false});
    return *this;
  }
  // For Lease::commit alone: the key vanishes with the lease.
  Transaction& put_leased(std::string key, Bytes value) {
    writes.push_back({std::move(key), std::move(value), true});
    return *this;
  }
  Transaction& remove(std::string key) {
    writes.push_back({std::move(key), std::nullopt, false});
    return *this;
  }
  std::vector<Condition> conditions;
  std::vector<Write> writes;  // each key at most once
};

class Watch {
 public:
  virtual ~Watch() = default;
  // Waits until something under the prefix may have changed since the last call (or since the watch was made). Errors:
  // closed.
  virtual runtime::Task<Result<void>> changed() = 0;
};

// Keys put with a lease vanish when it ends: by revoke(), or when nobody keeps it alive. Whoever holds the object keeps it
// alive; destroying it without revoke() leaves its keys until the timeout, as a crash does.
class Lease {
 public:
  virtual ~Lease() = default;
  // The timeout that was negotiated; may be longer than what was asked.
  virtual Duration timeout() const = 0;
  // Until when the holder may believe in it: counted from before the last keep-alive was sent that was answered, on a
  // clock that counts suspend. In the past: the holder must act as if the lease were lost.
  virtual MonotonicTime valid_until() const = 0;
  // Keep-alives go out only while this gives true (design-cluster rule 13); none set: always.
  virtual void keep_alive_while(std::function<bool()> healthy) = 0;
  // As Coordination::commit; writes by put_leased vanish with this lease, others stay. Errors besides: not_found (the lease
  // has ended: its keys are gone or going; grant a new one).
  virtual runtime::Task<Result<void>> commit(Transaction transaction) = 0;
  // Returns once the lease is known to have ended: expired at the engine, or its session lost. closed after revoke().
  virtual runtime::Task<Result<void>> lost() = 0;
  virtual runtime::Task<Result<void>> revoke() = 0;
};

class Coordination {
 public:
  virtual ~Coordination() = default;
  // Empty when there is no such key. Errors of all calls: unavailable (no engine reachable; try again), timed_out.
  virtual runtime::Task<Result<std::optional<KeyValue>>> get(std::string key) = 0;
  // All keys that begin with `prefix`, in order.
  virtual runtime::Task<Result<std::vector<KeyValue>>> list(std::string prefix) = 0;
  // Errors: conflict (a condition does not hold; nothing changed), limit (too large), unavailable (nothing
  // changed), timed_out (it may have happened: read back).
  virtual runtime::Task<Result<void>> commit(Transaction transaction) = 0;
  virtual runtime::Task<Result<std::unique_ptr<Lease>>> grant(Duration timeout) = 0;
  virtual std::unique_ptr<Watch> watch(std::string prefix) = 0;
  // Ends everything under way with ErrorKind::closed.
  virtual runtime::Task<void> close() = 0;
};

}  // namespace godwit::coordination
