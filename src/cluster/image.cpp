#include "cluster/image.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace godwit::cluster {
namespace {

constexpr std::string_view kMinInsync = "min.insync.replicas";

std::optional<int> number_of(const ConfigMap& config) {
  const auto found = config.find(kMinInsync);
  if (found == config.end()) return std::nullopt;
  const std::string& text = found->second;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1) return std::nullopt;
  return value;
}

}  // namespace

int min_insync(const Topic& topic, const ConfigMap& fallback) {
  if (const auto own = number_of(topic.config)) return *own;
  if (const auto given = number_of(fallback)) return *given;
  if (topic.partitions.empty()) return 1;
  // Those that are on their way do not count yet: a topic that gets a second and third replica takes records meanwhile.
  const PartitionState& first = topic.partitions.front();
  return first.replicas.size() - std::min(first.replicas.size(), first.adding.size()) >= 3 ? 2 : 1;
}

bool knows_epoch(const PartitionState& state, LeaderEpoch epoch) {
  if (epoch >= state.leader_epoch) return epoch == state.leader_epoch;
  const auto& recent = state.recent_epochs;
  return recent.empty() || epoch < recent.front() ||
         std::find(recent.begin(), recent.end(), epoch) != recent.end();
}

bool contradicts(const PartitionState& state, LeaderEpoch epoch) {
  return !knows_epoch(state, epoch) && epoch >= state.unclean_epoch;
}

}  // namespace godwit::cluster
