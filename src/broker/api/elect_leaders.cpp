// ElectLeaders: with one broker every partition has its only possible leader already.
#include "broker/api/handlers.h"
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
  const cluster::ImagePtr image = context.shard.image();
  // Null asks for all partitions; of those only what was done is named, which is nothing.
  if (!request.topic_partitions) co_return response;
  for (const auto& asked : *request.topic_partitions) {
    auto& answer = response.replica_election_results.emplace_back();
    answer.topic = asked.topic;
    const cluster::Topic* const topic = image->find(asked.topic);
    for (const PartitionIndex index : asked.partitions) {
      if (!known_type) {
        answer.partition_result.push_back(
            {index, ErrorCode::invalid_request, "There is no such election type."});
        continue;
      }
      const bool known = topic != nullptr && image->find({topic->id, index}) != nullptr;
      answer.partition_result.push_back(
          {index, known ? ErrorCode::election_not_needed : ErrorCode::unknown_topic_or_partition,
           known ? "Leader election not needed for topic partition." : "No such topic or partition."});
    }
  }
  co_return response;
}

}  // namespace godwit::broker::api
