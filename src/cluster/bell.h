// "Something changed, look again": one bell for all parts of a broker's cluster side, and the end of all of them.
//
//   while (!bell.closed()) {
//     const uint64_t seen = bell.rung();
//     …                                    // looks at everything, acts
//     co_await bell.wait(seen, deadline);  // returns at once when it rang meanwhile
//   }
//
// Every loop decides anew from what is true now, so no news are lost and their order does not matter.
// Belongs to one shard. Must outlive those who wait.
#pragma once

#include <cstdint>

#include "runtime/sync.h"

namespace godwit::cluster {

class Bell {
 public:
  uint64_t rung() const { return rung_; }
  void ring() {
    ++rung_;
    changed_.notify_all();
  }
  // Waits until it rang after `seen`, until `deadline`, or until closed.
  runtime::Task<void> wait(uint64_t seen, MonotonicTime deadline = MonotonicTime::max()) {
    while (!closed_ && rung_ == seen) {
      if (deadline == MonotonicTime::max()) {
        co_await changed_.wait();
      } else if (!co_await changed_.wait_until(deadline)) {
        co_return;
      }
    }
  }
  // False as soon as it is closed.
  runtime::Task<bool> sleep(Duration duration) {
    const MonotonicTime until = runtime::Shard::current()->now() + duration;
    while (!closed_) {
      if (!co_await closing_.wait_until(until)) co_return !closed_;
    }
    co_return false;
  }
  bool closed() const { return closed_; }
  void close() {
    closed_ = true;
    closing_.notify_all();
    changed_.notify_all();
  }

 private:
  uint64_t rung_ = 0;
  bool closed_ = false;
  runtime::Condition changed_;
  runtime::Condition closing_;
};

}  // namespace godwit::cluster
