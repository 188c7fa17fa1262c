// Gathers what the logs of one shard have to journal into rounds: one message a round for the whole shard
// (rule 5), the next as soon as the last is durable and there is news. Cost grows with the logs that have
// news, not with those that exist.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/list.h"
#include "runtime/sync.h"
#include "storage/journal_room.h"
#include "storage/store_context.h"

namespace godwit::storage {

// A log, as the builder sees it. In the builder's list while it has news.
class RoundSource : public runtime::ListNode {
 public:
  virtual ~RoundSource() = default;
  virtual std::shared_ptr<RoundSource> keep_alive() = 0;

  struct Taken {
    uint64_t bytes = 0;
    uint64_t charged = 0;  // what RoundBuilder was told of it
    bool more = false;     // there is news left for the next round
  };
  // Moves news of at most `budget` bytes to `out`; nothing when the next piece is larger. It stays what is
  // under way until one of the following is called.
  virtual Taken take_round(std::vector<JournalEntry>& out, uint64_t budget) = 0;
  virtual void round_done(Sequence sequence) = 0;
  // Nothing was written: the same will be taken again.
  virtual void round_refused() = 0;
  // It will never be durable.
  virtual void round_failed() = 0;
};

class RoundBuilder {
 public:
  RoundBuilder(JournalRoom& room, StoreContext& context)
      : journal_room_(room), journal_(room.journal()), context_(context) {}

  // `source` has news.
  void mark(RoundSource& source) {
    if (source.linked()) return;
    news_.push_back(source);
    wake_.notify_one();
  }
  // The journal has files again.
  void room_made() { room_.notify_all(); }
  // Takes room in the journal for `bytes` that are admitted now, or not: then there is none, or enough of this shard
  // waits already. News says what it was charged, JournalRoom::charge(bytes), when it is taken.
  bool take_room(JournalRoom::For use, uint64_t bytes);
  // The same for what cannot be refused.
  void take_room_anyway(uint64_t bytes);
  // They were not admitted after all.
  void give_back_room(uint64_t bytes);
  // Whether a change of a log's structure may be admitted now.
  bool has_room_for_structure() const {
    return journal_room_.has(JournalRoom::For::structure, JournalRoom::charge(kStructureBytes));
  }
  // A log has bytes that are in no file: room is held for the record that would seal its file, until let_seal_go(). False:
  // so many have that a turn must seal others first.
  bool hold_seal();
  // The same for what is there already.
  void hold_seal_anyway();
  void let_seal_go();
  // The largest batch that can be admitted at all, in bytes.
  uint64_t batch_bytes_max() const { return journal_room_.plan().batch_bytes_max; }
  const JournalPlan& plan() const { return journal_room_.plan(); }
  // While a round is being written, those after this one may be durable without our knowing; empty when none is.
  std::optional<Sequence> unsure_after() const { return unsure_after_; }

  Journal& journal() { return journal_; }
  void on_room(std::function<void()> callback) { on_room_ = std::move(callback); }
  // Runs until close() is called and nothing is left.
  runtime::Task<void> run();
  void close();

 private:
  struct Round {
    std::vector<JournalEntry> entries;
    std::vector<std::shared_ptr<RoundSource>> sources;
    uint64_t bytes = 0;
    uint64_t charged = 0;
  };
  // About what a record of a log's structure takes.
  static constexpr uint64_t kStructureBytes = 512;
  Round gather();
  runtime::Task<void> wait_for_room();

  JournalRoom& journal_room_;
  Journal& journal_;
  StoreContext& context_;
  runtime::List news_;
  runtime::Condition wake_;
  runtime::Condition room_;
  // Called when publishers that waited may go on.
  std::function<void()> on_room_;
  uint64_t waiting_ = 0;  // what news was charged, and no round took yet
  uint64_t seals_ = 0;    // bytes that are held for seals
  std::optional<Sequence> unsure_after_;
  bool closed_ = false;
};

}  // namespace godwit::storage
