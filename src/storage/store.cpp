#include "storage/store.h"

#include "base/check.h"
#include "storage/store_impl.h"

namespace godwit::storage {

StoreImpl::StoreImpl(StoreOptions options, runtime::Runtime& runtime, DiagnosticSink& diagnostics,
                     metrics::Registry& metrics)
    : context_(std::move(options), runtime, diagnostics, metrics),
      journal_plan_(plan_journal(context_.options.journal_file_bytes,
                                 std::max<size_t>(context_.options.journal_files, 2), runtime.shard_count())),
      checkpoint_file_(runtime.files(), context_.options.directory + "/checkpoint", {"godwit-c", 1}) {}

StoreImpl::~StoreImpl() = default;

size_t StoreImpl::shard_of(const TopicPartition& id) const {
  return std::hash<TopicPartition>{}(id) % context_.runtime.shard_count();
}

LogShard& StoreImpl::here(const TopicPartition& id) {
  const size_t index = shard_of(id);
  GW_CHECK(runtime::Shard::current() == &shard(index), "a log is used on its own shard");
  return *shards_[index];
}

Log* StoreImpl::find(const TopicPartition& id) {
  return here(id).find(id);
}

runtime::Task<Served<Log*>> StoreImpl::create(TopicPartition id, LogConfig config, Offset start) {
  co_return co_await here(id).create(id, config, start);
}

runtime::Task<Served<void>> StoreImpl::drop(TopicPartition id) {
  co_return co_await here(id).drop(id);
}

template <class T>
runtime::Task<std::vector<T>> StoreImpl::gather(
    std::function<void(const PartitionLog&, std::vector<T>&)> visit) {
  std::vector<T> all;
  for (size_t i = 0; i < shards_.size(); ++i) {
    auto some = co_await shard(i).call([this, i, &visit] {
      std::vector<T> found;
      for (const auto& log : shards_[i]->logs()) {
        if (!log->dropping()) visit(*log, found);
      }
      return found;
    });
    all.insert(all.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
  }
  co_return all;
}

runtime::Task<std::vector<TopicPartition>> StoreImpl::list() {
  co_return co_await gather<TopicPartition>(
      [](const PartitionLog& log, auto& out) { out.push_back(log.id()); });
}

runtime::Task<std::vector<Store::Damage>> StoreImpl::damages() {
  co_return co_await gather<Damage>([](const PartitionLog& log, auto& out) {
    for (const DamagedRange& d : log.state().damages) out.push_back({log.id(), d.from, d.to, d.what});
  });
}

runtime::Task<std::vector<Store::Unproven>> StoreImpl::unproven() {
  co_return co_await gather<Unproven>([](const PartitionLog& log, auto& out) {
    const LogState& state = log.state();
    if (!state.unproven.empty()) {
      out.push_back({log.id(), state.unproven});
    } else if (!state.damages.empty()) {
      out.push_back({log.id(), "offsets from " + to_string(state.damages.front().from) +
                                   " on are damaged: " + state.damages.front().what});
    } else if (state.tail_doubted) {
      out.push_back(
          {log.id(), "the machine stopped while records of it were not synced (flush=interval)", true});
    }
  });
}

void StoreImpl::set_proven(const TopicPartition& id) {
  if (PartitionLog* const log = here(id).find(id)) log->set_proven();
}

Store::Health StoreImpl::health() const {
  Health health;
  health.writable = !context_.failed;
  health.space_left = context_.space_left;
  if (!health.writable) {
    health.reason = "a write to the data directory failed: it takes no more until the broker is restarted";
  } else if (!health.space_left) {
    health.reason = "the disk is nearly full";
  }
  health.state = !health.writable ? Health::State::failed
                                  : (health.space_left ? Health::State::ok : Health::State::no_space);
  const auto older = [&](std::optional<MonotonicTime> since) {
    if (since && (!health.stalled_since || *since < *health.stalled_since)) health.stalled_since = since;
  };
  older(journal_->busy_since());
  if (const Journal* relaxed = context_.relaxed) older(relaxed->busy_since());
  if (health.stalled_since) health.round_under_way = runtime::Shard::current()->now() - *health.stalled_since;
  for (const auto& shard : shards_) older(shard->write_back().busy_since());
  return health;
}

void StoreImpl::report_failure(std::string what) {
  if (context_.failed.exchange(true)) return;
  context_.metrics.writable.set(0);
  context_.diagnostics.emit({Severity::error,
                             "storage.failed",
                             "a write failed: publishing on this data directory ends until the broker is "
                             "restarted; reading goes on",
                             {{"what", what}}});
  for (size_t i = 0; i < shards_.size(); ++i) {
    if (shards_[i]) shard(i).post([this, i] { shards_[i]->end_writes(); });
  }
  shard(0).post([this] {
    if (on_health_change_) on_health_change_();
  });
}

runtime::Task<void> StoreImpl::run_retention() {
  for (size_t i = 0; i < shards_.size(); ++i) {
    co_await shard(i).call([this, i] { return shards_[i]->retain(); });
  }
}

runtime::Task<void> StoreImpl::run_compaction() {
  for (size_t i = 0; i < shards_.size(); ++i) {
    co_await shard(i).call([this, i] { return shards_[i]->compaction().pass(); });
  }
}

runtime::Task<Result<void>> StoreImpl::checkpoint() {
  co_return co_await maintenance_->turn(0);
}

runtime::Task<uint64_t> StoreImpl::unwritten() {
  uint64_t bytes = 0;
  for (size_t i = 0; i < shards_.size(); ++i) {
    bytes += co_await shard(i).call([this, i] { return shards_[i]->write_back().unwritten(); });
  }
  context_.metrics.unwritten.set(static_cast<int64_t>(bytes));
  const auto usage = journal_->usage();
  context_.metrics.journal_used.set(static_cast<int64_t>(usage.used));
  context_.metrics.journal_capacity.set(static_cast<int64_t>(usage.capacity));
  co_return bytes;
}

runtime::Task<KnownFiles> StoreImpl::known_files() {
  KnownFiles known;
  for (size_t i = 0; i < shards_.size(); ++i) {
    auto some = co_await shard(i).call([this, i] {
      KnownFiles here;
      for (const auto& log : shards_[i]->logs()) {
        auto& files = here[log->id()];
        for (const SegmentState& segment : log->state().segments) files.insert(segment.id);
      }
      for (const RemovedFile& file : shards_[i]->removal().pending()) {
        here[{file.topic, file.partition}].insert(file.file);
      }
      return here;
    });
    known.merge(some);
  }
  co_return known;
}

runtime::Task<Result<Store::Disk>> StoreImpl::disk() {
  const auto space = co_await context_.runtime.files().space(context_.options.directory);
  if (!space) co_return fail(space.error());
  co_return Disk{.total = space->total, .available = space->available, .ballast = space_->ballast()};
}

runtime::Task<Result<void>> StoreImpl::close() {
  context_.closing = true;
  maintenance_->close();
  space_->close();
  co_await gate_.close();
  // Everything goes to the files, so that the next start has little to replay.
  Result<void> done;
  if (!context_.failed) {
    for (size_t i = 0; i < shards_.size(); ++i) {
      co_await shard(i).call([this, i] { return shards_[i]->unmark_unsynced(); });
    }
    done = co_await maintenance_->turn(0);
  }
  co_await stop_shards();
  co_await journal_->close();
  if (relaxed_) co_await relaxed_->close();
  co_return done;
}

runtime::Task<void> StoreImpl::abandon() {
  context_.closing = true;
  co_await gate_.close();
  // First: rounds that wait for room then end as well.
  if (journal_) co_await journal_->close();
  if (relaxed_) co_await relaxed_->close();
  co_await stop_shards();
}

runtime::Task<void> StoreImpl::stop_shards() {
  for (size_t i = 0; i < shards_.size(); ++i) {
    if (shards_[i]) co_await shard(i).call([this, i] { return shards_[i]->stop(); });
  }
  // What they posted to one another on their way names this object.
  for (size_t i = 1; i < shards_.size(); ++i) co_await shard(i).call([] {});
  bool passed = false;
  runtime::Condition passes;
  shard(0).post([&] {
    passed = true;
    passes.notify_all();
  });
  while (!passed) co_await passes.wait();
}

}  // namespace godwit::storage
