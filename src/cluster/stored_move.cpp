#include "cluster/stored_move.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cluster/fenced_store.h"
#include "codec/define.h"

GODWIT_STORED_CODEC(godwit::cluster::StoredMove);

namespace godwit::cluster {

bool is_under_way(const StoredMove& move, const PartitionState& state) {
  if (state.adding.empty() && state.removing.empty()) return false;
  std::vector<BrokerId> target = state.replicas;
  std::erase_if(target,
                [&](BrokerId id) { return std::ranges::find(state.removing, id) != state.removing.end(); });
  return target == move.after;
}

void write_moves(Draft& draft, std::vector<Draft::Write> writes) {
  for (size_t first = 0; first < writes.size(); first += FencedStore::kWritesMax) {
    const size_t end = std::min(writes.size(), first + FencedStore::kWritesMax);
    draft.write_beside({std::make_move_iterator(writes.begin() + static_cast<std::ptrdiff_t>(first)),
                        std::make_move_iterator(writes.begin() + static_cast<std::ptrdiff_t>(end))});
  }
}

namespace keys {

std::string move(const TopicPartition& id) {
  return fmt::format("{}{}/{:08}", kMoves, to_string(id.topic), id.partition.value());
}

std::optional<TopicPartition> moved_by(std::string_view key) {
  if (!key.starts_with(kMoves)) return std::nullopt;
  key.remove_prefix(kMoves.size());
  const size_t slash = key.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto topic = Uuid::parse(key.substr(0, slash));
  const std::string_view digits = key.substr(slash + 1);
  int32_t index = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (!topic || error != std::errc{} || end != digits.data() + digits.size() || index < 0)
    return std::nullopt;
  return TopicPartition{TopicId(*topic), PartitionIndex(index)};
}

}  // namespace keys

}  // namespace godwit::cluster
