// How long a fault held up publishing: from the fault until each partition acknowledged something that was sent after it.
// Pure.
#pragma once

#include <optional>
#include <set>

#include "base/time.h"

namespace godwit::app::demo {

class Gap {
 public:
  // A fault; one that is still measured is forgotten.
  void begin(MonotonicTime fault, std::set<int32_t> partitions) {
    fault_ = fault;
    waiting_ = std::move(partitions);
    longest_ = {};
    measuring_ = !waiting_.empty();
  }
  void acknowledged(int32_t partition, MonotonicTime sent, MonotonicTime acknowledged) {
    // What was sent before may have been acknowledged before: that proves nothing.
    if (!measuring_ || sent < fault_ || waiting_.erase(partition) == 0) return;
    longest_ = std::max(longest_, acknowledged - fault_);
  }
  // The gap, once every partition is through; told once.
  std::optional<Duration> take() {
    if (!measuring_ || !waiting_.empty()) return std::nullopt;
    measuring_ = false;
    return longest_;
  }
  bool measuring() const { return measuring_; }
  const std::set<int32_t>& waiting() const { return waiting_; }

 private:
  bool measuring_ = false;
  MonotonicTime fault_{};
  std::set<int32_t> waiting_;
  Duration longest_{};
};

}  // namespace godwit::app::demo
