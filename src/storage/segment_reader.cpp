#include "storage/segment_reader.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/check.h"
#include "runtime/sync.h"
#include "storage/batch_finder.h"
#include "storage/segment_index_file.h"

namespace godwit::storage {
namespace {

constexpr size_t kStepMin = 128 << 10;  // of a reader that may never come back
constexpr size_t kStepMax = BatchFinder::kStepMax;
// What is read ahead at once: as much as the reader has read so far, but for a few answers only.
constexpr size_t kAheadMax = 4 << 20;
constexpr size_t kAheadAnswers = 4;

using IndexPtr = std::shared_ptr<SegmentIndex>;

class FileReader final : public SegmentReader, private IndexCache::Entry {
 public:
  FileReader(FileCache& cache, std::shared_ptr<ReadBuffers> buffers, std::string folder, SegmentInfo info,
             DiagnosticSink& diagnostics)
      : cache_(cache),
        buffers_(std::move(buffers)),
        index_path_(folder + "/" + index_name(info.id)),
        info_(info),
        diagnostics_(diagnostics),
        finder_(cache, buffers_, folder + "/" + segment_name(info.id), info_, diagnostics) {}

  void set_end(Position end, bool sealed) override {
    if (end < info_.end) forget_all();
    // A file that is sealed now may have an index file.
    if (sealed && !info_.sealed && !(index_ && index_->frontier().position == end)) index_tried_ = false;
    info_.end = end;
    info_.sealed = sealed;
  }

  void learn(std::span<const IndexEntry> entries) override {
    if (!index_) index_ = std::make_shared<SegmentIndex>(info_);
    index_->learn(entries, info_.end);
    count_index();
  }

  runtime::Task<Result<SegmentRead>> read(Offset from, size_t bytes_max, std::optional<Position> hint,
                                          ReadMemory memory) override {
    const IndexPtr index = co_await known_index();
    Run run{.sequential = hint.has_value(), .step = hint ? kStepMax : kStepMin, .memory = memory};
    if (const Trace* trace = find_trace(from, hint)) {
      run.cursor = trace->cursor;
      run.step = std::min(kAheadMax, trace->step * 2);
    } else {
      run.cursor = cursor_for(*index, from);
    }
    const size_t limit = std::clamp<size_t>(bytes_max, 1, kStepMax);
    run.wish = {.wanted = [from](const BatchHeader& h) { return h.last_offset() >= from; },
                .bytes_max = std::min(limit, run.step)};
    run.ahead_bytes = limit;
    run.ahead_max = std::min(limit * kAheadAnswers, run.step);
    const auto found = co_await find(index, run);
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
    co_return co_await find(index, run);
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
      index->learn(known, info_.end);
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
  using Run = BatchFinder::Run;

  // --- where to start ---

  Cursor cursor_at_start() const { return {.walk = WalkState::start_of(info_), .verified_to = Position(0)}; }
  Cursor cursor_at(const IndexEntry& entry) const {
    // An entry at the start may stand for what nobody looked at yet: its offset is then the smallest possible.
    if (entry.position == Position(0)) return cursor_at_start();
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

  runtime::Task<Result<std::optional<SharedBytes>>> find(IndexPtr index, Run& run) {
    auto found = co_await finder_.find(index, run);
    if (index == index_) count_index();
    co_return found;
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
    finder_.forget();
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
      const auto found = co_await find(index, run);
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

  FileCache& cache_;
  const std::shared_ptr<ReadBuffers> buffers_;
  const std::string index_path_;
  SegmentInfo info_;
  DiagnosticSink& diagnostics_;

  IndexPtr index_;              // null: nothing is known, or it was given up
  bool index_tried_ = false;    // the index file was looked for
  bool index_written_ = false;  // there is one that need not, or must not, be written
  runtime::Mutex index_turn_;
  std::array<Trace, 8> traces_;
  size_t next_trace_ = 0;
  BatchFinder finder_;
};

}  // namespace

std::unique_ptr<SegmentReader> SegmentReader::create(FileCache& cache, std::shared_ptr<ReadBuffers> buffers,
                                                     std::string folder, SegmentInfo info,
                                                     DiagnosticSink& diagnostics) {
  return std::make_unique<FileReader>(cache, std::move(buffers), std::move(folder), info, diagnostics);
}

}  // namespace godwit::storage
