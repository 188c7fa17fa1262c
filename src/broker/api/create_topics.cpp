#include <algorithm>
#include <map>
#include <set>

#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/broker.h"
#include "broker/topic_creation.h"
#include "broker/topic_settings_view.h"

namespace godwit::broker::api {
namespace {

using Asked = kafka::CreateTopicsRequest::Topic;
using Done = kafka::CreateTopicsResponse::Topic;

Done refused(const std::string& name, ErrorCode code, std::string message) {
  Done done;
  done.name = name;
  done.error_code = code;
  done.error_message = std::move(message);
  done.configs = std::vector<kafka::CreateTopicsResponse::Config>{};
  return done;
}

// What is wrong with the numbers and assignments by themselves; else fills the wish.
std::optional<Done> fill(const Asked& asked, TopicWish& wish) {
  wish.name = asked.name;
  wish.partitions = asked.num_partitions;
  wish.replication_factor = asked.replication_factor;
  for (const auto& config : asked.configs) {
    if (!config.value)
      return refused(asked.name, ErrorCode::invalid_config, "null is no value for " + config.name);
    wish.config[config.name] = *config.value;
  }
  if (asked.assignments.empty()) {
    if (asked.num_partitions != -1 && asked.num_partitions <= 0) {
      return refused(asked.name, ErrorCode::invalid_partitions,
                     "Number of partitions was set to an invalid non-positive value.");
    }
    if (asked.replication_factor != -1 && asked.replication_factor <= 0) {
      return refused(asked.name, ErrorCode::invalid_replication_factor,
                     "Replication factor must be larger than 0.");
    }
    return std::nullopt;
  }
  if (asked.num_partitions != -1 || asked.replication_factor != -1) {
    return refused(asked.name, ErrorCode::invalid_request,
                   "with a manual assignment the partition count and the replication factor are -1");
  }
  wish.assignment.resize(asked.assignments.size());
  std::set<int32_t> seen;
  for (const auto& assignment : asked.assignments) {
    const int32_t index = assignment.partition_index.value();
    if (index < 0 || static_cast<size_t>(index) >= wish.assignment.size() || !seen.insert(index).second) {
      return refused(asked.name, ErrorCode::invalid_replica_assignment,
                     "partitions are numbered from 0 without gaps");
    }
    wish.assignment[static_cast<size_t>(index)] = assignment.broker_ids;
  }
  return std::nullopt;
}

}  // namespace

Task<kafka::CreateTopicsResponse> handle(RequestContext& context, kafka::CreateTopicsRequest request) {
  kafka::CreateTopicsResponse response;
  std::map<std::string, int> times;
  Turns turns;
  for (const Asked& asked : request.topics) {
    if (turns.due()) co_await runtime::yield();
    ++times[asked.name];
  }
  for (const Asked& asked : request.topics) {
    if (turns.due()) co_await runtime::yield();
    if (times[asked.name] > 1) {
      if (times[asked.name] != INT32_MAX) {
        response.topics.push_back(refused(asked.name, ErrorCode::invalid_request, "Duplicate topic name."));
        times[asked.name] = INT32_MAX;  // named once in the answer
      }
      continue;
    }
    TopicWish wish;
    wish.validate_only = request.validate_only;
    if (context.shard.image()->find(asked.name) != nullptr) {
      response.topics.push_back(
          refused(asked.name, ErrorCode::topic_already_exists, "Topic '" + asked.name + "' already exists."));
      continue;
    }
    if (auto wrong = fill(asked, wish)) {
      response.topics.push_back(std::move(*wrong));
      continue;
    }
    auto created = co_await create_topic(context.shard, std::move(wish));
    if (!created) {
      response.topics.push_back(refused(asked.name, created.error().code, created.error().message));
      continue;
    }
    Done done;
    done.name = asked.name;
    done.topic_id = (*created)->id;
    done.error_message.reset();
    done.num_partitions = static_cast<int32_t>((*created)->partitions.size());
    done.replication_factor = static_cast<int16_t>((*created)->partitions.front().replicas.size());
    done.configs = std::vector<kafka::CreateTopicsResponse::Config>{};
    for (auto& setting : describe_topic_settings(**created, context.shard.options().topic_defaults,
                                                 *context.shard.image(), context.shard.options().id)) {
      done.configs->push_back({setting.name, setting.value, false, setting.source, false});
    }
    response.topics.push_back(std::move(done));
  }
  co_return response;
}

}  // namespace godwit::broker::api
