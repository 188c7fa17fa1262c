#include <map>
#include <set>

#include "broker/api/handlers.h"
#include "broker/config_resource.h"

namespace godwit::broker::api {
namespace {

using Config = kafka::DescribeConfigsResponse::Config;

// What is asked for beyond so many bytes is refused: a few bytes that name a resource are answered with thousands.
constexpr size_t kAnswerBytesMax = size_t{32} << 20;
// Others have their turn after so many resources.
constexpr size_t kResourcesAtOnce = 64;

// A resource, however often it is named, and the settings that are asked for; none: all of them.
struct Wanted {
  int8_t type = 0;
  std::string name;
  std::set<std::string> keys;
};

std::vector<Wanted> merge(kafka::DescribeConfigsRequest& request) {
  std::vector<Wanted> merged;
  std::map<std::pair<int8_t, std::string>, size_t> places;
  for (auto& asked : request.resources) {
    const auto [place, first] = places.try_emplace({asked.resource_type, asked.resource_name}, merged.size());
    if (first) merged.push_back({asked.resource_type, std::move(asked.resource_name), {}});
    Wanted& wanted = merged[place->second];
    // Null and empty both ask for every key.
    if (!asked.configuration_keys || asked.configuration_keys->empty()) {
      wanted.keys.clear();
    } else if (first || !wanted.keys.empty()) {
      for (std::string& key : *asked.configuration_keys) wanted.keys.insert(std::move(key));
    }
  }
  return merged;
}

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
  for (Wanted& asked : merge(request)) {
    if (response.results.size() % kResourcesAtOnce == kResourcesAtOnce - 1) co_await runtime::yield();
    auto& answer = response.results.emplace_back();
    answer.resource_type = asked.type;
    answer.resource_name = asked.name;
    if (bytes > kAnswerBytesMax) {
      answer.error_code = ErrorCode::invalid_request;
      answer.error_message = "the answer would be too large: ask for fewer resources at a time";
      continue;
    }
    auto views = describe_resource(context.shard, static_cast<ResourceType>(asked.type), asked.name);
    if (!views) {
      answer.error_code = views.error().code;
      answer.error_message = views.error().message;
      continue;
    }
    for (SettingView& view : *views) {
      if (!asked.keys.empty() && !asked.keys.contains(view.name)) continue;
      answer.configs.push_back(to_config(std::move(view), request));
      bytes += size_of(answer.configs.back());
    }
  }
  co_return response;
}

}  // namespace godwit::broker::api
