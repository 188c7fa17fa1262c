#include "broker/group_asking.h"

#include "broker/broker.h"
#include "broker/group_drivers.h"
#include "broker/group_partition.h"

namespace godwit::broker {

using runtime::Task;

std::optional<TopicPartition> manager_of(const cluster::Image& image, std::string_view group) {
  const cluster::Topic* const offsets = image.find(kConsumerOffsetsTopic);
  if (offsets == nullptr) return std::nullopt;
  return TopicPartition{offsets->id, partition_of_group(group, offsets->partitions.size())};
}

Task<groups::Response> ask_manager_of(BrokerShard& shard, std::string group, groups::Request request,
                                      const std::atomic<bool>* gone) {
  const auto id = manager_of(*shard.image(), group);
  if (!id) co_return groups::error_response(request, ErrorCode::not_coordinator);
  co_return co_await shard.on(
      *id, [partition = id->partition, request = std::move(request), gone](BrokerShard& owner) mutable {
        return ask_manager_here(owner, partition, std::move(request), gone);
      });
}

Task<groups::Response> ask_manager_here(BrokerShard& owner, PartitionIndex partition, groups::Request request,
                                        const std::atomic<bool>* gone) {
  const auto driver = owner.groups().find(partition);
  if (driver == nullptr) co_return groups::error_response(request, ErrorCode::not_coordinator);
  co_return co_await driver->ask(std::move(request), gone);
}

}  // namespace godwit::broker
