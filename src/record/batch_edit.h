// Changing a batch where it lies. Each function takes one whole batch that BatchHeader::parse accepted,
// nothing before and nothing behind it; a BatchView made earlier keeps its old header and must be parsed
// again.
//
//   stamp(batch, base_offset, leader_epoch);              // outside the checksum: costs nothing
//   set_log_append_time(batch, now.ms);                   // inside: reads the whole batch once for the new
//   CRC
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "model/epoch.h"
#include "model/offset.h"
#include "record/batch_attributes.h"

namespace godwit {

void set_base_offset(MutableBytes batch, Offset base_offset);
void set_leader_epoch(MutableBytes batch, LeaderEpoch epoch);

// What a leader writes into every batch that it appends.
inline void stamp(MutableBytes batch, Offset base_offset, LeaderEpoch epoch) {
  set_base_offset(batch, base_offset);
  set_leader_epoch(batch, epoch);
}

// Marks the batch as LogAppendTime with that time, milliseconds since 1970, and computes the CRC anew. Record
// timestamps inside stay: readers take the batch's max timestamp for each of them.
void set_log_append_time(MutableBytes batch, int64_t now_ms);

// Writes timestamp type and max timestamp and computes the CRC anew. For a CreateTime batch whose header does
// not tell the greatest timestamp of its records.
void set_max_timestamp(MutableBytes batch, TimestampType type, int64_t max_timestamp_ms);

// Computes the CRC of the batch as it is now and writes it.
void refresh_crc(MutableBytes batch);

}  // namespace godwit
