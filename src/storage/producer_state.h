// What a log knows of idempotent producers (KIP-98): pure. Protects from duplicates and gaps when a client
// repeats a request whose answer it did not see.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
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
  static void fields(auto& f) {
    f("first_sequence", &ProducerBatch::first_sequence);
    f("last_sequence", &ProducerBatch::last_sequence);
    f("first_offset", &ProducerBatch::first_offset);
    f("last_offset", &ProducerBatch::last_offset);
    f("timestamp", &ProducerBatch::timestamp);
  }
};

// The newest batches of one producer, oldest first; a further one pushes the oldest out.
class ProducerBatches {
 public:
  void push(const ProducerBatch& batch);
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const ProducerBatch& operator[](size_t i) const { return batches_[i]; }
  const ProducerBatch& back() const { return batches_[size_ - 1]; }
  const ProducerBatch* begin() const { return batches_.data(); }
  const ProducerBatch* end() const { return batches_.data() + size_; }
  void clear() { *this = {}; }
  friend bool operator==(const ProducerBatches&, const ProducerBatches&) = default;

 private:
  std::array<ProducerBatch, kProducerBatchesKept> batches_{};
  size_t size_ = 0;
};

struct ProducerEntry {
  int64_t producer_id = -1;
  int16_t epoch = -1;
  int64_t last_seen_ms = -1;  // wall time of the last batch, for expiry
  ProducerBatches batches;
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

  // Whether a batch that stands in the log, and ends with offset `last`, was not recorded and would be known if it had been.
  bool misses(const ProducerClaim& claim, Offset last) const;

  // Batches before `end` are stable: they are never undone, so how to do so is forgotten.
  void settle(Offset end);

  // Undoes what was recorded at or behind `end`, as if it had never been: for a failed round (which is not
  // settled). A truncation that reaches into settled batches cannot be undone here: false, the state is then
  // unspecified, and the caller rebuilds it from the log.
  bool cut(Offset end);

  // Forgets batches at or behind `end`, settled or not (a truncation). False when a producer had none left:
  // its earlier ones are in the log alone.
  bool truncate(Offset end);

  // Forgets producers whose last batch is older than now - expiration (producer.id.expiration.ms), except
  // those named by live batches of a compacted log: their owner decides.
  void expire(int64_t now_ms, int64_t expiration_ms);

  // Takes over what was found in the records before an offset from which on everything that is in the log was recorded here,
  // and before which all is settled: as if it had been recorded first, also where a batch is undone later. What is known
  // here of older batches stays (they may have left the log); the newest count, and of them those of the last one's epoch.
  void add_found(const ProducerState& found);

  std::vector<ProducerEntry> entries() const;  // by producer id
  static ProducerState from(std::vector<ProducerEntry> entries);
  size_t size() const { return producers_.size(); }
  // Where the newest batch of a producer ends; empty when it is not known.
  std::optional<Offset> last_offset_of(int64_t producer_id) const;

 private:
  // What stood before a batch that is not settled yet; no entry: the producer was unknown.
  struct Undo {
    Offset first;
    int64_t producer_id = -1;
    std::optional<ProducerEntry> before;
  };
  std::unordered_map<int64_t, ProducerEntry> producers_;
  std::deque<Undo> undo_;  // by offset
};

}  // namespace godwit::storage
