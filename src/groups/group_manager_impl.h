// The inside of GroupManager, shared by the files that decide: joining, rebalancing, syncing, liveness,
// committing, deleting, looking; writing has what is in flight, loading how a manager comes and goes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "groups/deadlines.h"
#include "groups/group.h"
#include "groups/group_manager.h"
#include "groups/in_flight.h"

namespace godwit::groups {

class GroupManager::Impl {
 public:
  explicit Impl(const GroupOptions& given) : options(given) {}

  enum class Phase { unloaded, loading, active };

  GroupOptions options;
  Phase phase = Phase::unloaded;
  Output output;
  Deadlines deadlines;
  std::map<Sequence, InFlight> in_flight;
  size_t in_flight_bytes = 0;
  LoadStatistics loaded;
  GroupTally tally;

  // group_manager.cpp
  void decide(RequestToken token, Request request, Now now);
  void reply(RequestToken token, Response response);
  // Comes before every event but those of loading.
  void notice(Now now);
  void tick(Now now);

  // loading.cpp
  void load_begin();
  void load(BytesView key, std::optional<BytesView> value);
  LoadStatistics load_done(Now now);
  void resign();

  // writing.cpp
  // Hands a batch out. The returned reference is good until the next event.
  InFlight& write(Group& group, std::vector<Record> records, Purpose purpose, Now now);
  // Changes what lasts, as the record says; the same at a load and after a commit.
  void apply(const Record& record);
  void committed(Sequence last, Now now);
  void failed(Sequence sequence, ErrorCode error, Now now);
  void tick_writes(Now now);
  void turn_away(ErrorCode error, Now now);
  // The batch with the group's next generation, assignment or deletion; nullptr when none is under way.
  InFlight* metadata_write(Group& group);
  // Puts a request off until the outcome of `write` is known.
  void defer(InFlight& write, RequestToken token, Request request);

  // looking.cpp
  GroupCounts counts() const;
  std::vector<std::string> topics() const;
  std::vector<Record> snapshot() const;

  // deleting.cpp
  void topic_deleted(const std::string& name, const TopicId& id, Now now);
  void topic_is(const std::string& name, const TopicId& id, Now now);

 private:
  // --- groups
  Group* find(std::string_view name);
  Group& get(const std::string& name);
  Group* find(uint64_t serial);
  int64_t& groups_in(GroupState state) { return tally.groups[static_cast<size_t>(state)]; }
  void enter(Group& group, GroupState state);
  // Forgets a group of which nothing is left. `group` must not be used after.
  void drop_if_unused(Group& group);

  // --- one for each request
  void handle(RequestToken token, JoinRequest& request, Now now);
  void handle(RequestToken token, SyncRequest& request, Now now);
  void handle(RequestToken token, HeartbeatRequest& request, Now now);
  void handle(RequestToken token, LeaveRequest& request, Now now);
  void handle(RequestToken token, OffsetCommitRequest& request, Now now);
  void handle(RequestToken token, OffsetFetchRequest& request, Now now);
  void handle(RequestToken token, OffsetDeleteRequest& request, Now now);
  void handle(RequestToken token, DeleteGroupRequest& request, Now now);
  void handle(RequestToken token, DescribeGroupRequest& request, Now now);
  void handle(RequestToken token, ListGroupsRequest& request, Now now);

  // --- joining.cpp
  bool has_room(Group& group, const JoinRequest& request) const;
  void join_as_new(Group& group, RequestToken token, JoinRequest& request, Now now);
  void join_as_known(Group& group, RequestToken token, JoinRequest& request, Now now);
  void join_as_returned(Group& group, Member& old, const std::string& new_id, RequestToken token,
                        JoinRequest& request, Now now);
  void hand_out_id(Group& group, std::string id, RequestToken token, const JoinRequest& request, Now now);
  void add_member(Group& group, std::string id, bool knows_id, RequestToken token, JoinRequest& request,
                  Now now);
  void update_member(Group& group, Member& member, RequestToken token, JoinRequest& request);
  void park_join(Group& group, Member& member, RequestToken token);
  void answer_join(Group& group, Member& member, JoinResponse response, Now now);
  void refuse_join(Group& group, Member& member, ErrorCode error, Now now);
  JoinResponse current_generation(const Group& group, const Member& member) const;
  void on_returned(Group& group, ReturnWrite& purpose, const GenerationMade& record, Now now);

