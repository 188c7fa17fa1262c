// The leader with a wrong rule around it. What is right comes from the product; only the mutant's own rule is here.
#include <algorithm>

#include "replication/model_testing.h"

namespace godwit::replication::test {
namespace {

constexpr uint64_t kWrongIds = uint64_t{1} << 40;

bool wrong_about_high_watermark(Mutant mutant) {
  switch (mutant) {
    case Mutant::ignores_union:
    case Mutant::forgets_unknown:
    case Mutant::ignores_bound:
    case Mutant::counts_unsynced:
    case Mutant::trusts_isr_at_election:
      return true;
    default:
      return false;
  }
}

bool wrong_about_proposals(Mutant mutant) {
  return mutant == Mutant::shrinks_below_bound || mutant == Mutant::joins_below_epoch_start ||
         mutant == Mutant::joins_by_old_position;
}

}  // namespace

LeaderUnderTest::LeaderUnderTest(const LeaderReplica::Setup& setup, Mutant mutant)
    : real(setup),
      mutant_(mutant),
      end_(setup.end.value()),
      synced_(setup.synced.value()),
      wrong_high_watermark_(real.high_watermark().value()),
      version_(setup.version) {
  if (mutant_ != Mutant::trusts_isr_at_election) return;
  for (const BrokerId id : setup.isr) positions_[static_cast<size_t>(id.value())] = setup.epoch_start.value();
}

FetchOutcome LeaderUnderTest::on_fetch(const FollowerFetch& fetch, MonotonicTime now) {
  const FetchOutcome outcome = real.on_fetch(fetch, now);
  if (outcome == FetchOutcome::counted)
    positions_[static_cast<size_t>(fetch.follower.value())] = fetch.synced.value();
  return outcome;
}

void LeaderUnderTest::own_progress(int64_t end, int64_t synced) {
  end_ = end;
  synced_ = synced;
  real.own_progress(Offset(end), Offset(synced));
}

// Follows what the product did since: a new version ends what was asked for.
void LeaderUnderTest::observe() {
  if (real.version() != version_) asked_.fill(false);
  version_ = real.version();
  if (mutant_ == Mutant::joins_by_old_position || mutant_ == Mutant::trusts_isr_at_election) return;
  for (const FollowerStatus& follower : real.followers(MonotonicTime{})) {
    if (!follower.synced) positions_[static_cast<size_t>(follower.id.value())].reset();
  }
}

std::optional<IsrProposal> LeaderUnderTest::take_proposal(MonotonicTime now) {
  observe();
  auto proposal = real.take_proposal(now);
  if (!proposal && asked_id == 0 && wrong_about_proposals(mutant_)) proposal = wrong_proposal(now);
  if (!proposal) return proposal;
  asked_id = proposal->id;
  asked_at = now;
  for (const IsrMember& member : proposal->isr) asked_[static_cast<size_t>(member.id.value())] = true;
  return proposal;
}

std::optional<IsrProposal> LeaderUnderTest::wrong_proposal(MonotonicTime now) {
  IsrProposal wrong{.id = kWrongIds + static_cast<uint64_t>(now.time_since_epoch().count()),
                    .epoch = real.epoch(),
                    .version = real.version(),
                    .isr = {}};
  bool differs = false;
  for (const FollowerStatus& follower : real.followers(now)) {
    const auto at = static_cast<size_t>(follower.id.value());
    bool wanted = follower.in_isr;
    if (mutant_ == Mutant::shrinks_below_bound) {
      wanted = wanted && follower.caught_up;
    } else {
      int64_t needed = high_watermark();
      if (mutant_ == Mutant::joins_by_old_position) needed = std::max(needed, real.epoch_start().value());
      wanted = wanted || (live[at] != 0 && positions_[at] && *positions_[at] >= needed);
    }
    differs |= wanted != follower.in_isr;
    if (wanted) wrong.isr.push_back({follower.id, live[at]});
  }
  wrong.isr.push_back({real.self(), live[static_cast<size_t>(real.self().value())]});
  if (!differs) return std::nullopt;
  return wrong;
}

void LeaderUnderTest::on_answer(uint64_t id, IsrOutcome outcome, MonotonicTime now) {
  if (id == asked_id) asked_id = 0;
  if (mutant_ == Mutant::forgets_unknown && outcome == IsrOutcome::unknown) asked_.fill(false);
  if (id < kWrongIds) real.on_answer(id, outcome, now);
}

int64_t LeaderUnderTest::high_watermark() {
  observe();
  const int64_t right = real.high_watermark().value();
  if (!wrong_about_high_watermark(mutant_) && !wrong_about_proposals(mutant_)) return right;
  const bool own = wrong_about_high_watermark(mutant_);
  int64_t candidate = own ? (mutant_ == Mutant::counts_unsynced ? end_ : synced_) : right;
  if (own && mutant_ != Mutant::ignores_bound && real.isr().size() < real.bound()) candidate = 0;
  for (size_t at = 0; at < kBrokersMax; ++at) {
    const BrokerId id(static_cast<int32_t>(at));
    if (id == real.self()) continue;
    const bool asked = asked_[at] && mutant_ != Mutant::ignores_union;
    if (!asked && !(own && real.in_isr(id))) continue;
    candidate = std::min(candidate, positions_[at].value_or(0));
  }
  wrong_high_watermark_ = std::max(wrong_high_watermark_, candidate);
  return wrong_high_watermark_;
}

}  // namespace godwit::replication::test
