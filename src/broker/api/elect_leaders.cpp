// ElectLeaders: gives leadership back to the preferred replica, or, by an operator's order, to a replica that is not in sync.
#include <map>

#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/broker.h"

namespace godwit::broker::api {
namespace {

constexpr int8_t kPreferred = 0;
constexpr int8_t kUnclean = 1;

}  // namespace

Task<kafka::ElectLeadersResponse> handle(RequestContext& context, kafka::ElectLeadersRequest request) {
  kafka::ElectLeadersResponse response;
  const bool known_type = request.election_type == kPreferred || request.election_type == kUnclean;
  if (!known_type) response.error_code = ErrorCode::invalid_request;
  const bool unclean = request.election_type == kUnclean;
  const cluster::ImagePtr image = context.shard.image();
  // Null asks for all partitions; of those only what was done is named.
  const bool all = !request.topic_partitions;
  if (all) {
    request.topic_partitions.emplace();
    if (!known_type) co_return response;
    for (const auto& [name, topic] : image->topics()) {
      auto& asked = request.topic_partitions->emplace_back();
      asked.topic = name;
      for (size_t i = 0; i < topic->partitions.size(); ++i) {
        const auto& state = topic->partitions[i];
        const bool due = unclean ? state.leader == kNoBroker : state.leader != state.replicas.front();
        if (due) asked.partitions.push_back(PartitionIndex(static_cast<int32_t>(i)));
      }
    }
  }
  Turns turns;
  std::vector<TopicPartition> wanted;
  for (const auto& asked : *request.topic_partitions) {
    if (turns.due()) co_await runtime::yield();
    const cluster::Topic* const topic = image->find(asked.topic);
    for (const PartitionIndex index : asked.partitions) {
      if (turns.due()) co_await runtime::yield();
      if (known_type && topic != nullptr && image->find({topic->id, index}) != nullptr)
        wanted.push_back({topic->id, index});
    }
  }
  Broker& broker = context.shard.broker();
  std::map<TopicPartition, cluster::Changed<void>> outcomes;
  if (!wanted.empty()) {
    const auto done = co_await broker.on_first(
        [&broker, unclean, wanted] { return broker.metadata().elect(unclean, wanted); });
    for (size_t i = 0; i < wanted.size(); ++i) outcomes.emplace(wanted[i], done[i]);
  }
  for (const auto& asked : *request.topic_partitions) {
    if (turns.due()) co_await runtime::yield();
    if (all && asked.partitions.empty()) continue;
    auto& answer = response.replica_election_results.emplace_back();
    answer.topic = asked.topic;
    const cluster::Topic* const topic = image->find(asked.topic);
    for (const PartitionIndex index : asked.partitions) {
      if (turns.due()) co_await runtime::yield();
      if (!known_type) {
        answer.partition_result.push_back(
            {index, ErrorCode::invalid_request, "There is no such election type."});
        continue;
      }
      const auto outcome = topic == nullptr ? outcomes.end() : outcomes.find({topic->id, index});
      if (outcome == outcomes.end()) {
        answer.partition_result.push_back(
            {index, ErrorCode::unknown_topic_or_partition, "No such topic or partition."});
      } else if (outcome->second) {
        answer.partition_result.push_back({index, ErrorCode::none, std::nullopt});
      } else {
        answer.partition_result.push_back(
            {index, outcome->second.error().code, outcome->second.error().message});
      }
    }
  }
  co_return response;
}

}  // namespace godwit::broker::api
