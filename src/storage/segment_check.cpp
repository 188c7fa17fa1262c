#include "storage/segment_check.h"

#include <fmt/format.h>

namespace godwit::storage {

WalkState WalkState::start_of(const SegmentInfo& info) {
  return {.position = Position(0), .next = info.base, .exact = !info.compacted};
}

WalkState WalkState::after(const BatchHeader& header, const SegmentInfo& info) const {
  return {.position = position + header.total_size(),
          .next = header.next_offset(),
          .exact = !info.compacted,
          .epoch = header.leader_epoch};
}

Result<BatchHeader> check_header(const SegmentInfo& info, const WalkState& at, BytesView bytes) {
  const uint64_t left = info.end - at.position;
  if (left < kBatchHeaderSize || bytes.size() < kBatchHeaderSize) {
    return fail(ErrorKind::corrupt, fmt::format("{} bytes are left, less than a batch's header", left));
  }
  auto header = BatchHeader::parse(bytes);
  if (!header) return fail(ErrorKind::corrupt, std::move(header).error().message);
#ifndef GODWIT_SEEDED_BUG_SEGMENT
  if (header->total_size() > left) {
    return fail(ErrorKind::corrupt, fmt::format("a batch of {} bytes does not fit the {} that are left",
                                                header->total_size(), left));
  }
#endif
  if (at.exact ? header->base_offset != at.next : header->base_offset < at.next) {
    return fail(ErrorKind::corrupt,
                fmt::format("the batch has base offset {} where {}{} belongs", header->base_offset.value(),
                            at.next.value(), at.exact ? "" : " or a later one"));
  }
  if (header->leader_epoch < at.epoch) {
    return fail(ErrorKind::corrupt,
                fmt::format("the batch's leader epoch {} is below {}, of a batch before it",
                            header->leader_epoch.value(), at.epoch.value()));
  }
  return header;
}

}  // namespace godwit::storage
