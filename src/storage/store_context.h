// What the rooms of an open store share. Made before them, outlives them.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "base/diagnostic.h"
#include "runtime/runtime.h"
#include "storage/journal_room.h"
#include "storage/log_state.h"
#include "storage/storage_metrics.h"
#include "storage/store.h"

namespace godwit::storage {

struct StoreContext {
  StoreContext(StoreOptions o, runtime::Runtime& r, DiagnosticSink& d, metrics::Registry& m)
      : options(std::move(o)), runtime(r), diagnostics(d), metrics(m) {}

  const StoreOptions options;
  runtime::Runtime& runtime;
  DiagnosticSink& diagnostics;
  StorageMetrics metrics;

  // After an EIO (rule 14): nothing is written any more until restart. Any shard.
  std::atomic<bool> failed{false};
  // False while the disk is nearly full: publishing is refused, but for internal topics (rule 15). Any shard.
  std::atomic<bool> space_left{true};
  // Nothing is admitted any more: the store closes.
  std::atomic<bool> closing{false};

  // Tells the store that a write or sync failed: it sets `failed` and tells every log. Any shard.
  std::function<void(std::string what)> report_failure;
  // A shard or a journal is short of room: write-back should run now. Any shard.
  std::function<void()> request_write_back;

  // A write to files found no space. Any shard.
  std::function<void()> report_no_space;
  // Opens the journal of flush=interval topics, or gives the one that is open. Any shard.
  std::function<runtime::Task<Result<JournalRoom*>>()> open_relaxed;

  // The journal of flush=interval topics, once it is open.
  std::atomic<Journal*> relaxed{nullptr};

  // Passes on what a write of a file came to. An error ends publishing (rule 14), whoever made the write: a later sync may
  // succeed over what is lost. But for no_space, limit and not_found, where nothing was written.
  Result<void> wrote(Result<void> outcome) const;
  // All that was written to files before is on stable storage. An error ends publishing, but for limit. Any shard.
  runtime::Task<Result<void>> sync_files();

  // What MarkUnsynced says of this run of the machine.
  std::string boot() const { return options.boot_id.empty() ? std::string(kSomeBoot) : options.boot_id; }

  std::string topics_folder() const { return options.directory + "/topics"; }
  std::string topic_folder(const TopicId& topic) const { return topics_folder() + "/" + to_string(topic); }
  std::string folder_of(const TopicPartition& id) const {
    return topic_folder(id.topic) + "/" + to_string(id.partition);
  }
};

}  // namespace godwit::storage
