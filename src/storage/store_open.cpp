// Start = checkpoint + journal (rule 11): no segment file is opened or looked for.
#include <algorithm>

#include "base/check.h"
#include "storage/store_impl.h"
#include "storage/unknown_folders.h"

namespace godwit::storage {

runtime::Task<Result<std::unique_ptr<Store>>> Store::open(StoreOptions options, runtime::Runtime& runtime,
                                                          DiagnosticSink& diagnostics,
                                                          metrics::Registry& metrics) {
  auto store = std::make_unique<StoreImpl>(std::move(options), runtime, diagnostics, metrics);
  if (auto opened = co_await store->open_all(); !opened) co_return fail(std::move(opened).error());
  co_return std::unique_ptr<Store>(std::move(store));
}

runtime::Task<Result<Checkpoint>> StoreImpl::read_checkpoint() {
  auto found = co_await checkpoint_file_.read();
  if (!found) co_return fail(std::move(found).error());
  if (!*found) co_return Checkpoint{};
  if (!(*found)->other_copy.empty()) {
    context_.diagnostics.emit({Severity::info,
                               "checkpoint.one_copy",
                               "one of the two copies of the checkpoint is not whole, as after a crash",
                               {{"what", (*found)->other_copy}}});
  }
  co_return decode_checkpoint(SharedBytes::own(std::move((*found)->bytes)));
}

runtime::Task<Result<Journal::Opened>> StoreImpl::open_journal(bool relaxed, Sequence released) {
  const std::string name = relaxed ? "relaxed" : "journal";
  runtime::Shard& journal_shard = context_.runtime.add_shard({.name = name, .blocking_files = true});
  (relaxed ? relaxed_shard_ : journal_shard_) = &journal_shard;
  JournalOptions options{.directory = context_.options.directory + "/" + name,
                         .released = released,
                         .file_bytes = context_.options.journal_file_bytes,
                         .files_min = context_.options.journal_files,
                         .round_bytes_max = round_bytes_max(),
                         .mode = relaxed ? JournalOptions::Mode::buffered : JournalOptions::Mode::synced};
  options.first_file_bytes = std::min(options.first_file_bytes, options.file_bytes);
  GW_TRY(co_return, co_await context_.runtime.files().make_directory(options.directory));
  GW_TRY(co_return, co_await context_.runtime.files().sync_directory(context_.options.directory));
  auto opened = co_await journal_shard.call([this, options, &journal_shard] {
    return Journal::open(options, context_.runtime.files(), journal_shard, shard(0), context_.diagnostics);
  });
  if (!opened) co_return fail(std::move(opened).error());
  for (const JournalDamage& damage : opened->damages) {
    context_.diagnostics.emit(
        {Severity::error,
         "journal.damaged",
         "acknowledged rounds cannot be read: offsets are not handed out again, and what "
         "was in them is lost unless a replica has it",
         {{"file", damage.file},
          {"position", std::to_string(damage.position)},
          {"after", to_string(damage.after)},
          {"before", to_string(damage.before)},
          {"what", damage.what}}});
  }
  co_return std::move(*opened);
}

runtime::Task<Result<void>> StoreImpl::open_journals(Replay& replay, Sequence released,
                                                     Sequence released_relaxed) {
  auto opened = co_await open_journal(false, released);
  if (!opened) co_return fail(std::move(opened).error());
  journal_ = std::move(opened->journal);
  relaxed_released_ = released_relaxed;
  std::vector<RecoveredEntry> relaxed_entries;
  const auto there = co_await context_.runtime.files().exists(context_.options.directory + "/relaxed");
  if (!there) co_return fail(there.error());
  if (*there) {
    auto relaxed = co_await open_journal(true, released_relaxed);
    if (!relaxed) co_return fail(std::move(relaxed).error());
    relaxed_ = std::move(relaxed->journal);
    relaxed_entries = std::move(relaxed->entries);
  }
  co_return replay.add(opened->entries, relaxed_entries);
}

runtime::Task<Result<Journal*>> StoreImpl::open_relaxed() {
  const auto lock = co_await opening_relaxed_.lock();
  if (!relaxed_) {
    auto opened = co_await open_journal(true, relaxed_released_);
    if (!opened) co_return fail(std::move(opened).error());
    relaxed_ = std::move(opened->journal);
  }
  co_return relaxed_.get();
}

uint64_t StoreImpl::round_bytes_max() const {
  return std::clamp<uint64_t>(context_.options.journal_file_bytes / 8, 64 << 10, 4 << 20);
}

runtime::Task<void> StoreImpl::make_shards() {
  const size_t count = context_.runtime.shard_count();
  shards_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    co_await shard(i).call([this, i, count] {
      const StoreOptions& o = context_.options;
      shards_[i] = std::make_unique<LogShard>(
          context_, shard(i),
          LogShard::Parts{.journal = *journal_,
                          .round_bytes_max = round_bytes_max(),
                          .journal_reserve = o.journal_file_bytes,
                          .file_ids = *file_ids_,
                          .arena_bytes = o.arena_bytes / count,
                          .read_buffer_bytes = o.read_buffer_bytes / count,
                          .open_files_max = std::max<size_t>(16, o.open_files_max / count)});
    });
  }
}

