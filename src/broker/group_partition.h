// Which partition of __consumer_offsets holds a group. Kafka's own rule, so that tools which read the topic find a group
// where they look for it.
#pragma once

#include <cstdint>
#include <string_view>

#include "model/topic.h"

namespace godwit::broker {

// What Java's String.hashCode() gives: over UTF-16 code units, h = 31 h + unit, modulo 2^32. Bytes that are not UTF-8 count
// as U+FFFD each.
int32_t java_string_hash(std::string_view utf8);

// abs(hash) % partitions, where abs of the smallest number is 0. `partitions` > 0.
PartitionIndex partition_of_group(std::string_view group, size_t partitions);

}  // namespace godwit::broker
