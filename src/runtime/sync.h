// Waiting for one another on one shard. None of these is for several threads; across shards use Shard::call.
// Waiters are resumed from the event loop, never inside notify, release or push, in the order in which they
// came.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "runtime/shard.h"

namespace godwit::runtime {

// "Something changed, look again."
//
//   while (!log.is_durable(offset)) co_await changed.wait();
class Condition {
 public:
  class Awaiter;
  Condition() = default;
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;

  // Suspends until the next notify; gives true. The condition must outlive its waiters.
  Awaiter wait();
  // The same, but gives false when `deadline` comes first.
  Awaiter wait_until(MonotonicTime deadline);

  // Resumes the one that waits longest. When its frame is destroyed before it runs, the next one is resumed
  // in its place: a notification is not lost with a frame.
  void notify_one();
  void notify_all();
  bool has_waiters() const { return !waiters_.empty(); }

 private:
  // In `waiters_` while it waits, in `notified_` until it is resumed, in neither once the condition is gone.
  struct Waiter : ListNode {
    ReadyNode ready;
    bool notified = false;
  };
  List waiters_;
  List notified_;
};

class [[nodiscard]] Condition::Awaiter {
 public:
  Awaiter(Condition& condition, std::optional<MonotonicTime> deadline)
      : condition_(condition), deadline_(deadline) {}
  ~Awaiter() {
    if (!waiter_.notified || !waiter_.linked()) return;
    waiter_.unlink();
    condition_.notify_one();
  }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle);
  bool await_resume() noexcept {
    timer_.reset();
    waiter_.unlink();
    return !expired_;
  }

 private:
  Condition& condition_;
  std::optional<MonotonicTime> deadline_;
  Waiter waiter_;
  std::optional<Timer> timer_;
  bool expired_ = false;
};

// Counts a bounded resource, such as bytes of memory for requests in flight. First come, first served: a
// large request is not overtaken for ever by small ones.
class Semaphore {
 public:
  explicit Semaphore(size_t units) : capacity_(units), free_(units) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;
  // Waits until `units` are free, then takes them. More than the capacity counts as the whole capacity, so
  // that an oversized request waits for all and then passes alone.
  class Awaiter;
  Awaiter acquire(size_t units);
  // Takes `units` now, or nothing and false (also while somebody waits).
  bool try_acquire(size_t units);
  // Gives back what acquire took; `units` as asked then.
  void release(size_t units);
  size_t free() const { return free_; }
  size_t capacity() const { return capacity_; }

 private:
  size_t capped(size_t units) const { return units < capacity_ ? units : capacity_; }
  size_t capacity_;
  // Hands free units to those who wait, in order, while the first one's wish fits.
  void grant();
  // In `waiters_` while it waits, in `granted_` until it is resumed, in neither once the semaphore is gone.
  struct Waiter : ListNode {
    ReadyNode ready;
    size_t units = 0;
    bool granted = false;
  };
  size_t free_;
  List waiters_;
  List granted_;
};

class [[nodiscard]] Semaphore::Awaiter {
 public:
  Awaiter(Semaphore& semaphore, size_t units) : semaphore_(semaphore) { waiter_.units = units; }
  // A frame that is destroyed between the grant and its resumption gives back what it was granted; one that
  // is destroyed while it waits no longer holds up those behind it.
  ~Awaiter() {
    if (!waiter_.linked()) return;
    waiter_.unlink();
    if (waiter_.granted) {
      semaphore_.release(waiter_.units);
    } else {
      semaphore_.grant();
    }
  }
  bool await_ready() { return semaphore_.try_acquire(waiter_.units); }
  void await_suspend(std::coroutine_handle<> handle) {
    waiter_.ready.wait(handle);
    semaphore_.waiters_.push_back(waiter_);
  }
  void await_resume() noexcept { waiter_.unlink(); }

 private:
  Semaphore& semaphore_;
  Waiter waiter_;
};

// One at a time.
class Mutex {
 public:
  // Holds the mutex while it lives.
  class Lock {
   public:
    explicit Lock(Mutex* mutex) : mutex_(mutex) {}
    Lock(Lock&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Lock& operator=(Lock&&) = delete;
    ~Lock() {
      if (mutex_ != nullptr) mutex_->semaphore_.release(1);
    }

   private:
    Mutex* mutex_;
  };
  Task<Lock> lock() {
    co_await semaphore_.acquire(1);
    co_return Lock(this);
  }
  bool locked() const { return semaphore_.free() == 0; }

 private:
  Semaphore semaphore_{1};
};

// Counts what is under way, so that an owner can wait for its end before it goes.
//
//   gate.spawn(shard, work());  …  co_await gate.close();   // nothing enters any more; waits for the rest
class Gate {
 public:
  // Runs the task on `shard` (the current one) inside the gate; false, and the task is dropped, once closed.
  bool spawn(Shard& shard, Task<void> task);
  bool closed() const { return closed_; }
  size_t inside() const { return inside_; }
  Task<void> close();

 private:
  Task<void> run(Task<void> task);
  size_t inside_ = 0;
  bool closed_ = false;
  Condition empty_;
};

// A backlog between coroutines of one shard.
template <class T>
class Queue {
 public:
  void push(T item) {
    if (closed_) return;
    items_.push_back(std::move(item));
    changed_.notify_one();
  }
  // The next item; empty once closed and drained.
  Task<std::optional<T>> pop() {
    while (items_.empty()) {
      if (closed_) co_return std::nullopt;
      co_await changed_.wait();
    }
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    co_return item;
  }
  // Nothing is pushed any more; what is inside is still popped.
  void close() {
    closed_ = true;
    changed_.notify_all();
  }
  size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }

 private:
  std::deque<T> items_;
  Condition changed_;
  bool closed_ = false;
};

namespace detail {

template <class T>
Task<void> run_joined(Task<T> task, std::optional<T>& out, size_t& left, Condition& done) {
  out.emplace(co_await task);
  if (--left == 0) done.notify_all();
}
inline Task<void> run_joined(Task<void> task, size_t& left, Condition& done) {
  co_await task;
  if (--left == 0) done.notify_all();
}

}  // namespace detail

// Runs all tasks at once on this shard and gives their results in order when the last has ended.
template <class T>
Task<std::vector<T>> when_all(std::vector<Task<T>> tasks) {
  std::vector<std::optional<T>> results(tasks.size());
  size_t left = tasks.size();
  Condition done;
  std::vector<Task<void>> running;
  running.reserve(tasks.size());
  for (size_t i = 0; i < tasks.size(); ++i) {
    running.push_back(detail::run_joined(std::move(tasks[i]), results[i], left, done));
  }
  for (auto& task : running) task.start();
  while (left > 0) co_await done.wait();
  std::vector<T> all;
  all.reserve(results.size());
  for (auto& result : results) all.push_back(std::move(*result));
  co_return all;
}

inline Task<void> when_all(std::vector<Task<void>> tasks) {
  size_t left = tasks.size();
  Condition done;
  std::vector<Task<void>> running;
  running.reserve(tasks.size());
  for (auto& task : tasks) running.push_back(detail::run_joined(std::move(task), left, done));
  for (auto& task : running) task.start();
  while (left > 0) co_await done.wait();
}

}  // namespace godwit::runtime
