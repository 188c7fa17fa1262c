#include "storage/rebuild_scan.h"

#include <algorithm>

#include "base/crc32c.h"
#include "record/batches.h"
#include "runtime/runtime.h"
#include "storage/segment_check.h"
#include "storage/segment_index.h"

namespace godwit::storage {
namespace {

using runtime::Task;

class Scan {
 public:
  Scan(std::unique_ptr<runtime::File> handle, uint64_t size, JournalledRanges journalled)
      : handle_(std::move(handle)), size_(size), journalled_(std::move(journalled)) {}

  // Batches from `from` on, up to `to` or the first whose records are not whole. `reached`: where that is.
  Task<std::vector<FoundBatch>> walk(Position from, Position to, Position& reached, uint32_t& headers_crc) {
    std::vector<FoundBatch> found;
    reached = from;
    headers_crc = 0;
    while (reached < to && co_await hold(reached.value(), kBatchHeaderSize)) {
      const auto header = BatchHeader::parse(bytes_at(reached));
      if (!header || header->total_size() > to - reached) break;
      if (!co_await hold(reached.value(), header->total_size())) break;
      const auto whole = bytes_at(reached).first(header->total_size());
      const auto batch = BatchView::parse(whole);
      if (!batch || !batch->crc_matches()) break;
      headers_crc = crc32c_extend(headers_crc, whole.first(kUncoveredHead));
      const bool witnessed = journalled_.covers(reached, reached + kUncoveredHead);
      const Position begin = std::exchange(reached, reached + header->total_size());
      found.push_back({.base = header->base_offset,
                       .next = header->next_offset(),
                       .begin = begin,
                       .end = reached,
                       .epoch = header->leader_epoch,
                       .timestamp_max = header->max_timestamp_ms,
                       .producer_id = header->producer_id,
                       .producer_epoch = header->producer_epoch,
                       .first_sequence = header->base_sequence,
                       .last_sequence = header->last_sequence(),
                       .witnessed = witnessed});
    }
    co_return found;
  }
  Position size() const { return Position(size_); }

 private:
  BytesView bytes_at(Position position) const {
    return BytesView(window_).subspan(position.value() - window_at_);
  }
  // Makes the window hold [position, position + count); false where the file or the device ends.
  Task<bool> hold(uint64_t position, size_t count) {
    constexpr size_t kRead = 4 << 20;
    if (position >= window_at_ && position + count <= window_at_ + window_.size()) co_return true;
    if (position + count > size_) co_return false;
    window_.resize(std::min<uint64_t>(std::max(count, kRead), size_ - position));
    window_at_ = position;
    const auto read = co_await handle_->read_at(position, window_);
    if (!read) {
      // Only as much as must be there: a bad block behind it is another batch's.
      window_.resize(count);
      const auto less = co_await handle_->read_at(position, window_);
      if (!less) window_.clear();
      co_return less&&* less == count;
    }
    window_.resize(*read);
    co_return *read >= count;
  }

  std::unique_ptr<runtime::File> handle_;
  const uint64_t size_;
  JournalledRanges journalled_;
  Bytes window_;
  uint64_t window_at_ = 0;
};

// With the whole index of a sealed file: interval by interval, each with a checksum of what its batches' do not cover.
Task<void> scan_indexed(Scan& scan, const SegmentIndex& index, const SegmentInfo& info, FoundFile& found) {
  const auto& entries = index.entries();
  for (size_t i = 0; i < entries.size(); ++i) {
    const bool last = i + 1 == entries.size();
    const Position to = last ? info.end : entries[i + 1].position;
    const Offset next = last ? index.frontier().next : entries[i + 1].offset;
    Position reached;
    uint32_t crc = 0;
    FoundFile part{.id = found.id, .compacted = info.compacted};
    part.batches = co_await scan.walk(entries[i].position, std::min(to, scan.size()), reached, crc);
    if (reached == to && crc == entries[i].headers_crc) {
      for (FoundBatch& batch : part.batches) batch.witnessed = true;
    } else if (reached == to) {
      // One of the headers lies, and it cannot be told which.
      std::erase_if(part.batches, [](const FoundBatch& batch) { return !batch.witnessed; });
    } else {
      // Damaged, or cut off since: what is there continues the entry, or has a witness.
      keep_witnessed(part, entries[i].offset);
      part.damaged.clear();
    }
    Offset at = entries[i].offset;
    for (const FoundBatch& batch : part.batches) {
      if (batch.base > at && !info.compacted) found.damaged.emplace_back(at, batch.base);
      at = batch.next;
    }
    // Of a compacted file the end of an interval may be a gap, where it is whole.
    if (at < next && (reached != to || crc != entries[i].headers_crc)) found.damaged.emplace_back(at, next);
    found.batches.insert(found.batches.end(), part.batches.begin(), part.batches.end());
  }
}

}  // namespace

Task<Result<FoundFile>> scan_segment(runtime::FileSystem& files, std::string folder, FileId file,
                                     std::optional<Offset> base, JournalledRanges journalled) {
  constexpr size_t kIndexMax = size_t{64} << 20;
  FoundFile found{.id = file};
  auto handle =
      co_await files.open(folder + "/" + segment_name(file), {.lane = runtime::OpenOptions::Lane::read});
  if (!handle) co_return fail(std::move(handle).error());
  const auto size = co_await (*handle)->size();
  if (!size) co_return fail(size.error());
  Scan scan(std::move(*handle), *size, std::move(journalled));
  const auto bytes = co_await runtime::read_file(files, folder + "/" + index_name(file), kIndexMax);
  if (const auto info = bytes ? info_in_index(*bytes, file) : std::nullopt) {
    found.compacted = info->compacted;
    base = info->base;
    if (const auto index = SegmentIndex::decode(*bytes, *info)) {
      co_await scan_indexed(scan, *index, *info, found);
      co_return found;
    }
  }
  Position reached;
  uint32_t crc = 0;
  found.batches = co_await scan.walk(Position(0), scan.size(), reached, crc);
  keep_witnessed(found, found.compacted ? std::nullopt : base);
  co_return found;
}

}  // namespace godwit::storage
