// A shard: one thread with its event loop, and what runs there.
//
//   shard.spawn(serve(std::move(stream)));                      // runs by itself until it or the shard ends
//   auto end = co_await other.call([&log] { return log.end(); });  // runs on `other`, its result comes back
//   shard.post([this] { wake(); });                             // from any thread
//
// Shards share nothing: what one owns is touched on it alone; what crosses is a message (call, post).
// Unless a function says otherwise it is called on the shard's own thread.
#pragma once

#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/time.h"
#include "runtime/list.h"
#include "runtime/random.h"
#include "runtime/task.h"

namespace godwit::runtime {

using Callback = std::move_only_function<void()>;

class Shard;

// What waits to be resumed, on the shard on which it began to wait. Lives in a coroutine's frame; leaves every list when it is
// destroyed, so that a destroyed frame is never resumed.
class ReadyNode : public ListNode {
 public:
  // The current shard's coroutine waits.
  void wait(std::coroutine_handle<> handle);

 private:
  friend class Shard;
  std::coroutine_handle<> handle_;
  const Shard* shard_ = nullptr;
};

class Timer;

class Shard {
 public:
  virtual ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // The shard whose thread this is; null on a foreign thread.
  static Shard* current();

  // For diagnostics and metrics: "shard-0", "journal".
  const std::string& name() const { return name_; }

  virtual MonotonicTime now() const = 0;
  virtual WallTime wall_now() const = 0;
  // This shard's generator; in the simulator derived from the seed.
  virtual Random& random() = 0;

  // Runs `callback` on this shard soon, after what was posted before it. From any thread. Callbacks that have
  // not run when the shard ends are destroyed without running.
  virtual void post(Callback callback) = 0;

  // Runs `task` until it ends; the shard owns its frame and destroys it with itself.
  void spawn(Task<void> task);

  // Runs `function` on this shard and returns what it returns (a value, nothing, or the result of the Task
  // that it returns) on the calling shard. On the same shard it is an ordinary call. Must be awaited on a
  // shard.
  template <class F>
  auto call(F function);

  // Resumes who waits with `node`, on this shard, from the event loop, in the order of the calls. Whoever is told from another
  // shard's thread would race with it: that is a broken invariant.
  void make_ready(ReadyNode& node);

  // Spawned tasks that have not ended.
  size_t spawned() const { return spawned_count_; }

 protected:
  explicit Shard(std::string name) : name_(std::move(name)) {}

  // For implementations: makes `this` what current() returns on the calling thread for the guard's life.
  class Enter {
   public:
    explicit Enter(Shard* shard);
    ~Enter();
    Enter(const Enter&) = delete;
    Enter& operator=(const Enter&) = delete;

   private:
    Shard* before_;
  };

  // For implementations: asks the loop to call run_ready() soon. Called on the shard's thread when the first
  // node becomes ready.
  virtual void request_run_ready() = 0;
  // Resumes what is ready at this moment (not what becomes ready meanwhile). False when nothing was.
  bool run_ready();
  // Destroys the frames of all spawned tasks. Implementations call it in their destructor or at a crash,
  // while everything that frames refer to still exists.
  void destroy_spawned();

  // Timers: calls timer.fire() on the shard at `when` or later. At most one start for each timer until it
  // fires or is stopped.
  virtual void timer_start(Timer& timer, MonotonicTime when) = 0;
  virtual void timer_stop(Timer& timer) = 0;

 private:
  friend class Timer;
  struct Root;
  static Root run_root(Shard& shard, Task<void> task);

  std::string name_;
  List ready_;
  List roots_;
  size_t spawned_count_ = 0;
};

// Calls back once at a time, on the shard it belongs to. Stops when destroyed.
class Timer {
 public:
  explicit Timer(Shard& shard) : shard_(shard) {}
  ~Timer() { stop(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Calls `callback` at `when`, or as soon as the loop turns when that has passed. Replaces an earlier start.
  void start(MonotonicTime when, Callback callback);
  // Forgets the callback; nothing happens when none is pending.
  void stop();
  bool pending() const { return pending_; }
  MonotonicTime when() const { return when_; }

  // For Shard implementations.
  void fire();
  uint64_t sequence = 0;  // the implementation's mark: order among equal times
  size_t place = 0;       // the implementation's mark: where it keeps this timer

 private:
  Shard& shard_;
  Callback callback_;
  MonotonicTime when_{};
  bool pending_ = false;
};

// Suspends the caller until the time has come.
Task<void> sleep_until(MonotonicTime when);
Task<void> sleep_for(Duration duration);

// Lets everything else that is ready run first.
Task<void> yield();

namespace detail {

template <class R>
struct IsTask : std::false_type {
  using type = R;
};
template <class R>
struct IsTask<Task<R>> : std::true_type {
  using type = R;
};

// Shared by the two shards of a call. `waiter` and `abandoned` are touched on the calling shard only;
// `result` is written on the called one and read after its post has arrived back.
template <class R>
struct CallState {
  using Stored = std::conditional_t<std::is_void_v<R>, bool, R>;
  std::optional<Stored> result;
  std::coroutine_handle<> waiter;
  bool abandoned = false;
};

template <class R>
struct CallAwaiter {
  std::shared_ptr<CallState<R>> state;
  explicit CallAwaiter(std::shared_ptr<CallState<R>> s) : state(std::move(s)) {}
  CallAwaiter(const CallAwaiter&) = delete;
  CallAwaiter& operator=(const CallAwaiter&) = delete;
  ~CallAwaiter() { state->abandoned = true; }
  // Never looks at the result here: the other shard may be writing it at this moment.
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept { state->waiter = handle; }
  void await_resume() const noexcept {}
};

template <class F, class R>
Task<void> run_call(F function, std::shared_ptr<CallState<R>> state, Shard& origin) {
  using Direct = std::invoke_result_t<F&>;
  if constexpr (IsTask<Direct>::value) {
    if constexpr (std::is_void_v<R>) {
      co_await function();
      state->result.emplace(true);
    } else {
      state->result.emplace(co_await function());
    }
  } else if constexpr (std::is_void_v<R>) {
    function();
    state->result.emplace(true);
  } else {
    state->result.emplace(function());
  }
  origin.post([state = std::move(state)]() mutable {
    if (!state->abandoned && state->waiter) state->waiter.resume();
  });
}

template <class F, class R>
Task<R> call_on(Shard& target, F function) {
  using Direct = std::invoke_result_t<F&>;
  Shard* const origin = Shard::current();
  GW_CHECK(origin != nullptr, "a shard is called from a shard");
  if (origin == &target) {
    if constexpr (IsTask<Direct>::value) {
      co_return co_await function();
    } else {
      co_return function();
    }
  }
  auto state = std::make_shared<CallState<R>>();
  target.post([&target, function = std::move(function), state, origin]() mutable {
    target.spawn(run_call<F, R>(std::move(function), std::move(state), *origin));
  });
  co_await CallAwaiter<R>(state);
  if constexpr (!std::is_void_v<R>) co_return std::move(*state->result);
}

}  // namespace detail

template <class F>
auto Shard::call(F function) {
  using R = typename detail::IsTask<std::invoke_result_t<F&>>::type;
  return detail::call_on<F, R>(*this, std::move(function));
}

}  // namespace godwit::runtime
