#include "replication/leader_replica.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace godwit::replication {
namespace {

// Whether `at` lies within `span` before now; kNever never does (and must not be subtracted from: it would overflow).
bool within(MonotonicTime at, MonotonicTime now, Duration span) {
  return at != kNever && now - at <= span;
}

bool contains(std::span<const BrokerId> ids, BrokerId id) {
  return std::ranges::find(ids, id) != ids.end();
}

bool consistent(BrokerId self, std::span<const BrokerId> replicas, std::span<const BrokerId> isr) {
  return contains(isr, self) && std::ranges::all_of(isr, [&](BrokerId id) { return contains(replicas, id); });
}

}  // namespace

LeaderReplica::LeaderReplica(const Setup& setup)
    : self_(setup.self),
      epoch_(setup.epoch),
      epoch_start_(setup.epoch_start),
      lag_max_(setup.lag_max),
      ask_backoff_(setup.ask_backoff),
      began_(setup.now),
      contacts_(setup.contacts),
      min_insync_(std::max(1, setup.min_insync)),
      version_(setup.version),
      end_(setup.end),
      synced_(setup.synced),
      high_watermark_(std::min(setup.high_watermark, setup.synced)),
      log_start_(setup.log_start),
      backoff_(setup.ask_backoff) {
  static_assert(sizeof(LeaderReplica) + 3 * sizeof(Member) <= 512,
                "a broker leads tens of thousands of partitions of three replicas");
  GW_CHECK(consistent(setup.self, setup.replicas, setup.isr),
           "the ISR is a part of the replicas and holds the leader");
  GW_CHECK(synced_ <= end_ && epoch_start_ <= end_, "a leader's log goes on from where its epoch began");
  members_.reserve(setup.replicas.size());
  for (const BrokerId id : setup.replicas) {
    Member member{.id = id, .in_isr = contains(setup.isr, id)};
    // Time to be heard: nobody lags at the first moment of an epoch.
    if (member.in_isr) member.caught_up_at = setup.now;
    members_.push_back(member);
  }
  advance_high_watermark();
}

void LeaderReplica::own_progress(Offset end, Offset synced) {
  GW_CHECK(end >= end_ && synced >= synced_ && synced <= end, "a leader's log only grows within its epoch");
  look_at_ = kNever;
  if (end > end_) {
    // Up to here they had all there was.
    for (Member& member : members_) member.caught_up_at = caught_up_at(member);
  }
  end_ = end;
  synced_ = synced;
  advance_high_watermark();
}

FetchOutcome LeaderReplica::on_fetch(const FollowerFetch& fetch, MonotonicTime now) {
  Member* const member = find(fetch.follower);
  if (member == nullptr || is_self(*member)) return FetchOutcome::not_a_replica;
  if (fetch.epoch < epoch_) return FetchOutcome::fenced_epoch;
  if (fetch.epoch > epoch_) return FetchOutcome::unknown_epoch;
  if (fetch.incarnation == 0 || fetch.incarnation < std::max(member->incarnation, member->live))
    return FetchOutcome::old_incarnation;
  if (fetch.synced > end_) return FetchOutcome::beyond_end;
  look_at_ = kNever;
  if (fetch.incarnation > member->incarnation) forget_progress(*member);
  // KIP-16's sense: who asks behind all that there was at its last fetch had, at that fetch's time, nothing to wait
  // for, however fast the leader writes.
  const bool has_all = fetch.synced >= end_;
  const bool has_what_was = member->known && fetch.synced >= member->end_at_fetch;
  if (has_all) {
    member->caught_up_at = now;
  } else if (has_what_was) {
    member->caught_up_at = std::max(member->caught_up_at, heard_at(*member));
  }
  member->incarnation = fetch.incarnation;
  member->known = true;
  member->followed = true;
  member->session = fetch.session;
  member->synced = fetch.synced;
  member->log_start = fetch.log_start;
  member->end_at_fetch = end_;
  member->fetched_at = now;
  // By what this process has shown: who was in sync a moment ago, and was away, may be far behind.
  member->awaited = !member->asked && (has_all || has_what_was || member->awaited) && is_near(*member, now);
  advance_high_watermark();
  return FetchOutcome::counted;
}

