// A sequence of batches, as a records field or a stretch of a segment holds it.
//
//   auto end = for_each_batch(bytes, {}, [&](const BatchView& batch, size_t position) -> Result<void> { … });
#pragma once

#include <cstddef>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "record/batch_header.h"

namespace godwit {

struct SplitOptions {
  BatchLimits limits = {};
  // Check each batch's CRC; a mismatch is `corrupt`.
  bool check_crc = true;
  // Bytes at the end that are a batch cut short are no error: fetch responses may end so. They are left over.
  bool allow_partial_end = false;
};

// Walks a sequence of batches one by one. The bytes must outlive it and the views it gives.
class BatchSplitter {
 public:
  BatchSplitter(BytesView bytes, const SplitOptions& options) : bytes_(bytes), options_(options) {}

  // Whether nothing is left to be read (at the end, or before a permitted partial batch).
  bool done() const;
  // The next batch. Requires !done(). Errors name the position of the batch inside the bytes and the reason;
  // kinds as BatchHeader::parse, and corrupt for a CRC that does not match. After an error position() stays
  // at the bad batch.
  Result<BatchView> next();
  // Bytes before the next batch: after the last one, the bytes that whole batches took.
  size_t position() const { return position_; }

 private:
  BytesView bytes_;
  SplitOptions options_;
  size_t position_ = 0;
};

// Calls `visit(const BatchView&, size_t position)`, which returns Result<void>, for each batch in order and
// gives back the bytes that whole batches took. Ends at the first error, its own or that of `visit`.
template <class Visit>
Result<size_t> for_each_batch(BytesView bytes, const SplitOptions& options, Visit&& visit) {
  BatchSplitter splitter(bytes, options);
  while (!splitter.done()) {
    const size_t position = splitter.position();
    auto batch = splitter.next();
    if (!batch) return fail(std::move(batch).error());
    if (Result<void> visited = visit(*batch, position); !visited) return fail(std::move(visited).error());
  }
  return splitter.position();
}

}  // namespace godwit
