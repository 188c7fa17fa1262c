#include <set>

#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/broker.h"
#include "broker/group_asking.h"
#include "broker/listeners.h"
#include "broker/topic_creation.h"

namespace godwit::broker::api {
namespace {

using Found = kafka::FindCoordinatorResponse::Coordinator;

constexpr int8_t kGroup = 0;
constexpr int8_t kTransaction = 1;

Found refuse(std::string key, ErrorCode code, std::string message) {
  Found found;
  found.key = std::move(key);
  found.node_id = kNoBroker;
  found.port = -1;
  found.error_code = code;
  found.error_message = std::move(message);
  return found;
}

// The topic that holds groups is made by the first who looks for one.
Task<void> ensure_offsets_topic(RequestContext& context) {
  if (context.shard.image()->find(kConsumerOffsetsTopic) != nullptr) co_return;
  const auto created = co_await create_offsets_topic(context.shard);
  if (created || created.error().code == ErrorCode::topic_already_exists) co_return;
  context.shard.diagnostics().emit({Severity::warning,
                                    "groups.topic_not_created",
                                    created.error().message,
                                    {{"topic", std::string(kConsumerOffsetsTopic)}}});
}

Found find_group(RequestContext& context, std::string key) {
  const cluster::ImagePtr image = context.shard.image();
  const auto id = manager_of(*image, key);
  if (!id) {
    return refuse(std::move(key), ErrorCode::coordinator_not_available,
                  "the topic of committed offsets is not there yet");
  }
  const cluster::PartitionState* const state = image->find(*id);
  for (const Node& node : nodes_for(context.client, *image, context.shard.broker())) {
    if (state == nullptr || node.id != state->leader || context.shard.broker().suspects(node.id)) continue;
    Found found;
    found.key = std::move(key);
    found.node_id = node.id;
    found.host = node.at.host;
    found.port = node.at.port;
    return found;
  }
  return refuse(std::move(key), ErrorCode::coordinator_not_available,
                "the group's partition has no leader that this listener can name");
}

Found find_one(RequestContext& context, int8_t key_type, std::string key) {
  if (key_type == kGroup) return find_group(context, std::move(key));
  if (key_type == kTransaction) {
    // "Not available" would make a producer ask again until its own timeout. This code it reports at once, and it is the one
    // that InitProducerId and Produce give.
    return refuse(std::move(key), ErrorCode::transactional_id_authorization_failed,
                  "transactions are not offered");
  }
  return refuse(std::move(key), ErrorCode::invalid_request, "no such kind of coordinator is offered");
}

}  // namespace

Task<kafka::FindCoordinatorResponse> handle(RequestContext& context, kafka::FindCoordinatorRequest request) {
  constexpr int16_t kManyKeysSince = 4;
  if (request.key_type == kGroup) co_await ensure_offsets_topic(context);
  kafka::FindCoordinatorResponse response;
  if (context.version() >= kManyKeysSince) {
    std::set<std::string> seen;
    Turns turns;
    for (std::string& key : request.coordinator_keys) {
      if (turns.due()) co_await runtime::yield();
      if (!seen.insert(key).second) continue;
      response.coordinators.push_back(find_one(context, request.key_type, std::move(key)));
    }
    co_return response;
  }
  Found found = find_one(context, request.key_type, std::move(request.key));
  response.error_code = found.error_code;
  // Kafka names the code here even where it is no error.
  response.error_message =
      found.error_code == ErrorCode::none ? std::optional<std::string>("NONE") : found.error_message;
  response.node_id = found.node_id;
  response.host = std::move(found.host);
  response.port = found.port;
  co_return response;
}

}  // namespace godwit::broker::api
