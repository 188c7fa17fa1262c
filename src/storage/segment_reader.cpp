#include "storage/segment_reader.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/check.h"
#include "runtime/sync.h"
#include "storage/read_ahead.h"
#include "storage/segment_index_file.h"
#include "storage/segment_walk.h"

namespace godwit::storage {
namespace {

constexpr size_t kStepMin = 128 << 10;  // of a reader that may never come back
constexpr size_t kStepMax = 1 << 20;
constexpr size_t kAheadMin = 256 << 10;
// A block that was read ahead for a reader who did not come is given up after so many reads of others.
constexpr size_t kPassedByMax = 16;

using IndexPtr = std::shared_ptr<SegmentIndex>;
using FilePtr = std::shared_ptr<runtime::File>;

class FileReader final : public SegmentReader, private IndexCache::Entry {
 public:
  FileReader(FileCache& cache, std::shared_ptr<ReadBuffers> buffers, std::string folder, SegmentInfo info,
             DiagnosticSink& diagnostics)
      : cache_(cache),
        buffers_(std::move(buffers)),
        path_(folder + "/" + segment_name(info.id)),
        index_path_(folder + "/" + index_name(info.id)),
        info_(info),
        diagnostics_(diagnostics) {}

  void set_end(Position end, bool sealed) override {
    if (end < info_.end) forget_all();
    // A file that is sealed now may have an index file.
    if (sealed && !info_.sealed && !(index_ && index_->frontier().position == end)) index_tried_ = false;
    info_.end = end;
    info_.sealed = sealed;
  }

  void learn(std::span<const IndexEntry> entries) override {
    if (!index_) index_ = std::make_shared<SegmentIndex>(info_);
    index_->learn(entries);
    count_index();
  }

  runtime::Task<Result<SegmentRead>> read(Offset from, size_t bytes_max,
                                          std::optional<Position> hint) override {
    const IndexPtr index = co_await known_index();
    Run run{.sequential = hint.has_value(), .step = hint ? kStepMax : kStepMin};
    if (const Trace* trace = find_trace(from, hint)) {
      run.cursor = trace->cursor;
      run.step = std::min(kStepMax, trace->step * 2);
    } else {
      run.cursor = cursor_for(*index, from);
    }
    const size_t limit = std::clamp<size_t>(bytes_max, 1, kStepMax);
    run.wish = {.wanted = [from](const BatchHeader& h) { return h.last_offset() >= from; },
                .bytes_max = std::min(limit, run.step)};
    run.ahead_bytes = std::max(limit, kAheadMin);
    const auto found = co_await collect(index, run);
    if (!found) co_return fail(found.error());
    const WalkState& end = run.cursor.walk;
    if (!*found) co_return SegmentRead{.batches = {}, .next = from, .next_position = end.position};
    leave_trace(run.cursor, run.step);
    co_return SegmentRead{.batches = Chain(**found), .next = end.next, .next_position = end.position};
  }

  runtime::Task<Result<std::optional<SharedBytes>>> find_timestamp(int64_t timestamp) override {
    const IndexPtr index = co_await known_index();
    // It lies behind the last entry whose batches, up to its own, are all older.
    const auto& entries = index->entries();
    const auto reached = std::ranges::lower_bound(entries, timestamp, {}, &IndexEntry::timestamp_max);
    Run run;
    run.cursor = reached == entries.begin() ? cursor_at_start() : cursor_at(*(reached - 1));
    run.wish = {.wanted = [timestamp](const BatchHeader& h) { return h.max_timestamp_ms >= timestamp; },
                .check_all = true};
    run.scan_step = kStepMin;
    co_return co_await collect(index, run);
  }

  runtime::Task<Result<std::optional<SharedBytes>>> find_timestamp_max() override {
    const IndexPtr index = co_await known_index();
    GW_TRY(co_return, co_await complete(index));
    if (index->entries().empty()) co_return std::optional<SharedBytes>();
    co_return co_await find_timestamp(index->timestamp_max());
  }

  runtime::Task<Result<std::vector<IndexEntry>>> index() override {
    const IndexPtr index = co_await known_index();
    GW_TRY(co_return, co_await complete(index));
    co_return index->entries();
  }

  runtime::Task<Result<void>> write_index(std::span<const IndexEntry> entries) override {
    GW_CHECK(info_.sealed, "the index file is of a sealed segment");
    const std::vector<IndexEntry> known = with_checksums(entries);
    const IndexPtr index = co_await known_index();
    if (index_written_) co_return Result<void>();
    if (!known.empty() && index->frontier().position < known.back().position) {
      // Only what the scan up to the first of them leaves open.
      GW_TRY(co_return, co_await scan(index, known.front().position));
      index->learn(known);
    }
    GW_TRY(co_return, co_await scan(index, info_.end));
    if (has_checksums(*index)) co_return co_await save(index);
    index_ = std::make_shared<SegmentIndex>(info_);
    const IndexPtr whole = index_;
    GW_TRY(co_return, co_await scan(whole, info_.end));
    co_return co_await save(whole);
  }

