// The journal while it runs: one coroutine on the journal's shard that packs what arrived, writes it, syncs
// it, answers, and begins again.
//
// Everything here belongs to the journal's shard unless it says otherwise. Coroutines hold the core by
// shared_ptr, so it is there until the last of them has ended.
#pragma once

#include <atomic>
#include <coroutine>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/diagnostic.h"
#include "runtime/runtime.h"
#include "runtime/sync.h"
#include "storage/journal/file_set.h"

namespace godwit::storage::journal {

// A write() that waits for its round. Shared by its caller's shard (waiter, abandoned) and the journal's.
struct PendingWrite {
  std::vector<JournalEntry> entries;
  uint64_t bytes = 0;
  runtime::Shard* origin = nullptr;
  std::optional<Result<Sequence>> result;
  std::coroutine_handle<> waiter;
  bool abandoned = false;
};
using PendingWritePtr = std::shared_ptr<PendingWrite>;

// Where a start begins: what recovery found.
struct StartPoint {
  Sequence last;    // the newest round there is
  Sequence next;    // the first one of this start
  Sequence marked;  // the highest synced mark on the disk
};

class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(JournalOptions options, runtime::FileSystem& files, runtime::Shard& shard, runtime::Shard& background,
       DiagnosticSink& diagnostics, FileSet set, StartPoint start, uint64_t next_file);

  // Begins to serve.
  void start();
  // Makes a file and adds it; errors as make_file.
  runtime::Task<Result<void>> make_now(uint64_t size);
  // The same for a journal that has none, or too few, to begin with: without pauses, since the start waits for it. Before
  // start().
  runtime::Task<Result<void>> make_first(uint64_t size);

  // Any shard.
  runtime::Task<Result<Sequence>> write(std::vector<JournalEntry> entries);
  Journal::Usage usage() const;
  std::optional<MonotonicTime> busy_since() const;
  runtime::Shard& shard() { return shard_; }
  runtime::FileSystem& files() { return files_; }
  const JournalOptions& options() const { return options_; }
  // Any shard: that file gave errors, and is deleted rather than written again.
  void distrust(uint64_t file);

  runtime::Task<Result<void>> release(Sequence through);
  runtime::Task<Result<void>> read_payload(PayloadPlace place, MutableBytes into);
  runtime::Task<Result<void>> sync();
  runtime::Task<void> close();

 private:
  bool synced_mode() const { return options_.mode == JournalOptions::Mode::synced; }

  // The round loop.
  runtime::Task<void> run();
  runtime::Task<void> wait_for_work();
  runtime::Task<void> let_in();
  bool mark_due() const;
  runtime::Task<void> serve_round();
  runtime::Task<Result<JournalFile*>> place_for(uint64_t bytes);
  std::vector<PendingWritePtr> take_batch(uint64_t bytes_max);
  // Gives the bytes written, in whole blocks.
  runtime::Task<Result<uint64_t>> write_round(JournalFile& file, const std::vector<PendingWritePtr>& batch);
  void round_done(const std::vector<PendingWritePtr>& batch, uint64_t bytes);
  void enqueue(PendingWritePtr pending);
  void answer(std::vector<PendingWritePtr> batch, const Result<Sequence>& result);
  void answer_queue(const Error& error);
  void fail_for_good(const Error& error, const std::string& path);
  void go_on_after_no_space();
  bool mark_wanted() const;

  // Making and deleting files.
  void ensure_files();
  runtime::Task<void> make_missing();
  runtime::Task<void> retry_later();
  runtime::Task<void> delete_files(std::vector<JournalFile> files);
  runtime::Task<Result<void>> add_file(uint64_t number, uint64_t size);
  void notify_all();

  // Buffered mode.
  runtime::Task<void> sync_loop();
  runtime::Task<Result<void>> sync_dirty();
  struct FileName {
    uint64_t number;
    std::string path;
  };
  // On the background shard.
  runtime::Task<Result<void>> sync_files(std::vector<FileName> names);
  runtime::Task<void> remove_files(std::vector<FileName> names);

  void publish_usage();

  const JournalOptions options_;
  runtime::FileSystem& files_;
  runtime::Shard& shard_;
  runtime::Shard& background_;
  DiagnosticSink& diagnostics_;

  FileSet set_;
  uint64_t next_file_;
  std::deque<PendingWritePtr> queue_;
  runtime::Condition changed_;  // the queue, the files, closing
  runtime::Condition answered_;
  uint64_t calls_in_ = 0;
  uint64_t calls_answered_ = 0;
  runtime::AlignedBuffer buffer_;  // the round; grows to the largest so far

  Sequence start_;
  Sequence follows_;
  Sequence next_;
  Sequence last_;         // the newest that is durable as the mode says
  Sequence last_filled_;  // the newest with entries
  Sequence synced_;       // on stable storage up to here
  Sequence marked_;       // the newest mark that stands in a round
  MonotonicTime last_round_at_{};
  std::optional<Error> failed_;
  bool no_space_told_ = false;  // since the last good round
  bool closing_ = false;
  bool run_ended_ = false;
  size_t loops_ = 0;  // coroutines that must end before close() does

  bool making_ = false;
  bool retry_waits_ = false;
  std::atomic<bool> urgent_{false};
  std::atomic<bool> stop_{false};

  // Buffered mode: handles of the background shard, touched there only.
  std::map<uint64_t, std::unique_ptr<runtime::File>> sync_handles_;
  bool sync_asked_ = false;
  runtime::Condition sync_changed_;

  // A window of recovered bytes, so that payloads that lie together are read together.
  runtime::Mutex read_mutex_;
  runtime::AlignedBuffer read_window_;
  uint64_t read_file_ = 0;
  uint64_t read_position_ = 0;
  uint64_t read_bytes_ = 0;

  // For other shards.
  std::atomic<uint64_t> seen_used_{0};
  std::atomic<uint64_t> seen_capacity_{0};
  std::atomic<uint64_t> seen_free_{0};
  std::atomic<uint64_t> seen_usable_{0};
  std::atomic<uint64_t> seen_last_{0};
  std::atomic<uint64_t> seen_oldest_{0};
  std::atomic<uint64_t> seen_oldest_end_{0};
  std::atomic<bool> seen_full_{false};
  std::atomic<int64_t> round_since_{kIdle};
  std::atomic<int64_t> sync_since_{kIdle};
  static constexpr int64_t kIdle = INT64_MAX;
};

}  // namespace godwit::storage::journal
