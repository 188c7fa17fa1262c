// AlterPartitionReassignments (KIP-455): begins, replaces and cancels moves of replicas.
#include <map>

#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/broker.h"

namespace godwit::broker::api {

Task<kafka::AlterPartitionReassignmentsResponse> handle(RequestContext& context,
                                                        kafka::AlterPartitionReassignmentsRequest request) {
  kafka::AlterPartitionReassignmentsResponse response;
  // Empty where nothing is asked, as Kafka says it.
  if (!request.topics.empty()) response.error_message.reset();
  response.allow_replication_factor_change = request.allow_replication_factor_change;
  const cluster::ImagePtr image = context.shard.image();
  std::vector<cluster::Reassignment> wishes;
  struct Place {
    size_t topic;
    size_t partition;
  };
  std::vector<Place> places;
  Turns turns;
  for (const auto& asked : request.topics) {
    if (turns.due()) co_await runtime::yield();
    auto& answer = response.responses.emplace_back();
    answer.name = asked.name;
    const cluster::Topic* const topic = image->find(asked.name);
    for (const auto& partition : asked.partitions) {
      if (turns.due()) co_await runtime::yield();
      auto& one = answer.partitions.emplace_back();
      one.partition_index = partition.partition_index;
      one.error_message.reset();
      const cluster::PartitionState* const state =
          topic == nullptr ? nullptr : image->find({topic->id, partition.partition_index});
      if (state == nullptr) {
        one.error_code = ErrorCode::unknown_topic_or_partition;
        one.error_message = "The partition does not exist.";
        continue;
      }
      if (!request.allow_replication_factor_change && partition.replicas &&
          partition.replicas->size() != state->replicas.size() - state->adding.size()) {
        one.error_code = ErrorCode::invalid_replication_factor;
        one.error_message = "The replication factor is changed.";
        continue;
      }
      places.push_back({response.responses.size() - 1, answer.partitions.size() - 1});
      wishes.push_back({{topic->id, partition.partition_index}, partition.replicas});
    }
  }
  if (wishes.empty()) co_return response;
  Broker& broker = context.shard.broker();
  const auto outcomes = co_await broker.on_first([&broker, wishes = std::move(wishes)]() mutable {
    return broker.metadata().reassign(std::move(wishes));
  });
  for (size_t i = 0; i < places.size(); ++i) {
    if (outcomes[i]) continue;
    auto& one = response.responses[places[i].topic].partitions[places[i].partition];
    one.error_code = outcomes[i].error().code;
    one.error_message = outcomes[i].error().message;
  }
  co_return response;
}

}  // namespace godwit::broker::api
