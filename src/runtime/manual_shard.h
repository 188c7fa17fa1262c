// For the tests of this folder: a shard whose time stands still until the test moves it.
#pragma once

#include <algorithm>
#include <deque>
#include <vector>

#include "runtime/shard.h"

namespace godwit::runtime {

class ManualShard final : public Shard {
 public:
  ManualShard() : Shard("manual"), enter_(this) {}
  ~ManualShard() override { destroy_spawned(); }

  MonotonicTime now() const override { return now_; }
  WallTime wall_now() const override { return {}; }
  Random& random() override { return random_; }
  void post(Callback callback) override { posted_.push_back(std::move(callback)); }

  // Runs until nothing is left to do at this time.
  void settle() {
    for (bool busy = true; busy;) {
      busy = run_ready();
      if (posted_.empty()) continue;
      Callback callback = std::move(posted_.front());
      posted_.pop_front();
      callback();
      busy = true;
    }
  }
  // Only one round of what is ready: what becomes ready by it stays.
  bool round() { return run_ready(); }
  void advance(Duration by) {
    now_ += by;
    for (;;) {
      settle();
      const auto due = std::min_element(timers_.begin(), timers_.end(),
                                        [](Timer* a, Timer* b) { return a->when() < b->when(); });
      if (due == timers_.end() || (*due)->when() > now_) return;
      Timer& timer = **due;
      timers_.erase(due);
      timer.fire();
    }
  }
  // Destroys all that is spawned, as at a crash.
  void crash() { destroy_spawned(); }
  size_t timers() const { return timers_.size(); }

 protected:
  void request_run_ready() override {}
  void timer_start(Timer& timer, MonotonicTime) override { timers_.push_back(&timer); }
  void timer_stop(Timer& timer) override { std::erase(timers_, &timer); }

 private:
  struct Counting final : Random {
    uint64_t value = 0;
    uint64_t next() override { return ++value; }
  };
  Enter enter_;
  MonotonicTime now_{std::chrono::seconds(1000)};
  Counting random_;
  std::deque<Callback> posted_;
  std::vector<Timer*> timers_;
};

}  // namespace godwit::runtime
