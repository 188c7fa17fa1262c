#include "cluster/assignments.h"

#include <algorithm>

namespace godwit::cluster {

std::vector<BrokerId> settled(const PartitionState& state) {
  std::vector<BrokerId> ids;
  for (const BrokerId id : state.replicas) {
    if (std::find(state.removing.begin(), state.removing.end(), id) == state.removing.end())
      ids.push_back(id);
  }
  return ids;
}

std::vector<placement::Assignment> assignments_of(const Image& image) {
  std::vector<placement::Assignment> assignments;
  for (const auto& [name, topic] : image.topics()) {
    for (size_t i = 0; i < topic->partitions.size(); ++i) {
      assignments.push_back(
          {{topic->id, PartitionIndex(static_cast<int32_t>(i))}, settled(topic->partitions[i])});
    }
  }
  return assignments;
}

placement::Load load_of(const Image& image) {
  return placement::load_of(assignments_of(image));
}

}  // namespace godwit::cluster
