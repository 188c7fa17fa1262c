#include "groups/group_manager.h"

#include "base/check.h"
#include "groups/group_manager_impl.h"

namespace godwit::groups {

GroupManager::GroupManager(const GroupOptions& options) : impl_(std::make_unique<Impl>(options)) {}
GroupManager::~GroupManager() = default;

void GroupManager::set_options(const GroupOptions& options) {
  impl_->options = options;
}
void GroupManager::load_begin() {
  impl_->load_begin();
}
void GroupManager::load(BytesView key, std::optional<BytesView> value) {
  impl_->load(key, value);
}
LoadStatistics GroupManager::load_done(Now now) {
  return impl_->load_done(now);
}
void GroupManager::resign() {
  impl_->resign();
}
void GroupManager::decide(RequestToken token, Request request, Now now) {
  impl_->notice(now);
  impl_->decide(token, std::move(request), now);
}
void GroupManager::topic_deleted(const std::string& name, const TopicId& id, Now now) {
  impl_->topic_deleted(name, id, now);
}
void GroupManager::topic_is(const std::string& name, const TopicId& id, Now now) {
  impl_->topic_is(name, id, now);
}
void GroupManager::committed(Sequence last, Now now) {
  impl_->committed(last, now);
}
void GroupManager::failed(Sequence sequence, ErrorCode error, Now now) {
  impl_->notice(now);
  impl_->failed(sequence, error, now);
}
void GroupManager::tick(Now now) {
  impl_->tick(now);
}
void GroupManager::tick_writes(Now now) {
  impl_->tick_writes(now);
}
void GroupManager::turn_away(ErrorCode error, Now now) {
  impl_->turn_away(error, now);
}
std::optional<MonotonicTime> GroupManager::next_deadline() const {
  return impl_->deadlines.earliest();
}
GroupManager::Output GroupManager::take_output() {
  return std::exchange(impl_->output, {});
}
GroupCounts GroupManager::counts() const {
  return impl_->counts();
}
const GroupTally& GroupManager::tally() const {
  return impl_->tally;
}
std::vector<std::string> GroupManager::topics() const {
  return impl_->topics();
}
std::vector<Record> GroupManager::snapshot() const {
  return impl_->snapshot();
}

void GroupManager::Impl::reply(RequestToken token, Response response) {
  GW_CHECK(token != kNobody, "an answer has somebody who asked");
  output.replies.push_back({token, std::move(response)});
}

void GroupManager::Impl::decide(RequestToken token, Request request, Now now) {
  GW_CHECK(token != kNobody, "token 0 stands for nobody");
  if (phase == Phase::unloaded) return reply(token, error_response(request, ErrorCode::not_coordinator));
  if (phase == Phase::loading) {
    // Members that live must not be disturbed by the failover: they will be found in the log.
    const bool heartbeat = std::holds_alternative<HeartbeatRequest>(request);
    return reply(token, error_response(
                            request, heartbeat ? ErrorCode::none : ErrorCode::coordinator_load_in_progress));
  }
  std::visit([&](auto& r) { handle(token, r, now); }, request);
}

// The process stood still (a stopped machine, a debugger): nobody could be heard, so nobody is late. All that
// was lost since the last event is given back. The same for a time in which they were not listened to.
void GroupManager::Impl::notice(Now now) {
  const auto unheard_since = std::exchange(unheard_since_, std::nullopt);
  const auto earliest = deadlines.earliest();
  if (earliest && now.monotonic - *earliest > options.tick_lateness_max) {
    deadlines.give_clients(now.monotonic - last_event_);
  } else if (unheard_since) {
    deadlines.give_clients(now.monotonic - *unheard_since);
  }
  last_event_ = now.monotonic;
}

void GroupManager::Impl::tick(Now now) {
  notice(now);
  while (const auto due = deadlines.take_due(now.monotonic)) {
    if (due->kind == TimerKind::write) {
      const auto write = in_flight.find(Sequence(due->group));
      if (write != in_flight.end()) stop_waiting(write->second, ErrorCode::coordinator_not_available, now);
    } else if (due->kind == TimerKind::cleanup) {
      clean_up(now);
    } else if (Group* group = find(due->group); group != nullptr) {
      if (group->metadata_in_flight) {
        deadlines.set(*due, now.monotonic + kLookAgain);
      } else if (due->kind == TimerKind::session) {
        on_session_timer(*group, due->member, now);
      } else if (due->kind == TimerKind::join) {
        on_join_timer(*group, now);
      } else {
        on_sync_timer(*group, now);
      }
    }
  }
}

Group* GroupManager::Impl::find(std::string_view name) {
  const auto it = groups_.find(name);
  return it == groups_.end() ? nullptr : it->second.get();
}

Group* GroupManager::Impl::find(uint64_t serial) {
  const auto it = by_serial_.find(serial);
  return it == by_serial_.end() ? nullptr : it->second;
}

Group& GroupManager::Impl::get(const std::string& name) {
  auto& place = groups_[name];
  if (!place) {
    place = std::make_unique<Group>(name, ++last_serial_);
    by_serial_.emplace(place->serial, place.get());
    ++groups_in(place->state);
  }
  return *place;
}

void GroupManager::Impl::enter(Group& group, GroupState state) {
  --groups_in(group.state);
  group.state = state;
  ++groups_in(state);
}

void GroupManager::Impl::drop_if_unused(Group& group) {
  if (group.exists() || group.in_flight > 0) return;
  --groups_in(group.state);
  deadlines.cancel(join_key(group));
  deadlines.cancel(sync_key(group));
  forget_readers();
  by_serial_.erase(group.serial);
  groups_.erase(groups_.find(group.id));
}

}  // namespace godwit::groups
