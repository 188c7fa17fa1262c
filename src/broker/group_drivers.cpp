#include "broker/group_drivers.h"

#include "broker/broker_shard.h"

namespace godwit::broker {

using runtime::Task;

namespace {

Task<void> end_driver(std::shared_ptr<GroupDriver> driver) {
  co_await driver->stop();
}

}  // namespace

void GroupDrivers::apply(const cluster::Image& image) {
  if (stopped_) return;
  end_missing(image);
  start_missing(image);
}

void GroupDrivers::topic_deleted(const std::string& name, const TopicId& id) {
  for (const auto& [partition, driver] : drivers_) driver->topic_deleted(name, id);
}

void GroupDrivers::end_missing(const cluster::Image& image) {
  for (auto it = drivers_.begin(); it != drivers_.end();) {
    const Partition& partition = it->second->partition();
    // The shard's own partition may be another object by now, if the topic was made anew; a driver is of one reign.
    if (image.find(partition.id()) != nullptr && it->second->reigns() &&
        shard_.find(partition.id()).get() == &partition) {
      ++it;
      continue;
    }
    ending_.spawn(shard_.shard(), end_driver(std::move(it->second)));
    it = drivers_.erase(it);
  }
}

void GroupDrivers::start_missing(const cluster::Image& image) {
  const cluster::Topic* const offsets = image.find(kConsumerOffsetsTopic);
  if (offsets == nullptr) return;
  for (size_t i = 0; i < offsets->partitions.size(); ++i) {
    const PartitionIndex index(static_cast<int32_t>(i));
    if (drivers_.contains(index)) continue;
    const auto partition = shard_.find({offsets->id, index});
    if (partition == nullptr || !partition->leading()) continue;
    auto driver = std::make_shared<GroupDriver>(
        shard_.shard(), partition, shard_.options().groups, shard_.diagnostics(), shard_.metrics().groups,
        [&shard = shard_](const std::string& name) {
          const cluster::Topic* const topic = shard.image()->find(name);
          return topic == nullptr ? TopicId{} : topic->id;
        },
        shard_.options().session_timeout);
    driver->start();
    drivers_.emplace(index, std::move(driver));
  }
}

std::shared_ptr<GroupDriver> GroupDrivers::find(PartitionIndex partition) const {
  const auto found = drivers_.find(partition);
  return found == drivers_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<GroupDriver>> GroupDrivers::all() const {
  std::vector<std::shared_ptr<GroupDriver>> all;
  for (const auto& [partition, driver] : drivers_) all.push_back(driver);
  return all;
}

Task<void> GroupDrivers::stop() {
  stopped_ = true;
  std::vector<Task<void>> stopping;
  for (const auto& driver : all()) stopping.push_back(driver->stop());
  co_await runtime::when_all(std::move(stopping));
  drivers_.clear();
  co_await ending_.close();
}

}  // namespace godwit::broker
