#include "cluster/setting_changes.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>

#include "base/text.h"

namespace godwit::cluster {
namespace {

constexpr size_t kNameMax = 200;
constexpr size_t kValueMax = 300;
constexpr size_t kCountMax = 40;  // characters of "; and N more"

// godwit has no such setting that is changed while it runs; what stands in the store may be of another build.
bool sounds_secret(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const std::string_view word :
       {"password", "passphrase", "secret", "token", "credential", "jaas", "private"}) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return lower == "key" || lower.ends_with(".key");
}

std::string bounded(std::string_view text, size_t most) {
  if (text.size() <= most) return std::string(text);
  return cut_off(text, most) + " (" + std::to_string(text.size()) + " bytes)";
}

std::string shown(const ConfigMap& config, const std::string& name, const ConfigMap& defaults) {
  if (const auto found = config.find(name); found != config.end()) {
    if (sounds_secret(name)) return "(hidden)";
    return found->second.empty() ? "''" : bounded(found->second, kValueMax);
  }
  const auto fallback = defaults.find(name);
  return fallback == defaults.end() || sounds_secret(name)
             ? "default"
             : "default (" + bounded(fallback->second, kValueMax) + ")";
}

}  // namespace

std::string describe_settings(const ConfigMap& before, const ConfigMap& after, const ConfigMap& defaults) {
  std::set<std::string> names;
  for (const ConfigMap* const config : {&before, &after}) {
    for (const auto& [name, value] : *config) names.insert(name);
  }
  std::erase_if(names, [&](const std::string& name) {
    const auto old = before.find(name);
    const auto now = after.find(name);
    return old != before.end() && now != after.end() && old->second == now->second;
  });
  std::string text;
  size_t left = names.size();
  for (const std::string& name : names) {
    const std::string change = bounded(name, kNameMax) + ": " + shown(before, name, defaults) + " -> " +
                               shown(after, name, defaults);
    if (text.size() + change.size() + 2 + kCountMax > kSettingChangesMax) {
      return text + "; and " + std::to_string(left) + " more";
    }
    if (!text.empty()) text += "; ";
    text += change;
    --left;
  }
  return text;
}

}  // namespace godwit::cluster
