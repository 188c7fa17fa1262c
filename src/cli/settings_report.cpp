#include "cli/settings_report.h"

#include <algorithm>

#include "cli/report.h"
#include "kafka/messages/describe_configs.h"
#include "kafka/messages/incremental_alter_configs.h"

namespace godwit::cli {

using runtime::Task;

namespace {

enum Operation : int8_t { kSet = 0, kDelete = 1 };
constexpr int8_t kDefaultSource = 5;

// Where a value comes from (apache/kafka DescribeConfigsResponse.ConfigSource).
std::string source_name(int8_t source) {
  switch (source) {
    case 1:
      return "topic";
    case 2:
      return "broker (dynamic)";
    case 3:
      return "all brokers (dynamic)";
    case 4:
      return "broker (start)";
    case kDefaultSource:
      return "default";
    default:
      return "source " + std::to_string(source);
  }
}

std::string title(int8_t type, const std::string& name) {
  if (type == kTopicSettings) return "topic " + name;
  return name.empty() ? "the settings of all brokers" : "broker " + name;
}

// A broker's own settings are its own to tell; the rest is known everywhere.
peer::Target target_for(int8_t type, const std::string& name, peer::Target otherwise) {
  if (type == kTopicSettings || name.empty()) return otherwise;
  return peer::Target::broker(BrokerId(std::stoi(name)));
}

}  // namespace

Task<int> show_settings(Session& session, int8_t type, std::string name, bool all) {
  kafka::DescribeConfigsRequest request;
  auto& asked = request.resources.emplace_back();
  asked.resource_type = type;
  asked.resource_name = name;
  asked.configuration_keys.reset();
  const auto answer = co_await session.cluster.call(target_for(type, name, peer::Target::any()), request);
  if (!answer) co_return session.failed(answer.error());
  if (answer->results.size() != 1)
    co_return session.failed("the broker's answer does not speak of what was asked");
  auto resource = answer->results[0];
  if (resource.error_code != ErrorCode::none) {
    co_return session.failed(title(type, name), resource.error_code, resource.error_message);
  }
  std::ranges::sort(resource.configs, {}, [](const auto& config) { return config.name; });
  Table table({"SETTING", "VALUE", "FROM"});
  for (const auto& config : resource.configs) {
    if (!all && config.config_source == kDefaultSource) continue;
    if (session.json()) {
      Json json;
      json.set("setting", config.name);
      if (config.value && !config.is_sensitive) {
        json.set("value", *config.value);
      } else {
        json.set_null("value");
      }
      session.line(
          json.set("source", source_name(config.config_source)).set("readOnly", config.read_only).text());
    }
    table.add({config.name, config.is_sensitive ? "(hidden)" : config.value.value_or("(none)"),
               source_name(config.config_source)});
  }
  if (!session.json()) session.console.write(table.text());
  co_return kExitOk;
}

Task<int> alter_settings(Session& session, int8_t type, std::string name, Settings set,
                         std::vector<std::string> remove) {
  kafka::IncrementalAlterConfigsRequest request;
  auto& asked = request.resources.emplace_back();
  asked.resource_type = type;
  asked.resource_name = name;
  for (const auto& [key, value] : set) asked.configs.push_back({key, kSet, value});
  for (const auto& key : remove) asked.configs.push_back({key, kDelete, std::nullopt});
  const auto answer = co_await session.cluster.call(
      target_for(type, name, peer::Target::controller()), request,
      [](const kafka::IncrementalAlterConfigsResponse& r) {
        return !r.responses.empty() && r.responses[0].error_code == ErrorCode::not_controller
                   ? ErrorCode::not_controller
                   : ErrorCode::none;
      });
  if (!answer) co_return session.failed(answer.error());
  if (answer->responses.size() != 1)
    co_return session.failed("the broker's answer does not speak of what was asked");
  const auto& result = answer->responses[0];
  if (result.error_code != ErrorCode::none) {
    co_return session.failed(title(type, name), result.error_code, result.error_message);
  }
  if (session.json()) {
    session.line(Json().set("altered", title(type, name)).text());
  } else {
    session.line("changed " + title(type, name));
  }
  co_return kExitOk;
}

}  // namespace godwit::cli
