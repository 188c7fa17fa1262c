// Dynamic settings of topics and brokers: shown and changed.
#pragma once

#include <string>
#include <vector>

#include "cli/session.h"

namespace godwit::cli {

// The resource types of DescribeConfigs.
constexpr int8_t kTopicSettings = 2;
constexpr int8_t kBrokerSettings = 4;

// Prints a table (or JSON) of the settings; without `all` only those that are not at their default.
runtime::Task<int> show_settings(Session& session, int8_t type, std::string name, bool all);

// Sets and removes in one request: all of it or nothing.
runtime::Task<int> alter_settings(Session& session, int8_t type, std::string name, Settings set,
                                  std::vector<std::string> remove);

}  // namespace godwit::cli
