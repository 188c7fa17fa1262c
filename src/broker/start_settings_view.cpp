#include "broker/start_settings_view.h"

#include <algorithm>

#include "broker/throttle_rates.h"

namespace godwit::broker {
namespace {

constexpr int8_t kLong = 5;  // the protocol's number of the type

}  // namespace

SettingView view_of(const StartSetting& setting) {
  SettingView view;
  view.name = setting.name;
  view.value = setting.value;
  view.source = setting.given ? kSourceStaticBroker : kSourceDefault;
  view.type = setting.type;
  view.read_only = true;
  view.documentation = setting.documentation;
  if (setting.given) view.synonyms.push_back({setting.name, setting.value, kSourceStaticBroker});
  if (!setting.given || !setting.fallback.empty()) {
    view.synonyms.push_back({setting.name, setting.given ? setting.fallback : setting.value, kSourceDefault});
  }
  return view;
}

std::optional<SettingView> view_of_throttle(std::string_view name, BrokerId id, const cluster::Image& image,
                                            const BrokerOptions& options) {
  SettingView view;
  view.name = name;
  view.type = kLong;
  const auto dynamic = [&](BrokerId of, ConfigSource source) {
    const auto config = image.broker_configs.find(of);
    if (config == image.broker_configs.end()) return;
    if (const auto set = config->second.find(name); set != config->second.end())
      view.synonyms.push_back({view.name, set->second, source});
  };
  if (id != kNoBroker) dynamic(id, kSourceDynamicBroker);
  dynamic(kNoBroker, kSourceDynamicDefaultBroker);
  const auto start = std::ranges::find(options.start_settings, name, &StartSetting::name);
  if (id != kNoBroker && start != options.start_settings.end()) {
    SettingView given = view_of(*start);
    view.documentation = std::move(given.documentation);
    view.synonyms.insert(view.synonyms.end(), given.synonyms.begin(), given.synonyms.end());
  }
  if (view.synonyms.empty()) return std::nullopt;
  view.value = view.synonyms.front().value;
  view.source = view.synonyms.front().source;
  return view;
}

}  // namespace godwit::broker
