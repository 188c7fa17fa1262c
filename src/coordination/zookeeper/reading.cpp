#include "coordination/zookeeper/reading.h"

#include <algorithm>
#include <span>

namespace godwit::coordination::zookeeper {
namespace {

using runtime::Task;
using Kind = Request::Kind;

constexpr int kTriesMax = 10;
// Requests sent in one go: few enough that other calls get their turn.
constexpr size_t kAtOnce = 256;
constexpr size_t kKeysMax = 1'000'000;
constexpr size_t kBytesMax = 256u << 20;

// Where a list must look, and how far the history of these places was seen.
struct Places {
  int64_t session = 0;  // whose the look was when it began
  std::vector<std::string> groups;
  std::vector<int64_t> zxids;
  friend bool operator==(const Places&, const Places&) = default;
};

Task<Result<std::vector<Reply>>> ask(std::shared_ptr<Store> store, std::vector<Request> requests) {
  const auto session = store->session;
  co_return co_await session->ask_again(std::move(requests), store->deadline());
}

// Asks for any number of nodes, some at a time; a node that is not there has its reply too.
Task<Result<std::vector<Reply>>> ask_many(std::shared_ptr<Store> store, Kind kind,
                                          std::vector<std::string> paths) {
  std::vector<Reply> all;
  size_t bytes = 0;
  for (size_t at = 0; at < paths.size(); at += kAtOnce) {
    std::vector<Request> requests;
    for (auto& path : std::span(paths).subspan(at, std::min(kAtOnce, paths.size() - at)))
      requests.push_back({.kind = kind, .path = path});
    auto replies = co_await ask(store, std::move(requests));
    if (!replies) co_return fail(replies.error());
    for (size_t i = 0; i < replies->size(); ++i) {
      Reply& reply = (*replies)[i];
      if (reply.error != NodeError::none && reply.error != NodeError::no_node)
        co_return fail(error_of(reply.error, paths[at + i]));
      bytes += reply.value.size();
      for (const auto& child : reply.children) bytes += child.size();
      all.push_back(std::move(reply));
    }
    if (bytes > kBytesMax) co_return fail(ErrorKind::limit, "a list has at most 256 MiB");
  }
  co_return all;
}

// `behind`: whether by a barrier what is seen is as new as it must be; else it is no older than what this session saw before.
Task<Result<std::vector<Reply>>> ask_places(std::shared_ptr<Store> store, std::vector<Request> requests,
                                            bool behind) {
  if (requests.empty()) co_return std::vector<Reply>();
  const auto session = store->session;
  if (!behind) {
    std::vector<std::string> paths;
    paths.reserve(requests.size());
    for (const Request& request : requests) paths.push_back(request.path);
    auto replies = co_await ask(store, std::move(requests));
    for (size_t i = 0; replies && i < paths.size(); ++i) {
      const NodeError error = (*replies)[i].error;
      if (error != NodeError::none && error != NodeError::no_node) co_return fail(error_of(error, paths[i]));
    }
    co_return replies;
  }
  co_return co_await Store::ask_behind_barrier(store, session, std::move(requests), store->deadline());
}

Task<Result<Places>> look(std::shared_ptr<Store> store, std::string prefix, bool behind) {
  Places places{.session = store->session->id(), .groups = {}, .zxids = {}};
  if (const auto group = group_of_prefix(prefix)) {
    places.groups.emplace_back(*group);
  } else {
    std::vector<Request> requests(1);
    requests[0] = {.kind = Kind::children, .path = store->layout.all_changes()};
    auto names = co_await ask_places(store, std::move(requests), behind);
    if (!names) co_return fail(names.error());
    behind = false;
    const Reply& reply = names->front();
    places.zxids.push_back(reply.stat.children_zxid);
    for (const auto& name : reply.children) {
      auto found = decode_name(name);
      if (found && group_may_hold(*found, prefix)) places.groups.push_back(std::move(*found));
    }
    std::ranges::sort(places.groups);
  }
  std::vector<Request> requests;
  requests.reserve(places.groups.size());
  for (const auto& place : places.groups)
    requests.push_back({.kind = Kind::exists, .path = store->layout.changes(place)});
  auto replies = co_await ask_places(store, std::move(requests), behind);
  if (!replies) co_return fail(replies.error());
  for (const Reply& reply : *replies) {
    const NodeStat& stat = reply.stat;
    store->saw(stat);
    // Leased keys that lapse take their markers with them: children.
    places.zxids.insert(places.zxids.end(), {stat.created_zxid, stat.changed_zxid, stat.children_zxid});
  }
  co_return places;
}

// The keys of one group that begin with the prefix; empty when something changed while they were read.
Task<Result<std::optional<std::vector<KeyValue>>>> read_group(std::shared_ptr<Store> store, std::string group,
                                                              std::string prefix) {
  std::vector<std::string> buckets;
  if (const auto one = store->layout.bucket_of_prefix(prefix)) {
    buckets.push_back(*one);
  } else {
    std::vector<std::string> paths{store->layout.keys(group)};
    auto listed = co_await ask_many(store, Kind::children, std::move(paths));
    if (!listed) co_return fail(listed.error());
    for (const auto& name : listed->front().children)
      buckets.push_back(store->layout.keys(group) + "/" + name);
  }
  auto listed = co_await ask_many(store, Kind::children, buckets);
  if (!listed) co_return fail(listed.error());
  std::vector<KeyValue> found;
  std::vector<std::string> paths;
  for (size_t i = 0; i < buckets.size(); ++i) {
    for (const auto& name : (*listed)[i].children) {
      const auto rest = decode_name(name);
      // Not ours: nothing that godwit writes has such a name.
      if (!rest) continue;
      std::string key = group + *rest;
      if (!key.starts_with(prefix) || group_of(key) != group) continue;
      paths.push_back(buckets[i] + "/" + name);
      found.push_back({.key = std::move(key), .value = {}});
    }
  }
  if (found.size() > kKeysMax) co_return fail(ErrorKind::limit, "a list has at most a million keys");
  auto values = co_await ask_many(store, Kind::get, std::move(paths));
  if (!values) co_return fail(values.error());
  for (size_t i = 0; i < found.size(); ++i) {
    Reply& reply = (*values)[i];
    if (reply.error == NodeError::no_node) co_return std::optional<std::vector<KeyValue>>();
    found[i].value = std::move(reply.value);
    found[i].version = static_cast<Version>(reply.stat.changed_zxid);
  }
  co_return std::optional(std::move(found));
}

// Everything once, without a look whether it changed meanwhile.
Task<Result<std::optional<std::vector<KeyValue>>>> read_places(std::shared_ptr<Store> store,
                                                               std::vector<std::string> groups,
                                                               std::string prefix) {
  std::vector<KeyValue> all;
  for (auto& group : groups) {
    auto some = co_await read_group(store, std::move(group), prefix);
    if (!some) co_return fail(some.error());
    if (!*some) co_return std::optional<std::vector<KeyValue>>();
    std::ranges::move(**some, std::back_inserter(all));
  }
  std::ranges::sort(all, {}, &KeyValue::key);
  co_return std::optional(std::move(all));
}

}  // namespace

Task<Result<std::optional<KeyValue>>> get(std::shared_ptr<Store> store, std::string key) {
  const std::string path = store->layout.key(key);
  std::vector<Request> requests(1);
  requests[0] = {.kind = Kind::get, .path = path};
  const auto session = store->session;
  auto replies = co_await Store::ask_behind_barrier(store, session, std::move(requests), store->deadline());
  if (!replies) co_return fail(replies.error());
  Reply& reply = replies->front();
  if (reply.error == NodeError::no_node) co_return std::optional<KeyValue>();
  store->saw(reply.stat);
  co_return KeyValue{.key = std::move(key),
                     .value = std::move(reply.value),
                     .version = static_cast<Version>(reply.stat.changed_zxid)};
}

Task<Result<std::vector<KeyValue>>> list(std::shared_ptr<Store> store, std::string prefix) {
  auto before = co_await look(store, prefix, true);
  for (int tries = 0; tries < kTriesMax; ++tries) {
    if (!before) co_return fail(before.error());
    auto keys = co_await read_places(store, before->groups, prefix);
    if (!keys) co_return fail(keys.error());
    auto after = co_await look(store, prefix, false);
    if (!after) co_return fail(after.error());
    // What one session sees never goes back; what the next one sees may.
    const bool of_one_session = store->session->id() == before->session;
    if (*keys && *before == *after && of_one_session) co_return std::move(**keys);
    before = of_one_session ? std::move(after) : co_await look(store, prefix, true);
  }
  co_return fail(ErrorKind::unavailable,
                 "the keys under '" + prefix + "' change faster than they can be read");
}

}  // namespace godwit::coordination::zookeeper