void LeaderReplica::on_unfollow(BrokerId follower, uint64_t session) {
  Member* const member = find(follower);
  if (member == nullptr || member->session != session) return;
  look_at_ = kNever;
  member->caught_up_at = caught_up_at(*member);
  member->fetched_at = heard_at(*member);
  member->followed = false;
  if (std::exchange(member->awaited, false)) advance_high_watermark();
}

bool LeaderReplica::on_committed(int64_t version, std::span<const BrokerId> replicas,
                                 std::span<const BrokerId> isr, MonotonicTime now) {
  if (version <= version_) return true;
  if (!consistent(self_, replicas, isr)) return false;
  look_at_ = kNever;
  std::vector<Member> members;
  members.reserve(replicas.size());
  for (const BrokerId id : replicas) {
    const Member* const before = find(id);
    Member member = before == nullptr ? Member{.id = id} : *before;
    member.in_isr = contains(isr, id);
    // Whatever was asked for replaced an earlier version, so it is this state or never will be one.
    member.asked = false;
    member.awaited &= !member.in_isr;
    if (member.in_isr && member.caught_up_at == kNever) member.caught_up_at = now;
    members.push_back(member);
  }
  members_ = std::move(members);
  version_ = version;
  asking_ = Asking::idle;
  unresolved_ = false;
  ask_at_ = kNever;
  backoff_ = ask_backoff_;
  advance_high_watermark();
  return true;
}

void LeaderReplica::on_deleted_before(Offset start) {
  log_start_ = std::max(log_start_, start);
  look_at_ = kNever;
}

void LeaderReplica::on_min_insync(int min_insync) {
  look_at_ = kNever;
  min_insync_ = std::max(1, min_insync);
  advance_high_watermark();
}

void LeaderReplica::set_joins(bool may) {
  if (std::exchange(joins_, may) != may) look_at_ = kNever;
}

void LeaderReplica::set_live(std::span<const LiveBroker> live) {
  look_at_ = kNever;
  for (Member& member : members_) {
    member.live = 0;
    for (const LiveBroker& broker : live) {
      if (broker.id == member.id) member.live = broker.incarnation;
    }
    // The process that told its position is gone (rule 1).
    if (member.live > member.incarnation && member.known) forget_progress(member);
    member.awaited &= member.live != 0 && member.live == member.incarnation;
  }
  advance_high_watermark();
}

// Those that were awaited and have not come within lag_max.
void LeaderReplica::await_no_longer(MonotonicTime now) {
  bool any = false;
  for (Member& member : members_) {
    if (!member.awaited || is_near(member, now)) continue;
    member.awaited = false;
    any = true;
  }
  if (any) advance_high_watermark();
}

// The high watermark's rule, whole: design-cluster rules 6 and 7, and Kafka's maximal ISR.
void LeaderReplica::advance_high_watermark() {
  if (committed_size() < bound()) return;
  Offset candidate = synced_;
  for (const Member& member : members_) {
    if (is_self(member) || !(member.in_isr || member.asked || member.awaited)) continue;
    if (!member.known) return;
    candidate = std::min(candidate, member.synced);
  }
  if (candidate <= high_watermark_) return;
  high_watermark_ = candidate;
  GW_CHECK(high_watermark_ <= synced_, "what is committed is synced here");
  for (const Member& member : members_) {
    GW_CHECK(is_self(member) || !(member.in_isr || member.asked || member.awaited) ||
                 (member.known && member.synced >= high_watermark_),
             "what is committed is synced by every member of the committed and of each proposed ISR, and by "
             "whoever is "
             "awaited");
  }
}

std::optional<Offset> LeaderReplica::isr_start(Offset own) const {
  Offset least = own;
  for (const Member& member : members_) {
    if (is_self(member) || !(member.in_isr || member.asked)) continue;
    if (!member.known) return std::nullopt;
    if (member.log_start >= Offset(0)) least = std::min(least, member.log_start);
  }
  return least;
}

