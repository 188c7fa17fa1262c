// IncrementalAlterConfigs: changes single settings of a resource (KIP-339).
#include <algorithm>
#include <set>

#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/config_resource.h"
#include "config/setting.h"

namespace godwit::broker::api {
namespace {

enum Operation : int8_t { kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3 };

using Asked = kafka::IncrementalAlterConfigsRequest::Config;

tl::unexpected<ResourceRefusal> refuse(ErrorCode code, std::string message) {
  return tl::unexpected(ResourceRefusal{code, std::move(message)});
}

// Only cleanup.policy and the throttled replicas are lists.
bool is_list(const std::string& name) {
  return name.ends_with("cleanup.policy") || name.ends_with(".replicas");
}

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ",") + item;
  return text;
}

OnResource<void> apply(const Asked& asked, cluster::ConfigMap& config,
                       const std::vector<SettingView>& effective) {
  if (asked.config_operation == kDelete) {
    config.erase(asked.name);
    return {};
  }
  if (!asked.value) return refuse(ErrorCode::invalid_request, "null is no value for " + asked.name);
  if (asked.config_operation == kSet) {
    config[asked.name] = *asked.value;
    return {};
  }
  if (asked.config_operation != kAppend && asked.config_operation != kSubtract) {
    return refuse(ErrorCode::invalid_request, "unknown operation for " + asked.name);
  }
  if (!is_list(asked.name)) {
    return refuse(ErrorCode::invalid_config,
                  "Config value append is not allowed for config key: " + asked.name);
  }
  std::string before;
  if (const auto set = config.find(asked.name); set != config.end()) {
    before = set->second;
  } else if (const auto shown = std::ranges::find(effective, asked.name, &SettingView::name);
             shown != effective.end()) {
    before = shown->value;
  }
  const auto named = config::to_list(*asked.value);
  const std::set<std::string> listed(named.begin(), named.end());
  auto items = config::to_list(before);
  std::erase_if(items, [&](const std::string& item) { return listed.contains(item); });
  if (asked.config_operation == kAppend) {
    std::set<std::string> seen;
    std::ranges::copy_if(named, std::back_inserter(items),
                         [&](const auto& item) { return seen.insert(item).second; });
  }
  config[asked.name] = joined(items);
  return {};
}

}  // namespace

Task<kafka::IncrementalAlterConfigsResponse> handle(RequestContext& context,
                                                    kafka::IncrementalAlterConfigsRequest request) {
  kafka::IncrementalAlterConfigsResponse response;
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
    const auto type = static_cast<ResourceType>(asked.resource_type);
    const auto effective = describe_resource(context.shard, type, asked.resource_name);
    const auto change = [&](cluster::ConfigMap config) -> OnResource<cluster::ConfigMap> {
      std::set<std::string> seen;
      for (const Asked& one : asked.configs) {
        if (!seen.insert(one.name).second) {
          return refuse(ErrorCode::invalid_request, "Error due to duplicate config keys: " + one.name);
        }
        if (auto done = apply(one, config, *effective); !done) return tl::unexpected(done.error());
      }
      return config;
    };
    OnResource<void> done;
    if (effective) {
      done = co_await alter_resource(context.shard, type, asked.resource_name, change, request.validate_only);
    } else {
      done = tl::unexpected(effective.error());
    }
    if (done) continue;
    answer.error_code = done.error().code;
    answer.error_message = done.error().message;
  }
  co_return response;
}

}  // namespace godwit::broker::api
