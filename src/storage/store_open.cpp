// Start = checkpoint + journal (rule 11): no segment file is opened or looked for.
#include <algorithm>

#include "base/check.h"
#include "storage/rebuild.h"
#include "storage/store_impl.h"
#include "storage/unknown_folders.h"

namespace godwit::storage {

runtime::Task<Result<std::unique_ptr<Store>>> Store::open(StoreOptions options, runtime::Runtime& runtime,
                                                          DiagnosticSink& diagnostics,
                                                          metrics::Registry& metrics) {
  auto store = std::make_unique<StoreImpl>(std::move(options), runtime, diagnostics, metrics);
  if (auto opened = co_await store->open_all(); !opened) {
    co_await store->abandon();
    co_return fail(std::move(opened).error());
  }
  co_return std::unique_ptr<Store>(std::move(store));
}

runtime::Task<Result<std::optional<Checkpoint>>> StoreImpl::read_checkpoint() {
  auto found = co_await checkpoint_file_.read();
  Result<Checkpoint> decoded = Checkpoint{};
  if (found && *found) {
    if (!(*found)->other_copy.empty()) {
      context_.diagnostics.emit({Severity::info,
                                 "checkpoint.one_copy",
                                 "one of the two copies of the checkpoint is not whole, as after a crash",
                                 {{"what", (*found)->other_copy}}});
    }
    decoded = decode_checkpoint(SharedBytes::own(std::move((*found)->bytes)));
    if (!decoded && decoded.error().kind == ErrorKind::corrupt) {
      auto older = co_await checkpoint_file_.read_older();
      if (!older) co_return fail(std::move(older).error());
      if (*older) {
        context_.diagnostics.emit(
            {Severity::error,
             "checkpoint.not_usable",
             "the newest checkpoint is whole and cannot be used: the one before it is tried",
             {{"what", decoded.error().message}}});
        decoded = decode_checkpoint(SharedBytes::own(std::move((*older)->bytes)));
      }
    }
  } else if (!found) {
    decoded = fail(std::move(found).error());
  }
  if (decoded) co_return std::optional(std::move(*decoded));
  if (decoded.error().kind != ErrorKind::corrupt) co_return fail(std::move(decoded).error());
  context_.diagnostics.emit(
      {Severity::error,
       "checkpoint.lost",
       "no copy of the checkpoint is valid: all logs are put together from the journal and the "
       "segment files, which takes as long as reading them",
       {{"what", decoded.error().message}}});
  co_return std::optional<Checkpoint>();
}

runtime::Task<Result<Journal::Opened>> StoreImpl::open_journal(bool relaxed, Sequence released, size_t logs) {
  const std::string name = relaxed ? "relaxed" : "journal";
  runtime::Shard& journal_shard = context_.runtime.add_shard({.name = name, .blocking_files = true});
  (relaxed ? relaxed_shard_ : journal_shard_) = &journal_shard;
  JournalOptions options{
      .directory = context_.options.directory + "/" + name,
      .released = released,
      .first_file_bytes = journal_plan_.first_file_bytes,
      .file_bytes = journal_plan_.file_bytes,
      .files_min = context_.options.journal_files,
      .round_bytes_max = journal_plan_.round_bytes_max,
      .mode = relaxed ? JournalOptions::Mode::buffered : JournalOptions::Mode::synced,
      // The shards ask for the syncs, as each topic's flush.ms says.
      .interval = std::chrono::milliseconds(kFlushMsMax),
      .scan_payload_max = context_.options.journal_scan_payload_max,
      // A crash leaves what was free of the last file unusable, and the journal must be emptied all
      // the same.
      .reserve_bytes = journal_plan_.publish_floor,
      // Nor does the publish_floor suffice where the journal was larger, or had fewer shards: logs may have more to seal
      // than they would have been let begin (journal_room.h).
      .reserve_more = [plan = journal_plan_, logs](const std::vector<RecoveredEntry>& entries) -> uint64_t {
        const auto created =
            std::ranges::count(entries, static_cast<uint8_t>(EntryKind::create), &RecoveredEntry::kind);
        const uint64_t needed =
            plan.structure_floor + (logs + static_cast<uint64_t>(created)) * JournalRoom::kSealBytes;
        return needed - std::min(needed, plan.publish_floor);
      }};
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

runtime::Task<Result<Replayed>> StoreImpl::replay_all() {
  auto checkpoint = co_await read_checkpoint();
  if (!checkpoint) co_return fail(std::move(checkpoint).error());
  bool lost = !*checkpoint;
  Checkpoint known = std::move(*checkpoint).value_or(Checkpoint{});
  auto opened = co_await open_journal(false, known.journal, known.logs.size());
  if (!opened) co_return fail(std::move(opened).error());
  journal_ = std::move(opened->journal);
  journal_room_ = std::make_unique<JournalRoom>(*journal_, journal_plan_);
  relaxed_released_ = known.relaxed;
  std::optional<Journal::Opened> relaxed;
  const auto there = co_await context_.runtime.files().exists(context_.options.directory + "/relaxed");
  if (!there) co_return fail(there.error());
  if (*there) {
    auto found = co_await open_journal(true, known.relaxed, known.logs.size());
    if (!found) co_return fail(std::move(found).error());
    relaxed = std::move(*found);
    relaxed_ = std::move(relaxed->journal);
    relaxed_room_ = std::make_unique<JournalRoom>(*relaxed_, journal_plan_);
    context_.relaxed = relaxed_.get();
  }
  // The journals went on from a newer checkpoint than the one that is there.
  if (opened->released_mark > known.journal || (relaxed && relaxed->released_mark > known.relaxed)) {
    lost = true;
    context_.diagnostics.emit(
        {Severity::error,
         "checkpoint.old",
         "the newest checkpoint is lost: all logs are put together from an older one, the journal "
         "and the segment files, which takes as long as reading them",
         {}});
  }
  if (lost) {
    RebuildSource slow;
    if (relaxed) slow = {.journal = relaxed_.get(), .entries = &relaxed->entries, .last = relaxed->last};
    auto rebuilt = co_await rebuild_checkpoint(
        context_, {.journal = journal_.get(), .entries = &opened->entries, .last = opened->last}, slow,
        std::move(known));
    if (!rebuilt) co_return fail(std::move(rebuilt).error());
    // Nothing of the journals is applied to it again.
    GW_TRY(co_return, co_await write_rebuilt(*rebuilt));
    relaxed_released_ = rebuilt->relaxed;
    co_return Replay(std::move(*rebuilt)).finish();
  }
  Replay replay(std::move(known));
  std::vector<RecoveredEntry> none;
  GW_TRY(co_return, replay.add(opened->entries, relaxed ? relaxed->entries : none));
  co_return replay.finish();
}

runtime::Task<Result<void>> StoreImpl::write_rebuilt(const Checkpoint& rebuilt) {
  std::vector<Bytes> logs;
  for (const LogState& state : rebuilt.logs) {
    auto bytes = encode_log_state(state);
    if (!bytes) co_return fail(std::move(bytes).error());
    logs.push_back(std::move(*bytes));
  }
  const auto parts = encode_checkpoint_parts(rebuilt, logs);
  if (!parts) co_return fail(parts.error());
  const std::vector<BytesView> views(parts->begin(), parts->end());
  GW_TRY(co_return, co_await checkpoint_file_.write(views));
  GW_TRY(co_return, co_await journal_->release(rebuilt.journal));
  if (relaxed_) GW_TRY(co_return, co_await relaxed_->release(rebuilt.relaxed));
  co_return {};
}

runtime::Task<Result<JournalRoom*>> StoreImpl::open_relaxed() {
  const auto lock = co_await opening_relaxed_.lock();
  if (!relaxed_) {
    auto opened = co_await open_journal(true, relaxed_released_, 0);
    if (!opened) co_return fail(std::move(opened).error());
    relaxed_ = std::move(opened->journal);
    relaxed_room_ = std::make_unique<JournalRoom>(*relaxed_, journal_plan_);
    context_.relaxed = relaxed_.get();
  }
  co_return relaxed_room_.get();
}

runtime::Task<void> StoreImpl::make_shards() {
  const size_t count = context_.runtime.shard_count();
  shards_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    co_await shard(i).call([this, i, count] {
      const StoreOptions& o = context_.options;
      shards_[i] = std::make_unique<LogShard>(
          context_, shard(i),
          LogShard::Parts{.journal = *journal_room_,
                          .file_ids = *file_ids_,
                          .arena_bytes = o.arena_bytes / count,
                          .arena_phase = o.phase + i,
                          .read_buffer_bytes = o.read_buffer_bytes / count,
                          .open_files_max = std::max<size_t>(16, o.open_files_max / count)});
      if (relaxed_) shards_[i]->use_relaxed(*relaxed_room_);
    });
  }
}

runtime::Task<Result<void>> StoreImpl::start_logs(size_t shard_index) {
  LogShard& log_shard = *shards_[shard_index];
  log_shard.start();
  for (const LostTail& lost : lost_[shard_index]) {
    PartitionLog& log = *log_shard.find(lost.id);
    const Offset from = std::min(lost.from, log.end());
    context_.diagnostics.emit(
        {Severity::error,
         "log.damaged",
         "records that were acknowledged are lost on this disk; their offsets are not handed "
         "out again, and reading them gives an error",
         {{"partition", context_.folder_of(log.id())},
          {"from", to_string(from)},
          {"to", to_string(lost.to)}}});
    const auto skipped =
        co_await log.skip_damage(from, std::max(lost.to, log.end()), "the journal lost them");
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
  context_.report_no_space = [this] {
    shard(0).post([this] {
      if (space_) space_->no_space();
    });
  };
  context_.open_relaxed = [this]() -> runtime::Task<Result<JournalRoom*>> {
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
  auto replay = co_await replay_all();
  if (!replay) co_return fail(std::move(replay).error());
  Replayed replayed = std::move(*replay);
  const FileId first_file_id = replayed.next_file_id;
  file_ids_ = std::make_unique<FileIdLots>(*journal_, first_file_id);
  co_await make_shards();
  lost_.resize(shards_.size());
  {
    StoreLoader loader(context_, *journal_, relaxed_.get(), shards_, lost_);
    size_t doubted = 0;
    for (ReplayedLog& log : replayed.logs) {
      const bool before = std::exchange(log.state.tail_doubted, false);
      log.state.doubt_unsynced(context_.boot());
      if (std::exchange(log.state.tail_doubted, log.state.tail_doubted || before)) ++doubted;
      const size_t index = shard_of(log.state.id);
      loader.add(index, std::move(log));
    }
    replayed.logs.clear();
    if (doubted > 0) {
      context_.diagnostics.emit({Severity::warning,
                                 "logs.tail_doubted",
                                 "the machine stopped while records of flush=interval topics were not "
                                 "synced: what was acknowledged within the "
                                 "last interval may be gone; a cluster takes it from other replicas",
                                 {{"logs", std::to_string(doubted)}}});
    }
    GW_TRY(co_return, co_await loader.run());
  }
  std::vector<runtime::Task<Result<void>>> starts;
  for (size_t i = 0; i < shards_.size(); ++i) {
    starts.push_back(shard(i).call([this, i] { return start_logs(i); }));
  }
  for (auto& started : co_await runtime::when_all(std::move(starts))) {
    if (!started) co_return fail(std::move(started).error());
  }
  lost_.clear();
  for (const RemovedFile& file : replayed.to_remove) {
    const size_t index = shard_of({file.topic, file.partition});
    shard(index).post([this, index, file] { shards_[index]->removal().add(file); });
  }
  maintenance_ =
      std::make_unique<Maintenance>(context_, Maintenance::Parts{.journal = *journal_,
                                                                 .relaxed = relaxed_,
                                                                 .room = *journal_room_,
                                                                 .relaxed_room = relaxed_room_,
                                                                 .file_ids = *file_ids_,
                                                                 .shards = shards_,
                                                                 .checkpoint_file = checkpoint_file_});
  space_ = std::make_unique<SpaceWatch>(context_, [this] { return unwritten(); });
  space_->on_change([this] {
    context_.metrics.space_left.set(context_.space_left ? 1 : 0);
    if (on_health_change_) on_health_change_();
  });
  gate_.spawn(shard(0), maintenance_->run());
  gate_.spawn(shard(0), space_->run());
  gate_.spawn(shard(0), put_unknown_folders_aside(context_, first_file_id, [this] { return known_files(); }));
  co_return {};
}

}  // namespace godwit::storage
