// The one implementation of Store: a LogShard on every shard, the journal on a shard of its own.
//
//   store.cpp       what the interface asks for
//   store_open.cpp  start: checkpoint, journal, tails
#pragma once

#include <memory>
#include <set>
#include <vector>

#include "storage/log_shard.h"
#include "storage/maintenance.h"
#include "storage/replay.h"
#include "storage/space.h"
#include "storage/store.h"
#include "storage/store_loader.h"
#include "storage/unknown_folders.h"

namespace godwit::storage {

class StoreImpl final : public Store {
 public:
  StoreImpl(StoreOptions options, runtime::Runtime& runtime, DiagnosticSink& diagnostics,
            metrics::Registry& metrics);
  ~StoreImpl() override;

  runtime::Task<Result<void>> open_all();
  // After open_all() has failed, whatever it had begun: nothing of it runs on any shard when this returns.
  runtime::Task<void> abandon();

  size_t shard_of(const TopicPartition& id) const override;
  runtime::Task<std::vector<TopicPartition>> list() override;
  Log* find(const TopicPartition& id) override;
  runtime::Task<Served<Log*>> create(TopicPartition id, LogConfig config, Offset start) override;
  runtime::Task<Served<void>> drop(TopicPartition id) override;
  Health health() const override;
  void on_health_change(std::function<void()> callback) override { on_health_change_ = std::move(callback); }
  runtime::Task<void> run_retention() override;
  runtime::Task<void> run_compaction() override;
  runtime::Task<Result<void>> checkpoint() override;
  runtime::Task<std::vector<Damage>> damages() override;
  runtime::Task<std::vector<Unproven>> unproven() override;
  void set_proven(const TopicPartition& id) override;
  runtime::Task<Result<Disk>> disk() override;
  runtime::Task<Result<void>> close() override;

 private:
  // What one shard tells of its logs, gathered in order.
  template <class T>
  runtime::Task<std::vector<T>> gather(std::function<void(const PartitionLog&, std::vector<T>&)> visit);
  runtime::Shard& shard(size_t index) { return context_.runtime.shard(index); }
  LogShard& here(const TopicPartition& id);

  // Empty: copies are there and none is valid.
  runtime::Task<Result<std::optional<Checkpoint>>> read_checkpoint();
  // Opens the journals; what every log is, from checkpoint and journals or, without a checkpoint, from all there is.
  runtime::Task<Result<Replayed>> replay_all();
  runtime::Task<Result<void>> write_rebuilt(const Checkpoint& rebuilt);
  // `logs`: of the checkpoint, which may have something to seal.
  runtime::Task<Result<Journal::Opened>> open_journal(bool relaxed, Sequence released, size_t logs);
  // The journal of flush=interval topics, opened when it was not. On shard 0.
  runtime::Task<Result<JournalRoom*>> open_relaxed();
  runtime::Task<void> make_shards();
  // On that shard.
  runtime::Task<Result<void>> start_logs(size_t shard_index);
  // Ends the shards that were made, and returns when nothing that was posted for this is still to run.
  runtime::Task<void> stop_shards();
  void report_failure(std::string what);
  // Bytes in tails that are not in files; tells the metrics besides.
  runtime::Task<uint64_t> unwritten();
  runtime::Task<KnownFiles> known_files();

  StoreContext context_;
  const JournalPlan journal_plan_;
  runtime::Shard* journal_shard_ = nullptr;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<JournalRoom> journal_room_;
  runtime::Shard* relaxed_shard_ = nullptr;
  std::unique_ptr<Journal> relaxed_;
  std::unique_ptr<JournalRoom> relaxed_room_;
  Sequence relaxed_released_;
  runtime::Mutex opening_relaxed_;
  std::unique_ptr<FileIdLots> file_ids_;
  std::vector<std::unique_ptr<LogShard>> shards_;
  std::vector<std::vector<LostTail>> lost_;  // by shard; while it opens
  durable::TwoCopyFile checkpoint_file_;
  std::unique_ptr<Maintenance> maintenance_;
  std::unique_ptr<SpaceWatch> space_;
  runtime::Gate gate_;
  std::function<void()> on_health_change_;
  // Shard 0; copied for others under a mutex.
  std::string failure_;
};

}  // namespace godwit::storage
