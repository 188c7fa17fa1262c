#include "replicator/followed.h"

namespace godwit::replicator {

using replication::FollowerStep;
using runtime::Task;

namespace {

// Until when a write waits for room in memory and journal, and for its sync.
constexpr Duration kWritePatience = std::chrono::seconds(10);

replication::LogFacts facts_of(const storage::Log& log) {
  replication::LogFacts facts{log.start(), log.end(), log.stable_end(), kNoLeaderEpoch};
  if (facts.start < facts.end)
    facts.last_epoch = log.epochs().epoch_at(facts.end - 1).value_or(kNoLeaderEpoch);
  return facts;
}

}  // namespace

Followed::Followed(const Following& what, runtime::Shard& shard, DiagnosticSink& diagnostics)
    : id_(what.id),
      log_(*what.log),
      leader_(what.leader),
      observer_(*what.observer),
      shard_(shard),
      diagnostics_(diagnostics),
      machine_({.epoch = what.epoch,
                .log = facts_of(*what.log),
                .high_watermark = what.log->high_watermark(),
                .accept_loss = what.accept_loss}),
      throttled_(what.throttled) {}

replication::LogFacts Followed::facts() const {
  return facts_of(log_);
}

std::optional<replication::FetchFrom> Followed::next_fetch() {
  if (ended_ || writing_ > 0) return std::nullopt;
  // Retention, or a sync that came late, may have moved on.
  machine_.on_log(facts());
  auto next = machine_.next_fetch(shard_.now());
  if (!next) return std::nullopt;
  if (next->offset != asked_.offset || next->last_fetched_epoch != asked_.last_fetched_epoch ||
      next->log_start != asked_.log_start)
    named = false;
  asked_ = *next;
  return next;
}

void Followed::lost() {
  named = false;
  machine_.on_lost(asked_.id, shard_.now());
}

Task<void> Followed::answered(kafka::FetchResponse::Partition answer) {
  if (ended_) co_return;
  replication::FetchAnswer heard;
  heard.error = answer.error_code;
  heard.high_watermark = answer.high_watermark;
  if (answer.log_start_offset >= Offset(0)) heard.log_start = answer.log_start_offset;
  heard.has_records = answer.records && !answer.records->empty();
  if (answer.diverging_epoch.epoch != kNoLeaderEpoch || answer.diverging_epoch.end_offset >= Offset(0)) {
    heard.diverging = {answer.diverging_epoch.epoch, answer.diverging_epoch.end_offset};
    if (const auto own = log_.epochs().end_of(answer.diverging_epoch.epoch, log_.end()))
      heard.own_end = {own->epoch, own->end};
  }
  // What went wrong is asked anew in full; and the leader gives records once, until it is told where this log is now.
  if (heard.error != ErrorCode::none || heard.diverging || heard.has_records) named = false;
  const FollowerStep step = machine_.on_answer(asked_.id, heard, shard_.now());
  if (step.kind == FollowerStep::Kind::ignore) {
    if (raise_high_watermark()) observer_.followed();
    // Who writes looks at the leader's start when that is done.
    if (writing_ > 0 || !machine_.wanted_start()) co_return;
    ++writing_;
    co_await follow_start();
    --writing_;
    written_.notify_all();
    co_return;
  }
  ++writing_;
  co_await carry_out(step, answer);
  co_await follow_on();
  --writing_;
  written_.notify_all();
}

Task<void> Followed::carry_out(const FollowerStep& step, kafka::FetchResponse::Partition& answer) {
  storage::Served<void> done;
  switch (step.kind) {
    case FollowerStep::Kind::append: {
      const MonotonicTime deadline = shard_.now() + kWritePatience;
      const auto& parts = answer.records->parts();
      const Bytes flat = parts.size() == 1 ? Bytes() : answer.records->flatten();
      done = co_await log_.append_replicated(parts.size() == 1 ? parts.front().view() : BytesView(flat),
                                             shard_.wall_now(), deadline);
      if (done) {
        const ErrorCode stable = co_await log_.wait_stable(log_.end(), deadline);
        if (stable != ErrorCode::none && stable != ErrorCode::request_timed_out)
          done = storage::refuse(stable, "what was fetched cannot be synced");
      }
      break;
    }
    case FollowerStep::Kind::truncate:
      if (step.lossy)
        tell(Severity::error, "replication.records_given_up",
             "as ordered by an unclean election, " + std::to_string(log_.end() - step.offset) +
                 " records are given up, from offset " + to_string(step.offset) + " on, of which " +
                 std::to_string(log_.high_watermark() - step.offset) + " are known to have been committed");
      tell(Severity::info, "replication.truncated",
           "the log is cut to " + to_string(step.offset) +
               ", where it parts from its leader's; it ended at " + to_string(log_.end()));
      done = co_await log_.truncate(step.offset);
      break;
    case FollowerStep::Kind::restart:
      tell(step.lossy ? Severity::error : Severity::warning, "replication.restarted",
           "the log goes on at " + to_string(step.offset) + ", where its leader's begins");
      done = co_await log_.restart_at(step.offset);
      break;
    case FollowerStep::Kind::refuse_loss:
      if (!std::exchange(told_trouble_, true)) {
        tell(Severity::error, "replication.would_lose",
             "its leader's log parts from it at " + to_string(step.offset) + ", below its high watermark " +
                 to_string(log_.high_watermark()) +
                 ": nothing is cut off without an operator's order (unclean election)");
      }
      co_return;
    case FollowerStep::Kind::protocol_error:
      if (!std::exchange(told_trouble_, true))
        tell(Severity::error, "replication.no_sense", "its leader's answer makes no sense");
      co_return;
    case FollowerStep::Kind::wait:
    case FollowerStep::Kind::fetch_again:
    case FollowerStep::Kind::ignore:
      co_return;
  }
  if (done) {
    told_trouble_ = false;
    machine_.on_done(facts());
    co_return;
  }
  if (!std::exchange(told_trouble_, true))
    tell(Severity::error, "replication.not_written", done.error().message);
  machine_.on_failed(facts(), shard_.now());
}

bool Followed::raise_high_watermark() {
  const Offset committed = std::min(machine_.high_watermark(), log_.end());
  if (ended_ || committed <= log_.high_watermark()) return false;
  log_.set_high_watermark(committed);
  return true;
}

Task<void> Followed::follow_on() {
  machine_.on_log(facts());
  const bool news = raise_high_watermark();
  if (machine_.settled() && !told_settled_ && !ended_) {
    told_settled_ = true;
    observer_.settled(machine_.epoch());
  }
  co_await follow_start();
  if (news && !ended_) observer_.followed();
}

Task<void> Followed::follow_start() {
  // It may rise while that is being written.
  for (auto start = machine_.wanted_start(); start && !ended_; start = machine_.wanted_start()) {
    const auto deleted = co_await log_.delete_before(*start);
    machine_.on_log(facts());
    if (!deleted || log_.start() < *start) co_return;
  }
}

Task<void> Followed::end() {
  ended_ = true;
  while (writing_ > 0) co_await written_.wait();
}

void Followed::tell(Severity severity, const char* name, std::string text) const {
  diagnostics_.emit({severity,
                     name,
                     std::move(text),
                     {{"topic_id", to_string(id_.topic)},
                      {"partition", to_string(id_.partition)},
                      {"leader", to_string(leader_.id)},
                      {"epoch", to_string(machine_.epoch())}}});
}

}  // namespace godwit::replicator
