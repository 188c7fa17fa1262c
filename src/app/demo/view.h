// What the cluster says of the demo's topic: who leads what, who is in sync.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "kafka/messages/metadata.h"
#include "peer/cluster.h"

namespace godwit::app::demo {

// One answer of the cluster.
struct View {
  size_t brokers = 0;
  BrokerId controller = kNoBroker;
  std::map<int32_t, BrokerId> leaders;  // by partition
  size_t replicas_in_sync_min = 0;      // of the partition that has the fewest
  size_t replicas = 0;

  std::set<int32_t> led_by(BrokerId broker) const {
    std::set<int32_t> led;
    for (const auto& [partition, leader] : leaders) {
      if (leader == broker) led.insert(partition);
    }
    return led;
  }
  bool whole() const {
    return !leaders.empty() && !led_by(kNoBroker).size() && replicas_in_sync_min == replicas;
  }
};

inline View view_of(const kafka::MetadataResponse& answer, const std::string& topic) {
  View view;
  view.brokers = answer.brokers.size();
  view.controller = answer.controller_id;
  for (const auto& one : answer.topics) {
    if (one.name != topic || one.error_code != ErrorCode::none) continue;
    for (const auto& partition : one.partitions) {
      view.leaders[partition.partition_index.value()] = partition.leader_id;
      const size_t in_sync = partition.isr_nodes.size();
      view.replicas_in_sync_min =
          view.leaders.size() == 1 ? in_sync : std::min(view.replicas_in_sync_min, in_sync);
      view.replicas = std::max(view.replicas, partition.replica_nodes.size());
    }
  }
  return view;
}

}  // namespace godwit::app::demo
