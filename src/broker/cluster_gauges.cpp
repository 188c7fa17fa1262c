#include "broker/cluster_gauges.h"

#include <mutex>
#include <optional>

#include "broker/topic_settings.h"

namespace godwit::broker {

PartitionCounts count_partitions(const cluster::Image& image, BrokerId self,
                                 const cluster::ConfigMap& at_start) {
  const cluster::ConfigMap defaults = effective_defaults(at_start, image, self);
  PartitionCounts counts;
  for (const auto& [name, topic] : image.topics()) {
    const auto minimum = static_cast<size_t>(cluster::min_insync(*topic, defaults));
    for (const auto& state : topic->partitions) {
      if (state.leader == kNoBroker) ++counts.without_leader;
      if (state.leader != self) continue;
      ++counts.led;
      counts.under_replicated += state.isr.size() < state.replicas.size() ? 1 : 0;
      counts.under_minimum += state.isr.size() < std::min(minimum, state.replicas.size()) ? 1 : 0;
    }
  }
  return counts;
}

struct ClusterGauges::Shown {
  std::mutex mutex;
  cluster::ImagePtr image;
  std::optional<cluster::ImageVersion> counted;  // of which `counts` are
  PartitionCounts counts;
  BrokerId self;
  cluster::ConfigMap at_start;

  cluster::ImagePtr now() {
    const std::lock_guard lock(mutex);
    return image;
  }
  PartitionCounts count() {
    const std::lock_guard lock(mutex);
    if (image != nullptr && counted != image->version) {
      counts = count_partitions(*image, self, at_start);
      counted = image->version;
    }
    return counts;
  }
};

ClusterGauges::ClusterGauges(metrics::Registry& registry, BrokerId self, cluster::ConfigMap at_start)
    : shown_(std::make_shared<Shown>()) {
  shown_->self = self;
  shown_->at_start = std::move(at_start);
  const auto tell = [&](std::string_view name, std::string_view help, int64_t PartitionCounts::*field) {
    registry.gauge_callback(name, help, {},
                            [shown = shown_, field] { return static_cast<double>(shown->count().*field); });
  };
  tell("godwit_partitions_led", "partitions that this broker leads", &PartitionCounts::led);
  tell("godwit_partitions_under_replicated", "of the partitions led here, those with a replica out of sync",
       &PartitionCounts::under_replicated);
  tell("godwit_partitions_under_min_insync",
       "of the partitions led here, those with fewer replicas in sync than min.insync.replicas",
       &PartitionCounts::under_minimum);
  tell("godwit_partitions_without_leader",
       "partitions of the cluster that nobody leads, as this broker knows", &PartitionCounts::without_leader);
  registry.gauge_callback("godwit_controller", "1 on the broker that holds the controller's office", {},
                          [shown = shown_] {
                            const auto image = shown->now();
                            return image != nullptr && image->controller == shown->self ? 1.0 : 0.0;
                          });
  registry.gauge_callback("godwit_brokers", "brokers that live, as this broker knows", {}, [shown = shown_] {
    const auto image = shown->now();
    return image == nullptr ? 0.0 : static_cast<double>(image->brokers.size());
  });
}

void ClusterGauges::show(cluster::ImagePtr image) {
  const std::lock_guard lock(shown_->mutex);
  // A later one may have been shown by a call that overtook this one.
  if (shown_->image != nullptr && shown_->image->version > image->version) return;
  shown_->image.swap(image);
}

}  // namespace godwit::broker
