// How a manager takes its partition over, and lets it go.
#include <algorithm>

#include "base/check.h"
#include "groups/group_manager_impl.h"

namespace godwit::groups {
namespace {

int32_t at_least_zero(int32_t value) {
  return std::max(value, 0);
}

// The members of the last generation, as if they had joined it. Stored bytes may say anything: ids that come
// twice are taken once.
void take_members(Group& group, uint64_t& last_serial) {
  const GenerationMade& made = *group.committed;
  group.protocol_type = made.protocol_type;
  for (const auto& stored : made.members) {
    if (group.find(stored.member) != nullptr) continue;
    if (stored.instance && group.find_instance(*stored.instance) != nullptr) continue;
    Member member;
    member.serial = ++last_serial;
    member.id = stored.member;
    member.instance = stored.instance;
    member.client_id = stored.client_id;
    member.client_host = stored.client_host;
    member.session_timeout_ms = at_least_zero(stored.session_timeout_ms);
    member.rebalance_timeout_ms =
        stored.rebalance_timeout_ms < 0 ? member.session_timeout_ms : stored.rebalance_timeout_ms;
    member.protocols.push_back({made.protocol.value_or(""), stored.subscription});
    member.assignment = stored.assignment;
    group.add(std::move(member));
  }
  if (made.leader && group.find(*made.leader) != nullptr) group.leader = made.leader;
}

}  // namespace

void GroupManager::Impl::load_begin() {
  GW_CHECK(phase == Phase::unloaded, "a manager that serves must resign before it loads again");
  phase = Phase::loading;
  loaded = {};
}

void GroupManager::Impl::load(BytesView key, std::optional<BytesView> value) {
  GW_CHECK(phase == Phase::loading, "records are loaded between load_begin and load_done");
  ++loaded.records;
  const auto record = decode(key, value);
  if (record) {
    apply(*record);
  } else if (record.error().kind == ErrorKind::unsupported) {
    ++loaded.unknown;
  } else {
    ++loaded.corrupt;
  }
}

LoadStatistics GroupManager::Impl::load_done(Now now) {
  GW_CHECK(phase == Phase::loading, "load_done ends what load_begin began");
  phase = Phase::active;
  last_event_ = now.monotonic;
  for (auto it = groups_.begin(); it != groups_.end();) {
    Group& group = *(it++)->second;
    if (!group.committed) {
      drop_if_unused(group);
      continue;
    }
    take_members(group, last_serial_);
    tally.members += std::ssize(group.members());
    if (group.members().empty()) continue;
    bool assigned = false;
    for (const auto& [name, member] : group.members()) {
      arm_session(group, member, now);
      assigned = assigned || !member.assignment.empty();
    }
    enter(group, assigned ? GroupState::stable : GroupState::completing_rebalance);
    // Whose assignment was never committed: nobody can say whether the leader still makes it. Above the
    // bound: so that the bound can do its work.
    if (!assigned || group.members().size() > static_cast<size_t>(options.group_size_max))
      prepare_rebalance(group, now);
  }
  deadlines.set(kCleanupKey, now.monotonic + options.offsets_retention_check_interval);
  return loaded;
}

void GroupManager::Impl::resign() {
  constexpr ErrorCode gone = ErrorCode::not_coordinator;
  for (auto& [sequence, write] : in_flight) {
    for (auto& [token, response] : write.replies) {
      set_error(response, gone);
      reply(token, std::move(response));
    }
    for (auto& [token, request] : write.deferred) reply(token, error_response(request, gone));
    if (const auto* returned = std::get_if<ReturnWrite>(&write.purpose);
        returned && returned->token != kNobody) {
      reply(returned->token, error_response(returned->request, gone));
    } else if (const auto* deletion = std::get_if<DeletionWrite>(&write.purpose);
               deletion && deletion->token != kNobody) {
      reply(deletion->token, DeleteGroupResponse{gone});
    }
  }
  for (auto& [name, group] : groups_) {
    for (const auto& [id, member] : group->members()) {
      JoinResponse join;
      join.error = gone;
      join.member = id;
      if (member.join != kNobody) reply(member.join, std::move(join));
      if (member.sync != kNobody) reply(member.sync, SyncResponse{.error = gone});
    }
  }
  output.batches.clear();
  in_flight.clear();
  in_flight_bytes = 0;
  deadlines.clear();
  unheard_since_.reset();
  forget_readers();
  by_serial_.clear();
  groups_.clear();
  pending_members_ = 0;
  tally = {.rebalances = tally.rebalances, .offsets_committed = tally.offsets_committed};
  phase = Phase::unloaded;
}

}  // namespace godwit::groups
