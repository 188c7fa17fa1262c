#include <algorithm>

#include "broker/api/handlers.h"
#include "broker/config_resource.h"

namespace godwit::broker::api {
namespace {

using Config = kafka::DescribeConfigsResponse::Config;

Config to_config(SettingView view, const kafka::DescribeConfigsRequest& request) {
  Config config;
  config.name = std::move(view.name);
  config.value = std::move(view.value);
  config.config_source = view.source;
  config.config_type = view.type;
  config.read_only = view.read_only;
  if (request.include_synonyms) {
    for (auto& synonym : view.synonyms)
      config.synonyms.push_back({synonym.name, synonym.value, synonym.source});
  }
  config.documentation.reset();
  if (request.include_documentation) config.documentation = std::move(view.documentation);
  return config;
}

}  // namespace

Task<kafka::DescribeConfigsResponse> handle(RequestContext& context, kafka::DescribeConfigsRequest request) {
  kafka::DescribeConfigsResponse response;
  for (const auto& asked : request.resources) {
    auto& answer = response.results.emplace_back();
    answer.resource_type = asked.resource_type;
    answer.resource_name = asked.resource_name;
    auto views =
        describe_resource(context.shard, static_cast<ResourceType>(asked.resource_type), asked.resource_name);
    if (!views) {
      answer.error_code = views.error().code;
      answer.error_message = views.error().message;
      continue;
    }
    // Null and empty both ask for every key.
    const bool all = !asked.configuration_keys || asked.configuration_keys->empty();
    for (SettingView& view : *views) {
      if (!all && std::ranges::find(*asked.configuration_keys, view.name) == asked.configuration_keys->end())
        continue;
      answer.configs.push_back(to_config(std::move(view), request));
    }
  }
  co_return response;
}

}  // namespace godwit::broker::api
