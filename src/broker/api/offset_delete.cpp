#include <unordered_map>

#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/group_asking.h"

namespace godwit::broker::api {

Task<kafka::OffsetDeleteResponse> handle(RequestContext& context, kafka::OffsetDeleteRequest request) {
  kafka::OffsetDeleteResponse response;
  const cluster::ImagePtr image = context.shard.image();
  groups::OffsetDeleteRequest asked;
  asked.group = std::move(request.group_id);
  std::unordered_map<std::string, size_t> places;  // of topics in the response
  Turns turns;
  for (auto& topic : request.topics) {
    if (turns.due()) co_await runtime::yield();
    const cluster::Topic* const known = image->find(topic.name);
    groups::OffsetDeleteRequest::Topic wanted;
    kafka::OffsetDeleteResponse::Topic missing;
    for (const auto& partition : topic.partitions) {
      if (turns.due()) co_await runtime::yield();
      const PartitionIndex index = partition.partition_index;
      if (known != nullptr && image->find({known->id, index}) != nullptr) {
        wanted.partitions.push_back(index);
      } else {
        missing.partitions.push_back({index, ErrorCode::unknown_topic_or_partition});
      }
    }
    wanted.name = topic.name;
    missing.name = std::move(topic.name);
    if (!missing.partitions.empty()) {
      places.emplace(missing.name, response.topics.size());
      response.topics.push_back(std::move(missing));
    }
    if (!wanted.partitions.empty()) asked.topics.push_back(std::move(wanted));
  }
  groups::OffsetDeleteResponse answer = co_await ask_manager(context.shard, std::move(asked));
  if (answer.error != ErrorCode::none) {
    response.error_code = answer.error;
    response.topics.clear();
    co_return response;
  }
  for (auto& topic : answer.topics) {
    if (turns.due()) co_await runtime::yield();
    // A topic is answered once, with what was missing of it.
    const auto place = places.try_emplace(topic.name, response.topics.size()).first->second;
    if (place == response.topics.size()) response.topics.emplace_back().name = std::move(topic.name);
    for (const auto& partition : topic.partitions) {
      response.topics[place].partitions.push_back({partition.partition, partition.error});
    }
  }
  co_return response;
}

}  // namespace godwit::broker::api
