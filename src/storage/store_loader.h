// Brings the logs of a start into memory: what the journals hold of each and its files do not.
//
// The journals are read once, in the order in which they lie, several reads under way at once; each shard checks and
// copies what belongs to its logs. Where that is more than the arenas hold it goes in waves: what a wave brought is
// written to the files before the next one (as write-back does), so that a start with less memory than before works.
//
// On shard 0. Logs, shards and journals outlive it.
#pragma once

#include <memory>
#include <vector>

#include "storage/log_shard.h"
#include "storage/replay.h"

namespace godwit::storage {

// Offsets at a log's end that were given, and whose bytes are lost: to be skipped once the log can be written.
struct LostTail {
  TopicPartition id;
  Offset from;
  Offset to;
};

class ShardLoader;

class StoreLoader {
 public:
  // `lost` has a list for each shard, filled in here.
  StoreLoader(StoreContext& context, Journal& journal, Journal* relaxed,
              std::vector<std::unique_ptr<LogShard>>& shards, std::vector<std::vector<LostTail>>& lost);
  ~StoreLoader();

  void add(size_t shard, ReplayedLog log);
  // Errors: limit (an arena does not even hold what cannot be written: remainders of less than a block), io, no_space
  // (there was more than the arenas hold, and it could not be written).
  runtime::Task<Result<void>> run();

 private:
  struct Item;
  runtime::Task<void> read(bool relaxed, const std::vector<Item>& items);
  template <class F>
  runtime::Task<Result<void>> on_all_shards(F work);

  StoreContext& context_;
  Journal& journal_;
  Journal* relaxed_;
  std::vector<std::unique_ptr<ShardLoader>> shards_;
};

}  // namespace godwit::storage
