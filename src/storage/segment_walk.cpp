#include "storage/segment_walk.h"

#include <fmt/format.h>

#include "base/crc32c.h"

namespace godwit::storage {
namespace {

class Walk {
 public:
  Walk(const SegmentInfo& info, SegmentIndex& index, const SegmentBlock& block, const Cursor& cursor,
       const BatchWish& wish, const std::string& path)
      : info_(info), index_(index), block_(block), wish_(wish), path_(path) {
    result_.cursor = cursor;
  }

  WalkResult run() {
    while (at() < info_.end && step()) {
    }
    // What stopped it comes again when somebody asks for it.
    if (result_.from) {
      result_.damage.reset();
      result_.needed.reset();
    }
    return std::move(result_);
  }

 private:
  Position at() const { return result_.cursor.walk.position; }

  // One batch. False when it ends here.
  bool step() {
    if (!verify_interval()) return false;
    const WalkState walk = result_.cursor.walk;
    if (!has(std::min(walk.position + kBatchHeaderSize, info_.end))) return false;
    const BytesView bytes = block_.bytes(walk.position);
    const auto header = check_header(info_, walk, bytes);
    if (!header) return damaged(walk.position, ErrorKind::corrupt, header.error().message);
    const Position end = walk.position + header->total_size();
    if (is_indexed(walk.position) && end > index_.interval_end(walk.position)) {
      return damaged(walk.position, ErrorKind::corrupt, "the batch runs into another that the index knows");
    }
    const bool wanted = result_.from.has_value() || wish_.wanted(*header);
    if (result_.from && end - *result_.from > wish_.bytes_max) return false;
#ifndef GODWIT_SEEDED_BUG_SEGMENT
    if (!has(end)) return false;
#endif
    if (!take(*header, bytes.first(header->total_size()), wanted)) return false;
    return !result_.from || end - *result_.from < wish_.bytes_max;
  }

  // A batch that is whole in the block.
  bool take(const BatchHeader& header, BytesView bytes, bool wanted) {
    const Position position = at();
    const bool is_new = !index_.closed() && position == index_.frontier().position;
    bool right = true;
    if (wanted || wish_.check_all || is_new) right = batch_crc(bytes) == header.crc;
    if (!right && (wanted || wish_.check_all)) {
      return damaged(position, ErrorKind::corrupt, "the batch fails its checksum");
    }
    // One that only stands in the way is passed over where the next one fits behind it; if none does, this one
    // is to blame.
    if (!right) suspect_ = position;
    if (is_new) index_.add(header, bytes, info_, right);
    result_.cursor.walk = result_.cursor.walk.after(header, info_);
    if (wanted && !result_.from) result_.from = position;
    return true;
  }

  bool is_indexed(Position position) const { return position < index_.frontier().position; }

  // Whether the block reaches to `position`; says why not.
  bool has(Position position) {
    if (position <= block_.valid_to) return true;
    if (block_.error) {
      result_.damage = block_.error;
      result_.damage_at = block_.valid_to;
    } else {
      result_.needed = position;
    }
    return false;
  }

  bool damaged(Position position, ErrorKind kind, std::string_view why) {
    if (suspect_) {
      position = *suspect_;
      why = "the batch fails its checksum, and nothing that could be the next one follows it";
    }
    result_.damage = Error{kind, fmt::format("{} at byte {}: {}", path_, position.value(), why)};
    result_.damage_at = position;
    return false;
  }

  // At the start of an interval: compares its headers with the index's checksum before anything of it leaves.
  // What can be named more exactly, a batch that fails its own checks, is left to them.
  bool verify_interval() {
    const Position start = at();
    if (start < result_.cursor.verified_to || !is_indexed(start)) return true;
    const IndexEntry* const entry = index_.before(start);
    const Position end = index_.interval_end(start);
    if (entry == nullptr || entry->position != start || !entry->headers_crc) {
      result_.cursor.verified_to = end;
      return true;
    }
    if (end > block_.valid_to && !block_.error) return has(end);
    WalkState walk = result_.cursor.walk;
    uint32_t crc = 0;
    bool bodies_right = true;
    while (walk.position < end) {
      if (walk.position + kBatchHeaderSize > block_.valid_to) break;
      const BytesView bytes = block_.bytes(walk.position);
      const auto header = check_header(info_, walk, bytes);
      if (!header || header->total_size() > bytes.size()) break;
      crc = crc32c_extend(crc, bytes.first(kUncoveredHead));
      walk = walk.after(*header, info_);
      // An epoch that falls, or an offset that does in a file with gaps, may be the fault of one before it.
      walk.epoch = kNoLeaderEpoch;
      if (info_.compacted) walk.next = Offset(0);
    }
    result_.cursor.verified_to = end;
    if (walk.position != end || crc == *entry->headers_crc) return true;
    for (walk = result_.cursor.walk; walk.position < end && bodies_right;) {
      const BytesView bytes = block_.bytes(walk.position);
      const BatchHeader header = BatchHeader::load(bytes);
      bodies_right = batch_crc(bytes.first(header.total_size())) == header.crc;
      walk = walk.after(header, info_);
    }
    if (!bodies_right) return true;
    result_.cursor.verified_to = start;
    return damaged(
        start, ErrorKind::corrupt,
        fmt::format("the headers of the batches up to byte {} are not those that were indexed", end.value()));
  }

  const SegmentInfo& info_;
  SegmentIndex& index_;
  const SegmentBlock& block_;
  const BatchWish& wish_;
  const std::string& path_;
  WalkResult result_;
  std::optional<Position> suspect_;
};

}  // namespace

WalkResult walk_block(const SegmentInfo& info, SegmentIndex& index, const SegmentBlock& block,
                      const Cursor& cursor, const BatchWish& wish, const std::string& path) {
  return Walk(info, index, block, cursor, wish, path).run();
}

}  // namespace godwit::storage
