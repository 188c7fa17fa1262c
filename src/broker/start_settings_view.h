// A broker's own settings, beside the defaults of its topics, as tools are shown them.
#pragma once

#include <optional>

#include "broker/topic_settings_view.h"

namespace godwit::broker {

// One that only the configuration at start can change.
SettingView view_of(const StartSetting& setting);

// A throttle's rate (throttle_rates.h), which holds from the start and may be changed while the broker runs. Empty for all brokers
// (kNoBroker) where none was set for all.
std::optional<SettingView> view_of_throttle(std::string_view name, BrokerId id, const cluster::Image& image,
                                            const BrokerOptions& options);

}  // namespace godwit::broker
