#include "cluster/fenced_store.h"

#include <algorithm>

#include "cluster/stored_control.h"

namespace godwit::cluster {
namespace {

using coordination::Transaction;
using coordination::Version;
using runtime::Task;

constexpr std::string_view kFenceKey = "/fence";
constexpr size_t kInFlight = 4;
constexpr Duration kBackOff = std::chrono::milliseconds(20);

}  // namespace

Task<Result<void>> FencedStore::open() {
  auto fence = co_await store_.get(std::string(kFenceKey));
  if (!fence) co_return fail(fence.error());
  if ((*fence ? (*fence)->version : coordination::kAbsent) != fence_version_) {
    co_return fail(ErrorKind::conflict, "the office of controller was taken by somebody else");
  }
  // Whatever an earlier write of this fence left on its way, it carries an older guard.
  Transaction raise;
  raise.require(std::string(kFenceKey), fence_version_).put(std::string(keys::kGuard), to_bytes("guard"));
  GW_TRY(co_return, co_await store_.commit(std::move(raise)));
  auto guard = co_await store_.get(std::string(keys::kGuard));
  if (!guard) co_return fail(guard.error());
  if (!*guard) co_return fail(ErrorKind::unavailable, "the guard vanished from the coordination store");
  guard_version_ = (*guard)->version;
  co_return Result<void>();
}

Task<bool> FencedStore::write(std::vector<Write> writes) {
  bool uncertain_before = false;
  while (!ended_) {
    const Version used = guard_version_;
    Transaction transaction;
    transaction.require(std::string(kFenceKey), fence_version_).require(std::string(keys::kGuard), used);
    transaction.writes = writes;
    const auto done = co_await store_.commit(std::move(transaction));
    if (done) {
      told_ = false;
      co_return !ended_;
    }
    switch (done.error().kind) {
      case ErrorKind::conflict:
        co_await renew(used, false);
        break;
      // Nothing happened.
      case ErrorKind::unavailable:
      case ErrorKind::no_space:
      case ErrorKind::permission:
      case ErrorKind::invalid:
        tell(done.error());
        co_await back_off();
        break;
      case ErrorKind::closed:
        end();
        break;
      case ErrorKind::limit:
        // Callers bound what they write; repeating it would not help, and leaving it out would be wrong.
        diagnostics_.emit(
            {Severity::error,
             "controller.write_refused",
             "the coordination store refuses a write for its size: this broker gives the office up",
             {{"error", done.error().describe()}}});
        end();
        break;
      default:
        // Unknown whether it happened. What is no timeout, or comes again, may come at once each time: a store that refuses for
        // reasons of its own, or ends the connection for what this write is.
        if (std::exchange(uncertain_before, true) || done.error().kind != ErrorKind::timed_out) {
          tell(done.error());
          co_await back_off();
        }
        co_await renew(used, true);
        break;
    }
  }
  co_return false;
}

Task<bool> FencedStore::work(const std::vector<std::vector<Write>>& transactions, size_t& next) {
  while (next < transactions.size()) {
    const size_t mine = next++;
    if (!co_await write(transactions[mine])) co_return false;
  }
  co_return true;
}

Task<bool> FencedStore::write_all(std::vector<std::vector<Write>> transactions) {
  size_t next = 0;
  std::vector<Task<bool>> workers;
  for (size_t i = 0; i < std::min(kInFlight, transactions.size()); ++i)
    workers.push_back(work(transactions, next));
  if (workers.empty()) co_return !ended_;
  const auto done = co_await runtime::when_all(std::move(workers));
  co_return std::all_of(done.begin(), done.end(), [](bool one) { return one; });
}

Task<void> FencedStore::renew(Version used, bool raise) {
  const auto lock = co_await renewing_.lock();
  // Done by another write meanwhile: raised after this one was sent, for this one was sent with the older guard.
  while (!ended_ && guard_version_ == used) {
    if (raise) {
      Transaction transaction;
      transaction.require(std::string(kFenceKey), fence_version_)
          .put(std::string(keys::kGuard), to_bytes("guard"));
      const auto done = co_await store_.commit(std::move(transaction));
      if (!done && done.error().kind == ErrorKind::conflict) {
        end();
        co_return;
      }
      if (!done) {
        if (done.error().kind == ErrorKind::closed) end();
        tell(done.error());
        co_await back_off();
        continue;
      }
    }
    if (!co_await read_guard()) co_await back_off();
    if (!raise) {
      // A conflict, and yet both are as they were: the store is in trouble.
      if (guard_version_ == used) co_await back_off();
      break;
    }
  }
}

Task<bool> FencedStore::read_guard() {
  auto fence = co_await store_.get(std::string(kFenceKey));
  if (!fence) co_return false;
  if ((*fence ? (*fence)->version : coordination::kAbsent) != fence_version_) {
    end();
    co_return true;
  }
  auto guard = co_await store_.get(std::string(keys::kGuard));
  if (!guard || !*guard) co_return false;
  guard_version_ = (*guard)->version;
  co_return true;
}

void FencedStore::tell(const Error& error) {
  if (ended_ || std::exchange(told_, true)) return;
  diagnostics_.emit({Severity::warning,
                     "controller.store_unavailable",
                     "the coordination store takes no writes: changes of the cluster wait",
                     {{"error", error.describe()}}});
}

Task<void> FencedStore::back_off() {
  if (ended_) co_return;
  (void)co_await ending_.wait_until(runtime::Shard::current()->now() + kBackOff);
}

void FencedStore::end() {
  ended_ = true;
  ending_.notify_all();
}

Task<void> FencedStore::wait_for_end() {
  while (!ended_) co_await ending_.wait();
}

}  // namespace godwit::cluster
