// A topic that is left aside, since a key of it is damaged, is not in the image: what a broker that joins lost of it is written down
// beside its name, and counts once the key is mended. Else an empty disk would pass for a replica in sync (design-cluster rule 2).
#include <algorithm>

#include "cluster/controller_impl.h"

namespace godwit::cluster {

// The caller stores the broker.
void ControllerImpl::note_doubts(const kafka::BrokerReportRequest& request, bool emptied) {
  Fleet::Broker& broker = *fleet_.find(request.broker_id);
  for (const auto& [topic, name] : aside_) {
    std::vector<PartitionIndex> partitions;
    for (const auto& unproven : request.unproven) {
      if (unproven.topic == topic && !emptied) partitions = unproven.partitions;
    }
    if (!emptied && partitions.empty()) continue;
    auto doubt = std::ranges::find(broker.doubts, topic, &StoredJoined::Doubt::topic);
    if (doubt == broker.doubts.end()) doubt = broker.doubts.insert(doubt, {topic, false, {}});
    doubt->emptied = doubt->emptied || emptied;
    for (const PartitionIndex index : partitions) {
      if (std::ranges::find(doubt->partitions, index) == doubt->partitions.end())
        doubt->partitions.push_back(index);
    }
  }
}

void ControllerImpl::settle_doubts(Draft& draft) {
  for (const auto& [id, known] : fleet_.brokers()) {
    if (known.doubts.empty()) continue;
    std::vector<StoredJoined::Doubt> left;
    for (const auto& doubt : known.doubts) {
      if (aside_.contains(doubt.topic)) {
        left.push_back(doubt);
        continue;
      }
      const Topic* const topic = draft.image().find(doubt.topic);
      const size_t count = topic == nullptr ? 0 : topic->partitions.size();  // null: it was deleted
      std::vector<TopicPartition> lost;
      for (size_t i = 0; i < count; ++i) {
        const PartitionIndex index(static_cast<int32_t>(i));
        if (doubt.emptied || std::ranges::find(doubt.partitions, index) != doubt.partitions.end())
          lost.push_back({doubt.topic, index});
      }
      lose(draft, id, lost, doubt.emptied);
    }
    if (left.size() == known.doubts.size()) continue;
    fleet_.find(id)->doubts = std::move(left);
    // After the states: a controller that finds a doubt still there does the same once more.
    draft.write({{keys::joined(id), draft.encoded(stored_of(id))}});
  }
}

}  // namespace godwit::cluster
