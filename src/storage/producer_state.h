// What a log knows of idempotent producers (KIP-98): pure. Protects from duplicates and gaps when a client
// repeats a request whose answer it did not see.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "model/error_code.h"
#include "model/offset.h"

namespace godwit::storage {

constexpr size_t kProducerBatchesKept = 5;

// A batch that a producer wrote, as far as duplicates are concerned.
struct ProducerBatch {
  int32_t first_sequence = -1;
  int32_t last_sequence = -1;
  Offset first_offset;
  Offset last_offset;
  int64_t timestamp = -1;  // largest of the batch, ms
  friend bool operator==(const ProducerBatch&, const ProducerBatch&) = default;
};

struct ProducerEntry {
  int64_t producer_id = -1;
  int16_t epoch = -1;
  int64_t last_seen_ms = -1;           // wall time of the last batch, for expiry
  std::vector<ProducerBatch> batches;  // at most kProducerBatchesKept, oldest first
  friend bool operator==(const ProducerEntry&, const ProducerEntry&) = default;
};

// The facts of a batch that wants to be appended.
struct ProducerClaim {
  int64_t producer_id = -1;
  int16_t epoch = -1;
  int32_t first_sequence = -1;
  int32_t last_sequence = -1;
};

class ProducerState {
 public:
  struct Verdict {
    ErrorCode error = ErrorCode::none;          // out_of_order_sequence_number, invalid_producer_epoch
    std::optional<ProducerBatch> duplicate_of;  // answer with this batch's offsets once it is committed
  };
  // Whether the batch may be appended next. A producer without state may start with any sequence; a new epoch
  // starts with 0.
  Verdict check(const ProducerClaim& claim) const;

  // The batch was admitted at these offsets (or is replayed). check() said that it may.
  void record(const ProducerClaim& claim, Offset first, Offset last, int64_t timestamp, int64_t now_ms);

  // Undoes all records of batches at or behind `end`, newest state first: for a failed round or a truncation
  // that reaches back at most to `rebuildable_from()`. Where it reaches further the caller rebuilds from the
  // log: returns false and leaves the state unspecified.
  bool cut(Offset end);

  // Forgets producers whose last batch is older than now - expiration (producer.id.expiration.ms), except
  // those named by live batches of a compacted log: their owner decides.
  void expire(int64_t now_ms, int64_t expiration_ms);

  std::vector<ProducerEntry> entries() const;  // by producer id
  static ProducerState from(std::vector<ProducerEntry> entries);
  size_t size() const { return producers_.size(); }
  // The largest producer id that was seen; -1 without.
  int64_t producer_id_max() const;

 private:
  struct Undo;
  std::unordered_map<int64_t, ProducerEntry> producers_;
};

}  // namespace godwit::storage