  // --- rebalancing.cpp
  void rebalance_or_complete(Group& group, Now now);
  void prepare_rebalance(Group& group, Now now);
  void complete_join_if_all_joined(Group& group, Now now);
  void complete_join(Group& group, Now now);
  void on_join_timer(Group& group, Now now);
  void on_sync_timer(Group& group, Now now);
  void on_generation_committed(Group& group, Now now);
  void on_generation_failed(Group& group, ErrorCode error, Now now);
  void turn_joins_away(Group& group, ErrorCode error, Now now);
  GenerationMade next_record(const Group& group, Now now) const;

  // --- syncing.cpp
  void answer_sync(Group& group, Member& member, SyncResponse response, Now now);
  void answer_syncs(Group& group, ErrorCode error, Now now);
  void note_sync(Group& group, const Member& member);
  void on_assignment_committed(Group& group, const GenerationMade& record, Now now);
  void on_assignment_failed(Group& group, ErrorCode error, Now now);

  // --- liveness.cpp
  void arm_session(const Group& group, const Member& member, Now now);
  void on_session_timer(Group& group, uint64_t member_serial, Now now);
  // Answers what the member has parked with UNKNOWN_MEMBER_ID and takes it out.
  void expel(Group& group, Member& member, Now now);
  void drop_pending(Group& group, const std::string& id);
  ErrorCode leave(Group& group, const LeavingMember& leaving, Now now);
  void after_departure(Group& group, Now now);

  // --- committing.cpp
  ErrorCode check_commit(Group* group, const OffsetCommitRequest& request) const;

  // --- deleting.cpp
  void continue_deletion(Group& group, RequestToken token, Now now);
  void forget_topic(Group& group, const std::string& name, const TopicId& id, Now now);
  // Offsets committed for `name` of which `gone` says so, by their topic id.
  void forget_offsets(Group& group, const std::string& name, const std::function<bool(const TopicId&)>& gone,
                      Now now);
  void clean_up(Now now);
  void clean_up(Group& group, Now now);

  // --- writing.cpp
  void settle(std::map<Sequence, InFlight>::iterator it, std::optional<ErrorCode> failure, Now now);
  void follow_up(InFlight& write, Now now);
  void give_up(InFlight& write, ErrorCode error, Now now);
  // Tells all who wait for its outcome `late`; the outcome still counts when it comes.
  void stop_waiting(InFlight& write, ErrorCode late, Now now);

  std::map<std::string, std::unique_ptr<Group>, std::less<>> groups_;
  std::map<uint64_t, Group*> by_serial_;
  uint64_t last_serial_ = 0;  // of groups and members
  // For each topic the groups that have committed offsets for it; made when it is asked for, and gone with the next change of any.
  std::span<Group* const> groups_with_offsets_for(const std::string& topic);
  void forget_readers() { readers_.reset(); }
  std::optional<std::map<std::string, std::vector<Group*>>> readers_;
  size_t pending_members_ = 0;
  Sequence last_sequence_;
  MonotonicTime last_event_;
  std::optional<MonotonicTime>
      unheard_since_;  // since when members could not be heard, if tick_writes() said so
};

// What a client is told when the log refused a record.
ErrorCode client_error_of_write(ErrorCode log_error);

// Records of one batch when many are to go: small enough for any log.
constexpr size_t kSweepRecordsMax = 500;
constexpr size_t kSweepBytesMax = size_t{256} << 10;

inline TimerKey session_key(const Group& group, uint64_t member) {
  return {TimerKind::session, group.serial, member};
}
inline TimerKey join_key(const Group& group) {
  return {TimerKind::join, group.serial, 0};
}
inline TimerKey sync_key(const Group& group) {
  return {TimerKind::sync, group.serial, 0};
}
inline TimerKey write_key(Sequence sequence) {
  return {TimerKind::write, sequence.value(), 0};
}
constexpr TimerKey kCleanupKey{TimerKind::cleanup, 0, 0};

// A timer that comes while the outcome of a write is awaited looks again so much later.
constexpr Duration kLookAgain = std::chrono::milliseconds(500);

}  // namespace godwit::groups
