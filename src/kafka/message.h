// What every description of a Kafka message stands on. A message is a struct with a field list
// (codec/spec.h), in messages/<api>.h: request and response together. Members bear Kafka's names in
// snake_case and Kafka's defaults. What the codec can do with it (codec/codec.h) is instantiated in
// messages/<api>.cpp.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/uuid.h"
#include "codec/codec.h"
#include "kafka/api.h"
#include "model/broker_id.h"
#include "model/epoch.h"
#include "model/error_code.h"
#include "model/offset.h"
#include "model/topic.h"

namespace godwit::kafka {

using codec::always;
using codec::since;
using codec::versions;

// The default of `…authorized_operations`, bit fields of what the caller may do: nobody asked.
constexpr int32_t kOperationsNotRequested = std::numeric_limits<int32_t>::min();

}  // namespace godwit::kafka
