// Calls that are under way on gRPC's threads and come home to a shard. For wire.cpp alone; gRPC's types are not in it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <coroutine>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/shard.h"

namespace godwit::coordination::etcd {

// One call under way. What derived classes hold lives until gRPC has let go of the call; `waiter` and `abandoned` are the
// shard's.
struct Call {
  virtual ~Call() = default;
  // Asks gRPC to end it soon. From any thread.
  virtual void cancel() = 0;
  // On the shard, once it has ended.
  virtual void arrive() {
    if (!abandoned && waiter) waiter.resume();
  }
  std::coroutine_handle<> waiter;
  bool abandoned = false;
  uint64_t id = 0;  // given by begin()
};

// The calls of one wire: so that close() reaches all, and the wire goes only when no thread of gRPC's will come back.
//
// A call has a share in its channel, and gRPC's threads must never drop the last one: the end of the last channel waits for
// the end of these very threads. So a call is owned here, then by the message that brings it home; nothing on gRPC's
// side owns it.
class Calls {
 public:
  explicit Calls(runtime::Shard& shard) : shard_(shard) {}

  void begin(std::shared_ptr<Call> call) {
    const std::lock_guard lock(mutex_);
    call->id = ++last_id_;
    calls_.emplace(call->id, std::move(call));
  }
  // On gRPC's thread, once and last: brings the call home. `call` may be gone when this returns.
  void end(Call& call) {
    const uint64_t id = call.id;
    std::shared_ptr<Call> owner;
    {
      const std::lock_guard lock(mutex_);
      owner = std::move(calls_.at(id));
    }
    shard_.post([owner = std::move(owner)] { owner->arrive(); });
    // Counted until now: the wire keeps its channels while this thread may still drop the message.
    const std::lock_guard lock(mutex_);
    calls_.erase(id);
    if (calls_.empty()) none_.notify_all();
  }
  void post(runtime::Callback callback) { shard_.post(std::move(callback)); }
  void cancel_all() {
    closed_ = true;
    std::vector<std::shared_ptr<Call>> all;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [id, call] : calls_)
        if (call) all.push_back(call);
    }
    // Outside the lock: cancelling may end a call on this very thread.
    for (const auto& call : all) call->cancel();
  }
  void wait_for_none() {
    std::unique_lock lock(mutex_);
    none_.wait(lock, [this] { return calls_.empty(); });
  }
  bool closed() const { return closed_; }

 private:
  runtime::Shard& shard_;
  std::atomic<bool> closed_ = false;
  std::mutex mutex_;
  std::condition_variable none_;
  std::unordered_map<uint64_t, std::shared_ptr<Call>> calls_;  // guarded by mutex_; empty: on its way home
  uint64_t last_id_ = 0;                                       // guarded by mutex_
};

// Starts the call once the coroutine is suspended, and cancels it when the coroutine goes.
template <class Start>
class CallAwaiter {
 public:
  CallAwaiter(std::shared_ptr<Call> call, Start start) : call_(std::move(call)), start_(std::move(start)) {}
  CallAwaiter(const CallAwaiter&) = delete;
  CallAwaiter& operator=(const CallAwaiter&) = delete;
  ~CallAwaiter() {
    if (resumed_) return;
    call_->abandoned = true;
    call_->cancel();
  }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    call_->waiter = handle;
    start_();
  }
  void await_resume() noexcept { resumed_ = true; }

 private:
  std::shared_ptr<Call> call_;
  Start start_;
  bool resumed_ = false;
};

}  // namespace godwit::coordination::etcd