runtime::Task<Result<Bytes>> StoreImpl::read_steps(Journal& journal, std::vector<LoadStep> steps) {
  Bytes bytes;
  Bytes payload;
  for (const LoadStep& step : steps) {
    payload.resize(step.extent.payload.size);
    GW_TRY(co_return, co_await journal.read_payload(step.extent.payload, payload));
    const auto part = BytesView(payload).subspan(step.skip, step.size);
    bytes.insert(bytes.end(), part.begin(), part.end());
  }
  co_return bytes;
}

namespace {

// The journal lacks bytes of this segment that its records tell of: what is whole in the file is kept, the rest
// is damaged (rule 12).
void cut_to_file(ReplayedLog& replayed, SegmentState& segment) {
  LogState& state = replayed.state;
  const Offset from = segment.boundary_offset;
  if (&segment == &state.active()) {
    replayed.lost_from = std::min(from, replayed.lost_from.value_or(from));
    replayed.lost_to = std::max(state.end, replayed.lost_to.value_or(state.end));
  } else if (from < segment.next) {
    state.add_damage({from, segment.next, "its bytes are missing in the journal"});
  }
  segment.end = segment.boundary;
  segment.next = from;
  segment.set_whole();
}

void cut_what_is_missing(ReplayedLog& replayed) {
  for (SegmentState& segment : replayed.state.segments) {
    uint64_t there = 0;
    for (const LoadStep& step : load_plan(replayed.extents, segment.id, segment.written, segment.end)) {
      there += step.size;
    }
    if (there < segment.end - segment.written) cut_to_file(replayed, segment);
  }
  auto& segments = replayed.state.segments;
  segments.erase(std::remove_if(segments.begin(), segments.end() - 1,
                                [](const SegmentState& segment) { return segment.empty(); }),
                 segments.end() - 1);
}

}  // namespace

runtime::Task<Result<void>> StoreImpl::load_segment(PartitionLog& log, const SegmentState& segment,
                                                    const ReplayedLog& replayed) {
  constexpr uint64_t kLoadBytes = 4 << 20;
  const auto plan = load_plan(replayed.extents, segment.id, segment.written, segment.end);
  Position at = segment.written;
  for (size_t i = 0; i < plan.size();) {
    std::vector<LoadStep> steps;
    uint64_t size = 0;
    const bool relaxed = plan[i].extent.relaxed;
    for (; i < plan.size() && plan[i].extent.relaxed == relaxed &&
           (steps.empty() || size + plan[i].size <= kLoadBytes);
         ++i) {
      log.restore_mark(segment.id, plan[i].extent.sequence, plan[i].position, relaxed);
      size += plan[i].size;
      steps.push_back(plan[i]);
    }
    Journal& journal = relaxed ? *relaxed_ : *journal_;
    auto bytes = co_await (relaxed ? relaxed_shard_ : journal_shard_)
                     ->call([&journal, steps = std::move(steps)]() mutable {
                       return read_steps(journal, std::move(steps));
                     });
    if (!bytes) co_return fail(std::move(bytes).error());
    if (!log.restore_bytes(segment.id, at, *bytes)) {
      co_return fail(ErrorKind::limit,
                     "memory.arena is too small for what the journal holds: start with more");
    }
    at += bytes->size();
  }
  GW_CHECK(at == segment.end, "what is missing was cut off before");
  co_return log.restore_batches(segment.id, replayed.producers_from, replayed.now_ms);
}

runtime::Task<Result<void>> StoreImpl::load_log(LogShard& log_shard, ReplayedLog& replayed) {
  for (;;) {
    cut_what_is_missing(replayed);
    PartitionLog& log = log_shard.adopt(replayed.state);
    Result<void> loaded;
    FileId file;
    for (const SegmentState& segment : replayed.state.segments) {
      if (segment.written == segment.end) continue;
      file = segment.id;
      loaded = co_await load_segment(log, segment, replayed);
      if (!loaded) break;
    }
    if (loaded) {
      log_shard.write_back().admitted(log.unwritten_bytes());
      co_return loaded;
    }
    if (loaded.error().kind == ErrorKind::limit) co_return loaded;
    // A place that was whole when the journal was scanned and is not now. Once more, without what cannot be read.
    context_.diagnostics.emit(
        {Severity::error,
         "journal.damaged",
         "acknowledged bytes cannot be read from the journal",
         {{"partition", context_.folder_of(log.id())}, {"why", loaded.error().describe()}}});
    log_shard.disown(log.id());
    std::erase_if(replayed.extents, [&](const ReplayedExtent& extent) { return extent.file == file; });
  }
}

