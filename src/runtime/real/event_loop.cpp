#include "runtime/real/event_loop.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>

namespace godwit::runtime::real {
namespace {

// Rounds of ready coroutines before descriptors are looked at again.
constexpr int kRoundsMax = 16;
// A wait in epoll does not count suspend, our clock does: so a sleeping machine's timers are late by this.
constexpr Duration kWaitMax = std::chrono::seconds(1);

Duration read_clock(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

EventLoop::EventLoop(std::string name, bool blocking_files)
    : Shard(std::move(name)),
      blocking_files_(blocking_files),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      events_(kEventsMax) {
  GW_CHECK(epoll_ && wake_, "a shard needs two descriptors");
  epoll_event event{};
  // Edge triggered, so each write to it is one event and it need not be read.
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = nullptr;
  GW_CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) == 0, "an eventfd can be watched");
}

EventLoop::~EventLoop() {
  tear_down();
}

EventLoop& EventLoop::here() {
  Shard* const shard = Shard::current();
  GW_CHECK(shard != nullptr, "only what runs on a shard can wait");
  return static_cast<EventLoop&>(*shard);
}

MonotonicTime EventLoop::now() const {
  return MonotonicTime(read_clock(CLOCK_BOOTTIME));
}

WallTime EventLoop::wall_now() const {
  return {std::chrono::duration_cast<std::chrono::milliseconds>(read_clock(CLOCK_REALTIME)).count()};
}

void EventLoop::post(Callback callback) {
  bool must_wake = false;
  {
    const std::lock_guard lock(inbox_mutex_);
    if (torn_down_) return;
    inbox_.push_back(std::move(callback));
    must_wake = std::exchange(asleep_, false);
  }
  if (must_wake) wake();
}

void EventLoop::wake() {
  const uint64_t one = 1;
  // It can fail only when the counter is full; then the loop is being woken anyway.
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void EventLoop::stop() {
  stopping_ = true;
  wake();
}

void EventLoop::loop() {
  const Enter enter(this);
  while (!stopping_) {
    run_inbox();
    run_timers();
    bool ready = true;
    for (int round = 0; round < kRoundsMax && ready && !stopping_; ++round) {
      ++round_;
      ready = run_ready();
    }
    if (stopping_) return;
    poll(ready);
    // Events made coroutines ready: they run before anything else is looked at.
    ++round_;
    run_ready();
  }
}

void EventLoop::run_inbox() {
  {
    const std::lock_guard lock(inbox_mutex_);
    asleep_ = false;
    if (inbox_.empty()) return;
    running_.swap(inbox_);
  }
  for (Callback& callback : running_) {
    // After a stop nothing begins any more; tear_down destroys the rest.
    if (stopping_) break;
    Callback now = std::move(callback);
    now();
  }
  running_.clear();
}

void EventLoop::run_timers() {
  if (timers_.empty()) return;
  const MonotonicTime time = now();
  // A timer that is started by another's callback waits for the next turn, or it could hold the loop for
  // ever.
  const uint64_t mark = timers_.next_sequence();
  while (!stopping_) {
    Timer* const timer = timers_.take_due(time, mark);
    if (timer == nullptr) break;
    timer->fire();
  }
}

int EventLoop::wait_for_events(bool busy) {
  timespec timeout{};
  bool endless = false;
  if (!busy) {
    const std::lock_guard lock(inbox_mutex_);
    if (inbox_.empty()) {
      asleep_ = true;
      if (timers_.empty()) {
        endless = true;
      } else {
        const Duration left = std::clamp(timers_.earliest() - now(), Duration::zero(), kWaitMax);
        timeout.tv_sec = left.count() / 1'000'000'000;
        timeout.tv_nsec = left.count() % 1'000'000'000;
      }
    }
  }
  if (has_wait_ns_) {
    const int count =
        ::epoll_pwait2(epoll_.get(), events_.data(), kEventsMax, endless ? nullptr : &timeout, nullptr);
    if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
    has_wait_ns_ = false;  // a kernel before 5.11, or a container's filter
  }
  const auto ms = timeout.tv_sec * 1000 + (timeout.tv_nsec + 999'999) / 1'000'000;
  return ::epoll_wait(epoll_.get(), events_.data(), kEventsMax, endless ? -1 : static_cast<int>(ms));
}

void EventLoop::poll(bool busy) {
  event_count_ = wait_for_events(busy);
  GW_CHECK(event_count_ >= 0 || errno == EINTR, "epoll works on its own descriptors");
  for (event_next_ = 0; event_next_ < event_count_;) {
    const epoll_event& event = events_[static_cast<size_t>(event_next_++)];
    if (event.data.ptr != nullptr) static_cast<Watched*>(event.data.ptr)->on_events(event.events);
  }
  event_next_ = event_count_ = 0;
}

int EventLoop::watch(int descriptor, Watched& watched) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &watched;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) == 0 ? 0 : errno;
}

void EventLoop::unwatch(int descriptor, Watched& watched) {
  // Closing would do, were there no child process between fork and exec that shares the open file.
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
  for (int i = event_next_; i < event_count_; ++i) {
    epoll_event& event = events_[static_cast<size_t>(i)];
    if (event.data.ptr == &watched) event.data.ptr = nullptr;
  }
}

void EventLoop::tear_down() {
  const Enter enter(this);
  destroy_spawned();
  std::vector<Callback> rest;
  {
    const std::lock_guard lock(inbox_mutex_);
    torn_down_ = true;
    rest.swap(inbox_);
  }
  // Outside the lock: a callback may own what posts when it goes.
  rest.clear();
  running_.clear();
}

}  // namespace godwit::runtime::real
