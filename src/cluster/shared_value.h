// Something immutable that one thread replaces and any thread reads.
//
// Not std::atomic<std::shared_ptr>: in libstdc++ 12 its load() gives its lock back without ordering the read before the next store,
// which ThreadSanitizer names as a race.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace godwit::cluster {

template <class T>
class SharedValue {
 public:
  std::shared_ptr<const T> load() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }
  void store(std::shared_ptr<const T> value) {
    const std::lock_guard lock(mutex_);
    value_.swap(value);
    // What it was goes with the parameter, behind the lock.
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;
};

}  // namespace godwit::cluster
