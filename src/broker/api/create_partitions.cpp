#include <map>
#include <set>

#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/broker.h"
#include "broker/topic_creation.h"

namespace godwit::broker::api {

Task<kafka::CreatePartitionsResponse> handle(RequestContext& context,
                                             kafka::CreatePartitionsRequest request) {
  kafka::CreatePartitionsResponse response;
  std::map<std::string, int> times;
  Turns turns;
  for (const auto& asked : request.topics) {
    if (turns.due()) co_await runtime::yield();
    ++times[asked.name];
  }
  std::set<std::string> refused;
  for (const auto& asked : request.topics) {
    if (turns.due()) co_await runtime::yield();
    if (times[asked.name] > 1 && !refused.insert(asked.name).second) continue;
    auto& answer = response.results.emplace_back();
    answer.name = asked.name;
    if (times[asked.name] > 1) {
      answer.error_code = ErrorCode::invalid_request;
      answer.error_message = "Duplicate topic name.";
      continue;
    }
    const cluster::ImagePtr image = context.shard.image();
    const cluster::Topic* const topic = image->find(asked.name);
    if (topic == nullptr) {
      answer.error_code = ErrorCode::unknown_topic_or_partition;
      continue;
    }
    if (topic->internal()) {
      // Groups find their partition by the count: it stays.
      answer.error_code = ErrorCode::invalid_request;
      answer.error_message = "an internal topic keeps its partitions";
      continue;
    }
    const int64_t more = asked.count - std::ssize(topic->partitions);
    if (more > 0 && asked.assignments && std::ssize(*asked.assignments) != more) {
      answer.error_code = ErrorCode::invalid_replica_assignment;
      answer.error_message = "the assignment has not one entry for each new partition";
      continue;
    }
    std::vector<std::vector<BrokerId>> assignment;
    if (asked.assignments) {
      for (const auto& one : *asked.assignments) assignment.push_back(one.broker_ids);
    }
    auto done = co_await add_partitions(context.shard, topic->id, asked.count, std::move(assignment),
                                        request.validate_only);
    if (done) continue;
    answer.error_code = done.error().code;
    answer.error_message = done.error().message;
  }
  co_return response;
}

}  // namespace godwit::broker::api
