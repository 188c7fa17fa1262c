#include "storage/maintenance.h"

#include <atomic>

#include "base/check.h"

namespace godwit::storage {
namespace {

// Smaller remainders are carried forward in the journal: writing them would cost a seek each (rule 9).
constexpr uint64_t kCarriedMax = 16 << 10;

Result<void> first_error(std::vector<Result<void>> results) {
  for (auto& result : results) {
    if (!result) return std::move(result);
  }
  return {};
}

runtime::Task<Result<void>> write_back(LogShard& shard, WriteBackGoal goal, std::atomic<bool>& left_over) {
  auto done = co_await shard.write_back().pass(goal);
  if (shard.write_back().left_over()) left_over = true;
  co_return done;
}

}  // namespace

template <class F>
runtime::Task<Result<void>> Maintenance::on_all_shards(F work) {
  std::vector<runtime::Task<Result<void>>> tasks;
  for (size_t i = 0; i < parts_.shards.size(); ++i) {
    LogShard& shard = *parts_.shards[i];
    tasks.push_back(context_.runtime.shard(i).call([&shard, work] { return work(shard); }));
  }
  co_return first_error(co_await runtime::when_all(std::move(tasks)));
}

runtime::Task<Maintenance::ShardPart> Maintenance::take_part(LogShard& shard) {
  // So many logs are taken before others get a turn on their shard.
  constexpr size_t kAtOnce = 64;
  ShardPart part;
  const auto lower = [](std::optional<Sequence>& bound, std::optional<Sequence> by) {
    if (by) bound = std::min(bound.value_or(*by), *by);
  };
  size_t taken = 0;
  for (const auto& log : shard.logs()) {
    if (++taken % kAtOnce == 0) co_await runtime::yield();
    // One that is just being changed is waited for.
    while (!log->dropped() && log->durable_version() < log->admitted_version()) {
      if (!co_await log->wait_synced(log->admitted_version(), log->start())) {
        part.failed = true;
        co_return part;
      }
    }
    // Its record is durable, and must not be undone by a checkpoint that still has the log.
    if (log->dropped()) continue;
    // A round that is under way may be durable, and the log has not heard of it.
    lower(part.through, shard.unsure_after(false));
    lower(part.through_relaxed, shard.unsure_after(true));
    const auto state = log->synced_state();
    GW_CHECK(state.has_value(), "a log whose structure is durable has a durable state");
    auto bytes = encode_log_state(*state);
    GW_CHECK(bytes || bytes.error().kind != ErrorKind::corrupt,
             "a log's state can be read again from its checkpoint");
    if (!bytes) {
      part.failed = true;
      co_return part;
    }
    part.logs.push_back(std::move(*bytes));
    if (const auto oldest = log->oldest_round(false)) lower(part.through, *oldest - 1);
    if (const auto oldest = log->oldest_round(true)) lower(part.through_relaxed, *oldest - 1);
  }
  // At last: a file that left a log after its state was taken is named by the record behind the checkpoint too, and
  // replay leaves what a log still has.
  part.to_remove = shard.removal().pending();
  co_return part;
}

runtime::Task<Result<void>> Maintenance::write_checkpoint() {
  // Everything up to here was admitted before the parts are taken.
  const Sequence last = parts_.journal.usage().last;
  const Sequence last_relaxed = relaxed() != nullptr ? relaxed()->usage().last : Sequence(0);
  Checkpoint head{.journal = last,
                  .relaxed = last_relaxed,
                  .next_file_id = parts_.file_ids.below(),
                  .to_remove = {},
                  .logs = {}};
  std::vector<Bytes> logs;
  for (size_t i = 0; i < parts_.shards.size(); ++i) {
    LogShard& shard = *parts_.shards[i];
    ShardPart part = co_await context_.runtime.shard(i).call([this, &shard] { return take_part(shard); });
    if (part.failed) co_return fail(ErrorKind::io, "the data directory takes no more writes");
    if (part.through) head.journal = std::min(head.journal, *part.through);
    if (part.through_relaxed) head.relaxed = std::min(head.relaxed, *part.through_relaxed);
    logs.insert(logs.end(), std::make_move_iterator(part.logs.begin()),
                std::make_move_iterator(part.logs.end()));
    head.to_remove.insert(head.to_remove.end(), part.to_remove.begin(), part.to_remove.end());
  }
  // One sync for all segments that were written; not one for each (rule 9).
  GW_TRY(co_return, co_await context_.sync_files());
  const auto bytes = encode_checkpoint_parts(head, logs);
  if (!bytes) co_return fail(bytes.error());
  std::vector<BytesView> views(bytes->begin(), bytes->end());
  if (const auto written = co_await parts_.checkpoint_file.write(views); !written) {
    // Of these two the copy that counts is still whole, and it is tried again.
    const bool again =
        written.error().kind == ErrorKind::no_space || written.error().kind == ErrorKind::limit;
    if (!again) context_.report_failure(written.error().describe());
    co_return written;
  }
  context_.metrics.checkpoints.add();
  checkpointed_ = last;
  checkpointed_relaxed_ = last_relaxed;
  GW_TRY(co_return, co_await parts_.journal.release(head.journal));
  if (relaxed() != nullptr) GW_TRY(co_return, co_await relaxed()->release(head.relaxed));
  co_return co_await on_all_shards([](LogShard& shard) -> runtime::Task<Result<void>> {
    shard.room_made();
    co_return Result<void>{};
  });
}

runtime::Task<Result<void>> Maintenance::checkpoint() {
  const auto lock = co_await one_turn_.lock();
  if (context_.failed) co_return fail(ErrorKind::io, "the data directory takes no more writes");
  co_return co_await write_checkpoint();
}

runtime::Task<Result<void>> Maintenance::turn(uint64_t bytes_min) {
  const auto lock = co_await one_turn_.lock();
  if (context_.failed) co_return fail(ErrorKind::io, "the data directory takes no more writes");
  // A goal is kept until all of it was given back: what was carried for it stands behind it. Where a turn failed on its way
  // to a checkpoint, or something keeps an old round, a new goal each time would carry the same again until the journal is
  // full, and give nothing back.
  const auto renew = [](Sequence& through, const Journal& journal) {
    const auto usage = journal.usage();
    if (usage.oldest > through) through = usage.last;
  };
  renew(goal_.carry_through, parts_.journal);
  if (relaxed() != nullptr) renew(goal_.carry_through_relaxed, *relaxed());
  WriteBackGoal goal = goal_;
  goal.bytes_min = bytes_min;
  // Asked once: the shards take from it at the same time.
  goal.has_room = {parts_.room.has_for_turn(), relaxed() != nullptr && parts_.relaxed_room->has_for_turn()};
  std::atomic<bool> left_over = false;
  GW_TRY(co_return, co_await on_all_shards(
                        [goal, &left_over](LogShard& shard) { return write_back(shard, goal, left_over); }));
  GW_TRY(co_return, co_await write_checkpoint());
  // With the room that was made it goes on.
  if (left_over) wake();
  co_return {};
}

bool Maintenance::journal_is_half_full() const {
  const auto half_full = [](const Journal& journal) {
    const auto usage = journal.usage();
    return usage.full || usage.used * 2 >= usage.capacity;
  };
  return half_full(parts_.journal) || (relaxed() != nullptr && half_full(*relaxed()));
}

runtime::Task<void> Maintenance::run() {
  constexpr Duration kLook = std::chrono::milliseconds(200);
  constexpr Duration kRetry = std::chrono::seconds(1);
  runtime::Shard& shard = *runtime::Shard::current();
  MonotonicTime due = shard.now() + context_.options.checkpoint_interval;
  MonotonicTime next_asked = shard.now();
  while (!closed_ && !context_.failed) {
    Result<void> done;
    if (journal_is_half_full() || (asked_ && shard.now() >= next_asked)) {
      asked_ = false;
      done = co_await turn(kCarriedMax);
      // Whoever asked waits for one that makes room.
      if (!done) asked_ = true;
      next_asked = shard.now() + kLook;
    } else if (shard.now() >= due) {
      if (parts_.journal.usage().last != checkpointed_ ||
          (relaxed() != nullptr && relaxed()->usage().last != checkpointed_relaxed_)) {
        done = co_await checkpoint();
      }
      due = shard.now() + context_.options.checkpoint_interval;
    }
    if (closed_) break;
    if (!done && done.error().kind == ErrorKind::no_space) context_.report_no_space();
    if (!done) {
      context_.diagnostics.emit({Severity::warning,
                                 "storage.checkpoint",
                                 "tails could not be written back; it is tried again",
                                 {{"why", done.error().describe()}}});
    }
    (void)co_await wake_.wait_until(shard.now() + (done ? kLook : kRetry));
  }
}

void Maintenance::close() {
  closed_ = true;
  wake_.notify_all();
}

}  // namespace godwit::storage
