// Who may still write to a journal, so that a full one can always be emptied.
//
// A journal is emptied by a turn of Maintenance: tails go to their files, remainders are journalled again, a checkpoint is
// written, files are given back. For that the journal itself must take the remainders, and every record that the
// checkpoint waits for. So this holds at any time, over all shards:
//
//   free  >=  admitted  +  max(C, S)  +  B  +  O
//
//   free      what can be written before a file is given back
//   admitted  what logs admitted and the journal does not have yet: it is written whatever happens
//   C         remainders of one turn (a turn that is tried again carries nothing twice)
//   S         for each log with bytes that are in no file the record that seals its file (kSealBytes): what is not carried
//             is sealed, and needs no more than this. Each shard counts its part of it against its part of C
//   B         the largest round: what is left of a file is not used when the next round does not fit
//   O         for each shard the rounds' headers and blocks that are not full
//
// and is kept by admitting bytes only where they leave more than that, the less needed the more:
//
//   free - admitted   ....publish_floor......internal_floor......structure_floor (C + B + O)......0
//   who may           everybody    | internal topics      | changes of structure | remainders and seals
//
// Where S is more than C all floors are higher by the difference. That is never more than C again while a log whose first
// byte would make it more waits until a turn has sealed others: so the publish_floor that a start begins with suffices too.
// Logs that have bytes already can make it more: behind a start with a smaller journal, or more shards that share it, for
// which the start reserves what seals all logs there are; and where thousands are switched to this journal at once, of which
// nothing but what was free then says that it suffices. Until turns have sealed them nobody is admitted but for that.
//
//   if (!room.take(JournalRoom::For::records, bytes)) …wait…   // on any shard
//   room.give_back(bytes);                                      // once a journal has them
#pragma once

#include <atomic>
#include <cstdint>

#include "storage/journal.h"

namespace godwit::storage {

// How a journal is divided. In bytes. Pure.
struct JournalPlan {
  uint64_t file_bytes =
      0;  // of each file; more than was asked for where that is too little for so many shards
  uint64_t first_file_bytes = 0;
  uint64_t round_bytes_max = 0;
  uint64_t capacity = 0;
  uint64_t publish_floor = 0;
  uint64_t internal_floor = 0;
  uint64_t structure_floor = 0;
  // C, for each shard.
  uint64_t carried_bytes_max = 0;
  // The largest batch that a journal takes of which nothing is needed but remainders.
  uint64_t batch_bytes_max = 0;
};
JournalPlan plan_journal(uint64_t file_bytes, size_t files, size_t shards);

class JournalRoom {
 public:
  // The journal outlives it.
  JournalRoom(Journal& journal, const JournalPlan& plan) : journal_(journal), plan_(plan) {}

  enum class For { records, internal_records, structure };

  // What an admission of `bytes` counts for: more than they are, for what a journal puts around them.
  static uint64_t charge(uint64_t bytes) { return bytes + bytes / 4 + 512; }
  // More than what an entry of a round takes beside its payload: also a RollSegment, and its share of a round's rest.
  static constexpr uint64_t kSealBytes = 256;

  // Takes room for so many bytes (as charge() gives them), or not. Any shard.
  bool take(For use, uint64_t charged);
  // The same for what cannot be refused.
  void take_anyway(uint64_t charged) { admitted_ += charged; }
  // A journal has them, or they were forgotten. Any shard.
  void give_back(uint64_t charged) { admitted_ -= charged; }
  // Whether take() would succeed.
  bool has(For use, uint64_t charged) const;
  // Whether all is there that a turn may need. Where not, one took of it and gave nothing back yet; or changes of structure
  // took the last that they may, each a block of the journal for less than a block that it was charged. A turn counts what
  // the one before took until this holds again: it carries too little then and seals more, never too much.
  bool has_for_turn() const { return has(For::structure, 0); }
  // A shard has so much more, or less, to seal than its part of C. Any shard.
  void hold_more(uint64_t bytes) { held_ += bytes; }
  void hold_less(uint64_t bytes) { held_ -= bytes; }

  Journal& journal() const { return journal_; }
  const JournalPlan& plan() const { return plan_; }

 private:
  bool fits(For use, uint64_t admitted) const;

  Journal& journal_;
  const JournalPlan plan_;
  std::atomic<uint64_t> admitted_{0};
  std::atomic<uint64_t> held_{0};
};

}  // namespace godwit::storage
