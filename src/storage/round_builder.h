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
#include "storage/journal.h"
#include "storage/store_context.h"

namespace godwit::storage {

// A log, as the builder sees it. In the builder's list while it has news.
class RoundSource : public runtime::ListNode {
 public:
  virtual ~RoundSource() = default;
  virtual std::shared_ptr<RoundSource> keep_alive() = 0;

  struct Taken {
    uint64_t bytes = 0;
    bool more = false;  // there is news left for the next round
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
  // `reserve_bytes`: below so much free space in the journal publishers are not admitted. What was admitted,
  // structure records and carried remainders must find room in it, so that a full journal can be emptied.
  RoundBuilder(Journal& journal, StoreContext& context, uint64_t round_bytes_max, uint64_t reserve_bytes);

  // `source` has news.
  void mark(RoundSource& source) {
    if (source.linked()) return;
    news_.push_back(source);
    wake_.notify_one();
  }
  // The journal has files again.
  void room_made() {
    look_for_room();
    room_.notify_all();
  }
  // Whether `bytes` of publishers may be admitted now: the journal has room beyond the reserve, and what waits
  // to be journalled is not more than the reserve is meant for.
  bool admits(uint64_t bytes) const;
  // Bytes were admitted, or forgotten again.
  void waiting_more(uint64_t bytes) { waiting_ += bytes; }
  // While a round is being written, those after this one may be durable without our knowing; empty when none is.
  std::optional<Sequence> unsure_after() const { return writing_ ? std::optional(last_done_) : std::nullopt; }

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
  };
  Round gather();
  runtime::Task<void> wait_for_room();

  Journal& journal_;
  StoreContext& context_;
  const uint64_t round_bytes_max_;
  const uint64_t reserve_bytes_;
  runtime::List news_;
  runtime::Condition wake_;
  runtime::Condition room_;
  // Called when publishers that waited may go on.
  std::function<void()> on_room_;
  void look_for_room();
  uint64_t waiting_ = 0;  // bytes of news
  bool has_room_ = true;  // beyond the reserve, when it was last looked at
  bool writing_ = false;
  Sequence last_done_;
  bool closed_ = false;
};

}  // namespace godwit::storage
