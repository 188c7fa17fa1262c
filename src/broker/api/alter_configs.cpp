// AlterConfigs: replaces all that is set for a resource.
#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/config_resource.h"

namespace godwit::broker::api {

Task<kafka::AlterConfigsResponse> handle(RequestContext& context, kafka::AlterConfigsRequest request) {
  kafka::AlterConfigsResponse response;
  Turns turns;
  ResourceCount count;
  for (const auto& asked : request.resources) {
    if (turns.due()) co_await runtime::yield();
    count.add(asked.resource_type, asked.resource_name);
  }
  for (const auto& asked : request.resources) {
    if (turns.due()) co_await runtime::yield();
    auto& answer = response.responses.emplace_back();
    answer.resource_type = asked.resource_type;
    answer.resource_name = asked.resource_name;
    answer.error_message.reset();
    if (auto wrong = count.refuse(asked.resource_type, asked.resource_name)) {
      answer.error_code = wrong->code;
      answer.error_message = std::move(wrong->message);
      continue;
    }
    const auto replace = [&asked](cluster::ConfigMap) -> OnResource<cluster::ConfigMap> {
      cluster::ConfigMap wanted;
      for (const auto& config : asked.configs) {
        if (!config.value) {
          return tl::unexpected(
              ResourceRefusal{ErrorCode::invalid_request, "null is no value for " + config.name});
        }
        if (!wanted.emplace(config.name, *config.value).second) {
          return tl::unexpected(ResourceRefusal{ErrorCode::invalid_request, config.name + " is named twice"});
        }
      }
      return wanted;
    };
    auto done = co_await alter_resource(context.shard, static_cast<ResourceType>(asked.resource_type),
                                        asked.resource_name, replace, request.validate_only);
    if (done) continue;
    answer.error_code = done.error().code;
    answer.error_message = done.error().message;
  }
  co_return response;
}

}  // namespace godwit::broker::api