 private:
  // What an answer left behind for the one that follows it.
  struct Trace {
    Cursor cursor;
    size_t step = 0;
  };
  // One walk over the file.
  struct Run {
    Cursor cursor{};
    BatchWish wish{};
    bool sequential = false;
    size_t step = kStepMin;  // how much an answer may take
    // How much is read at once while nothing that is wanted was found.
    size_t scan_step = 0;
    size_t ahead_bytes = 0;  // 0: nothing is read ahead
    FilePtr file{};
  };

  // --- where to start ---

  Cursor cursor_at_start() const { return {.walk = WalkState::start_of(info_), .verified_to = Position(0)}; }
  static Cursor cursor_at(const IndexEntry& entry) {
    return {.walk = SegmentIndex::walk_from(entry), .verified_to = entry.position};
  }
  Cursor cursor_for(const SegmentIndex& index, Offset from) const {
    const WalkState& frontier = index.frontier();
    if (!index.closed() && from >= frontier.next && frontier.position < info_.end) {
      return {.walk = frontier, .verified_to = frontier.position};
    }
    const IndexEntry* const entry = index.before(from);
    return entry == nullptr ? cursor_at_start() : cursor_at(*entry);
  }

  const Trace* find_trace(Offset from, std::optional<Position> hint) const {
    for (const Trace& trace : traces_) {
      if (trace.step > 0 && trace.cursor.walk.next == from && hint == trace.cursor.walk.position)
        return &trace;
    }
    return nullptr;
  }

  void leave_trace(const Cursor& cursor, size_t step) {
    traces_[next_trace_++ % traces_.size()] = {cursor, step};
  }

  // --- the index ---

  void give_up() override {
    index_.reset();
    index_tried_ = false;
  }
  void count_index() { buffers_->indexes().use(*this, index_ ? index_->memory() + sizeof(SegmentIndex) : 0); }

  void forget_all() {
    index_.reset();
    index_tried_ = index_written_ = false;
    traces_ = {};
    ahead_.reset();
  }

  // What is known of the index, loaded when it was not. Never fails: without a file it is built from nothing.
  runtime::Task<IndexPtr> known_index() {
    while (!index_tried_) {
      const auto turn = co_await index_turn_.lock();
      if (index_tried_) break;
      const SegmentInfo info = info_;
      auto loaded = info.sealed ? co_await load_index(cache_.files(), index_path_, info)
                                : fail(ErrorKind::not_found, "only sealed files have one");
      if (info.end != info_.end) continue;
      index_tried_ = true;
      if (loaded) {
        index_written_ = true;
        index_ = std::make_shared<SegmentIndex>(std::move(*loaded));
      } else if (loaded.error().kind != ErrorKind::not_found) {
        // One that a newer program wrote stays for that.
        index_written_ = loaded.error().kind == ErrorKind::unsupported;
        diagnostics_.emit({Severity::warning,
                           "segment.index_rebuilt",
                           "an index file is not usable: the index is built anew from the segment",
                           {{"path", index_path_}, {"why", loaded.error().message}}});
      }
    }
    if (!index_) index_ = std::make_shared<SegmentIndex>(info_);
    count_index();
    co_return index_;
  }

  // Entries that a checksum stands behind, and the first without one, where the scan goes on.
  static std::vector<IndexEntry> with_checksums(std::span<const IndexEntry> entries) {
    const auto open = std::ranges::find_if(entries, [](const auto& e) { return !e.headers_crc; });
    const auto end = open == entries.end() ? open : open + 1;
    return {entries.begin(), end};
  }

  // Whether each interval but the one that is still open has its checksum.
  static bool has_checksums(const SegmentIndex& index) {
    const auto& entries = index.entries();
    return std::ranges::all_of(entries, [&](const IndexEntry& entry) {
      return entry.headers_crc || (!index.closed() && &entry == &entries.back());
    });
  }

  runtime::Task<Result<void>> complete(IndexPtr index) {
    GW_TRY(co_return, co_await scan(index, info_.end));
    (void)co_await save(index);
    co_return Result<void>();
  }

  // Moves the frontier to `to` or behind it.
  runtime::Task<Result<void>> scan(IndexPtr index, Position to) {
    while (!index->closed() && index->frontier().position < to) {
      Run run{.cursor = {index->frontier(), index->frontier().position}, .scan_step = kStepMax};
      run.wish.wanted = [to, index](const BatchHeader&) { return index->frontier().position >= to; };
      const auto found = co_await collect(index, run);
      // The batch at `to` was not asked for.
      if (!found && index->frontier().position < to) co_return fail(found.error());
      if (!found || !*found) break;
    }
    co_return Result<void>();
  }

