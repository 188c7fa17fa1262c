// From one generation to the next: when members are called together, when they are complete, what is
// recorded.
#include <algorithm>

#include "base/check.h"
#include "groups/group_manager_impl.h"

namespace godwit::groups {
namespace {

// After a write of an empty group's generation has failed there is no member whose timeout could say when to
// try again.
constexpr Duration kRetryEmpty = std::chrono::seconds(1);

}  // namespace

void GroupManager::Impl::rebalance_or_complete(Group& group, Now now) {
  if (group.state == GroupState::preparing_rebalance) {
    complete_join_if_all_joined(group, now);
  } else {
    prepare_rebalance(group, now);
  }
}

void GroupManager::Impl::prepare_rebalance(Group& group, Now now) {
  GW_CHECK(group.state != GroupState::preparing_rebalance && group.state != GroupState::dead,
           "a rebalance begins once, and not in a group that goes");
  if (group.state == GroupState::completing_rebalance)
    answer_syncs(group, ErrorCode::rebalance_in_progress, now);
  group.pending_sync.clear();
  deadlines.cancel(sync_key(group));

  group.initial = group.state == GroupState::empty;
  enter(group, GroupState::preparing_rebalance);
  if (group.initial && options.initial_rebalance_delay > Duration::zero()) {
    // Many members start together: one rebalance for all is better than one for each.
    group.member_added = false;
    group.initial_left =
        std::max(group.rebalance_timeout() - options.initial_rebalance_delay, Duration::zero());
    deadlines.set(join_key(group), now.monotonic + options.initial_rebalance_delay);
    return;
  }
  group.initial = false;
  if (group.all_joined()) return complete_join(group, now);
  deadlines.set(join_key(group), now.monotonic + group.rebalance_timeout());
}

void GroupManager::Impl::complete_join_if_all_joined(Group& group, Now now) {
  if (group.state != GroupState::preparing_rebalance || group.initial || group.metadata_in_flight) return;
  if (group.all_joined()) complete_join(group, now);
}

void GroupManager::Impl::on_join_timer(Group& group, Now now) {
  if (group.state != GroupState::preparing_rebalance) return;
  if (group.initial && group.member_added && group.initial_left > Duration::zero()) {
    const Duration more = std::min(options.initial_rebalance_delay, group.initial_left);
    group.member_added = false;
    group.initial_left -= more;
    deadlines.set(join_key(group), now.monotonic + more);
    return;
  }
  complete_join(group, now);
  drop_if_unused(group);
}

// The time is over, or everybody is here.
void GroupManager::Impl::complete_join(Group& group, Now now) {
  GW_CHECK(!group.metadata_in_flight, "one generation at a time");
  deadlines.cancel(join_key(group));
  std::vector<std::string> absent;
  for (const auto& [id, member] : group.members()) {
    if (member.join == kNobody && !member.instance) absent.push_back(id);
  }
  for (const auto& id : absent) expel(group, *group.find(std::string_view(id)), now);

  if (group.members().empty()) {
    group.initial = false;
    if (!group.committed) {
      enter(group, GroupState::empty);  // there never was a generation that somebody could have heard of
      return;
    }
  } else if (group.joined() == 0) {
    // Static members alone, and none of them here: they are waited for until their sessions end.
    group.initial = false;
    deadlines.set(join_key(group), now.monotonic + std::max(group.rebalance_timeout(), kLookAgain));
    return;
  } else if (!group.leader || group.find(std::string_view(*group.leader))->join == kNobody) {
    const Member* eldest = nullptr;
    for (const auto& [id, member] : group.members()) {
      if (member.join != kNobody && (eldest == nullptr || member.serial < eldest->serial)) eldest = &member;
    }
    group.leader = eldest->id;
  }
  write(group, {next_record(group, now)}, GenerationWrite{}, now);
}

GenerationMade GroupManager::Impl::next_record(const Group& group, Now now) const {
  GenerationMade record;
  record.group = group.id;
  record.protocol_type = group.protocol_type;
  // 2^31 rebalances on: begin again, as no member can hold so old a generation.
  record.generation = group.generation() == INT32_MAX ? 1 : group.generation() + 1;
  record.state_since = now.wall;
  if (group.members().empty()) return record;
  record.protocol = group.elect_protocol();
  record.leader = group.leader;
  for (const auto& [id, member] : group.members()) {
    record.members.push_back({id,
                              member.instance,
                              member.client_id,
                              member.client_host,
                              member.rebalance_timeout_ms,
                              member.session_timeout_ms,
                              *member.metadata(*record.protocol),
                              {}});
  }
  return record;
}

void GroupManager::Impl::on_generation_committed(Group& group, Now now) {
  ++tally.rebalances;
  group.initial = false;
  if (group.members().empty()) {
    enter(group, GroupState::empty);
    return;
  }
  enter(group, GroupState::completing_rebalance);
  for (const auto& [id, const_member] : group.members()) {
    Member& member = *group.find(std::string_view(id));
    member.assignment = {};
    // A static member that is away is not waited for: its session says how long it stays.
    if (member.join != kNobody || !member.instance) group.pending_sync.insert(id);
    answer_join(group, member, current_generation(group, member), now);
  }
  deadlines.set(sync_key(group), now.monotonic + group.rebalance_timeout());
}

// Nothing was promised to anybody. The members are asked to come again; those who cannot, because they do not
// know their ids, are forgotten.
void GroupManager::Impl::on_generation_failed(Group& group, ErrorCode error, Now now) {
  turn_joins_away(group, error, now);
  group.initial = false;
  deadlines.set(join_key(group), now.monotonic + std::max(group.rebalance_timeout(), kRetryEmpty));
}

void GroupManager::Impl::turn_joins_away(Group& group, ErrorCode error, Now now) {
  std::vector<std::string> lost;
  for (const auto& [id, const_member] : group.members()) {
    Member& member = *group.find(std::string_view(id));
    refuse_join(group, member, error, now);
    if (!member.knows_id && !member.instance) lost.push_back(id);
  }
  for (const auto& id : lost) expel(group, *group.find(std::string_view(id)), now);
}

void GroupManager::Impl::on_sync_timer(Group& group, Now now) {
  if (group.state != GroupState::completing_rebalance && group.state != GroupState::stable) return;
  if (group.pending_sync.empty()) return;
  const auto silent = std::exchange(group.pending_sync, {});
  for (const auto& id : silent) expel(group, *group.find(std::string_view(id)), now);
  prepare_rebalance(group, now);
}

}  // namespace godwit::groups
