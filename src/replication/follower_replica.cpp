#include "replication/follower_replica.h"

#include <algorithm>

#include "base/check.h"

namespace godwit::replication {

using Kind = FollowerStep::Kind;

namespace {

// The answer of one who has not begun to lead this epoch: its image is older, or it still syncs the epoch's beginning. Who does not
// take this broker for a replica says the same, and nothing more before it is asked again.
bool does_not_lead_yet(ErrorCode error) {
  return error == ErrorCode::not_leader_or_follower || error == ErrorCode::unknown_leader_epoch;
}

}  // namespace

FollowerReplica::FollowerReplica(const Setup& setup)
    : epoch_(setup.epoch),
      accept_loss_(setup.accept_loss),
      backoff_min_(setup.backoff_min),
      backoff_max_(setup.backoff_max),
      log_(setup.log),
      high_watermark_(std::clamp(setup.high_watermark, setup.log.start, setup.log.synced)),
      leader_high_watermark_(high_watermark_),
      leader_start_(setup.log.start),
      backoff_(setup.backoff_min) {
  GW_CHECK(log_.start <= log_.synced && log_.synced <= log_.end,
           "a log starts before what is synced, and that before its end");
}

std::optional<FetchFrom> FollowerReplica::next_fetch(MonotonicTime now) {
  if (doing_ != Doing::nothing) return std::nullopt;
  // The fetch tells the leader what is synced (rule 9), and it may acknowledge by that.
  if (log_.synced < log_.end) return std::nullopt;
  if (not_before_ && now < *not_before_) return std::nullopt;
  not_before_.reset();
  doing_ = Doing::fetching;
  stands_ = false;
  return FetchFrom{++fetches_, log_.end, log_.last_epoch, epoch_, log_.start};
}

std::optional<MonotonicTime> FollowerReplica::next_tick() const {
  return doing_ == Doing::nothing ? not_before_ : std::nullopt;
}

FollowerStep FollowerReplica::on_answer(uint64_t id, const FetchAnswer& answer, MonotonicTime now) {
  // A late answer speaks of a log that may have been another one.
  const bool asked = doing_ == Doing::fetching || (doing_ == Doing::nothing && stands_);
  if (!asked || id != fetches_) {
    if (id == fetches_) note_marks(answer);
    return {Kind::ignore, {}, false};
  }
  const bool refused = answer.error != ErrorCode::none && answer.error != ErrorCode::offset_out_of_range;
  // It waits already, and not for longer because it is told so twice; what another refusal is about is not over when it leads.
  if (refused && not_before_) {
    stands_ = stands_ && does_not_lead_yet(answer.error);
    return {Kind::ignore, {}, false};
  }
  doing_ = Doing::nothing;
  not_before_.reset();
  // Who leads now would wait in vain for the end of a back-off: it counts this follower only when it asks again (rule 6).
  stands_ = does_not_lead_yet(answer.error);
  if (refused) return wait(Kind::wait, log_.end, now);
  if (answer.error == ErrorCode::offset_out_of_range) return out_of_range(answer, now);
  if (answer.diverging) return diverged(answer, now);
  settled_ = true;
  backoff_ = backoff_min_;
  leader_high_watermark_ = std::max(leader_high_watermark_, answer.high_watermark);
  if (answer.log_start) leader_start_ = std::max(leader_start_, *answer.log_start);
  raise_high_watermark();
  stands_ = !answer.has_records;
  if (stands_) return {Kind::fetch_again, log_.end, false};
  doing_ = Doing::appending;
  return {Kind::append, log_.end, false};
}

// The leader answers once more while what it gave is written: what it has committed, and where its log begins, it says only when
// that rises.
void FollowerReplica::note_marks(const FetchAnswer& answer) {
  const bool of_this_log = settled_ && (doing_ == Doing::appending || doing_ == Doing::nothing);
  if (!of_this_log || answer.error != ErrorCode::none || answer.diverging) return;
  leader_high_watermark_ = std::max(leader_high_watermark_, answer.high_watermark);
  if (answer.log_start) leader_start_ = std::max(leader_start_, *answer.log_start);
  raise_high_watermark();
}

// The leader says up to where its records of the largest epoch <= ours go. Behind the smaller of its end and of ours for
// that epoch nothing can be the same; what remains is asked about again, so each round goes at least one epoch back.
FollowerStep FollowerReplica::diverged(const FetchAnswer& answer, MonotonicTime now) {
  settled_ = false;
  // All of the leader's is newer than all of ours: what we have from its start on is not the leader's, and what we have
  // before it cannot be compared with what was deleted there. So nothing may be served from it.
  if (answer.diverging->epoch == kNoLeaderEpoch) return cut(Kind::restart, answer.diverging->end, now);
  Offset target = log_.start;
  if (answer.own_end) target = std::max(log_.start, std::min(answer.diverging->end, answer.own_end->end));
  if (target >= log_.end) return wait(Kind::protocol_error, target, now);
  return cut(Kind::truncate, target, now);
}

// Either the leader's log starts behind our end: retention there was faster than we, and nothing that we have is of
// use. Or our end lies behind the leader's and no epoch told where to cut (our log is empty): then too it is begun anew.
FollowerStep FollowerReplica::out_of_range(const FetchAnswer& answer, MonotonicTime now) {
  settled_ = false;
  if (!answer.log_start || *answer.log_start == log_.end) return wait(Kind::protocol_error, log_.end, now);
  if (*answer.log_start < log_.end) return cut(Kind::restart, *answer.log_start, now);
  doing_ = Doing::restarting;
  target_ = *answer.log_start;
  return {Kind::restart, target_, false};
}

FollowerStep FollowerReplica::cut(Kind kind, Offset target, MonotonicTime now) {
  const bool lossy = target < high_watermark_;
  if (lossy && !accept_loss_) {
    backoff_ = backoff_max_;
    return wait(Kind::refuse_loss, target, now);
  }
  doing_ = kind == Kind::truncate ? Doing::truncating : Doing::restarting;
  target_ = target;
  return {kind, target, lossy};
}

FollowerStep FollowerReplica::wait(Kind kind, Offset offset, MonotonicTime now) {
  not_before_ = now + backoff_;
  backoff_ = std::min(backoff_ * 2, backoff_max_);
  return {kind, offset, false};
}

void FollowerReplica::on_lost(uint64_t id, MonotonicTime now) {
  if (id == fetches_) stands_ = false;
  if (doing_ != Doing::fetching || id != fetches_) return;
  doing_ = Doing::nothing;
  wait(Kind::wait, log_.end, now);
}

void FollowerReplica::on_done(const LogFacts& facts) {
  GW_CHECK(facts.start <= facts.synced && facts.synced <= facts.end,
           "a log starts before what is synced, and that before its end");
  switch (doing_) {
    case Doing::nothing:
    case Doing::fetching:
      GW_CHECK(false, "a step is done that was not asked for");
      break;
    case Doing::appending:
      GW_CHECK(facts.end >= log_.end, "appending does not shorten a log");
      break;
    case Doing::truncating:
      GW_CHECK(facts.end == target_, "a truncated log ends where it was cut");
      break;
    case Doing::restarting:
      GW_CHECK(facts.start == target_ && facts.end == target_, "a log that was begun anew is empty");
      break;
  }
  if (doing_ == Doing::truncating) high_watermark_ = std::min(high_watermark_, target_);
  // What lies before the leader's start was deleted there after it was committed.
  if (doing_ == Doing::restarting) high_watermark_ = target_;
  if (doing_ != Doing::appending) leader_high_watermark_ = high_watermark_;
  doing_ = Doing::nothing;
  log_ = facts;
  raise_high_watermark();
}

void FollowerReplica::on_failed(const LogFacts& facts, MonotonicTime now) {
  doing_ = Doing::nothing;
  settled_ = false;
  log_ = facts;
  wait(Kind::wait, log_.end, now);
}

void FollowerReplica::on_log(const LogFacts& facts) {
  GW_CHECK(facts.synced <= facts.end, "what is synced ends before the log");
  // While a step is carried out, its own end comes with on_done.
  if (doing_ == Doing::nothing || doing_ == Doing::fetching) {
    GW_CHECK(facts.end == log_.end, "a follower's log moves only by its steps");
    log_ = facts;
  }
  raise_high_watermark();
}

std::optional<Offset> FollowerReplica::wanted_start() const {
  const Offset wanted = std::min(leader_start_, high_watermark_);
  if (!settled_ || wanted <= log_.start) return std::nullopt;
  return wanted;
}

std::optional<int64_t> FollowerReplica::lag() const {
  if (!settled_) return std::nullopt;
  return std::max<int64_t>(0, leader_high_watermark_ - log_.end);
}

void FollowerReplica::raise_high_watermark() {
  if (settled_) high_watermark_ = std::max(high_watermark_, std::min(leader_high_watermark_, log_.synced));
}

}  // namespace godwit::replication
