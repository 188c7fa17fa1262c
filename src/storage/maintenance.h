// What keeps a store going, on shard 0: writes tails back when the journal fills, writes checkpoints, and
// gives journal files back (rules 9 and 11).
//
// A turn: write back → carry remainders forward → sync the file system → checkpoint → release. A checkpoint's
// parts are taken shard by shard while publishing goes on: each log's state is what its durable records make
// of it, and RecordHead says which of the journal's entries it has seen, so that replaying a journal over it
// gives the same log whatever happens in between. Nothing here waits for publishers: a full journal is emptied
// by this alone.
#pragma once

#include <memory>
#include <vector>

#include "durable/two_copy_file.h"
#include "runtime/sync.h"
#include "storage/checkpoint.h"
#include "storage/log_shard.h"
#include "storage/store_context.h"

namespace godwit::storage {

class Maintenance {
 public:
  struct Parts {
    Journal& journal;
    // Empty while no topic asks for it.
    const std::unique_ptr<Journal>& relaxed;
    const JournalRoom& room;
    const std::unique_ptr<JournalRoom>& relaxed_room;
    FileIdLots& file_ids;
    std::vector<std::unique_ptr<LogShard>>& shards;
    durable::TwoCopyFile& checkpoint_file;
  };
  Maintenance(StoreContext& context, Parts parts) : context_(context), parts_(parts) {}

  // Runs turns and checkpoints as they are due, until close().
  runtime::Task<void> run();
  void close();
  // A journal is short of room: a turn is due, however much it has. On shard 0.
  void wake() {
    asked_ = true;
    wake_.notify_all();
  }

  // Writes back what the goal says and then a checkpoint, and releases. Errors: io (reported), no_space.
  runtime::Task<Result<void>> turn(uint64_t bytes_min);
  // A checkpoint alone.
  runtime::Task<Result<void>> checkpoint();

 private:
  // What one shard contributes.
  struct ShardPart {
    std::vector<Bytes> logs;
    std::vector<RemovedFile> to_remove;
    // Later rounds hold what is neither in the states nor in files, or may hold it.
    std::optional<Sequence> through;
    std::optional<Sequence> through_relaxed;
    bool failed = false;
  };
  runtime::Task<ShardPart> take_part(LogShard& shard);
  runtime::Task<Result<void>> write_checkpoint();
  Journal* relaxed() const { return parts_.relaxed.get(); }
  bool journal_is_half_full() const;
  template <class F>
  runtime::Task<Result<void>> on_all_shards(F work);

  StoreContext& context_;
  Parts parts_;
  runtime::Mutex one_turn_;
  runtime::Condition wake_;
  // Of the last turn, for each journal by itself. The next one has it too where not all of it was given back.
  WriteBackGoal goal_;
  bool asked_ = false;
  bool closed_ = false;
  // The journal's last round when the last checkpoint was written: nothing new, no new checkpoint.
  Sequence checkpointed_;
  Sequence checkpointed_relaxed_;
};

}  // namespace godwit::storage
