// How long a call may still take.
#pragma once

#include <algorithm>
#include <chrono>

namespace godwit::client {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  // However long `wait` is: a year counts as for ever.
  explicit Deadline(std::chrono::milliseconds wait)
      : at_(Clock::now() + std::clamp(wait, std::chrono::milliseconds(0), kWaitMax)) {}

  // Rounded up, so that there is nothing left only once it is over.
  std::chrono::milliseconds left() const {
    return std::max(std::chrono::ceil<std::chrono::milliseconds>(at_ - Clock::now()),
                    std::chrono::milliseconds(0));
  }
  bool over() const { return Clock::now() >= at_; }

 private:
  static constexpr std::chrono::milliseconds kWaitMax = std::chrono::hours(24 * 365);
  Clock::time_point at_;
};

}  // namespace godwit::client
