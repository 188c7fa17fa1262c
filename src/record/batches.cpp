#include "record/batches.h"

#include <string>

namespace godwit {

bool BatchSplitter::done() const {
  const BytesView rest = bytes_.subspan(position_);
  if (rest.empty()) return true;
  if (!options_.allow_partial_end) return false;
  // The last batch may be cut anywhere, so even its header; what is wrong rather than short is for next() to
  // say.
  auto batch = BatchView::parse(rest, options_.limits);
  return !batch && batch.error().kind == ErrorKind::unavailable;
}

Result<BatchView> BatchSplitter::next() {
  const auto at = [this] { return " (batch at position " + std::to_string(position_) + ")"; };
  auto batch = BatchView::parse(bytes_.subspan(position_), options_.limits);
  if (!batch) return fail(batch.error().kind, batch.error().message + at());
  if (options_.check_crc && !batch->crc_matches())
    return fail(ErrorKind::corrupt, "the batch's checksum does not match its bytes" + at());
  position_ += batch->bytes().size();
  return batch;
}

}  // namespace godwit
