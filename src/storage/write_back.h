// Writes tails to their segment files (rules 2, 3 and 9): whole blocks, each once, in order, in large writes,
// and only what is on stable storage in a journal already. What is written is synced by whoever then writes a
// checkpoint.
//
// One for each shard; everything is called there.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/result.h"
#include "runtime/sync.h"
#include "storage/journal.h"
#include "storage/segment_file.h"
#include "storage/store_context.h"

namespace godwit::storage {

class LogShard;
class PartitionLog;

struct WriteBackGoal {
  // Tails with fewer unwritten bytes are left, sealed ones never.
  uint64_t bytes_min = 0;
  // What is left and came to the journal in this round or earlier is carried forward: journalled again.
  Sequence carry_through;
  Sequence carry_through_relaxed;
  // By journal, the relaxed one second: all that a turn may need is there (JournalRoom::has_for_turn). Else what
  // earlier turns took is not back yet, and is not taken again.
  std::array<bool, 2> has_room{};
};

class WriteBack {
 public:
  WriteBack(LogShard& shard, StoreContext& context) : shard_(shard), context_(context) {}

  // One pass over all logs, largest tails first; answers when everything that it chose is written, and what
  // it carries is durable. Errors: io and others (rule 14: reported already), no_space.
  runtime::Task<Result<void>> pass(WriteBackGoal goal);

  // Bytes were admitted, or written, or left with their log.
  void admitted(uint64_t bytes);
  void written(uint64_t bytes) { unwritten_ -= std::min(unwritten_, bytes); }
  uint64_t unwritten() const { return unwritten_; }
  // Whether the last pass that carried left something that came with rounds up to its goal, since more came than it wrote.
  bool left_over() const { return left_over_; }
  // Since when the oldest block that is being written has been. Any shard.
  std::optional<MonotonicTime> busy_since() const;

  // Writes when the arena is half full of what is not written; until close().
  runtime::Task<void> run();
  void wake() { wake_.notify_all(); }
  void close();

 private:
  struct Piece {
    std::shared_ptr<PartitionLog> log;
    FileId file;
    uint64_t bytes = 0;
  };
  struct Pieces;
  struct Remainder {
    std::shared_ptr<PartitionLog> log;
    FileId file;
    uint64_t bytes = 0;
    bool writable = false;
    bool active = false;
    bool relaxed = false;
    Sequence oldest;
  };
  struct Remainders {
    std::vector<Remainder> carried;
    std::vector<Remainder> over;  // more than fits
  };
  runtime::Task<void> work(Pieces& pieces);
  // Writes them, largest first. Errors as pass().
  runtime::Task<Result<void>> write_all(std::vector<Piece> list);
  Remainders remainders(const WriteBackGoal& goal);
  runtime::Task<Result<void>> carry(WriteBackGoal goal);
  runtime::Task<Result<void>> write(std::shared_ptr<PartitionLog> log, FileId file);

  LogShard& shard_;
  StoreContext& context_;
  runtime::Mutex one_pass_;
  runtime::Condition wake_;
  uint64_t unwritten_ = 0;
  bool left_over_ = false;
  // Of each journal's room: what was carried and sealed since all that a turn may need was there.
  std::array<uint64_t, 2> spent_{};
  bool closed_ = false;
  // When the blocks that are being written began.
  std::multiset<MonotonicTime> begun_;
  static constexpr int64_t kIdle = INT64_MAX;
  std::atomic<int64_t> oldest_{kIdle};
  void publish_oldest() { oldest_ = begun_.empty() ? kIdle : begun_.begin()->time_since_epoch().count(); }
};

}  // namespace godwit::storage
