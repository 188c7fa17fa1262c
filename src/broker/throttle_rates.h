// How fast replicas may be copied from and to a broker: the settings leader.replication.throttled.rate and
// follower.replication.throttled.rate (KIP-73), given at start, for all brokers, or for one, the last of which holds. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cluster/image.h"

namespace godwit::broker {

// Bytes a second; INT64_MAX: no bound; 0: nothing is copied.
struct ThrottleRates {
  int64_t leader = INT64_MAX;
  int64_t follower = INT64_MAX;
  friend bool operator==(const ThrottleRates&, const ThrottleRates&) = default;
};

inline constexpr std::string_view kLeaderThrottle = "leader.replication.throttled.rate";
inline constexpr std::string_view kFollowerThrottle = "follower.replication.throttled.rate";
inline constexpr std::array kThrottleRates = {kFollowerThrottle, kLeaderThrottle};

inline bool is_throttle_rate(std::string_view name) {
  return name == kLeaderThrottle || name == kFollowerThrottle;
}
// Why the value is refused, or empty: a whole number of bytes, as tools send it.
std::optional<std::string> check_throttle_rate(std::string_view name, std::string_view value);

// As they hold for `self`.
ThrottleRates throttle_rates(const ThrottleRates& at_start, const cluster::Image& image, BrokerId self);

}  // namespace godwit::broker
