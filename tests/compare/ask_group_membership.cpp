// FindCoordinator, JoinGroup, SyncGroup, Heartbeat, LeaveGroup, DescribeGroups, ListGroups, DeleteGroups.
#include <algorithm>
#include <set>

#include "kafka/messages/delete_groups.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/heartbeat.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/leave_group.h"
#include "kafka/messages/list_groups.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/sync_group.h"
#include "script.h"

namespace godwit::compare {
namespace {

using kafka::ApiKey;
using Join = kafka::JoinGroupRequest;
using Sync = kafka::SyncGroupRequest;
using Heartbeat = kafka::HeartbeatRequest;
using Leave = kafka::LeaveGroupRequest;

void ask_find_coordinator(Script& s, int16_t v) {
  using Request = kafka::FindCoordinatorRequest;
  const auto of = [&](const std::string& key, int8_t type) {
    Request request{.key_type = type};
    if (v < 4)
      request.key = key;
    else
      request.coordinator_keys = {key};
    return request;
  };
  s.ask("a group", v, of(s.name("group"), 0));
  s.ask("an empty group", v, of("", 0));
  if (v >= 1) {
    // Kafka makes a topic for transactions at the first question.
    for (int tries = 0; tries < 100; ++tries) {
      const auto found = s.quietly(2, Request{.key = "transactional", .key_type = 1});
      if (found.error_code != ErrorCode::coordinator_not_available) break;
      s.pause(50);
    }
    s.ask("a transactional id", v, of("transactional", 1));
  }
  if (v >= 1) s.ask("a key type that is none", v, of("x", 9));
  if (v >= 1 && v < 6) s.ask("a share partition before its version", v, of("g:abcdefghijklmnopqrstuA:0", 2));
  if (v < 4) return;
  s.ask("two groups", v, Request{.coordinator_keys = {s.name("group"), s.name("other")}});
  s.ask("no groups", v, Request{});
}

// Comes back once whatever group has its coordinator: so many names meet every partition of the offsets topic.
void await_coordinators(Script& s) {
  constexpr int kNames = 400;
  for (int i = 0; i < kNames; ++i) {
    const std::string group = "any-" + std::to_string(i);
    for (int tries = 0;; ++tries) {
      if (tries == 200) s.die("no coordinator for " + group);
      const auto found = s.quietly(2, kafka::FindCoordinatorRequest{.key = group});
      const auto beat = s.quietly(3, Heartbeat{.group_id = group, .generation_id = 1, .member_id = "x"});
      if (found.error_code == ErrorCode::none && beat.error_code == ErrorCode::unknown_member_id) break;
      s.pause(50);
    }
  }
}

Bytes subscription(std::string_view topic) {
  Bytes out = to_bytes(std::string_view("\0\1\0\0\0\1\0", 7));
  out.push_back(static_cast<std::byte>(topic.size()));
  out.insert(out.end(), as_bytes(topic).begin(), as_bytes(topic).end());
  const Bytes rest = to_bytes(std::string_view("\xff\xff\xff\xff\0\0\0\0", 8));
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

Join join(const std::string& group, const std::string& member, std::vector<std::string> protocols = {"range"},
          std::optional<std::string> instance = std::nullopt) {
  Join request{.group_id = group,
               .session_timeout_ms = 30'000,
               .rebalance_timeout_ms = 2'000,
               .member_id = member,
               .group_instance_id = std::move(instance),
               .protocol_type = "consumer"};
  for (auto& protocol : protocols) request.protocols.push_back({std::move(protocol), subscription("t")});
  return request;
}

// Joins alone, with the version's own way to a member id; a version without static members joins as one without.
struct Member {
  std::string group;
  std::string id;
  int32_t generation = 0;
  std::optional<std::string> instance = {};
};

Member become_leader(Script& s, const std::string& stem, const std::string& word,
                     std::optional<std::string> instance = std::nullopt) {
  Member member{.group = s.name(stem), .instance = instance};
  auto joined = s.quietly(5, join(member.group, "", {"range"}, instance));
  if (joined.error_code == ErrorCode::member_id_required) {
    joined = s.quietly(5, join(member.group, joined.member_id, {"range"}, instance));
  }
  member.id = joined.member_id;
  member.generation = joined.generation_id;
  s.call(member.id, word);
  return member;
}

Sync sync_of(const Member& member, bool assign = true) {
  Sync request{.group_id = member.group,
               .generation_id = member.generation,
               .member_id = member.id,
               .group_instance_id = member.instance};
  if (assign) request.assignments.push_back({member.id, to_bytes("assigned")});
  return request;
}
Member become_stable(Script& s, const std::string& stem, const std::string& word,
                     std::optional<std::string> instance = std::nullopt) {
  Member member = become_leader(s, stem, word, instance);
  s.quietly(3, sync_of(member));
  return member;
}

void ask_join(Script& s, int16_t v) {
  const std::string group = s.name("group");
  auto first = s.ask("a new member", v, join(group, ""));
  if (!first) return;
  s.call(first->member_id, "first");
  if (v >= 4) first = s.ask("a new member with the id that it was given", v, join(group, first->member_id));
  if (first) s.ask("a leader again", v, join(group, first->member_id));
  s.ask("an id that nobody gave out", v, join(group, "somebody"));
  s.ask("an id that nobody gave out, new group", v, join(s.name("group"), "somebody"));
  s.ask("no protocol in common", v, join(group, "", {"other"}));
  auto wrong_type = join(group, "");
  wrong_type.protocol_type = "connect";
  s.ask("another protocol type", v, wrong_type);
  auto no_type = join(s.name("group"), "");
  no_type.protocol_type = "";
  s.ask("no protocol type", v, no_type);
  s.ask("no protocols", v, join(s.name("group"), "", {}));
  s.ask("an empty group", v, join("", ""));
  const auto session = [&](int32_t ms) {
    auto request = join(s.name("group"), "");
    request.session_timeout_ms = ms;
    return request;
  };
  s.ask("session timeout too short", v, session(5'999));
  s.ask("session timeout too long", v, session(1'800'001));
  s.ask("session timeout negative", v, session(-1));
  if (v < 5) return;
  const std::string fixed = s.name("fixed");
  const auto held = s.ask("a static member", v, join(fixed, "", {"range"}, "one"));
  if (!held) return;
  s.call(held->member_id, "static one");
  const auto replaced = s.ask("a static member again without an id", v, join(fixed, "", {"range"}, "one"));
  if (!replaced) return;
  s.call(replaced->member_id, "static one again");
  s.ask("a static member with its old id", v, join(fixed, held->member_id, {"range"}, "one"));
  s.ask("a static member with an id that is none", v, join(fixed, "somebody", {"range"}, "one"));
  s.ask("an unknown static member with an id", v, join(fixed, "somebody", {"range"}, "two"));
  s.ask("an empty instance id", v, join(s.name("fixed"), "", {"range"}, ""));
  s.ask("an illegal instance id", v, join(s.name("fixed"), "", {"range"}, "a b"));
}

void ask_rebalance(Script& s, int16_t v) {
  Member leader = become_stable(s, "shared", "leader");
  const auto asked_id = s.quietly(4, join(leader.group, ""));
  s.call(asked_id.member_id, "second");
  auto waiting = s.send_ahead(v, join(leader.group, asked_id.member_id));
  // The second is being waited for once the leader is told so.
  for (int tries = 0; tries < 100; ++tries) {
    const auto beat = s.quietly(
        3, Heartbeat{.group_id = leader.group, .generation_id = leader.generation, .member_id = leader.id});
    if (beat.error_code == ErrorCode::rebalance_in_progress) break;
    s.pause(20);
  }
  s.ask("sync while it is rebalancing, by JoinGroup v" + std::to_string(v), 3, sync_of(leader));
  const auto led = s.ask("two members: the leader's answer", v, join(leader.group, leader.id));
  const auto second = waiting ? s.take("two members: the other's answer", *waiting) : std::nullopt;
  if (!led || !second) return;
  leader.generation = led->generation_id;
  const Member other{.group = leader.group, .id = asked_id.member_id, .generation = second->generation_id};
  auto other_sync = s.send_ahead(3, sync_of(other, false));
  Sync both = sync_of(leader);
  both.assignments.push_back({other.id, to_bytes("for the second")});
  s.ask("two members: the leader syncs, by JoinGroup v" + std::to_string(v), 3, both);
  s.take("two members: the other syncs, by JoinGroup v" + std::to_string(v), *other_sync);
  s.ask("a follower joins again with the same protocols", v, join(other.group, other.id));
  s.ask("two members as described, by JoinGroup v" + std::to_string(v), 5,
        kafka::DescribeGroupsRequest{.groups = {leader.group}});
  s.ask("after another left, by JoinGroup v" + std::to_string(v), 1,
        Leave{.group_id = other.group, .member_id = other.id});
  s.ask("after another left, by JoinGroup v" + std::to_string(v), 3,
        Heartbeat{.group_id = leader.group, .generation_id = leader.generation, .member_id = leader.id});
}

void ask_sync(Script& s, int16_t v) {
  Member leader = become_leader(s, "synced", "leader");
  const auto changed = [&](const std::function<void(Sync&)>& change) {
    Sync request = sync_of(leader);
    request.group_instance_id.reset();
    request.protocol_type = "consumer";
    request.protocol_name = "range";
    change(request);
    return request;
  };
  s.ask("wrong generation", v, changed([](Sync& r) { r.generation_id += 5; }));
  s.ask("unknown member", v, changed([](Sync& r) { r.member_id = "somebody"; }));
  s.ask("unknown group", v, changed([&](Sync& r) { r.group_id = s.name("nowhere"); }));
  s.ask("an empty group", v, changed([](Sync& r) { r.group_id = ""; }));
  if (v >= 3) s.ask("unknown instance", v, changed([](Sync& r) { r.group_instance_id = "x"; }));
  if (v >= 5) {
    s.ask("another protocol", v, changed([](Sync& r) { r.protocol_name = "other"; }));
    s.ask("another protocol type", v, changed([](Sync& r) { r.protocol_type = "connect"; }));
    s.ask("no protocol", v, changed([](Sync& r) { r.protocol_type.reset(), r.protocol_name.reset(); }));
  }
  s.ask("an assignment for nobody", v, changed([](Sync& r) {
          r.assignments.push_back({"nobody", to_bytes("x")});
        }));
  s.ask("again, without assignments", v, changed([](Sync& r) { r.assignments.clear(); }));
}

void ask_heartbeat(Script& s, int16_t v) {
  const Member member = become_stable(s, "beating", "member");
  const auto beat = [&](std::string group, int32_t generation, std::string id,
                        std::optional<std::string> instance = std::nullopt) {
    return Heartbeat{std::move(group), generation, std::move(id), std::move(instance)};
  };
  s.ask("good", v, beat(member.group, member.generation, member.id));
  s.ask("older generation", v, beat(member.group, member.generation - 1, member.id));
  s.ask("newer generation", v, beat(member.group, member.generation + 1, member.id));
  s.ask("unknown member", v, beat(member.group, member.generation, "somebody"));
  s.ask("no member", v, beat(member.group, member.generation, ""));
  s.ask("unknown group", v, beat(s.name("nowhere"), 1, "somebody"));
  s.ask("an empty group", v, beat("", 1, "somebody"));
  const Member leader = become_leader(s, "beating", "leader");
  s.ask("before the sync", v, beat(leader.group, leader.generation, leader.id));
  if (v < 3) return;
  s.ask("unknown instance", v, beat(member.group, member.generation, member.id, "x"));
  const Member fixed = become_stable(s, "beating", "static", "one");
  s.ask("static member", v, beat(fixed.group, fixed.generation, fixed.id, "one"));
  s.ask("static member, wrong id", v, beat(fixed.group, fixed.generation, "somebody", "one"));
}

void ask_leave(Script& s, int16_t v) {
  const Member member = become_stable(s, "left", "member");
  const auto leave = [&](const std::string& group, const std::string& id) {
    Leave request{.group_id = group};
    if (v < 3)
      request.member_id = id;
    else
      request.members = {{.member_id = id}};
    return request;
  };
  s.ask("unknown member", v, leave(member.group, "somebody"));
  s.ask("good", v, leave(member.group, member.id));
  s.ask("again", v, leave(member.group, member.id));
  s.ask("unknown group", v, leave(s.name("nowhere"), "somebody"));
  s.ask("an empty group", v, leave("", "somebody"));
  const std::string pending_group = s.name("pending");
  const auto pending = s.quietly(4, join(pending_group, ""));
  s.call(pending.member_id, "pending");
  s.ask("a member that never joined with its id", v, leave(pending_group, pending.member_id));
  if (v < 3) return;
  const Member fixed = become_stable(s, "left", "static", "one");
  const auto instance = [&](std::string id, std::string name) {
    return Leave{.group_id = fixed.group,
                 .members = {{.member_id = std::move(id), .group_instance_id = std::move(name)}}};
  };
  s.ask("an instance that is none", v, instance("", "two"));
  s.ask("an instance with a wrong id", v, instance("somebody", "one"));
  s.ask("a static member by its instance", v, instance("", "one"));
  s.ask("nobody", v, Leave{.group_id = fixed.group});
  const Member last = become_stable(s, "left", "last");
  Leave two{.group_id = last.group, .members = {{.member_id = last.id}, {.member_id = "somebody"}}};
  s.ask("one known, one unknown member", v, two);
}

void ask_looking(Script& s) {
  const Member stable = become_stable(s, "stable", "member");
  const Member syncing = become_leader(s, "syncing", "leader");
  const Member left = become_stable(s, "empty", "member that left");
  s.quietly(1, Leave{.group_id = left.group, .member_id = left.id});
  s.each_version(ApiKey::describe_groups, [&](int16_t v) {
    using Request = kafka::DescribeGroupsRequest;
    const Member again = become_leader(s, "syncing", "leader");
    s.ask("stable", v, Request{.groups = {stable.group}});
    s.ask("before the sync", v, Request{.groups = {again.group}});
    s.ask("empty", v, Request{.groups = {left.group}});
    s.ask("unknown", v, Request{.groups = {s.name("nowhere")}});
    s.ask("no name", v, Request{.groups = {""}});
    s.ask("none", v, Request{});
    s.ask("two", v, Request{.groups = {stable.group, left.group}});
    s.ask("with authorized operations", v,
          Request{.groups = {stable.group}, .include_authorized_operations = true});
  });
  s.each_version(ApiKey::delete_groups, [&](int16_t v) {
    using Request = kafka::DeleteGroupsRequest;
    const Member gone = become_stable(s, "gone", "member that left");
    s.ask("with a member", v, Request{.groups_names = {gone.group}});
    s.quietly(1, Leave{.group_id = gone.group, .member_id = gone.id});
    s.ask("empty", v, Request{.groups_names = {gone.group}});
    s.ask("again", v, Request{.groups_names = {gone.group}});
    s.ask("unknown", v, Request{.groups_names = {s.name("nowhere")}});
    s.ask("no name", v, Request{.groups_names = {""}});
    s.ask("none", v, Request{});
    s.ask("one with a member, one unknown", v, Request{.groups_names = {stable.group, s.name("nowhere")}});
  });
}

// Makes a group of the name that has committed and never had a member.
void commit_without_members(Script& s, const std::string& group) {
  const std::string topic = s.create("orders");
  kafka::OffsetCommitRequest request{.group_id = group};
  request.topics.push_back({.name = topic});
  request.topics[0].partitions.push_back(
      {.partition_index = PartitionIndex(0), .committed_offset = Offset(1)});
  const auto answer = s.quietly(7, request);
  if (answer.topics.at(0).partitions.at(0).error_code != ErrorCode::none) s.die("no commit of " + group);
}

// Of all groups only those that this asks about: others may be anything by now.
void ask_list_groups(Script& s) {
  using Request = kafka::ListGroupsRequest;
  const Member stable = become_stable(s, "listed stable", "member");
  const Member left = become_stable(s, "listed empty", "member that left");
  s.quietly(1, Leave{.group_id = left.group, .member_id = left.id});
  const std::string simple = s.name("listed simple");
  commit_without_members(s, simple);
  s.each_version(ApiKey::list_groups, [&](int16_t v) {
    const Member syncing = become_leader(s, "listed syncing", "leader");
    const std::set<std::string> own = {stable.group, left.group, simple, syncing.group};
    const auto list = [&](std::string_view what, const Request& request) {
      auto answer = s.quietly(v, request);
      std::erase_if(answer.groups, [&](const auto& group) { return !own.contains(group.group_id); });
      s.keep_answer(what, v, answer);
    };
    list("all", Request{});
    if (v < 4) return;
    list("stable ones", Request{.states_filter = {"Stable"}});
    list("stable ones, in small letters", Request{.states_filter = {"stable"}});
    list("empty ones", Request{.states_filter = {"Empty"}});
    list("before the sync", Request{.states_filter = {"CompletingRebalance"}});
    list("of two states", Request{.states_filter = {"Stable", "Empty"}});
    list("of one state and one that is none", Request{.states_filter = {"Stable", "Sleeping"}});
    s.ask("of a state that is none", v, Request{.states_filter = {"Sleeping"}});
    s.ask("dead ones", v, Request{.states_filter = {"Dead"}});
    if (v < 5) return;
    list("of the classic type", Request{.types_filter = {"classic"}});
    list("of the classic type, in capitals", Request{.types_filter = {"CLASSIC"}});
    list("of a state and a type", Request{.states_filter = {"Empty"}, .types_filter = {"classic"}});
    s.ask("of a type that is none", v, Request{.types_filter = {"odd"}});
    s.ask("of the newer type", v, Request{.types_filter = {"consumer"}});
  });
}

}  // namespace

void ask_group_membership(Script& s) {
  await_coordinators(s);
  s.each_version(ApiKey::find_coordinator, [&](int16_t v) { ask_find_coordinator(s, v); });
  s.each_version(ApiKey::join_group, [&](int16_t v) {
    ask_join(s, v);
    ask_rebalance(s, v);
  });
  s.each_version(ApiKey::sync_group, [&](int16_t v) { ask_sync(s, v); });
  s.each_version(ApiKey::heartbeat, [&](int16_t v) { ask_heartbeat(s, v); });
  s.each_version(ApiKey::leave_group, [&](int16_t v) { ask_leave(s, v); });
  ask_looking(s);
  ask_list_groups(s);
}

}  // namespace godwit::compare
