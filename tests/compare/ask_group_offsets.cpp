// OffsetCommit, OffsetFetch, OffsetDelete.
#include "kafka/messages/join_group.h"
#include "kafka/messages/list_groups.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_delete.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/sync_group.h"
#include "script.h"

namespace godwit::compare {
namespace {

using kafka::ApiKey;
using Commit = kafka::OffsetCommitRequest;
using Fetch = kafka::OffsetFetchRequest;
using Delete = kafka::OffsetDeleteRequest;

struct Place {
  std::string topic;
  TopicId id;
  int32_t partition = 0;
};

Commit commit(const std::string& group, const Place& at, int64_t offset,
              std::optional<std::string> metadata = "") {
  Commit request{.group_id = group};
  request.topics.push_back({.name = at.topic, .topic_id = at.id});
  request.topics[0].partitions.push_back({.partition_index = PartitionIndex(at.partition),
                                          .committed_offset = Offset(offset),
                                          .committed_metadata = std::move(metadata)});
  return request;
}

Fetch fetch(int16_t v, const std::string& group, std::optional<std::vector<Place>> places) {
  Fetch request;
  if (v < 8) {
    request.group_id = group;
    request.topics.reset();
    if (places) request.topics.emplace();
    for (const auto& at : places.value_or(std::vector<Place>{})) {
      request.topics->push_back({at.topic, {PartitionIndex(at.partition)}});
    }
    return request;
  }
  auto& one = request.groups.emplace_back();
  one.group_id = group;
  one.topics.reset();
  if (places) one.topics.emplace();
  for (const auto& at : places.value_or(std::vector<Place>{})) {
    one.topics->push_back(
        {.name = at.topic, .topic_id = at.id, .partition_indexes = {PartitionIndex(at.partition)}});
  }
  return request;
}

struct Topics {
  Place orders;
  Place nowhere;
};
Topics make_topics(Script& s) {
  const std::string orders = s.create("orders", {.partitions = 3});
  return {{orders, s.id_of(orders)}, {s.name("nowhere"), *Uuid::parse("abcdefghijklmnopqrstuA")}};
}

void ask_commit(Script& s, int16_t v, const Topics& topics) {
  const std::string group = s.name("group");
  const auto& [orders, nowhere] = topics;
  s.ask("without membership", v, commit(group, orders, 7));
  s.ask("with metadata", v, commit(group, {orders.topic, orders.id, 1}, 8, "here I was"));
  s.ask("with null metadata", v, commit(group, orders, 7, std::nullopt));
  s.ask("with much metadata", v, commit(group, orders, 7, std::string(4096, 'm')));
  s.ask("with too much metadata", v, commit(group, orders, 7, std::string(4097, 'm')));
  s.ask("a negative offset", v, commit(group, {orders.topic, orders.id, 2}, -1));
  s.ask("unknown partition", v, commit(group, {orders.topic, orders.id, 9}, 7));
  s.ask("unknown topic", v, commit(group, nowhere, 7));
  s.ask("neither name nor id", v, commit(group, {"", {}}, 7));
  Commit both = commit(group, orders, 9);
  both.topics.push_back(commit(group, nowhere, 9).topics[0]);
  s.ask("one known topic, one unknown", v, both);
  s.ask("an empty group", v, commit("", orders, 7));
  s.ask("nothing", v, Commit{.group_id = group});
  auto as_member = commit(group, orders, 7);
  as_member.generation_id_or_member_epoch = 3;
  as_member.member_id = "somebody";
  s.ask("as a member of a group without members", v, as_member);
  as_member.group_id = s.name("group");
  s.ask("as a member of an unknown group", v, as_member);

  const std::string live = s.name("live");
  auto joined = s.quietly(2, kafka::JoinGroupRequest{.group_id = live,
                                                     .session_timeout_ms = 30'000,
                                                     .rebalance_timeout_ms = 2'000,
                                                     .protocol_type = "consumer",
                                                     .protocols = {{"range", {}}}});
  s.call(joined.member_id, "member");
  auto member = commit(live, orders, 7);
  member.generation_id_or_member_epoch = joined.generation_id;
  member.member_id = joined.member_id;
  s.ask("as a member, before the sync", v, member);
  s.quietly(3, kafka::SyncGroupRequest{
                   .group_id = live, .generation_id = joined.generation_id, .member_id = joined.member_id});
  s.ask("as a member", v, member);
  member.generation_id_or_member_epoch += 1;
  s.ask("as a member, newer generation", v, member);
  member.generation_id_or_member_epoch -= 2;
  s.ask("as a member, older generation", v, member);
  member.member_id = "somebody";
  s.ask("as an unknown member", v, member);
  s.ask("without membership, of a group with members", v, commit(live, orders, 7));
  if (v >= 7) {
    member.member_id = joined.member_id;
    member.generation_id_or_member_epoch = joined.generation_id;
    member.group_instance_id = "x";
    s.ask("as an unknown instance", v, member);
  }
  s.ask("what was committed, by OffsetCommit v" + std::to_string(v), 5,
        fetch(5, group,
              std::vector<Place>{orders, {orders.topic, orders.id, 1}, {orders.topic, orders.id, 2}}));
}

void ask_fetch_offsets(Script& s, int16_t v, const Topics& topics) {
  const auto& [orders, nowhere] = topics;
  const std::string group = s.name("group");
  auto first = commit(group, orders, 7, "m");
  first.topics[0].partitions[0].committed_leader_epoch = LeaderEpoch(0);
  s.quietly(6, first);
  using Places = std::vector<Place>;
  s.ask("a committed one", v, fetch(v, group, Places{orders}));
  s.ask("one that was not committed", v, fetch(v, group, Places{{orders.topic, orders.id, 1}}));
  s.ask("unknown partition", v, fetch(v, group, Places{{orders.topic, orders.id, 9}}));
  s.ask("unknown topic", v, fetch(v, group, Places{nowhere}));
  s.ask("neither name nor id", v, fetch(v, group, Places{{"", {}}}));
  s.ask("unknown group", v, fetch(v, s.name("nobody"), Places{orders}));
  s.ask("an empty group", v, fetch(v, "", Places{orders}));
  s.ask("no partitions", v, fetch(v, group, Places{}));
  if (v >= 2) {
    s.ask("all", v, fetch(v, group, std::nullopt));
    s.ask("all of an unknown group", v, fetch(v, s.name("nobody"), std::nullopt));
  }
  if (v >= 7) {
    auto stable = fetch(v, group, Places{orders});
    stable.require_stable = true;
    s.ask("stable ones", v, stable);
  }
  if (v >= 8) {
    auto two = fetch(v, group, Places{orders});
    two.groups.push_back(fetch(v, s.name("nobody"), Places{orders}).groups[0]);
    s.ask("two groups", v, two);
    s.ask("no groups", v, Fetch{});
  }
  if (v >= 9) {
    auto member = fetch(v, group, Places{orders});
    member.groups[0].member_id = "somebody";
    member.groups[0].member_epoch = 3;
    s.ask("as a member that is none", v, member);
  }
}

void ask_delete(Script& s, const Topics& topics) {
  const auto& [orders, nowhere] = topics;
  const std::string group = s.name("group");
  s.quietly(6, commit(group, orders, 7));
  const auto remove = [](const std::string& of, const Place& at) {
    Delete request{.group_id = of};
    request.topics.push_back({at.topic, {{PartitionIndex(at.partition)}}});
    return request;
  };
  s.ask("a committed one", 0, remove(group, orders));
  s.ask("again", 0, remove(group, orders));
  s.ask("what is left", 5, fetch(5, group, std::nullopt));
  s.quietly(6, commit(group, orders, 7));
  s.ask("unknown partition", 0, remove(group, {orders.topic, orders.id, 9}));
  s.ask("unknown topic", 0, remove(group, nowhere));
  s.ask("unknown group", 0, remove(s.name("nobody"), orders));
  s.ask("an empty group", 0, remove("", orders));
  s.ask("nothing", 0, Delete{.group_id = group});
  const std::string live = s.name("live");
  // A subscription to orders.
  Bytes subscribed = to_bytes(std::string_view("\0\1\0\0\0\1\0", 7));
  subscribed.push_back(static_cast<std::byte>(orders.topic.size()));
  for (const std::byte b : as_bytes(orders.topic)) subscribed.push_back(b);
  for (const int b : {255, 255, 255, 255, 0, 0, 0, 0}) subscribed.push_back(static_cast<std::byte>(b));
  const auto joined = s.quietly(2, kafka::JoinGroupRequest{.group_id = live,
                                                           .session_timeout_ms = 30'000,
                                                           .rebalance_timeout_ms = 2'000,
                                                           .protocol_type = "consumer",
                                                           .protocols = {{"range", subscribed}}});
  s.call(joined.member_id, "member");
  s.quietly(3, kafka::SyncGroupRequest{
                   .group_id = live, .generation_id = joined.generation_id, .member_id = joined.member_id});
  auto as_member = commit(live, orders, 7);
  as_member.generation_id_or_member_epoch = joined.generation_id;
  as_member.member_id = joined.member_id;
  s.quietly(6, as_member);
  s.ask("of a topic that a member subscribes to", 0, remove(live, orders));
}

}  // namespace

void ask_group_offsets(Script& s) {
  const Topics topics = make_topics(s);
  s.each_version(ApiKey::offset_commit, [&](int16_t v) { ask_commit(s, v, topics); });
  s.each_version(ApiKey::offset_fetch, [&](int16_t v) { ask_fetch_offsets(s, v, topics); });
  ask_delete(s, topics);
}

}  // namespace godwit::compare
