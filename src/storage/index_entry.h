// A line of a segment's sparse index.
#pragma once

#include <cstdint>
#include <optional>

#include "model/epoch.h"
#include "model/offset.h"

namespace godwit::storage {

// One entry for each interval of bytes, at the start of a batch: enough to start a scan there. Also what the
// index file of a segment holds.
struct IndexEntry {
  Offset offset;      // base offset of the batch that starts at `position`
  Position position;  // of that batch in the file
  // Largest timestamp of all batches of the file up to and including this one, ms.
  int64_t timestamp_max = -1;
  LeaderEpoch epoch = kNoLeaderEpoch;  // of that batch, where it is known
  // CRC-32C of the first 21 bytes of each batch from `position` to the next entry (of the last: to the end of
  // the file), one behind the other. Empty while batches are still added there, or where nobody computed it.
  std::optional<uint32_t> headers_crc = std::nullopt;

  friend bool operator==(const IndexEntry&, const IndexEntry&) = default;
};

}  // namespace godwit::storage
