// Time as a value. base has no clock: `now` is handed in, by runtime outside and by tests in virtual time.
#pragma once

#include <chrono>
#include <cstdint>

namespace godwit {

using Duration = std::chrono::nanoseconds;

struct MonotonicClock {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};

// A point on a clock that never goes back and counts suspend; its origin means nothing. For deadlines.
using MonotonicTime = MonotonicClock::time_point;

// Milliseconds since 1970 in UTC, as in records' timestamps; may jump. For what people and clients read.
struct WallTime {
  int64_t ms = 0;
  friend auto operator<=>(WallTime, WallTime) = default;
};
inline WallTime operator+(WallTime t, Duration d) {
  return {t.ms + std::chrono::duration_cast<std::chrono::milliseconds>(d).count()};
}

}  // namespace godwit
