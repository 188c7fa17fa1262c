#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/broker.h"

namespace godwit::broker::api {
namespace {

using Listed = kafka::ListPartitionReassignmentsResponse::Topic;

void list(const cluster::Topic& topic, PartitionIndex index, Listed& out) {
  const auto at = static_cast<size_t>(index.value());
  if (index.value() < 0 || at >= topic.partitions.size()) return;
  const cluster::PartitionState& state = topic.partitions[at];
  if (state.adding.empty() && state.removing.empty()) return;
  out.partitions.push_back({index, state.replicas, state.adding, state.removing});
}

}  // namespace

// Only those that are under way are named.
Task<kafka::ListPartitionReassignmentsResponse> handle(RequestContext& context,
                                                       kafka::ListPartitionReassignmentsRequest request) {
  kafka::ListPartitionReassignmentsResponse response;
  response.error_message.reset();
  const cluster::ImagePtr image = context.shard.image();
  const auto keep = [&](Listed listed) {
    if (!listed.partitions.empty()) response.topics.push_back(std::move(listed));
  };
  if (!request.topics) {
    for (const auto& [name, topic] : image->topics()) {
      Listed listed{name, {}};
      for (size_t i = 0; i < topic->partitions.size(); ++i)
        list(*topic, PartitionIndex(static_cast<int32_t>(i)), listed);
      keep(std::move(listed));
    }
    co_return response;
  }
  Turns turns;
  for (const auto& asked : *request.topics) {
    if (turns.due()) co_await runtime::yield();
    const cluster::Topic* const topic = image->find(asked.name);
    if (topic == nullptr) continue;
    Listed listed{asked.name, {}};
    for (const PartitionIndex index : asked.partition_indexes) {
      if (turns.due()) co_await runtime::yield();
      list(*topic, index, listed);
    }
    keep(std::move(listed));
  }
  co_return response;
}

}  // namespace godwit::broker::api
