// A shard of the operating system: one thread around epoll.
//
// One turn: what was posted, timers that are due, coroutines that are ready (several rounds), then epoll for
// descriptors. While there is work it is asked without waiting. Descriptors are registered once, edge
// triggered, for both directions: a read or write that can go on costs no system call but itself, and
// re-arming costs none. Posting takes a short lock; the loop is woken (one write to an eventfd) only when
// it is about to sleep.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <mutex>
#include <vector>

#include "runtime/real/descriptor.h"
#include "runtime/real/random_source.h"
#include "runtime/real/timer_heap.h"
#include "runtime/shard.h"

namespace godwit::runtime::real {

// Something with a descriptor that a loop watches.
class Watched {
 public:
  virtual ~Watched() = default;
  // Called on the loop's thread with EPOLLIN, EPOLLOUT, …; may resume nothing itself, only make ready.
  virtual void on_events(uint32_t events) = 0;
};

class EventLoop final : public Shard {
 public:
  EventLoop(std::string name, bool blocking_files);
  // Requires that no thread is in loop() any more.
  ~EventLoop() override;

  // The loop whose thread this is. Requires that there is one.
  static EventLoop& here();

  MonotonicTime now() const override;
  WallTime wall_now() const override;
  Random& random() override { return random_; }
  void post(Callback callback) override;

  bool blocking_files() const { return blocking_files_; }
  // Counts turns and rounds: what runs long without waiting sees by it whether others have had their chance.
  uint64_t round() const { return round_; }

  // Runs turns on the calling thread until stop().
  void loop();
  // Makes loop() return soon. From any thread.
  void stop();
  // After loop() has returned for good: destroys all frames, then what was posted and never ran.
  void tear_down();

  // Registers a descriptor for all events, edge triggered. Error: the errno, or 0. On the loop's thread.
  int watch(int descriptor, Watched& watched);
  // Forgets it; no event comes for `watched` any more. Call it before the descriptor is closed.
  void unwatch(int descriptor, Watched& watched);

 protected:
  void request_run_ready() override {}  // each turn asks for itself
  void timer_start(Timer& timer, MonotonicTime when) override { timers_.add(timer, when); }
  void timer_stop(Timer& timer) override { timers_.remove(timer); }

 private:
  void run_inbox();
  void run_timers();
  // Asks the kernel for events; waits until one comes, a post or the next timer unless `busy`.
  void poll(bool busy);
  int wait_for_events(bool busy);
  void wake();

  const bool blocking_files_;
  Descriptor epoll_;
  Descriptor wake_;
  RandomSource random_;
  TimerHeap timers_;
  uint64_t round_ = 0;
  bool has_wait_ns_ = true;  // whether the kernel has epoll_pwait2

  static constexpr int kEventsMax = 256;
  std::vector<epoll_event> events_;
  // The events that are being handed out, so that unwatch can strike out what it concerns.
  int event_next_ = 0;
  int event_count_ = 0;

  std::mutex inbox_mutex_;
  std::vector<Callback> inbox_;    // guarded by inbox_mutex_
  bool asleep_ = false;            // guarded by inbox_mutex_: a post must wake the loop
  bool torn_down_ = false;         // guarded by inbox_mutex_: posts are dropped
  std::vector<Callback> running_;  // what was taken from the inbox; kept for its capacity
  std::atomic<bool> stopping_ = false;
};

}  // namespace godwit::runtime::real
