// How the partitions of the cluster are, as this broker's newest image says: what an alarm looks at. Each broker tells of what it
// leads, so that a sum over all brokers counts a partition once; of partitions without a leader nobody leads every broker tells.
//
// Any thread. The gauges stay in their registry and go on telling of the last image.
#pragma once

#include <memory>

#include "cluster/image.h"
#include "metrics/registry.h"

namespace godwit::broker {

// What one image says of a broker.
struct PartitionCounts {
  int64_t led = 0;               // by this broker
  int64_t under_replicated = 0;  // of these, with a replica out of sync
  int64_t under_minimum =
      0;  // of these, with fewer replicas in sync than min.insync.replicas: acks=all is refused
  int64_t without_leader = 0;  // of all
};
PartitionCounts count_partitions(const cluster::Image& image, BrokerId self,
                                 const cluster::ConfigMap& at_start);

class ClusterGauges {
 public:
  // `at_start`: the defaults of topic settings.
  ClusterGauges(metrics::Registry& registry, BrokerId self, cluster::ConfigMap at_start);
  // From now on they tell of this image. Cheap: it is looked through when a page is written.
  void show(cluster::ImagePtr image);

 private:
  struct Shown;
  std::shared_ptr<Shown> shown_;
};

}  // namespace godwit::broker
