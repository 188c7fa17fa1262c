// One consumer group: what is committed of it, and who is in it now. Holds data and answers questions;
// deciding what comes next is GroupManager's.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "groups/group_manager.h"
#include "groups/member.h"
#include "groups/offset_table.h"

namespace godwit::groups {

class Group {
 public:
  Group(std::string name, uint64_t number) : id(std::move(name)), serial(number) {}

  const std::string id;
  const uint64_t serial;  // names its timers

  // --- what lasts: changed only by applying records that are committed
  // -------------------------------------------
  std::optional<GenerationMade> committed;
  OffsetTable offsets;
  // It has committed offsets: as in Kafka it is there, without any too, until a clean-up finds it empty.
  bool had_offsets = false;

  // --- what passes
  // -------------------------------------------------------------------------------------------------
  GroupState state = GroupState::empty;  // changed by GroupManager::Impl::enter alone
  std::string protocol_type;             // of the members there are; else of those there were
  std::optional<std::string> leader;
  std::set<std::string> pending_sync;  // members that have not asked for this generation's assignment
  bool initial = false;                // preparing the first generation after Empty: no hurry
  bool member_added = false;           // while initial: somebody came, wait once more
  Duration initial_left{};             // while initial: how much longer it may wait once more
  std::optional<Sequence>
      metadata_in_flight;  // the batch with the next generation, assignment or the tombstone
  uint32_t in_flight = 0;  // batches of this group neither committed nor failed
  Sequence last_sequence;  // the newest of them

  // --- members
  // -----------------------------------------------------------------------------------------------------
  const std::map<std::string, Member, std::less<>>& members() const { return members_; }
  Member* find(std::string_view member);
  Member* find(uint64_t member_serial);
  // The member that holds an instance id, or nullptr.
  Member* find_instance(const std::string& instance);
  // Adds a member, whose id and instance id nobody has. The first member becomes the leader.
  Member& add(Member member);
  // Takes a member out. Where it led, the longest-serving one leads. Its requests must not be parked.
  void remove(const std::string& member);
  // The same member under another id: a static member whose client started again.
  Member& rename(const std::string& old_id, const std::string& new_id);
  void set_protocols(Member& member, std::vector<GroupProtocol> protocols);

  // Ids handed out with MEMBER_ID_REQUIRED and not used yet, with the serials of their timers.
  std::map<std::string, uint64_t, std::less<>> pending;

  // --- questions
  // ---------------------------------------------------------------------------------------------------
  int32_t generation() const { return committed ? committed->generation : 0; }
  std::optional<std::string> protocol() const { return committed ? committed->protocol : std::nullopt; }
  bool is_leader(std::string_view member) const { return leader && *leader == member; }
  size_t joined() const;  // members whose Join is parked
  bool all_joined() const { return pending.empty() && joined() == members_.size(); }
  // The longest that any member wants to be waited for.
  Duration rebalance_timeout() const;
  // Whether somebody with these protocols could be one of the members.
  bool supports(std::string_view type, const std::vector<GroupProtocol>& protocols) const;
  // Each member votes for its first protocol among those that all support; most votes win, then the lesser
  // name. Requires members.
  std::string elect_protocol() const;
  // none, or why `member` may not speak: UNKNOWN_MEMBER_ID, or FENCED_INSTANCE_ID where another holds its
  // instance id.
  ErrorCode check_member(std::string_view member, const std::optional<std::string>& instance) const;
  // Whether members of the consumer protocol read `topic`; yes where that cannot be known.
  bool is_subscribed(std::string_view topic) const;
  // False for a bare place in memory that no client should see.
  bool exists() const {
    return committed || had_offsets || !members_.empty() || !pending.empty() || state != GroupState::empty;
  }

 private:
  void count_protocols(const Member& member, int32_t by);

  std::map<std::string, Member, std::less<>> members_;
  std::map<std::string, std::string, std::less<>> instances_;  // instance id -> member id
  std::map<std::string, int32_t, std::less<>> supporters_;     // protocol -> members that support it
};

constexpr std::string_view kConsumerProtocolType = "consumer";

}  // namespace godwit::groups
