// How a leader asks for another ISR: whom it wants, one request at a time, and what an answer leaves open.
#include <algorithm>

#include "base/check.h"
#include "replication/leader_replica.h"

namespace godwit::replication {

std::optional<IsrProposal> LeaderReplica::take_proposal(MonotonicTime now) {
  if (now < look_at_) return std::nullopt;
  await_no_longer(now);
  auto proposal = propose(now);
  if (!proposal) look_at_ = next_look(now, true).value_or(MonotonicTime::max());
  return proposal;
}

std::optional<IsrProposal> LeaderReplica::propose(MonotonicTime now) {
  if (asking_ == Asking::asked || now < ask_at_) return std::nullopt;
  // An equal set is worth asking for where an earlier request may be written yet: it raises the version, and ends that.
  const bool differs = choose(now);
  if (!differs && !unresolved_) return std::nullopt;
  asking_ = Asking::asked;
  asks_joiner_ = false;
  IsrProposal proposal{.id = ++proposals_, .epoch = epoch_, .version = version_, .isr = {}};
  bool takes_out = false;
  for (Member& member : members_) {
    takes_out |= member.in_isr && !member.wanted;
    if (!member.wanted) continue;
    member.asked = true;
    member.awaited = false;
    asks_joiner_ |= !member.in_isr;
    proposal.isr.push_back({member.id, std::max(member.incarnation, member.live)});
  }
  GW_CHECK(proposal.isr.size() >= bound() || !takes_out, "no lag shrinks the ISR below min.insync.replicas");
  GW_CHECK(find(self_)->wanted, "a leader is in its ISR");
  return proposal;
}

// Marks who is wanted: the committed ISR without who lags, and who may join. True when that is another set.
bool LeaderReplica::choose(MonotonicTime now) {
  size_t chosen = 0;
  for (Member& member : members_) {
    member.wanted = is_self(member) || (member.in_isr ? caught_up(member, now) : may_join(member, now));
    chosen += member.wanted ? 1 : 0;
  }
  give_back_laggards(chosen);
  return std::ranges::any_of(members_, [](const Member& member) { return member.wanted != member.in_isr; });
}

// Rule 7: keeps those who lag least, down to the bound. Of two silent followers of three replicas one goes (the high
// watermark then waits for the other alone), never both.
void LeaderReplica::give_back_laggards(size_t chosen) {
  for (; chosen < bound(); ++chosen) {
    Member* best = nullptr;
    for (Member& member : members_) {
      if (!member.in_isr || member.wanted) continue;
      if (best == nullptr || caught_up_at(member) > caught_up_at(*best)) best = &member;
    }
    if (best == nullptr) return;
    best->wanted = true;
  }
}

// Rule 6: with all that may be committed, in this epoch and, below its start, in earlier ones: this leader's high
// watermark may lag behind an earlier leader's, but never its epoch's start does. And it must be keeping up, or it would
// leave again at once. And it must not bring back what was deleted on request.
bool LeaderReplica::may_join(const Member& member, MonotonicTime now) const {
  return is_near(member, now) && member.synced >= std::max(high_watermark_, epoch_start_);
}

// It may join, or could but for the last round of records: so it is worth waiting for.
bool LeaderReplica::is_near(const Member& member, MonotonicTime now) const {
  return joins_ && !is_self(member) && !member.in_isr && member.known && member.live != 0 &&
         member.live == member.incarnation && now >= join_at_ &&
         (member.log_start < Offset(0) || member.log_start >= log_start_) && caught_up(member, now);
}

void LeaderReplica::on_answer(uint64_t proposal_id, IsrOutcome outcome, MonotonicTime now) {
  if (asking_ != Asking::asked || proposal_id != proposals_) return;
  look_at_ = kNever;
  switch (outcome) {
    case IsrOutcome::accepted:
    case IsrOutcome::stale:
      // Normally the published state comes first or at once. The union stays until then.
      asking_ = Asking::settled;
      unresolved_ = true;
      ask_at_ = now + lag_max_;
      return;
    case IsrOutcome::unknown:
      asking_ = Asking::idle;
      unresolved_ = true;
      back_off(ask_at_, now);
      return;
    case IsrOutcome::ineligible:
      asking_ = Asking::idle;
      // It is not written and will not be; of earlier ones at this version that is not known.
      if (!unresolved_) {
        for (Member& member : members_) member.asked = false;
      }
      // A joiner that may not join must not keep who lags from leaving.
      back_off(asks_joiner_ ? join_at_ : ask_at_, now);
      await_no_longer(now);
      advance_high_watermark();
      return;
  }
}

void LeaderReplica::back_off(MonotonicTime& until, MonotonicTime now) {
  until = now + backoff_;
  backoff_ = std::min(backoff_ * 2, std::max(lag_max_, ask_backoff_));
}

std::optional<MonotonicTime> LeaderReplica::next_tick(MonotonicTime now) const {
  return next_look(now, false);
}

// With `for_silence` also when a member that has everything would lag, were it not heard until then.
std::optional<MonotonicTime> LeaderReplica::next_look(MonotonicTime now, bool for_silence) const {
  std::optional<MonotonicTime> next;
  for (const Member& member : members_) {
    const MonotonicTime at = caught_up_at(member) + lag_max_ + Duration(1);
    if (member.awaited && (!next || at < *next)) next = at;
  }
  if (asking_ == Asking::asked) return next;
  const auto consider = [&](MonotonicTime at) {
    at = std::max(at, ask_at_);
    if (!next || at < *next) next = at;
  };
  if (unresolved_ || now < ask_at_) consider(now);
  const bool may_shrink = committed_size() > bound();
  for (const Member& member : members_) {
    if (is_self(member)) continue;
    if (member.in_isr) {
      // A member that has everything is heard through Contacts, without an event: only a look can tell that it is silent.
      const bool quiet =
          !for_silence && contacts_ != nullptr && member.followed && member.known && member.synced >= end_;
      if (may_shrink && !quiet) consider(caught_up_at(member) + lag_max_ + Duration(1));
    } else if (joins_ && member.known && member.live == member.incarnation &&
               member.synced >= std::max(high_watermark_, epoch_start_)) {
      if (now < join_at_) consider(join_at_);
      // It was silent and may be heard again without a fetch of this partition, having everything.
      if (contacts_ != nullptr && member.followed && !caught_up(member, now)) consider(now + lag_max_ / 4);
    }
  }
  return next;
}

}  // namespace godwit::replication
