// What a member of a consumer group was assigned, as consumers tell each other (Kafka's ConsumerProtocolAssignment). Pure.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "cli/offsets.h"

namespace godwit::cli {

// Empty where the bytes are not such an assignment: groups may hold other protocols (Connect, Streams).
std::optional<PartitionNames> parse_assignment(BytesView bytes);

}  // namespace godwit::cli
