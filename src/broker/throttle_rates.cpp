#include "broker/throttle_rates.h"

#include <charconv>

namespace godwit::broker {
namespace {

std::optional<int64_t> parse(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < 0)
    return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::string> check_throttle_rate(std::string_view name, std::string_view value) {
  if (parse(value)) return std::nullopt;
  return std::string(name) + ": '" + std::string(value) + "' is no number of bytes a second, 0 or more";
}

ThrottleRates throttle_rates(const ThrottleRates& at_start, const cluster::Image& image, BrokerId self) {
  ThrottleRates rates = at_start;
  for (const BrokerId id : {kNoBroker, self}) {
    const auto config = image.broker_configs.find(id);
    if (config == image.broker_configs.end()) continue;
    const auto take = [&](std::string_view name, int64_t& rate) {
      const auto set = config->second.find(name);
      if (set != config->second.end()) rate = parse(set->second).value_or(rate);
    };
    take(kLeaderThrottle, rates.leader);
    take(kFollowerThrottle, rates.follower);
  }
  return rates;
}

}  // namespace godwit::broker
