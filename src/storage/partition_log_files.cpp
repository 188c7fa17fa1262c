// A log and its segment files: reading from them, and what start, write-back and checkpoint do with it.
#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "record/batches.h"
#include "storage/log_shard.h"
#include "storage/partition_log.h"

namespace godwit::storage {
namespace {

// Names a file among those that are being written, as long as it lives.
class Writing {
 public:
  Writing(std::vector<FileId>& files, FileId file) : files_(files), file_(file) { files_.push_back(file); }
  ~Writing() { files_.erase(std::ranges::find(files_, file_)); }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

 private:
  std::vector<FileId>& files_;
  const FileId file_;
};

}  // namespace

runtime::Task<void> PartitionLog::wait_writes() {
  while (std::ranges::any_of(live_, [](const auto& l) { return l->write_under_way; })) {
    co_await changed_.wait();
  }
}

std::string PartitionLog::path_of(FileId file) const {
  return fmt::format("{}/{}", shard_.context().folder_of(id()), segment_name(file));
}

Position PartitionLog::writable_end(const SegmentState& segment, const SegmentLive& l) const {
  if (&segment != &state_.active() && l.synced == segment.end) return segment.end;
  return Position(std::min(l.synced, segment.end).value() / kBlockMin * kBlockMin);
}

std::optional<PartitionLog::WriteBlock> PartitionLog::next_write(FileId file, uint64_t bytes_max) {
  const SegmentState* const segment = state_.find(file);
  SegmentLive* const l = find_live(file);
  if (drop_admitted_ || segment == nullptr || l == nullptr || !l->tail || l->write_under_way)
    return std::nullopt;
  WriteBlock block{
      .file = file, .from = segment->written, .to = writable_end(*segment, *l), .views = {}, .pinned = {}};
  if (block.to <= block.from) return std::nullopt;
  block.to = std::min(block.to, block.from + bytes_max / kBlockMin * kBlockMin);
  if (block.to.value() % kBlockMin == 0) {
    block.views = l->tail->view(block.from, block.to);
  } else {
    l->tail->pad();
    block.views = l->tail->view_padded(block.from);
  }
  block.pinned = l->tail->pin(block.from, block.to);
  l->write_under_way = true;
  return block;
}

runtime::Task<Result<void>> PartitionLog::make_file(FileId file) {
  runtime::FileSystem& files = shard_.context().runtime.files();
  const std::string path = path_of(file);
  GW_TRY(co_return, co_await files.make_directory(shard_.context().topic_folder(id().topic)));
  GW_TRY(co_return, co_await files.make_directory(shard_.context().folder_of(id())));
  auto made = co_await SegmentWriter::create(files, path);
  // A crash may have left it, with some of the same bytes in it.
  if (!made && made.error().kind != ErrorKind::exists) co_return made;
  co_return {};
}

runtime::Task<Result<uint64_t>> PartitionLog::write_block(const WriteBlock& block) {
  const auto self = shared_from_this();
  const Writing writing(writing_, block.file);
  Result<void> outcome;
  if (const SegmentState* segment = state_.find(block.file);
      segment != nullptr && segment->written == Position(0)) {
    outcome = co_await make_file(block.file);
  }
  std::unique_ptr<SegmentWriter> writer;
  if (SegmentLive* l = find_live(block.file)) writer = std::move(l->writer);
  if (!writer) {
    constexpr uint64_t kAllocateAhead = 8 << 20;
    writer = std::make_unique<SegmentWriter>(shard_.files(), path_of(block.file), block.from, kAllocateAhead);
  }
  if (outcome) outcome = co_await writer->write(block.views);
  if (!outcome && outcome.error().kind == ErrorKind::not_found) {
    // Somebody took the file away. What was in it is damage that reads will name; what comes now is kept all the same.
    outcome = co_await make_file(block.file);
    writer = std::make_unique<SegmentWriter>(shard_.files(), path_of(block.file), block.from, 8 << 20);
    if (outcome) outcome = co_await writer->write(block.views);
  }
  SegmentState* const segment = state_.find(block.file);
  SegmentLive* const l = find_live(block.file);
  if (l != nullptr) {
    l->write_under_way = false;
    changed_.notify_all();
  }
  if (!outcome) co_return fail(outcome.error());
  // The segment may have left the log meanwhile.
  if (segment == nullptr || l == nullptr || !l->tail) co_return 0;
  GW_CHECK(segment->written == block.from, "blocks of a file are written in order");
  const uint64_t moved = block.to - block.from;
  l->tail->set_written(block.to);
  advance_written(*segment, *l, block.to);
  settle_seal();
  const bool whole = segment->written == segment->end && segment != &state_.active();
  tell_reader(*segment, *l);
  if (!whole) {
    l->writer = std::move(writer);
    co_return moved;
  }
  // Neither is needed for anything to be right: space that stays taken, an index that is built again.
  (void)co_await writer->trim(block.to);
  // A start without a checkpoint takes it from the index where a file ends. As long as the record that says so may be lost,
  // the log may go on in the file.
  if (synced_version_ >= state_.version) {
    co_await write_index(block.file);
  } else if (SegmentLive* now = find_live(block.file)) {
    now->index_due = true;
  }
  co_return moved;
}

runtime::Task<void> PartitionLog::write_index(FileId file) {
  const auto self = shared_from_this();
  const SegmentState* const sealed = state_.find(file);
  if (sealed == nullptr) co_return;
  const Writing writing(writing_, file);
  reader_of(*sealed);
  const SegmentLive& now = live(file);
  const std::shared_ptr<SegmentReader> reader = now.reader;
  const std::vector<IndexEntry> entries(now.entries().begin(), now.entries().end());
  (void)co_await reader->write_index(entries);
}

void PartitionLog::write_due_indexes() {
  if (synced_version_ < state_.version) return;
  std::vector<FileId> due;
  for (const auto& l : live_) {
    if (std::exchange(l->index_due, false)) due.push_back(l->id);
  }
  for (const FileId file : due) shard_.spawn(write_index(file));
}

void PartitionLog::advance_written(SegmentState& segment, SegmentLive& l, Position written) {
  segment.written = written;
  l.forget_marks(written);
  if (written == segment.end && &segment != &state_.active()) {
    segment.set_whole();
    return;
  }
  while (segment.resume <= written) {
    segment.boundary = segment.resume;
    segment.boundary_offset = segment.resume_offset;
    if (segment.resume == written || segment.resume == segment.end) return;
    const BatchHeader header = header_at(*l.tail, segment.resume);
    segment.resume += header.total_size();
    segment.resume_offset = header.next_offset();
  }
}

std::vector<PartitionLog::Remainder> PartitionLog::remainders(Sequence through, Sequence through_relaxed) {
  std::vector<Remainder> found;
  if (failed_ || drop_admitted_) return found;
  for (const auto& l : live_) {
    const SegmentState* const segment = state_.find(l->id);
    if (segment == nullptr || !l->tail || l->write_under_way || l->carry_under_way) continue;
    // A checkpoint takes of a log what is synced. The rounds with the rest must stay, or a kill -9 would lose what was
    // acknowledged with flush=interval; but no more than those, for of a log that is published to all the time there is
    // always a rest.
    if (l->synced < l->stable && relaxed()) shard_.sync_relaxed_now();
    if (l->synced <= segment->written) continue;
    const auto oldest = l->oldest(false, l->synced);
    const auto oldest_relaxed = l->oldest(true, l->synced);
    const bool old = (oldest && *oldest <= through) || (oldest_relaxed && *oldest_relaxed <= through_relaxed);
    if (!old) continue;
    found.push_back({.file = l->id,
                     .bytes = l->synced - segment->written,
                     .writable = writable_end(*segment, *l) > segment->written,
                     .active = segment == &state_.active(),
                     .relaxed = relaxed(),
                     .oldest = oldest ? *oldest : *oldest_relaxed});
  }
  return found;
}

void PartitionLog::carry_forward(FileId file) {
  const SegmentState* const segment = state_.find(file);
  SegmentLive* const l = find_live(file);
  if (failed_ || drop_admitted_ || segment == nullptr || l == nullptr || !l->tail) return;
  if (l->write_under_way || l->carry_under_way || l->synced <= segment->written) return;
  // In front of everything that waits, so it belongs to the state before the first record there: replay takes what an
  // entry says of a later one as a hole, and all that stands between them as known.
  const auto waiting = std::ranges::find_if(
      news_, [](const News& item) { return std::holds_alternative<StructureNews>(item); });
  const uint64_t version =
      waiting == news_.end() ? state_.version : std::get<StructureNews>(*waiting).version - 1;
  // The record that changes the journal waits itself. What came before it is in the old one: replay, which orders by version
  // and then by journal, would have the remainder in front of all that. The next pass carries it.
  if (version < journal_version_) return;
  l->carry_under_way = true;
  // In front: what waits may be more than a round takes.
  news_.insert(news_.begin(), DataNews{.version = version,
                                       .before = segment->base,
                                       .file = segment->id,
                                       .file_base = segment->base,
                                       .from = segment->written,
                                       .to = l->synced,
                                       .next = segment->base,
                                       .carried = true});
  rounds_->mark(*this);
}

runtime::Task<bool> PartitionLog::seal_for_write_back(FileId file) {
  const auto self = shared_from_this();
  const auto next = co_await shard_.file_ids().next();
  // One that waits to be dropped is sealed too: what it waits for may be the room of its own rounds.
  if (!next || failed_ || drop_admitted_ || shard_.context().failed || shard_.context().closing) {
    co_return false;
  }
  // All of it may be in the file by now, and no room is held any more.
  if (state_.active().id != file || !seal_held_) co_return false;
  admit_structure(RollSegment{.head = {}, .file = *next, .sealed_end = state_.active().end});
  co_return true;
}

runtime::Task<bool> PartitionLog::wait_carried() {
  const auto self = shared_from_this();
  while (!failed_ && std::ranges::any_of(live_, [](const auto& l) { return l->carry_under_way; })) {
    co_await changed_.wait();
  }
  co_return !failed_;
}

std::optional<Sequence> PartitionLog::oldest_round(bool in_relaxed) const {
  std::optional<Sequence> oldest;
  for (const auto& l : live_) {
    if (const auto one = l->oldest(in_relaxed); one && (!oldest || *one < *oldest)) oldest = one;
  }
  return oldest;
}

size_t PartitionLog::drop_cached(size_t bytes) {
  size_t dropped = 0;
  for (auto l = live_.begin(); l != live_.end() && dropped < bytes;) {
    SegmentLive& one = **l;
    if (one.tail && !one.write_under_way) {
      dropped += one.tail->drop_written(bytes - dropped);
      const SegmentState* const segment = state_.find(one.id);
      if (segment != &state_.active() && one.tail->memory() == 0) one.tail.reset();
    }
    ++l;
  }
  return dropped;
}

size_t PartitionLog::spare_memory() const {
  size_t spare = 0;
  for (const auto& l : live_) {
    const SegmentState* const segment = state_.find(l->id);
    if (segment == nullptr || !l->tail) continue;
    const size_t needed = (segment->end - segment->written) + 2 * kBlockMin;
    spare += l->tail->memory() - std::min(l->tail->memory(), needed);
  }
  return spare;
}

bool PartitionLog::shrink() {
  if (!news_.empty() || !under_way_.empty()) return false;
  for (const auto& l : live_) {
    if (l->write_under_way) return false;
    if (!l->tail) continue;
    const SegmentState* const segment = state_.find(l->id);
    if (segment != &state_.active() && segment->written == segment->end) {
      l->tail.reset();
    } else if (!l->tail->shrink()) {
      return false;
    }
    l->marks.shrink_to_fit();
    l->writer.reset();
  }
  std::erase_if(live_, [](const auto& l) { return !l->tail && !l->reader && !l->index_due; });
  news_.shrink_to_fit();
  under_way_.shrink_to_fit();
  return true;
}

uint64_t PartitionLog::unwritten_bytes() const {
  uint64_t bytes = 0;
  for (const auto& l : live_) {
    if (const SegmentState* segment = state_.find(l->id)) bytes += segment->end - segment->written;
  }
  return bytes;
}

SegmentInfo PartitionLog::info_of(const SegmentState& segment) const {
  return {.id = segment.id,
          .base = segment.base,
          .end = segment.boundary,
          .compacted = segment.compacted,
          .sealed = &segment != &state_.active() && segment.written == segment.end};
}

void PartitionLog::tell_reader(const SegmentState& segment, SegmentLive& l) {
  if (!l.reader) return;
  const SegmentInfo info = info_of(segment);
  l.reader->set_end(info.end, info.sealed);
  l.reader->learn(l.entries());
}

SegmentReader& PartitionLog::reader_of(const SegmentState& segment) {
  SegmentLive& l = live(segment.id);
  if (!l.reader) {
    l.reader = SegmentReader::create(shard_.files(), shard_.read_buffers(), shard_.context().folder_of(id()),
                                     info_of(segment), shard_.context().diagnostics);
    l.reader->learn(l.entries());
  }
  return *l.reader;
}

runtime::Task<Served<std::optional<ReadAnswer>>> PartitionLog::read_file(FileId file, ReadRequest request) {
  const SegmentState* segment = state_.find(file);
  if (segment == nullptr) co_return ReadAnswer{.batches = {}, .next = request.from};
  const ReadMemory memory = request.may_wait      ? ReadMemory::wait
                            : request.for_replica ? ReadMemory::reserved
                                                  : ReadMemory::at_once;
  if (request.from >= segment->boundary_offset) co_return co_await read_straddling(file, memory);
  reader_of(*segment);
  // The segment may leave the log while it is read.
  const std::shared_ptr<SegmentReader> reader = live(file).reader;
  std::optional<Position> hint;
  for (const ReadHint& h : hints_) {
    if (h.offset == request.from && h.file == file) hint = h.position;
  }
  auto read = co_await reader->read(request.from, request.bytes_max, hint, memory);
  if (!read) {
    if (read.error().kind == ErrorKind::limit && !request.may_wait) co_return std::nullopt;
    if (read.error().kind == ErrorKind::corrupt || read.error().kind == ErrorKind::io) {
      co_await note_damage(file, request.from, read.error().describe(), memory);
    }
    co_return refuse(ErrorCode::kafka_storage_error, read.error().describe());
  }
  last_file_position_ = read->next_position - read->batches.size();
  remember({read->next, file, read->next_position});
  if (read->next <= request.end) co_return ReadAnswer{std::move(read->batches), read->next};
  // What lies behind the end that was asked for is cut off.
  const Bytes bytes = read->batches.flatten();
  size_t size = 0;
  Offset next = request.from;
  BatchSplitter splitter(bytes, {.check_crc = false});
  while (!splitter.done()) {
    const auto batch = splitter.next();
    if (!batch || batch->header().base_offset >= request.end) break;
    size = splitter.position();
    next = batch->header().next_offset();
  }
  co_return ReadAnswer{Chain(SharedBytes::copy(BytesView(bytes).first(size))), next};
}

runtime::Task<Served<std::optional<ReadAnswer>>> PartitionLog::read_straddling(FileId file,
                                                                               ReadMemory memory) {
  const SegmentState* segment = state_.find(file);
  const SegmentLive* l = find_live(file);
  GW_CHECK(segment != nullptr && l != nullptr && l->tail,
           "a batch that is not whole in the file ends in the tail");
  const Position start = segment->boundary;
  // What the tail has begins at a block; what precedes it is in the file.
  const Position tail_first = l->tail->first();
  const Position aligned(start.value() / kBlockMin * kBlockMin);
  // Pinned now, since the tail may move on meanwhile.
  const Chain rest = l->tail->pin(tail_first, segment->end);
  auto buffer = co_await shard_.read_buffers()->get(tail_first - aligned, memory);
  if (!buffer) co_return std::nullopt;
  auto opened = co_await shard_.files().get(
      fmt::format("{}/{}", shard_.context().folder_of(id()), segment_name(file)), false);
  if (!opened) co_return refuse(ErrorCode::kafka_storage_error, opened.error().describe());
  const auto read = co_await (*opened)->read_at(aligned.value(), buffer->bytes().first(tail_first - aligned));
  if (!read) co_return refuse(ErrorCode::kafka_storage_error, read.error().describe());
  const auto damaged = [&](std::string_view what) {
    return refuse(ErrorCode::kafka_storage_error,
                  fmt::format("{} at byte {}: {}", (*opened)->path(), start.value(), what));
  };
  if (*read != tail_first - aligned) co_return damaged("the file is shorter than what was written to it");
  Bytes whole(buffer->data() + (start - aligned), buffer->data() + (tail_first - aligned));
  const size_t head_size = whole.size();
  // The header itself may be cut by the block's end: first as much as makes it whole, then the batch.
  const auto extend_to = [&](size_t size) {
    size_t skip = whole.size() - head_size;
    for (const SharedBytes& part : rest.parts()) {
      if (whole.size() >= size) return;
      const size_t skipped = std::min(skip, part.size());
      skip -= skipped;
      const auto more = part.view().subspan(skipped, std::min(part.size() - skipped, size - whole.size()));
      whole.insert(whole.end(), more.begin(), more.end());
    }
  };
  extend_to(kBatchHeaderSize);
  const auto header = BatchHeader::parse(whole);
  if (!header) co_return damaged(header.error().message);
  extend_to(header->total_size());
  const auto batch = BatchView::parse(whole);
  if (!batch) co_return damaged(batch.error().message);
  if (!batch->crc_matches()) co_return damaged("the batch fails its checksum");
  whole.resize(header->total_size());
  last_file_position_ = start;
  co_return ReadAnswer{Chain(SharedBytes::own(std::move(whole))), header->next_offset()};
}

runtime::Task<Served<Offset>> PartitionLog::skip_to_timestamp(FileId file, int64_t timestamp) {
  const SegmentState* const segment = state_.find(file);
  if (segment == nullptr) co_return Offset(0);
  if (segment->boundary > Position(0)) {
    reader_of(*segment);
    const std::shared_ptr<SegmentReader> reader = live(file).reader;
    const Offset boundary_offset = segment->boundary_offset;
    const auto found = co_await reader->find_timestamp(timestamp);
    if (!found) co_return refuse(ErrorCode::kafka_storage_error, found.error().describe());
    if (*found) co_return BatchHeader::load((*found)->view()).base_offset;
    co_return boundary_offset;
  }
  const SegmentLive* const l = find_live(file);
  if (l == nullptr) co_return segment->base;
  const auto entries = l->entries();
  const auto entry = std::ranges::lower_bound(entries, timestamp, {}, &IndexEntry::timestamp_max);
  co_return entry == entries.begin() ? segment->base : (entry - 1)->offset;
}

bool PartitionLog::restore_room(FileId file, size_t bytes) {
  const SegmentState* const segment = state_.find(file);
  SegmentLive& l = live(file);
  if (!l.tail) {
    l.tail = std::make_unique<Tail>(shard_.arena(), segment->written);
    l.restored = segment->resume;
    l.restored_offset = segment->resume_offset;
  }
  return l.tail->grow(bytes) || (shard_.reclaim(bytes) && l.tail->grow(bytes));
}

void PartitionLog::restore_bytes(FileId file, Position position, BytesView bytes) {
  live(file).tail->fill(position, bytes);
}

Result<void> PartitionLog::restore_batches(FileId file, Offset producers_from, int64_t now_ms) {
  SegmentState& segment = *state_.find(file);
  SegmentLive& l = live(file);
  const Position there = l.tail->end();
  const auto misplaced = [&](std::string_view why) {
    return fail(ErrorKind::corrupt, fmt::format("the replayed batch at byte {} (offset {}): {}",
                                                l.restored.value(), l.restored_offset.value(), why));
  };
  while (l.restored < there) {
    std::byte bytes[kBatchHeaderSize];
    const size_t size = std::min<size_t>(kBatchHeaderSize, there - l.restored);
    // The rest of the header comes later.
    if (size < kBatchHeaderSize && there < segment.end) break;
    l.tail->copy(l.restored, MutableBytes(bytes, size));
    const auto header = BatchHeader::parse(BytesView(bytes, size));
    if (!header) return misplaced(header.error().message);
    if (header->base_offset < l.restored_offset) return misplaced("its base offset is smaller");
    if (l.restored + header->total_size() > segment.end) return misplaced("it does not fit its file");
    segment.compacted |= header->base_offset > l.restored_offset;
    if (const auto claim = claim_of(*header); claim && header->base_offset >= producers_from) {
      state_.producers.record(*claim, header->base_offset, header->last_offset(), header->max_timestamp_ms,
                              now_ms);
      state_.producers.settle(header->next_offset());
    }
    l.note(info_of(segment), l.restored, *header, BytesView(bytes, size));
    l.restored_offset = header->next_offset();
    l.restored += header->total_size();
  }
  // Of a batch whose header is not whole yet nothing is written: write-back looks at headers.
  l.stable = l.synced = std::min(l.restored, there);
  l.journalled = there;
  return {};
}

void PartitionLog::restore_mark(FileId file, Sequence sequence, Position position, bool in_relaxed) {
  live(file).mark(sequence, position, in_relaxed);
}

}  // namespace godwit::storage
