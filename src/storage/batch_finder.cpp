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
  forget_given_up();
  if (run.sequential) {
    if (auto block = co_await take_read_ahead(*index, run, needed)) co_return std::move(*block);
  }
  Position to = plan(*index, from, std::max(run.wish.bytes_max, run.scan_step));
  if (needed) to = std::max(to, *needed);
  const size_t size = block_buffer_size(from, to);
  ReadBuffers::Buffer buffer = co_await buffers_->get(size, run.memory);
  if (!buffer) co_return fail(ErrorKind::limit, "no memory to read " + path_ + " with at once");
  if (run.sequential && !ahead_) read_ahead(*index, run, to);
  co_return co_await read_block(run.file, std::move(buffer), from, to);
}

// The block that was read ahead for run.cursor; empty when there is none that serves.
runtime::Task<std::optional<SegmentBlock>> BatchFinder::take_read_ahead(const SegmentIndex& index,
                                                                        const Run& run,
                                                                        std::optional<Position> needed) {
  const Position from = run.cursor.walk.position;
  const auto serves = [&](const std::shared_ptr<ReadAhead>& block) {
    return block && block->covers(from) && (!needed || block->to() >= *needed);
  };
  if (!serves(current_) && serves(ahead_)) current_ = std::move(ahead_);
  const auto current = current_;
  if (!serves(current)) co_return std::nullopt;
  auto block = co_await ReadAhead::take(current);
  if (block && !block->error) {
    // The next one is on its way while this one is used, where it is known to be used up: by this answer, or by a few more
    // to a reader who takes much.
    const bool used_up = run.wish.bytes_max >= block->to - from || index.interval_end(from) >= block->to;
    const bool will_be = run.ahead_max > run.ahead_bytes && run.ahead_bytes >= kAheadMin;
    if (current_ == current && (!ahead_ || ahead_->from() != block->to) && (used_up || will_be)) {
      read_ahead(index, run, block->to);
    }
    co_return block;
  }
  if (current_ == current) current_.reset();
  co_return std::nullopt;
}

// Starts to read what follows `from`, if that is where the next search will start for sure.
void BatchFinder::read_ahead(const SegmentIndex& index, const Run& run, Position from) {
  if (ahead_ && ahead_->under_way()) return;
  ahead_.reset();
  const Position frontier = index.frontier().position;
  if (run.ahead_bytes == 0 || from >= info_.end || from > frontier) return;
  if (from < frontier && index.before(from)->position != from) return;
  const size_t bytes =
      std::max({run.ahead_bytes, kAheadMin, std::min(run.ahead_max, buffers_->block_bytes_max())});
  ahead_ = ReadAhead::start(buffers_, run.file, from, plan(index, from, bytes));
}

// The reader has come to `end`, in `block`: lets go of what lies behind it, and reads ahead if nothing there is held.
void BatchFinder::move_on(const SegmentIndex& index, const Run& run, const SegmentBlock& block,
                          Position end) {
  if (current_ && block.has(current_->from()) && end >= current_->to()) current_.reset();
  if ((current_ && current_->covers(end)) || (ahead_ && ahead_->covers(end))) return;
  if (!ahead_ || (block.has(ahead_->from()) && end >= ahead_->to())) read_ahead(index, run, end);
}

// Somebody needed the memory more: as if it had not been read.
void BatchFinder::forget_given_up() {
  if (current_ && current_->given_up()) current_.reset();
  if (ahead_ && ahead_->given_up()) ahead_.reset();
}

// A block whose reader does not come is given up.
void BatchFinder::grow_old(std::shared_ptr<ReadAhead>& block) {
  if (block && ++block->passed_by > kPassedByMax && !block->under_way()) block.reset();
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
    forget_given_up();
    grow_old(current_);
    grow_old(ahead_);
    if (result.from) {
      const Position end = run.cursor.walk.position;
      if (run.sequential) move_on(*index, run, *block, end);
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
