#include "storage/write_back.h"

#include <algorithm>
#include <vector>

#include "storage/log_shard.h"

namespace godwit::storage {
namespace {

// Writes under way at once: a disk does two as fast as one, and four hide the switches between threads.
constexpr size_t kWriters = 4;
constexpr uint64_t kWriteBytesMax = 1 << 20;
constexpr uint64_t kRemainderMax = 64 << 10;
// About what an entry of the journal has beside its payload.
constexpr uint64_t kAround = JournalRoom::kSealBytes;

}  // namespace

struct WriteBack::Pieces {
  std::vector<Piece> list;
  size_t next = 0;
  Result<void> outcome;
};

runtime::Task<Result<void>> WriteBack::write(std::shared_ptr<PartitionLog> log, FileId file) {
  for (;;) {
    auto block = log->next_write(file, kWriteBytesMax);
    if (!block) co_return {};
    const auto begun = begun_.insert(runtime::Shard::current()->now());
    publish_oldest();
    auto written = co_await log->write_block(*block);
    begun_.erase(begun);
    publish_oldest();
    if (!written) co_return fail(written.error());
    shard_.written(*log, *written);
  }
}

runtime::Task<void> WriteBack::work(Pieces& pieces) {
  while (pieces.next < pieces.list.size() && !context_.failed) {
    Piece& piece = pieces.list[pieces.next++];
    auto done = co_await write(std::move(piece.log), piece.file);
    if (done) continue;
    if (done.error().kind != ErrorKind::no_space && done.error().kind != ErrorKind::limit) {
      context_.report_failure(done.error().describe());
    }
    pieces.outcome = std::move(done);
    // With no space left the rest would fail alike; the next pass tries again.
    pieces.next = pieces.list.size();
  }
}

runtime::Task<Result<void>> WriteBack::write_all(std::vector<Piece> list) {
  Pieces pieces;
  pieces.list = std::move(list);
  std::ranges::sort(pieces.list, std::ranges::greater{}, &Piece::bytes);
  std::vector<runtime::Task<void>> writers;
  for (size_t i = 0; i < std::min(kWriters, pieces.list.size()); ++i) writers.push_back(work(pieces));
  co_await runtime::when_all(std::move(writers));
  if (context_.failed) co_return fail(ErrorKind::io, "the data directory takes no more writes");
  co_return pieces.outcome;
}

runtime::Task<Result<void>> WriteBack::pass(WriteBackGoal goal) {
  const auto lock = co_await one_pass_.lock();
  // What is not synced is not written back: the next pass finds more.
  if (goal.carry_through_relaxed > Sequence(0)) shard_.sync_relaxed_now();
  std::vector<Piece> large;
  std::vector<Piece> small;
  for (const auto& log : shard_.logs()) {
    log->for_each_writable([&](FileId file, uint64_t bytes, bool sealed) {
      const bool now = sealed || bytes >= std::max<uint64_t>(goal.bytes_min, 1);
      (now ? large : small).push_back({log, file, bytes});
    });
  }
  // Small ones are left to be carried, but not more of them than half of what may be carried: smallest first.
  std::ranges::sort(small, std::ranges::less{}, &Piece::bytes);
  uint64_t left = 0;
  for (Piece& piece : small) {
    left += piece.bytes + kAround;
    if (left > shard_.carried_bytes_max() / 2) large.push_back(std::move(piece));
  }
  // What could not be written is not carried in its stead: the journal would fill with the same bytes again and again while
  // the disk is full.
  GW_TRY(co_return, co_await write_all(std::move(large)));
  co_return co_await carry(goal);
}

// Also what stands behind the last whole block of what was just written came with old rounds.
WriteBack::Remainders WriteBack::remainders(const WriteBackGoal& goal) {
  Remainders found;
  std::vector<Remainder> all;
  for (const auto& log : shard_.logs()) {
    for (const auto& one : log->remainders(goal.carry_through, goal.carry_through_relaxed)) {
      all.push_back({log, one.file, one.bytes, one.writable, one.active, one.relaxed, one.oldest});
    }
  }
  // As many as fit beside what seals all others; the journal's invariant counts on no more (journal_room.h). Those that keep
  // the oldest rounds first: where not all can go, a file of the journal is given back all the same.
  std::ranges::sort(all, std::ranges::less{}, &Remainder::oldest);
  std::array<uint64_t, 2> spent = spent_;
  for (const Remainder& one : all) {
    if (one.active) spent[one.relaxed ? 1 : 0] += kAround;
  }
  for (Remainder& one : all) {
    uint64_t& sum = spent[one.relaxed ? 1 : 0];
    const uint64_t more = one.bytes + (one.active ? 0 : kAround);
    // What came while others were written is large, and written rather than journalled twice.
    const bool carried = one.bytes <= kRemainderMax && sum + more <= shard_.carried_bytes_max();
    if (carried) sum += more;
    (carried ? found.carried : found.over).push_back(std::move(one));
  }
  return found;
}

runtime::Task<Result<void>> WriteBack::carry(WriteBackGoal goal) {
  if (goal.carry_through == Sequence(0) && goal.carry_through_relaxed == Sequence(0)) co_return {};
  for (size_t i = 0; i < spent_.size(); ++i) {
    if (goal.has_room[i]) spent_[i] = 0;
  }
  Remainders found = remainders(goal);
  // Written, then sealed where that left something, then written.
  for (int i = 0; i < 3 && !found.over.empty(); ++i) {
    // What fills blocks goes to its file as well, the rest when its file is sealed: so many logs are there that their
    // remainders would fill the journal that is to be emptied.
    std::vector<Piece> pieces;
    for (Remainder& one : found.over) {
      if (!one.writable && one.active && co_await one.log->seal_for_write_back(one.file)) {
        spent_[one.relaxed ? 1 : 0] += kAround;
      }
      pieces.push_back({std::move(one.log), one.file, one.bytes});
    }
    GW_TRY(co_return, co_await write_all(std::move(pieces)));
    found = remainders(goal);
  }
  // What is over now keeps its rounds, and the next pass goes on with it; with what is sealed once it is synced.
  left_over_ =
      std::ranges::any_of(found.over, [](const Remainder& one) { return one.active || one.writable; });
  for (const Remainder& one : found.carried) {
    one.log->carry_forward(one.file);
    spent_[one.relaxed ? 1 : 0] += one.bytes + kAround;
  }
  for (const Remainder& one : found.carried) {
    if (!co_await one.log->wait_carried()) co_return fail(ErrorKind::io, "the journal takes no more");
  }
  if (context_.failed) co_return fail(ErrorKind::io, "the data directory takes no more writes");
  co_return {};
}

std::optional<MonotonicTime> WriteBack::busy_since() const {
  const int64_t oldest = oldest_;
  if (oldest == kIdle) return std::nullopt;
  return MonotonicTime(Duration(oldest));
}

void WriteBack::admitted(uint64_t bytes) {
  unwritten_ += bytes;
  if (unwritten_ > shard_.write_back_threshold()) wake_.notify_all();
}

runtime::Task<void> WriteBack::run() {
  while (!closed_) {
    if (unwritten_ <= shard_.write_back_threshold() || context_.failed) {
      co_await wake_.wait();
      continue;
    }
    const uint64_t before = unwritten_;
    auto done = co_await pass({.bytes_min = 64 << 10});
    // Many small tails: what is left of each must go too.
    if (done && unwritten_ > shard_.write_back_threshold()) done = co_await pass({.bytes_min = kBlockMin});
    shard_.room_made();
    if (!done && done.error().kind == ErrorKind::no_space) context_.report_no_space();
    if (!done || unwritten_ >= before) {
      // Nothing could be written: the disk is full, or what there is waits for the journal.
      (void)co_await wake_.wait_until(runtime::Shard::current()->now() + std::chrono::milliseconds(100));
    }
  }
}

void WriteBack::close() {
  closed_ = true;
  wake_.notify_all();
}

}  // namespace godwit::storage
