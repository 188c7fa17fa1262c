// Coordination in memory: for tests and simulation, and the state machine under the local file. It has no durability of
// its own.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "coordination/coordination.h"
#include "runtime/list.h"
#include "runtime/sync.h"

namespace godwit::coordination {

// The keys and their versions: what a transaction does to them. Pure.
class KeySpace {
 public:
  // What is wrong with the transaction as it stands: limit or conflict; nothing when apply() may follow.
  Result<void> check(const Transaction& transaction) const;
  // Carries the writes out. Requires check().
  void apply(const std::vector<Transaction::Write>& writes);

  std::optional<KeyValue> get(std::string_view key) const;
  std::vector<KeyValue> list(std::string_view prefix) const;
  size_t size() const { return keys_.size(); }

 private:
  struct Entry {
    Bytes value;
    Version version = kAbsent;
  };
  std::map<std::string, Entry, std::less<>> keys_;
  Version last_version_ = kAbsent;
};

// Watches and leases over a KeySpace; `persist` is awaited before a change takes effect.
class MemoryCoordination : public Coordination {
 public:
  // Makes the writes durable. On an error nothing is changed, and the caller is told it.
  using Persist = std::function<runtime::Task<Result<void>>(const std::vector<Transaction::Write>&)>;
  explicit MemoryCoordination(Persist persist = nullptr);
  ~MemoryCoordination() override;

  runtime::Task<Result<std::optional<KeyValue>>> get(std::string key) override;
  runtime::Task<Result<std::vector<KeyValue>>> list(std::string prefix) override;
  runtime::Task<Result<void>> commit(Transaction transaction) override;
  runtime::Task<Result<std::unique_ptr<Lease>>> grant(Duration timeout) override;
  std::unique_ptr<Watch> watch(std::string prefix) override;
  runtime::Task<void> close() override;

  // For loading: applies writes that are durable already.
  void load(const std::vector<Transaction::Write>& writes) { keys_.apply(writes); }
  const KeySpace& keys() const { return keys_; }
  // Whether the key vanishes with a lease: it has never been made durable, or not any more.
  bool is_leased(const std::string& key) const { return owners_.contains(key); }

 private:
  class MemoryLease;
  class MemoryWatch;
  // Carries out what was made durable, for the lease's holder or, without one, for anybody.
  void apply(const std::vector<Transaction::Write>& writes, const MemoryLease* lease);
  void end(const MemoryLease& lease);
  void notify(const std::vector<Transaction::Write>& writes);

  Persist persist_;
  KeySpace keys_;
  std::map<std::string, const MemoryLease*> owners_;  // of leased keys
  runtime::Mutex changing_;
  runtime::List watches_;
  bool closed_ = false;
};

}  // namespace godwit::coordination