bool LeaderReplica::accepts_all(MonotonicTime now) const {
  return caught_up_followers(now) + 1 >= bound();
}

size_t LeaderReplica::bound() const {
  return std::min(static_cast<size_t>(min_insync_), members_.size());
}

bool LeaderReplica::confirmed_within(MonotonicTime now, Duration timeout) const {
  return std::ranges::all_of(members_, [&](const Member& member) {
    return is_self(member) || !(member.in_isr || member.asked) ||
           (member.known && within(heard_at(member), now, timeout));
  });
}

bool LeaderReplica::has_silent_member(MonotonicTime now, Duration timeout) const {
  if (now - began_ <= timeout) return false;
  return std::ranges::any_of(members_, [&](const Member& member) {
    return !is_self(member) && (member.in_isr || member.asked) && !within(heard_at(member), now, timeout);
  });
}

bool LeaderReplica::in_isr(BrokerId broker) const {
  const Member* const member = find(broker);
  return member != nullptr && member->in_isr;
}

bool LeaderReplica::awaits(BrokerId follower) const {
  const Member* const member = find(follower);
  return member != nullptr && member->awaited;
}

std::vector<BrokerId> LeaderReplica::isr() const {
  std::vector<BrokerId> isr;
  for (const Member& member : members_) {
    if (member.in_isr) isr.push_back(member.id);
  }
  return isr;
}

size_t LeaderReplica::caught_up_followers(MonotonicTime now) const {
  return static_cast<size_t>(std::ranges::count_if(members_, [&](const Member& member) {
    return !is_self(member) && member.in_isr && caught_up(member, now);
  }));
}

std::optional<int64_t> LeaderReplica::lag(BrokerId follower) const {
  const Member* const member = find(follower);
  if (member == nullptr) return std::nullopt;
  if (is_self(*member)) return 0;
  if (!member->known) return std::nullopt;
  return end_ - member->synced;
}

std::vector<FollowerStatus> LeaderReplica::followers(MonotonicTime now) const {
  std::vector<FollowerStatus> all;
  for (const Member& member : members_) {
    if (is_self(member)) continue;
    all.push_back({.id = member.id,
                   .incarnation = member.incarnation,
                   .synced = member.known ? std::optional(member.synced) : std::nullopt,
                   .lag = end_ - (member.known ? member.synced : Offset(0)),
                   .in_isr = member.in_isr,
                   .caught_up = caught_up(member, now),
                   .follows = member.followed});
  }
  return all;
}

LeaderReplica::Member* LeaderReplica::find(BrokerId id) {
  const auto at = std::ranges::find(members_, id, &Member::id);
  return at == members_.end() ? nullptr : &*at;
}

const LeaderReplica::Member* LeaderReplica::find(BrokerId id) const {
  const auto at = std::ranges::find(members_, id, &Member::id);
  return at == members_.end() ? nullptr : &*at;
}

// What a process said does not speak for the next one of that broker. Since when it lags stays: who starts again and
// again must not look caught up.
void LeaderReplica::forget_progress(Member& member) const {
  member.caught_up_at = caught_up_at(member);
  member.fetched_at = heard_at(member);
  member.known = false;
  member.followed = false;
  member.awaited = false;
}

// When the follower last said that it follows this partition in this epoch.
MonotonicTime LeaderReplica::heard_at(const Member& member) const {
  if (!member.followed || contacts_ == nullptr) return member.fetched_at;
  return std::max(member.fetched_at, contacts_->last_heard(member.id, member.incarnation));
}

// Who has everything was caught up whenever it was heard.
MonotonicTime LeaderReplica::caught_up_at(const Member& member) const {
  if (!member.known || member.synced < end_) return member.caught_up_at;
  return std::max(member.caught_up_at, heard_at(member));
}

bool LeaderReplica::caught_up(const Member& member, MonotonicTime now) const {
  return within(caught_up_at(member), now, lag_max_);
}

size_t LeaderReplica::committed_size() const {
  return static_cast<size_t>(std::ranges::count_if(members_, &Member::in_isr));
}

}  // namespace godwit::replication
