// Control records: the transaction markers that a broker writes among a partition's records (KIP-98). The key
// is int16 version, int16 type; an end marker's value is int16 version, int32 coordinator epoch.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "model/epoch.h"
#include "model/offset.h"

namespace godwit {

enum class ControlRecordType : int16_t { abort = 0, commit = 1 };

struct EndTransactionMarker {
  ControlRecordType type = ControlRecordType::abort;
  int32_t coordinator_epoch = 0;
  friend bool operator==(const EndTransactionMarker&, const EndTransactionMarker&) = default;
};

// The type that a control record's key tells. Empty for types that are not end markers (such as Raft's leader
// change), which readers skip. corrupt: shorter than 4 bytes or a negative version.
Result<std::optional<ControlRecordType>> parse_control_key(BytesView key);

// The marker in a control record. corrupt where key or value are too short, or the key is no end marker's.
Result<EndTransactionMarker> parse_end_marker(BytesView key, BytesView value);

struct EndMarkerSpec {
  Offset base_offset{0};
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  int64_t timestamp_ms = 0;
  int64_t producer_id = 0;
  int16_t producer_epoch = 0;
  EndTransactionMarker marker;
};

// The control batch of one record that ends a transaction: transactional, control, no sequence, no codec.
Bytes build_end_marker_batch(const EndMarkerSpec& spec);

}  // namespace godwit