  // Writes the index of a sealed file once it is complete.
  runtime::Task<Result<void>> save(IndexPtr index) {
    if (!info_.sealed || index->frontier().position != info_.end) co_return Result<void>();
    index->close();
    count_index();
    if (index_written_ || !has_checksums(*index)) co_return Result<void>();
    index_written_ = true;
    auto saved = co_await save_index(cache_.files(), index_path_, info_, index);
    if (!saved) {
      index_written_ = false;
      diagnostics_.emit({Severity::warning,
                         "segment.index_not_written",
                         "an index file could not be written; it will be built anew when it is needed",
                         {{"path", index_path_}, {"why", saved.error().message}}});
    }
    co_return saved;
  }

  // --- reading ---

  // Where a block that starts at `from` ends: with an interval that the index knows if it can, so that it is
  // used up exactly; about `bytes` long.
  Position plan(const SegmentIndex& index, Position from, size_t bytes) const {
    const Position wanted = std::min(info_.end, from + bytes);
    const Position covered = std::min(index.frontier().position, info_.end);
    // Behind what is indexed: at least as much as the last batch that did not fit.
    if (from >= covered) return std::min(info_.end, from + std::max(bytes, batch_bytes_));
    if (wanted > covered) return wanted;
    if (wanted == covered) return covered;
    const IndexEntry* const entry = index.before(wanted);
    if (entry != nullptr && entry->position > from) return entry->position;
    return std::min(index.interval_end(from), info_.end);
  }

  // The block that holds run.cursor and, where it must, `needed`: the one that was read ahead, or from the disk.
  runtime::Task<Result<SegmentBlock>> block_at(IndexPtr index, Run& run, std::optional<Position> needed) {
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

  // Starts to read what follows `from`, if that is where the next read will start for sure.
  void read_ahead(const SegmentIndex& index, const Run& run, Position from) {
    if (ahead_ && ahead_->under_way()) return;
    ahead_.reset();
    const Position frontier = index.frontier().position;
    if (run.ahead_bytes == 0 || from >= info_.end || from > frontier) return;
    if (from < frontier && index.before(from)->position != from) return;
    ahead_ = ReadAhead::start(buffers_, run.file, from, plan(index, from, run.ahead_bytes));
  }

  // The wanted batches from run.cursor on, one behind the other; empty when there are none before the end.
  // Holds no buffer while it waits for one.
  runtime::Task<Result<std::optional<SharedBytes>>> collect(IndexPtr index, Run& run) {
    std::optional<Position> needed;
    while (run.cursor.walk.position < info_.end) {
      auto block = co_await block_at(index, run, needed);
      if (!block) co_return fail(std::move(block).error());
      const SegmentInfo info = info_;
      if (run.cursor.walk.position >= info.end) break;  // it was sealed before
      WalkResult result = walk_block(info, *index, *block, run.cursor, run.wish, path_);
      run.cursor = result.cursor;
      if (ahead_ && ++ahead_->passed_by > kPassedByMax && !ahead_->under_way()) ahead_.reset();
      count_index();
      if (result.from) {
        const Position end = run.cursor.walk.position;
        if (run.sequential && (!ahead_ || (block->has(ahead_->from()) && end >= ahead_->to()))) {
          read_ahead(*index, run, end);
        }
        co_return std::optional(block->share(*result.from, run.cursor.walk.position));
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

  // Tells it once for each place.
  tl::unexpected<Error> damage(Error error, Position position) {
    if (std::ranges::find(told_, position) == told_.end() && told_.size() < 16) {
      told_.push_back(position);
      diagnostics_.emit({Severity::error,
                         "segment.damaged",
                         "a segment file cannot be read: its batches there are not served",
                         {{"path", path_}, {"position", to_string(position)}, {"why", error.message}}});
    }
    return fail(std::move(error));
  }

  FileCache& cache_;
  const std::shared_ptr<ReadBuffers> buffers_;
  const std::string path_;
  const std::string index_path_;
  SegmentInfo info_;
  DiagnosticSink& diagnostics_;

  IndexPtr index_;              // null: nothing is known, or it was given up
  bool index_tried_ = false;    // the index file was looked for
  bool index_written_ = false;  // there is one that need not, or must not, be written
  runtime::Mutex index_turn_;
  std::array<Trace, 8> traces_;
  size_t next_trace_ = 0;
  std::shared_ptr<ReadAhead> ahead_;
  size_t batch_bytes_ = 0;  // of the last batch that a block was too short for
  std::vector<Position> told_;
};

}  // namespace

std::unique_ptr<SegmentReader> SegmentReader::create(FileCache& cache, std::shared_ptr<ReadBuffers> buffers,
                                                     std::string folder, SegmentInfo info,
                                                     DiagnosticSink& diagnostics) {
  return std::make_unique<FileReader>(cache, std::move(buffers), std::move(folder), info, diagnostics);
}

}  // namespace godwit::storage
