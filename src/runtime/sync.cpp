#include "runtime/sync.h"

namespace godwit::runtime {

Condition::Awaiter Condition::wait() {
  return Awaiter(*this, std::nullopt);
}
Condition::Awaiter Condition::wait_until(MonotonicTime deadline) {
  return Awaiter(*this, deadline);
}

void Condition::Awaiter::await_suspend(std::coroutine_handle<> handle) {
  waiter_.ready.wait(handle);
  condition_.waiters_.push_back(waiter_);
  if (!deadline_) return;
  timer_.emplace(*Shard::current());
  timer_->start(*deadline_, [this] {
    if (waiter_.notified) return;  // the notify came first and wins
    expired_ = true;
    waiter_.unlink();
    Shard::current()->make_ready(waiter_.ready);
  });
}

void Condition::notify_one() {
  ListNode* const node = waiters_.front();
  if (node == nullptr) return;
  auto& waiter = static_cast<Waiter&>(*node);
  waiter.unlink();
  waiter.notified = true;
  notified_.push_back(waiter);
  Shard::current()->make_ready(waiter.ready);
}

void Condition::notify_all() {
  while (!waiters_.empty()) notify_one();
}

Semaphore::Awaiter Semaphore::acquire(size_t units) {
  return Awaiter(*this, units);
}

bool Semaphore::try_acquire(size_t units) {
  if (!waiters_.empty() || free_ < capped(units)) return false;
  free_ -= capped(units);
  return true;
}

void Semaphore::release(size_t units) {
  free_ += capped(units);
  GW_CHECK(free_ <= capacity_, "no more is given back than was taken");
  grant();
}

void Semaphore::grant() {
  while (ListNode* node = waiters_.front()) {
    auto& waiter = static_cast<Waiter&>(*node);
    if (free_ < capped(waiter.units)) return;
    free_ -= capped(waiter.units);
    waiter.unlink();
    waiter.granted = true;
    granted_.push_back(waiter);
    Shard::current()->make_ready(waiter.ready);
  }
}

bool Gate::spawn(Shard& shard, Task<void> task) {
  if (closed_) return false;
  ++inside_;
  shard.spawn(run(std::move(task)));
  return true;
}

Task<void> Gate::run(Task<void> task) {
  co_await task;
  if (--inside_ == 0) empty_.notify_all();
}

Task<void> Gate::close() {
  closed_ = true;
  while (inside_ > 0) co_await empty_.wait();
}

}  // namespace godwit::runtime
