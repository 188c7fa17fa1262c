#include "broker/api/handlers.h"
#include "broker/group_asking.h"

namespace godwit::broker::api {

Task<kafka::OffsetDeleteResponse> handle(RequestContext& context, kafka::OffsetDeleteRequest request) {
  kafka::OffsetDeleteResponse response;
  const cluster::ImagePtr image = context.shard.image();
  groups::OffsetDeleteRequest asked;
  asked.group = std::move(request.group_id);
  for (auto& topic : request.topics) {
    if (image->find(topic.name) != nullptr) {
      auto& wanted = asked.topics.emplace_back();
      wanted.name = std::move(topic.name);
      for (const auto& partition : topic.partitions) wanted.partitions.push_back(partition.partition_index);
      continue;
    }
    auto& missing = response.topics.emplace_back();
    missing.name = std::move(topic.name);
    for (const auto& partition : topic.partitions) {
      missing.partitions.push_back({partition.partition_index, ErrorCode::unknown_topic_or_partition});
    }
  }
  groups::OffsetDeleteResponse answer = co_await ask_manager(context.shard, std::move(asked));
  if (answer.error != ErrorCode::none) {
    response.error_code = answer.error;
    response.topics.clear();
    co_return response;
  }
  for (auto& topic : answer.topics) {
    auto& out = response.topics.emplace_back();
    out.name = std::move(topic.name);
    for (const auto& partition : topic.partitions) {
      out.partitions.push_back({partition.partition, partition.error});
    }
  }
  co_return response;
}

}  // namespace godwit::broker::api