runtime::Task<Result<void>> StoreImpl::load_logs(size_t shard_index, std::vector<ReplayedLog> logs) {
  LogShard& log_shard = *shards_[shard_index];
  if (relaxed_) log_shard.use_relaxed(*relaxed_);
  for (ReplayedLog& replayed : logs) {
    GW_TRY(co_return, co_await load_log(log_shard, replayed));
  }
  log_shard.start();
  for (const ReplayedLog& replayed : logs) {
    if (!replayed.lost_to) continue;
    PartitionLog& log = *log_shard.find(replayed.state.id);
    const Offset from = std::min(replayed.lost_from.value_or(log.end()), log.end());
    context_.diagnostics.emit(
        {Severity::error,
         "log.damaged",
         "records that were acknowledged are lost on this disk; their offsets are not handed "
         "out again, and reading them gives an error",
         {{"partition", context_.folder_of(log.id())},
          {"from", to_string(from)},
          {"to", to_string(*replayed.lost_to)}}});
    const auto skipped =
        co_await log.skip_damage(from, std::max(*replayed.lost_to, log.end()), "the journal lost them");
    if (!skipped) co_return fail(ErrorKind::io, skipped.error().message);
  }
  co_return {};
}

runtime::Task<Result<void>> StoreImpl::open_all() {
  context_.report_failure = [this](std::string what) { report_failure(std::move(what)); };
  context_.request_write_back = [this] {
    shard(0).post([this] {
      if (maintenance_) maintenance_->wake();
    });
  };
  context_.open_relaxed = [this]() -> runtime::Task<Result<Journal*>> {
    return shard(0).call([this] { return open_relaxed(); });
  };
  runtime::FileSystem& files = context_.runtime.files();
  const std::string& directory = context_.options.directory;
  if (const auto there = co_await files.exists(directory); !there || !*there) {
    GW_TRY(co_return, co_await files.make_directory(directory));
    const size_t slash = directory.find_last_of('/');
    const std::string parent =
        slash == std::string::npos ? "." : directory.substr(0, std::max<size_t>(slash, 1));
    GW_TRY(co_return, co_await files.sync_directory(parent));
  }
  GW_TRY(co_return, co_await files.make_directory(context_.topics_folder()));
  auto checkpoint = co_await read_checkpoint();
  if (!checkpoint) co_return fail(std::move(checkpoint).error());
  const Sequence released = checkpoint->journal;
  const Sequence released_relaxed = checkpoint->relaxed;
  Replay replay(std::move(*checkpoint));
  GW_TRY(co_return, co_await open_journals(replay, released, released_relaxed));
  Replayed replayed = replay.finish();
  file_ids_ = std::make_unique<FileIdLots>(*journal_, replayed.next_file_id);
  co_await make_shards();
  std::vector<std::vector<ReplayedLog>> by_shard(shards_.size());
  for (ReplayedLog& log : replayed.logs) by_shard[shard_of(log.state.id)].push_back(std::move(log));
  std::vector<runtime::Task<Result<void>>> loads;
  for (size_t i = 0; i < shards_.size(); ++i) {
    loads.push_back(shard(i).call(
        [this, i, logs = std::move(by_shard[i])]() mutable { return load_logs(i, std::move(logs)); }));
  }
  for (auto& loaded : co_await runtime::when_all(std::move(loads))) {
    if (!loaded) co_return fail(std::move(loaded).error());
  }
  for (const RemovedFile& file : replayed.to_remove) {
    const size_t index = shard_of({file.topic, file.partition});
    shard(index).post([this, index, file] { shards_[index]->removal().add(file); });
  }
  maintenance_ =
      std::make_unique<Maintenance>(context_, Maintenance::Parts{.journal = *journal_,
                                                                 .relaxed = relaxed_,
                                                                 .file_ids = *file_ids_,
                                                                 .shards = shards_,
                                                                 .checkpoint_file = checkpoint_file_});
  space_ = std::make_unique<SpaceWatch>(context_, [this] { return unwritten(); });
  space_->on_change([this] {
    context_.metrics.space_left.set(context_.space_left ? 1 : 0);
    if (on_health_change_) on_health_change_();
  });
  context_.report_no_space = [this] { shard(0).post([this] { space_->no_space(); }); };
  gate_.spawn(shard(0), maintenance_->run());
  gate_.spawn(shard(0), space_->run());
  gate_.spawn(shard(0), put_unknown_folders_aside(context_, [this] { return known_partitions(); }));
  co_return {};
}

}  // namespace godwit::storage
