#include "storage/batch_finder.h"

#include <algorithm>

#include "base/check.h"

namespace godwit::storage {
namespace {

constexpr size_t kAheadMin = 256 << 10;
// A block that was read ahead for a reader who did not come is given up after so many reads of others.
constexpr size_t kPassedByMax = 16;
// So many damaged places of a file are told, each once.
constexpr size_t kToldMax = 16;

}  // namespace

// Where a block that starts at `from` ends: with an interval that the index knows if it can, so that it is used
// up exactly; about `bytes` long.
Position BatchFinder::plan(const SegmentIndex& index, Position from, size_t bytes) const {
  const Position wanted = std::min(info_.end, from + bytes);
  const Position covered = std::min(index.frontier().position, info_.end);
  // Behind what is indexed: at least as much as the last batch that did not fit.
  if (from >= covered) return std::min(info_.end, from + std::max(bytes, batch_bytes_));
  if (wanted >= covered) return wanted;
  const IndexEntry* const entry = index.before(wanted);
  if (entry != nullptr && entry->position > from) return entry->position;
  return std::min(index.interval_end(from), info_.end);
}

// The block that holds run.cursor and, where it must, `needed`: the one that was read ahead, or from the disk.
runtime::Task<Result<SegmentBlock>> BatchFinder::block_at(std::shared_ptr<SegmentIndex> index, Run& run,
                                                          std::optional<Position> needed) {
  const Position from = run.cursor.walk.position;
  auto file = co_await cache_.get(path_, false);
  if (!file) {
    if (file.error().kind != ErrorKind::not_found) co_return fail(file.error());
    co_return damage(Error{ErrorKind::corrupt, path_ + " at byte 0: the file is missing"}, Position(0));
  }
  run.file = std::move(*file);
  const auto ahead = run.sequential ? ahead_ : nullptr;
  if (ahead && ahead->covers(from) && (!needed || ahead->to() >= *needed)) {
    auto block = co_await ReadAhead::take(ahead);
    if (block && !block->error) {
      // The next one is on its way while this one is looked at, where it is known to be used up.
      const bool used_up = run.wish.bytes_max >= block->to - from || index->interval_end(from) >= block->to;
      if (ahead_ == ahead && used_up) read_ahead(*index, run, block->to);
      co_return std::move(*block);
    }
    if (ahead_ == ahead) ahead_.reset();
  }
  Position to = plan(*index, from, std::max(run.wish.bytes_max, run.scan_step));
  if (needed) to = std::max(to, *needed);
  auto buffer = co_await buffers_->get(block_buffer_size(from, to));
  if (run.sequential && !ahead_) read_ahead(*index, run, to);
  co_return co_await read_block(run.file, std::move(buffer), from, to);
}

// Starts to read what follows `from`, if that is where the next search will start for sure.
void BatchFinder::read_ahead(const SegmentIndex& index, const Run& run, Position from) {
  if (ahead_ && ahead_->under_way()) return;
  ahead_.reset();
  const Position frontier = index.frontier().position;
  if (run.ahead_bytes == 0 || from >= info_.end || from > frontier) return;
  if (from < frontier && index.before(from)->position != from) return;
  const Position to = plan(index, from, std::max(run.ahead_bytes, kAheadMin));
  ahead_ = ReadAhead::start(buffers_, run.file, from, to);
}

runtime::Task<Result<std::optional<SharedBytes>>> BatchFinder::find(std::shared_ptr<SegmentIndex> index,
                                                                    Run& run) {
  std::optional<Position> needed;
  while (run.cursor.walk.position < info_.end) {
    auto block = co_await block_at(index, run, needed);
    if (!block) co_return fail(std::move(block).error());
    const SegmentInfo info = info_;
    if (run.cursor.walk.position >= info.end) break;  // it was sealed before
    WalkResult result = walk_block(info, *index, *block, run.cursor, run.wish, path_);
    run.cursor = result.cursor;
    if (ahead_ && ++ahead_->passed_by > kPassedByMax && !ahead_->under_way()) ahead_.reset();
    if (result.from) {
      const Position end = run.cursor.walk.position;
      if (run.sequential && (!ahead_ || (block->has(ahead_->from()) && end >= ahead_->to()))) {
        read_ahead(*index, run, end);
      }
      co_return std::optional(block->share(*result.from, end));
    }
    if (result.damage) co_return damage(std::move(*result.damage), result.damage_at);
    needed = result.needed;
    if (needed) {
      GW_CHECK(*needed > block->to, "a walk that needs more needs what was not there");
      batch_bytes_ = *needed - run.cursor.walk.position;
    } else {
      run.scan_step = std::clamp(run.scan_step * 2, kAheadMin, kStepMax);
    }
  }
  co_return std::optional<SharedBytes>();
}

tl::unexpected<Error> BatchFinder::damage(Error error, Position position) {
  if (std::ranges::find(told_, position) == told_.end() && told_.size() < kToldMax) {
    told_.push_back(position);
    diagnostics_.emit({Severity::error,
                       "segment.damaged",
                       "a segment file cannot be read: its batches there are not served",
                       {{"path", path_}, {"position", to_string(position)}, {"why", error.message}}});
  }
  return fail(std::move(error));
}

}  // namespace godwit::storage
