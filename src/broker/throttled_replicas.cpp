#include "broker/throttled_replicas.h"

#include <algorithm>
#include <charconv>

#include "config/setting.h"

namespace godwit::broker {
namespace {

std::optional<int32_t> number(std::string_view text) {
  int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < 0)
    return std::nullopt;
  return value;
}

bool contains(const std::vector<BrokerId>& ids, BrokerId id) {
  return std::ranges::find(ids, id) != ids.end();
}

}  // namespace

std::optional<ThrottledReplicas> ThrottledReplicas::parse(std::string_view text) {
  ThrottledReplicas replicas;
  const auto items = config::to_list(text);
  if (items.size() == 1 && items.front() == "*") {
    replicas.all_ = true;
    return replicas;
  }
  for (const std::string& item : items) {
    const size_t colon = item.find(':');
    if (colon == std::string::npos) return std::nullopt;
    const auto partition = number(std::string_view(item).substr(0, colon));
    const auto broker = number(std::string_view(item).substr(colon + 1));
    if (!partition || !broker) return std::nullopt;
    replicas.named_.emplace_back(PartitionIndex(*partition), BrokerId(*broker));
  }
  std::ranges::sort(replicas.named_);
  return replicas;
}

bool ThrottledReplicas::contains(PartitionIndex partition, BrokerId broker) const {
  return all_ || std::ranges::binary_search(named_, std::pair(partition, broker));
}

bool is_on_its_way(const cluster::PartitionState& state, BrokerId follower, const ThrottledReplicas& named,
                   PartitionIndex partition, BrokerId end) {
  if (contains(state.isr, follower)) return false;
  return contains(state.adding, follower) || named.contains(partition, end);
}

}  // namespace godwit::broker
