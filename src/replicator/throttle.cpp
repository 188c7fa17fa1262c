#include "replicator/throttle.h"

#include <algorithm>
#include <limits>

namespace godwit::replicator {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
// One call is charged for no more: far above what a fetch may bring, and its product with a second's nanoseconds fits.
constexpr size_t kTakenMax = size_t{1} << 32;
constexpr Duration kLookAgain = std::chrono::milliseconds(100);

int64_t nanoseconds(MonotonicTime time) {
  return time.time_since_epoch().count();
}

}  // namespace

void Throttle::set_rate(int64_t bytes_per_second, MonotonicTime now) {
  const int64_t before = rate_.exchange(bytes_per_second, std::memory_order_relaxed);
  if (before == bytes_per_second) return;
  const int64_t at = nanoseconds(now);
  int64_t paid = paid_at_.load(std::memory_order_relaxed);
  int64_t next = 0;
  do {
    next = at;
    // A debt is of bytes: an operator who raises the rate does not wait for what the old one made of it.
    if (before != kNone && before != 0 && bytes_per_second != kNone && bytes_per_second != 0 && paid > at) {
      const double debt = static_cast<double>(paid - at) * static_cast<double>(before) /
                          static_cast<double>(bytes_per_second);
      const auto most =
          static_cast<double>(std::numeric_limits<int64_t>::max() / 2 - std::max<int64_t>(at, 0));
      next = at + static_cast<int64_t>(std::min(debt, most));
    }
  } while (!paid_at_.compare_exchange_weak(paid, next, std::memory_order_relaxed));
}

size_t Throttle::grant(MonotonicTime now) const {
  const int64_t rate = this->rate();
  if (rate == kNone) return SIZE_MAX;
  const int64_t at = nanoseconds(now);
  const int64_t paid = std::max(paid_at_.load(std::memory_order_relaxed), at - kBurst.count());
  if (rate == 0 || paid > at) return 0;
  const double seconds = static_cast<double>(at - paid + kSlice.count()) / static_cast<double>(kSecond);
  const double bytes = static_cast<double>(rate) * seconds;
  return std::max(kLeast, bytes >= static_cast<double>(kTakenMax) ? kTakenMax : static_cast<size_t>(bytes));
}

void Throttle::take(size_t bytes, MonotonicTime now) {
  const int64_t rate = this->rate();
  if (rate == kNone || rate == 0 || bytes == 0) return;
  const int64_t cost = static_cast<int64_t>(std::min(bytes, kTakenMax)) * kSecond / rate;
  const int64_t credit = nanoseconds(now) - kBurst.count();
  int64_t paid = paid_at_.load(std::memory_order_relaxed);
  while (!paid_at_.compare_exchange_weak(
      paid, std::min(std::max(paid, credit), std::numeric_limits<int64_t>::max() - cost) + cost,
      std::memory_order_relaxed)) {
  }
}

MonotonicTime Throttle::ready_at(MonotonicTime now) const {
  const MonotonicTime latest = now + kLookAgain;
  if (rate() == 0) return latest;
  const MonotonicTime paid{Duration(paid_at_.load(std::memory_order_relaxed))};
  return std::clamp(paid, now, latest);
}

}  // namespace godwit::replicator
