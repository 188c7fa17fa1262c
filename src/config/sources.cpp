#include "config/sources.h"

#include <algorithm>
#include <iterator>

namespace godwit::config {
namespace {

// A container that runs beside a service called "godwit" gets GODWIT_SERVICE_HOST, GODWIT_SERVICE_PORT_KAFKA,
// GODWIT_PORT, GODWIT_PORT_9092_TCP_ADDR and more of that kind (Kubernetes' service links).
bool is_service_link(std::string_view variable) {
  if (variable.find("_SERVICE_HOST") != std::string_view::npos) return true;
  if (variable.find("_SERVICE_PORT") != std::string_view::npos) return true;
  if (variable.ends_with("_PORT")) return true;
  const auto port = variable.find("_PORT_");
  return port != std::string_view::npos && port + 6 < variable.size() && variable[port + 6] >= '0' &&
         variable[port + 6] <= '9';
}

std::string lower_dotted(std::string_view variable) {
  std::string name;
  for (const char c : variable.substr(kVariablePrefix.size())) {
    name += c == '_' ? '.' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return name;
}

}  // namespace

std::string to_string(const Problem& problem) {
  return problem.where.empty() ? problem.text : problem.where + ": " + problem.text;
}

void Given::append(Given other) {
  std::ranges::move(other.assignments, std::back_inserter(assignments));
  std::ranges::move(other.problems, std::back_inserter(problems));
}

std::string suggestion(const Catalogue& catalogue, std::string_view name) {
  const auto names = catalogue.names();
  const auto meant = nearest_name(name, names);
  return meant ? "; did you mean " + std::string(*meant) + "?" : "; 'godwit config --doc' lists all settings";
}

Given from_environment(const Catalogue& catalogue,
                       std::span<const std::pair<std::string, std::string>> variables,
                       std::span<const std::string_view> others) {
  Given given;
  for (const auto& [variable, value] : variables) {
    if (!variable.starts_with(kVariablePrefix)) continue;
    if (std::ranges::find(others, variable) != others.end()) continue;
    if (const Setting* const setting = catalogue.find_variable(variable)) {
      given.assignments.push_back({std::string(setting->name), value, Source::environment, variable});
    } else if (!is_service_link(variable)) {
      std::string text = "this environment variable is no setting";
      const auto names = catalogue.names();
      if (const auto meant = nearest_name(lower_dotted(variable), names)) {
        text += "; did you mean " + variable_name(*meant) + "?";
      }
      given.problems.push_back({variable, text});
    }
  }
  return given;
}

Given from_flags(const Catalogue& catalogue, std::span<const std::string> arguments) {
  Given given;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (!argument.starts_with("--") || argument.size() == 2) {
      given.problems.push_back({argument, "is no flag; settings are written --name value"});
      continue;
    }
    const auto equals = argument.find('=');
    const std::string flag = argument.substr(0, equals);
    const Setting* const setting = catalogue.find_flag(std::string_view(flag).substr(2));
    const bool value_follows = i + 1 < arguments.size() && !arguments[i + 1].starts_with("--");
    if (setting == nullptr) {
      std::string name = flag.substr(2);
      std::ranges::replace(name, '-', '.');
      given.problems.push_back({flag, "unknown flag" + suggestion(catalogue, name)});
      // Its value is not a second mistake.
      if (equals == std::string::npos && value_follows) ++i;
    } else if (equals != std::string::npos) {
      given.assignments.push_back(
          {std::string(setting->name), argument.substr(equals + 1), Source::flag, flag});
    } else if (setting->type == Type::boolean &&
               !(value_follows && to_boolean(arguments[i + 1]).has_value())) {
      given.assignments.push_back({std::string(setting->name), "true", Source::flag, flag});
    } else if (value_follows) {
      given.assignments.push_back({std::string(setting->name), arguments[++i], Source::flag, flag});
    } else {
      given.problems.push_back({flag, "needs a value"});
    }
  }
  return given;
}

}  // namespace godwit::config
