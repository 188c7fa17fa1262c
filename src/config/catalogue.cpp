#include "config/catalogue.h"

#include <algorithm>

#include "base/check.h"

namespace godwit::config {
namespace {

bool continues(std::string_view name, std::string_view other) {
  return name.size() > other.size() && name.starts_with(other) && name[other.size()] == '.';
}

std::string dotted(std::string_view flag) {
  std::string name(flag);
  std::ranges::replace(name, '-', '.');
  return name;
}

}  // namespace

std::string variable_name(std::string_view setting) {
  std::string name(kVariablePrefix);
  for (const char c : setting) {
    const bool lower = c >= 'a' && c <= 'z';
    name += c == '.' || c == '-' ? '_' : lower ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

void Catalogue::add(const Setting& setting) {
  GW_CHECK(!setting.name.empty() && setting.name.find('-') == std::string_view::npos,
           "settings are named with dots, so that a flag may be written with dashes");
  for (const Setting& other : settings_) {
    GW_CHECK(!continues(setting.name, other.name) && !continues(other.name, setting.name),
             "no setting's name continues another one's");
    GW_CHECK(variable_name(setting.name) != variable_name(other.name), "settings have unique names");
  }
  for (const std::string_view name : {setting.name, setting.alias}) {
    GW_CHECK(name.empty() || (find_flag(name) == nullptr && find_variable(variable_name(name)) == nullptr),
             "no setting's name or alias is another one's");
  }
  GW_CHECK((setting.fallback.empty() && !setting.automatic.empty()) || !check(setting, setting.fallback),
           "a setting's fallback is a value that it takes");
  settings_.insert(std::ranges::upper_bound(settings_, setting.name, {}, &Setting::name), setting);
}

const Setting* Catalogue::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(settings_, name, {}, &Setting::name);
  return found != settings_.end() && found->name == name ? &*found : nullptr;
}

const Setting* Catalogue::find_flag(std::string_view flag) const {
  const std::string name = dotted(flag);
  if (const Setting* const found = find(name)) return found;
  const auto found =
      std::ranges::find_if(settings_, [&](const Setting& s) { return !s.alias.empty() && s.alias == name; });
  return found != settings_.end() ? &*found : nullptr;
}

const Setting* Catalogue::find_variable(std::string_view variable) const {
  const auto found = std::ranges::find_if(settings_, [&](const Setting& s) {
    return variable_name(s.name) == variable || (!s.alias.empty() && variable_name(s.alias) == variable);
  });
  return found != settings_.end() ? &*found : nullptr;
}

std::vector<std::string_view> Catalogue::names() const {
  std::vector<std::string_view> names;
  names.reserve(settings_.size());
  for (const Setting& setting : settings_) names.push_back(setting.name);
  return names;
}

}  // namespace godwit::config
