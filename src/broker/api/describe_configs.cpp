#include <set>

#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/config_resource.h"

namespace godwit::broker::api {
namespace {

using Config = kafka::DescribeConfigsResponse::Config;

// What is asked for beyond so many bytes of answers is refused, without a word: a few bytes that name a resource are
// answered with thousands.
constexpr size_t kAnswerBytesMax = size_t{32} << 20;

size_t size_of(const Config& config) {
  size_t size = 32 + config.name.size();
  if (config.value) size += config.value->size();
  if (config.documentation) size += config.documentation->size();
  for (const auto& synonym : config.synonyms) {
    size += 8 + synonym.name.size() + (synonym.value ? synonym.value->size() : 0);
  }
  return size;
}

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
  size_t bytes = 0;
  Turns turns;
  for (auto& asked : request.resources) {
    if (turns.due()) co_await runtime::yield();
    auto& answer = response.results.emplace_back();
    answer.resource_type = asked.resource_type;
    answer.resource_name = asked.resource_name;
    // From here on an answer is hardly larger than what asks for it.
    if (bytes > kAnswerBytesMax) {
      answer.error_code = ErrorCode::invalid_request;
      continue;
    }
    auto views =
        describe_resource(context.shard, static_cast<ResourceType>(asked.resource_type), asked.resource_name);
    if (!views) {
      answer.error_code = views.error().code;
      answer.error_message = views.error().message;
      bytes += answer.error_message->size();
      continue;
    }
    // Null and empty both ask for every key.
    std::set<std::string> keys;
    if (asked.configuration_keys)
      keys.insert(asked.configuration_keys->begin(), asked.configuration_keys->end());
    for (SettingView& view : *views) {
      if (!keys.empty() && !keys.contains(view.name)) continue;
      answer.configs.push_back(to_config(std::move(view), request));
      bytes += size_of(answer.configs.back());
    }
  }
  co_return response;
}

}  // namespace godwit::broker::api
