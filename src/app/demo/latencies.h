// Latencies, and where a share of them lies; in buckets of 3 %, so that any number of them fits. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace godwit::app::demo {

class Latencies {
 public:
  void add(int64_t us) {
    ++buckets_[bucket_of(us)];
    ++count_;
    most_us_ = std::max(most_us_, us);
  }
  uint64_t count() const { return count_; }
  int64_t most_us() const { return most_us_; }
  // In microseconds, where `share` of all are at most as large; 0 without any.
  int64_t percentile_us(double share) const {
    const auto wanted = static_cast<uint64_t>(share * static_cast<double>(count_));
    uint64_t seen = 0;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (buckets_[i] > 0 && seen >= wanted) return std::min(upper_bound_of(i), most_us_);
    }
    return 0;
  }
  void clear() { *this = {}; }

 private:
  // A power of two is cut into so many equal parts.
  static constexpr size_t kParts = 32;
  static constexpr size_t kPartBits = 5;

  static size_t bucket_of(int64_t us) {
    const auto value = static_cast<uint64_t>(std::max<int64_t>(us, 0));
    if (value < kParts) return value;
    const auto power = static_cast<size_t>(std::bit_width(value)) - 1 - kPartBits;
    return std::min((power + 1) * kParts + ((value >> power) - kParts), kBuckets - 1);
  }
  static int64_t upper_bound_of(size_t bucket) {
    if (bucket < kParts) return static_cast<int64_t>(bucket);
    const size_t power = bucket / kParts - 1;
    return static_cast<int64_t>(((bucket % kParts + kParts + 1) << power) - 1);
  }

  static constexpr size_t kBuckets = kParts * 40;  // up to some days
  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
  int64_t most_us_ = 0;
};

}  // namespace godwit::app::demo
