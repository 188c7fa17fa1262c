// Task<T>: a coroutine that starts when it is awaited and hands its result to whoever awaited it.
//
//   Task<Result<Bytes>> read_identity(FileSystem& files) {
//     auto file = co_await files.open("identity", {});
//     if (!file) co_return fail(file.error());
//     …
//   }
//
// A task runs on the shard that awaits it and resumes there: no locks are needed for what a shard owns. It is
// awaited at most once. Destroying a task that is suspended destroys its frame and, by ownership, those that
// it awaits; every awaitable of runtime allows that (the simulator's crash relies on it). Exceptions do not
// leave a task: one that tries stops the process.
//
// Take parameters by value unless the caller awaits at once and keeps the argument alive: a lambda that
// captures is destroyed before its coroutine ends unless it is kept; pass what it needs as parameters
// instead.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace godwit::runtime {

template <class T = void>
class Task;

namespace detail {

struct FinalAwaiter {
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
    const auto next = self.promise().continuation;
    return next ? next : std::coroutine_handle<>(std::noop_coroutine());
  }
  void await_resume() const noexcept {}
};

struct PromiseBase {
  std::coroutine_handle<> continuation;
  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept {
    check_failed(__FILE__, __LINE__, "no exception leaves a task", describe_current());
  }
  static const char* describe_current() noexcept {
    try {
      throw;
    } catch (const std::exception& e) {
      static thread_local char text[256];
      __builtin_strncpy(text, e.what(), sizeof text - 1);
      return text;
    } catch (...) {
      return "not a std::exception";
    }
  }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object() noexcept;
  template <class U>
    requires std::is_constructible_v<T, U&&>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  void return_value(T result) { value.emplace(std::move(result)); }
  T take() {
    GW_CHECK(value.has_value(), "a task's result is taken once, after it ended");
    return std::move(*value);
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const noexcept {}
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  // Whether there is a coroutine; false after a move.
  explicit operator bool() const { return static_cast<bool>(handle_); }
  bool done() const { return handle_ && handle_.done(); }

  // Runs the coroutine until its first suspension, with nobody waiting for it. The task must outlive it; used
  // by when_all and by the simulator.
  void start() { handle_.resume(); }

  auto operator co_await() const noexcept {
    struct Awaiter {
      Handle handle;
      bool await_ready() const noexcept { return handle.done(); }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) const noexcept {
        handle.promise().continuation = caller;
        return handle;  // symmetric transfer: a long chain of awaits takes no stack
      }
      T await_resume() const { return handle.promise().take(); }
    };
    return Awaiter{handle_};
  }

 private:
  Handle handle_{};
};

namespace detail {

template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

}  // namespace detail

}  // namespace godwit::runtime
