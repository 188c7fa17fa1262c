// What is in flight: handing batches out, and what follows from their outcome.
#include <algorithm>

#include "base/check.h"
#include "groups/group_manager_impl.h"

namespace godwit::groups {

ErrorCode client_error_of_write(ErrorCode log_error) {
  switch (log_error) {
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::not_enough_replicas:
    case ErrorCode::not_enough_replicas_after_append:
    case ErrorCode::request_timed_out:
      return ErrorCode::coordinator_not_available;
    case ErrorCode::not_leader_or_follower:
    case ErrorCode::kafka_storage_error:
      return ErrorCode::not_coordinator;
    case ErrorCode::message_too_large:
    case ErrorCode::record_list_too_large:
    case ErrorCode::invalid_fetch_size:
      return ErrorCode::unknown_server_error;
    default:
      return log_error;
  }
}

InFlight& GroupManager::Impl::write(Group& group, std::vector<Record> records, Purpose purpose, Now now) {
  GW_CHECK(!records.empty(), "a batch has records");
  ++last_sequence_;
  RecordBatch batch{last_sequence_, {}};
  size_t bytes = 0;
  for (const auto& record : records) {
    const auto& encoded = batch.records.emplace_back(encode(record, now.wall));
    bytes += encoded.key.size() + (encoded.value ? encoded.value->size() : 0);
  }
  output.batches.push_back(std::move(batch));
  const bool metadata = !std::holds_alternative<OffsetsWrite>(purpose);
  if (metadata) {
    GW_CHECK(!group.metadata_in_flight, "what a group is gets written one step after the other");
    group.metadata_in_flight = last_sequence_;
  }
  ++group.in_flight;
  group.last_sequence = last_sequence_;
  in_flight_bytes += bytes;
  deadlines.set(write_key(last_sequence_), now.monotonic + options.write_timeout);
  InFlight entry{&group, std::move(records), bytes, std::move(purpose), {}, {}, {}};
  return in_flight.emplace(last_sequence_, std::move(entry)).first->second;
}

InFlight* GroupManager::Impl::metadata_write(Group& group) {
  if (!group.metadata_in_flight) return nullptr;
  const auto it = in_flight.find(*group.metadata_in_flight);
  GW_CHECK(it != in_flight.end(), "what a group waits for is in flight");
  return &it->second;
}

void GroupManager::Impl::defer(InFlight& write, RequestToken token, Request request) {
  if (write.timed_out) return reply(token, error_response(request, ErrorCode::coordinator_not_available));
  write.deferred.emplace_back(token, std::move(request));
}

void GroupManager::Impl::apply(const Record& record) {
  forget_readers();
  struct Applied {
    Impl& impl;
    void operator()(const OffsetCommitted& r) const {
      Group& group = impl.get(r.group);
      impl.tally.offsets -= static_cast<int64_t>(group.offsets.size());
      group.offsets.put(r);
      impl.tally.offsets += static_cast<int64_t>(group.offsets.size());
      group.had_offsets = true;
    }
    void operator()(const OffsetForgotten& r) const {
      Group* const group = impl.find(r.group);
      if (group == nullptr) return;
      impl.tally.offsets -= static_cast<int64_t>(group->offsets.size());
      group->offsets.erase(r.topic, r.partition);
      impl.tally.offsets += static_cast<int64_t>(group->offsets.size());
    }
    void operator()(const GenerationMade& r) const { impl.get(r.group).committed = r; }
    // Offsets go by tombstones of their own.
    void operator()(const GroupForgotten& r) const {
      Group* const group = impl.find(r.group);
      if (group == nullptr) return;
      group->committed.reset();
      group->had_offsets = !group->offsets.empty();
    }
  };
  std::visit(Applied{*this}, record);
}

void GroupManager::Impl::committed(Sequence last, Now now) {
  GW_CHECK(last <= last_sequence_, "only what was handed out can be committed");
  while (!in_flight.empty() && in_flight.begin()->first <= last) settle(in_flight.begin(), std::nullopt, now);
}

void GroupManager::Impl::failed(Sequence sequence, ErrorCode error, Now now) {
  GW_CHECK(error != ErrorCode::none, "a failure has a reason");
  const auto it = in_flight.find(sequence);
  if (it != in_flight.end()) settle(it, client_error_of_write(error), now);
}

void GroupManager::Impl::settle(std::map<Sequence, InFlight>::iterator it, std::optional<ErrorCode> failure,
                                Now now) {
  const Sequence sequence = it->first;
  InFlight write = std::move(it->second);
  in_flight.erase(it);
  Group& group = *write.group;
  deadlines.cancel(write_key(sequence));
  in_flight_bytes -= write.bytes;
  --group.in_flight;
  if (group.metadata_in_flight == sequence) group.metadata_in_flight.reset();

  if (failure) {
    give_up(write, *failure, now);
  } else {
    for (const auto& record : write.records) {
      apply(record);
      if (std::holds_alternative<OffsetCommitted>(record)) ++tally.offsets_committed;
    }
    follow_up(write, now);
    for (const auto& [name, id] : write.deleted_topics) forget_topic(group, name, id, now);
  }
  for (auto& [token, response] : write.replies) {
    if (failure) set_error(response, *failure);
    reply(token, std::move(response));
  }
  drop_if_unused(group);
  for (auto& [token, request] : write.deferred) decide(token, std::move(request), now);
}

void GroupManager::Impl::follow_up(InFlight& write, Now now) {
  Group& group = *write.group;
  if (std::holds_alternative<GenerationWrite>(write.purpose)) {
    on_generation_committed(group, now);
  } else if (std::holds_alternative<AssignmentWrite>(write.purpose)) {
    on_assignment_committed(group, std::get<GenerationMade>(write.records.front()), now);
  } else if (auto* returned = std::get_if<ReturnWrite>(&write.purpose)) {
    on_returned(group, *returned, std::get<GenerationMade>(write.records.front()), now);
  } else if (const auto* deletion = std::get_if<DeletionWrite>(&write.purpose)) {
    if (!deletion->last) return continue_deletion(group, deletion->token, now);
    enter(group, GroupState::empty);
    group.protocol_type.clear();
    if (deletion->token != kNobody) reply(deletion->token, DeleteGroupResponse{});
  }
}

void GroupManager::Impl::give_up(InFlight& write, ErrorCode error, Now now) {
  Group& group = *write.group;
  if (std::holds_alternative<GenerationWrite>(write.purpose)) {
    on_generation_failed(group, error, now);
  } else if (std::holds_alternative<AssignmentWrite>(write.purpose)) {
    on_assignment_failed(group, error, now);
  } else if (const auto* returned = std::get_if<ReturnWrite>(&write.purpose)) {
    // Not a member under the new id, so it must come without one again.
    if (returned->token != kNobody) reply(returned->token, JoinResponse{.error = error, .member = ""});
  } else if (const auto* deletion = std::get_if<DeletionWrite>(&write.purpose)) {
    enter(group, GroupState::empty);
    if (deletion->token != kNobody) reply(deletion->token, DeleteGroupResponse{error});
  }
}

void GroupManager::Impl::tick_writes(Now now) {
  if (!unheard_since_) unheard_since_ = now.monotonic;
  for (auto& [sequence, write] : in_flight) {
    if (deadlines.take_if_due(write_key(sequence), now.monotonic))
      stop_waiting(write, ErrorCode::coordinator_not_available, now);
  }
}

void GroupManager::Impl::turn_away(ErrorCode error, Now now) {
  for (auto& [sequence, write] : in_flight) stop_waiting(write, error, now);
  for (const auto& [name, group] : groups_) {
    // With its next generation or its assignment under way a group stays as it is written: all its answers hung on that.
    if (group->metadata_in_flight) continue;
    answer_syncs(*group, error, now);
    turn_joins_away(*group, error, now);
  }
}

void GroupManager::Impl::stop_waiting(InFlight& write, ErrorCode late, Now now) {
  write.timed_out = true;
  for (auto& [token, response] : std::exchange(write.replies, {})) {
    set_error(response, late);
    reply(token, std::move(response));
  }
  for (auto& [token, request] : std::exchange(write.deferred, {}))
    reply(token, error_response(request, late));
  Group& group = *write.group;
  if (std::holds_alternative<GenerationWrite>(write.purpose)) {
    for (const auto& [name, member] : group.members()) refuse_join(group, *group.find(name), late, now);
  } else if (std::holds_alternative<AssignmentWrite>(write.purpose)) {
    answer_syncs(group, late, now);
  } else if (auto* returned = std::get_if<ReturnWrite>(&write.purpose)) {
    if (const auto token = std::exchange(returned->token, kNobody); token != kNobody) {
      reply(token, JoinResponse{.error = late, .member = ""});
    }
  } else if (auto* deletion = std::get_if<DeletionWrite>(&write.purpose)) {
    if (const auto token = std::exchange(deletion->token, kNobody); token != kNobody) {
      reply(token, DeleteGroupResponse{late});
    }
  }
}

}  // namespace godwit::groups
