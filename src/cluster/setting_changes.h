// What becomes of settings, in words, for events. Pure.
#pragma once

#include <string>

#include "cluster/image.h"

namespace godwit::cluster {

// "min.insync.replicas: 2 -> 1; retention.ms: default -> 60000". What is not set reads "default", or "default (2)" where `defaults`
// has the name. Values of what sounds like a secret read "(hidden)", long ones are cut off, and of many changes the last are
// counted: the text is shorter than kSettingChangesMax.
std::string describe_settings(const ConfigMap& before, const ConfigMap& after, const ConfigMap& defaults);

constexpr size_t kSettingChangesMax = 6'000;

}  // namespace godwit::cluster
