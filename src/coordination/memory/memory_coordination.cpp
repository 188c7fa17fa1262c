#include "coordination/memory/memory_coordination.h"

#include <algorithm>

namespace godwit::coordination {

using runtime::Task;

Result<void> KeySpace::check(const Transaction& transaction) const {
  size_t bytes = 0;
  for (const auto& write : transaction.writes)
    bytes += write.key.size() + (write.value ? write.value->size() : 0);
  if (transaction.conditions.size() + transaction.writes.size() > kTransactionOperationsMax ||
      bytes > kTransactionBytesMax) {
    return fail(ErrorKind::limit, "a transaction has at most 128 operations and 1 MB");
  }
  for (const auto& condition : transaction.conditions) {
    const auto found = keys_.find(condition.key);
    const Version version = found == keys_.end() ? kAbsent : found->second.version;
    if (version != condition.version)
      return fail(ErrorKind::conflict, condition.key + " was changed by somebody else");
  }
  return {};
}

void KeySpace::apply(const std::vector<Transaction::Write>& writes) {
  for (const auto& write : writes) {
    if (write.value) {
      keys_.insert_or_assign(write.key, Entry{*write.value, ++last_version_});
    } else {
      keys_.erase(write.key);
    }
  }
}

std::optional<KeyValue> KeySpace::get(std::string_view key) const {
  const auto found = keys_.find(key);
  if (found == keys_.end()) return std::nullopt;
  return KeyValue{found->first, found->second.value, found->second.version};
}

std::vector<KeyValue> KeySpace::list(std::string_view prefix) const {
  std::vector<KeyValue> all;
  for (auto at = keys_.lower_bound(prefix); at != keys_.end() && at->first.starts_with(prefix); ++at) {
    all.push_back({at->first, at->second.value, at->second.version});
  }
  return all;
}

class MemoryCoordination::MemoryWatch final : public Watch, public runtime::ListNode {
 public:
  MemoryWatch(std::string prefix, const bool& closed) : prefix_(std::move(prefix)), closed_(closed) {}
  Task<Result<void>> changed() override {
    while (!news_) {
      if (closed_) co_return fail(ErrorKind::closed, "the coordination store was closed");
      co_await arrived_.wait();
    }
    news_ = false;
    co_return Result<void>();
  }
  bool covers(const std::string& key) const { return key.starts_with(prefix_); }
  void tell() {
    news_ = true;
    arrived_.notify_all();
  }
  void wake() { arrived_.notify_all(); }

 private:
  std::string prefix_;
  const bool& closed_;
  bool news_ = false;
  runtime::Condition arrived_;
};

// Within one process the holder is alive as long as the store is: the lease ends by revoke, or at once by destruction.
class MemoryCoordination::MemoryLease final : public Lease {
 public:
  MemoryLease(MemoryCoordination& store, Duration timeout) : store_(store), timeout_(timeout) {}
  ~MemoryLease() override { store_.end(*this); }
  Duration timeout() const override { return timeout_; }
  MonotonicTime valid_until() const override {
    return revoked_ ? MonotonicTime::min() : MonotonicTime::max();
  }
  void keep_alive_while(std::function<bool()>) override {}
  Task<Result<void>> commit(Transaction transaction) override {
    if (revoked_) co_return fail(ErrorKind::not_found, "the lease was revoked");
    const auto lock = co_await store_.changing_.lock();
    GW_TRY(co_return, store_.keys_.check(transaction));
    // What a lease holds is not durable: a new start of the process is a new holder.
    std::vector<Transaction::Write> lasting;
    for (const auto& write : transaction.writes) {
      if (!write.leased) {
        lasting.push_back(write);
      } else if (store_.keys_.get(write.key) && !store_.is_leased(write.key)) {
        // The durable value that stood there is gone from now on, whatever becomes of the lease.
        lasting.push_back({write.key, std::nullopt});
      }
    }
    if (store_.persist_ && !lasting.empty()) GW_TRY(co_return, co_await store_.persist_(lasting));
    if (revoked_) {
      // While the others were made durable: those stand, as at an engine where the revocation came a moment later.
      store_.apply(lasting, nullptr);
    } else {
      store_.apply(transaction.writes, this);
    }
    co_return Result<void>();
  }
  Task<Result<void>> lost() override {
    while (!revoked_) co_await ended_.wait();
    co_return fail(ErrorKind::closed, "the lease was revoked");
  }
  Task<Result<void>> revoke() override {
    revoked_ = true;
    ended_.notify_all();
    store_.end(*this);
    co_return Result<void>();
  }

 private:
  MemoryCoordination& store_;
  Duration timeout_;
  bool revoked_ = false;
  runtime::Condition ended_;
};

MemoryCoordination::MemoryCoordination(Persist persist) : persist_(std::move(persist)) {}
MemoryCoordination::~MemoryCoordination() = default;

Task<Result<std::optional<KeyValue>>> MemoryCoordination::get(std::string key) {
  co_return keys_.get(key);
}
Task<Result<std::vector<KeyValue>>> MemoryCoordination::list(std::string prefix) {
  co_return keys_.list(prefix);
}

Task<Result<void>> MemoryCoordination::commit(Transaction transaction) {
  for (const auto& write : transaction.writes)
    GW_CHECK(!write.leased, "a leased key is put through its lease");
  if (closed_) co_return fail(ErrorKind::closed, "the coordination store was closed");
  // One at a time: conditions still hold when the writes take effect after they were made durable.
  const auto lock = co_await changing_.lock();
  GW_TRY(co_return, keys_.check(transaction));
  if (persist_) GW_TRY(co_return, co_await persist_(transaction.writes));
  apply(transaction.writes, nullptr);
  co_return Result<void>();
}

Task<Result<std::unique_ptr<Lease>>> MemoryCoordination::grant(Duration timeout) {
  if (closed_) co_return fail(ErrorKind::closed, "the coordination store was closed");
  co_return std::make_unique<MemoryLease>(*this, timeout);
}

std::unique_ptr<Watch> MemoryCoordination::watch(std::string prefix) {
  auto made = std::make_unique<MemoryWatch>(std::move(prefix), closed_);
  watches_.push_back(*made);
  return made;
}

Task<void> MemoryCoordination::close() {
  closed_ = true;
  watches_.for_each([](runtime::ListNode& node) { static_cast<MemoryWatch&>(node).wake(); });
  co_return;
}

void MemoryCoordination::apply(const std::vector<Transaction::Write>& writes, const MemoryLease* lease) {
  keys_.apply(writes);
  for (const auto& write : writes) {
    // A key that is put without a lease hangs on none from then on.
    owners_.erase(write.key);
    if (write.value && write.leased) owners_.emplace(write.key, lease);
  }
  notify(writes);
}

void MemoryCoordination::end(const MemoryLease& lease) {
  std::vector<Transaction::Write> gone;
  for (const auto& [key, owner] : owners_) {
    if (owner == &lease) gone.push_back({key, std::nullopt});
  }
  apply(gone, nullptr);
}

void MemoryCoordination::notify(const std::vector<Transaction::Write>& writes) {
  watches_.for_each([&](runtime::ListNode& node) {
    auto& watch = static_cast<MemoryWatch&>(node);
    if (std::ranges::any_of(writes, [&](const auto& write) { return watch.covers(write.key); })) watch.tell();
  });
}

}  // namespace godwit::coordination
