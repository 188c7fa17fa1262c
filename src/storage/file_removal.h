// Files that left their logs: unlinked once the record that took them out is durable, and after readers that
// still hold them had time (file.delete.delay.ms). What is not done when the process ends is done after the
// next start: the checkpoint names it, or the journal still has the record (rule 13).
//
// One for each shard.
#pragma once

#include <list>
#include <memory>
#include <vector>

#include "runtime/sync.h"
#include "storage/checkpoint.h"
#include "storage/segment_file.h"
#include "storage/store_context.h"

namespace godwit::storage {

class PartitionLog;

class FileRemoval {
 public:
  FileRemoval(StoreContext& context, FileCache& files) : context_(context), files_(files) {}
  ~FileRemoval();

  // Once structure record `version` of the log is durable.
  void add(std::shared_ptr<PartitionLog> log, FileId file, uint64_t version);
  // Left by an earlier process.
  void add(RemovedFile file);
  // What is still to be removed.
  std::vector<RemovedFile> pending() const;

  runtime::Task<void> run();
  void close();

 private:
  struct Item {
    RemovedFile file;
    std::shared_ptr<PartitionLog> log;  // null: durable already
    uint64_t version = 0;
    MonotonicTime due{};
  };
  runtime::Task<bool> remove(RemovedFile file);

  StoreContext& context_;
  FileCache& files_;
  std::list<Item> items_;
  runtime::Condition changed_;
  bool closed_ = false;
};

}  // namespace godwit::storage
