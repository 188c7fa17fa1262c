// What compaction does with a log.
#include <algorithm>

#include "base/check.h"
#include "storage/log_shard.h"
#include "storage/partition_log.h"

namespace godwit::storage {

runtime::Task<Result<SegmentRead>> PartitionLog::read_segment(FileId file, Offset from, size_t bytes_max) {
  const auto self = shared_from_this();
  const SegmentState* const segment = state_.find(file);
  if (dropping_ || segment == nullptr) co_return fail(ErrorKind::not_found, "the segment left its log");
  GW_CHECK(segment->written == segment->end, "only whole files are compacted");
  reader_of(*segment);
  const std::shared_ptr<SegmentReader> reader = live(file).reader;
  co_return co_await reader->read(from, bytes_max, std::nullopt);
}

bool PartitionLog::is_last_of_producer(const BatchHeader& header) const {
  // Where not all are known each of them may be: those that were stay, without records, until the next pass.
  return header.has_producer_id() &&
         (state_.producers_incomplete ||
          state_.producers.last_offset_of(header.producer_id) == std::optional(header.last_offset()));
}

runtime::Task<Result<void>> PartitionLog::make_output_file(FileId file) {
  const auto self = shared_from_this();
  co_return co_await make_file(file);
}

runtime::Task<Result<void>> PartitionLog::swap_segments(SwapSegments swap,
                                                        const std::vector<SegmentState>& old,
                                                        uint64_t repairs) {
  const auto self = shared_from_this();
  (void)co_await wait_structure_room();
  const bool still_there = std::ranges::all_of(old, [&](const SegmentState& was) {
    const SegmentState* const segment = std::as_const(state_).find(was.id);
    return segment != nullptr && segment != &state_.active() && segment->end == was.end &&
           segment->next == was.next;
  });
  if (refusal(false) || !still_there || repairs != repairs_) {
    // The files are nobody's; no record speaks of them.
    for (const SegmentState& added : swap.added) shard_.remove_file_when_durable(*this, added.id, 0);
    co_return {};
  }
  admit_structure(std::move(swap));
  if (auto durable = co_await wait_structure(state_.version); !durable) {
    co_return fail(ErrorKind::io, durable.error().message);
  }
  co_return {};
}

}  // namespace godwit::storage
