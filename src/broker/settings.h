// The broker's settings: declared here, checked here, made into BrokerOptions.
//
//   catalogue.add(broker::settings());
//   given.append(broker::automatic_settings(machine));
//   Result<BrokerOptions> options = broker::options_from(values);
#pragma once

#include <vector>

#include "base/result.h"
#include "broker/options.h"
#include "config/values.h"
#include "runtime/runtime.h"

namespace godwit::broker {

// All of them, with the defaults of topic settings under the names that Kafka gives those on a broker (log.retention.ms
// is the default of a topic's retention.ms).
std::vector<config::Setting> settings();

// What depends on the machine: memory.arena.
config::Given automatic_settings(const runtime::Machine& machine);

// Requires values that were resolved without a problem. Error invalid where values contradict each other: the message
// names the setting and where it was given.
Result<BrokerOptions> options_from(const config::Values& values);

}  // namespace godwit::broker
