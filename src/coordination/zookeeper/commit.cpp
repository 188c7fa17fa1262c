#include "coordination/zookeeper/commit.h"

#include <algorithm>
#include <set>
#include <utility>

namespace godwit::coordination::zookeeper {
namespace {

using runtime::Task;

constexpr int kTriesMax = 20;
// A server takes packets of 1 MiB - 1 (jute.maxbuffer), and a larger one costs the connection.
constexpr size_t kPacketMax = 1'048'575;
// Bytes that an operation costs beside path and value: headers, lengths, version or flags, an access list.
constexpr size_t kOperationCost = 64;

Version version_of(const std::optional<NodeStat>& node) {
  return node ? static_cast<Version>(node->changed_zxid) : kAbsent;
}

// Writes the operations for one key; true when they create its node.
bool plan_write(const Transaction::Write& write, const std::optional<NodeStat>& node, int32_t version,
                const KeyLayout& layout, int64_t session, std::vector<Operation>& out) {
  using Kind = Operation::Kind;
  const std::string path = layout.key(write.key);
  const bool in_place = node && write.value && node->owner == (write.leased ? session : 0);
  if (in_place) {
    out.push_back({.kind = Kind::set, .path = path, .value = *write.value, .version = version});
    return false;
  }
  if (node) {
    out.push_back({.kind = Kind::remove, .path = path, .value = {}, .version = version});
    if (node->owner != 0)
      out.push_back({.kind = Kind::remove, .path = layout.lease_marker(write.key), .value = {}});
  }
  if (!write.value) return false;
  out.push_back(
      {.kind = write.leased ? Kind::create_leased : Kind::create, .path = path, .value = *write.value});
  if (write.leased)
    out.push_back({.kind = Kind::create_leased, .path = layout.lease_marker(write.key), .value = {}});
  return true;
}

size_t packet_size(const std::vector<Operation>& operations) {
  size_t bytes = 0;
  for (const auto& operation : operations)
    bytes += kOperationCost + operation.path.size() + operation.value.size();
  return bytes;
}

std::set<std::string> keys_of(const Transaction& transaction) {
  std::set<std::string> keys;
  for (const auto& condition : transaction.conditions) keys.insert(condition.key);
  for (const auto& write : transaction.writes) keys.insert(write.key);
  return keys;
}

// Reads what the transaction touches, groups before keys; makes groups that are not there. `behind` a barrier
// what is seen is as new as it must be; else it may be a little older.
Task<Result<Seen>> look(std::shared_ptr<Store> store, std::shared_ptr<Session> session,
                        std::set<std::string> keys, bool behind, MonotonicTime deadline) {
  std::set<std::string> groups;
  for (const auto& key : keys) groups.emplace(group_of(key));
  for (;;) {
    std::vector<Request> requests;
    requests.reserve(1 + groups.size() + keys.size());
    for (const auto& group : groups)
      requests.push_back({.kind = Request::Kind::exists, .path = store->layout.created(group)});
    for (const auto& key : keys)
      requests.push_back({.kind = Request::Kind::exists, .path = store->layout.key(key)});
    Result<std::vector<Reply>> replies;
    if (behind) {
      replies = co_await Store::ask_behind_barrier(store, session, std::move(requests), deadline);
    } else {
      requests.insert(requests.begin(), {.kind = Request::Kind::sync, .path = store->layout.root()});
      replies = co_await session->ask_again(std::move(requests), deadline);
      if (replies) replies->erase(replies->begin());
    }
    if (!replies) co_return fail(replies.error());
    Seen seen;
    size_t at = 0;
    std::vector<std::string> missing;
    for (const auto& group : groups) {
      const Reply& reply = (*replies)[at++];
      if (reply.error == NodeError::no_node) {
        for (auto& path : store->layout.parents_of_group(group)) missing.push_back(std::move(path));
      } else if (reply.error != NodeError::none) {
        co_return fail(error_of(reply.error, store->layout.created(group)));
      }
      seen.groups.emplace(group, reply.stat);
    }
    if (!missing.empty()) {
      if (store->shard.now() >= deadline)
        co_return fail(ErrorKind::unavailable, "somebody removes godwit's nodes from ZooKeeper");
      store->forget_nodes();
      GW_TRY(co_return, co_await Store::ensure(store, session, std::move(missing), deadline));
      continue;
    }
    for (const auto& key : keys) {
      const Reply& reply = (*replies)[at++];
      if (reply.error != NodeError::none && reply.error != NodeError::no_node)
        co_return fail(error_of(reply.error, store->layout.key(key)));
      store->saw(reply.stat);
      seen.keys.emplace(key, reply.error == NodeError::none ? std::optional(reply.stat) : std::nullopt);
    }
    co_return seen;
  }
}

}  // namespace

Result<void> check_size(const Transaction& transaction) {
  size_t bytes = 0;
  for (const auto& write : transaction.writes)
    bytes += write.key.size() + (write.value ? write.value->size() : 0);
  if (transaction.conditions.size() + transaction.writes.size() > kTransactionOperationsMax ||
      bytes > kTransactionBytesMax) {
    return fail(ErrorKind::limit, "a transaction has at most 128 operations and 1 MB");
  }
  return {};
}

Result<std::vector<Operation>> plan(const Transaction& transaction, const Seen& seen, const KeyLayout& layout,
                                    int64_t session) {
  using Kind = Operation::Kind;
  std::set<std::string_view> conditioned;
  for (const auto& condition : transaction.conditions) {
    if (version_of(seen.keys.at(condition.key)) != condition.version)
      return fail(ErrorKind::conflict, condition.key + " was changed by somebody else");
    conditioned.insert(condition.key);
  }
  std::vector<Operation> writes;
  std::set<std::string_view> creating;
  std::set<std::string_view> changing;
  for (const auto& write : transaction.writes) {
    const auto& node = seen.keys.at(write.key);
    const bool checked = conditioned.erase(write.key) > 0;
    const size_t before = writes.size();
    const int32_t version = checked && node ? node->version : Operation::kAnyVersion;
    if (plan_write(write, node, version, layout, session, writes)) creating.insert(group_of(write.key));
    if (writes.size() != before) changing.insert(group_of(write.key));
  }
  std::vector<Operation> all;
  for (const auto& [group, stat] : seen.groups) {
    const Kind kind = creating.contains(group) ? Kind::set : Kind::check;
    all.push_back({.kind = kind, .path = layout.created(group), .value = {}, .version = stat.version});
  }
  // Keys that are required and not written; that one is absent is certain while nothing is created.
  for (const std::string_view key : conditioned) {
    const auto& node = seen.keys.find(key)->second;
    if (node)
      all.push_back({.kind = Kind::check, .path = layout.key(key), .value = {}, .version = node->version});
  }
  std::ranges::move(writes, std::back_inserter(all));
  for (const std::string_view group : changing)
    all.push_back({.kind = Kind::set, .path = layout.changes(group), .value = {}});
  return all;
}

Task<Result<void>> commit(std::shared_ptr<Store> store, std::shared_ptr<Session> session,
                          Transaction transaction) {
  GW_TRY(co_return, check_size(transaction));
  const auto keys = keys_of(transaction);
  if (keys.empty()) co_return Result<void>();
  const MonotonicTime deadline = store->deadline();
  // The change itself finds out what was seen too old; only that a condition does not hold must be certain before it is said.
  bool behind = false;
  for (int tries = 1;; ++tries) {
    const auto seen = co_await look(store, session, keys, behind, deadline);
    if (!seen) co_return fail(seen.error());
    auto operations = plan(transaction, *seen, store->layout, session->id());
    if (!operations && operations.error().kind == ErrorKind::conflict && !std::exchange(behind, true))
      continue;
    if (!operations) co_return fail(operations.error());
    if (packet_size(*operations) > kPacketMax)
      co_return fail(ErrorKind::limit, "the transaction is larger than what ZooKeeper takes at once");
    // The group's nodes too: `created` may stand there alone, where somebody who removes everything met somebody who made it
    // anew. Those that are known cost nothing.
    std::vector<std::string> nodes;
    for (const auto& [group, stat] : seen->groups)
      std::ranges::move(store->layout.parents_of_group(group), std::back_inserter(nodes));
    for (const auto& operation : *operations)
      if (operation.kind == Operation::Kind::create || operation.kind == Operation::Kind::create_leased)
        nodes.push_back(operation.path.substr(0, operation.path.rfind('/')));
    GW_TRY(co_return, co_await Store::ensure(store, session, std::move(nodes), deadline));
    std::vector<Request> requests(1);
    requests[0] = {.kind = Request::Kind::change, .path = {}, .operations = std::move(*operations)};
    const auto replies = co_await session->ask(std::move(requests), deadline);
    if (!replies && replies.error().kind == ErrorKind::io)
      co_return fail(ErrorKind::timed_out, "the connection to ZooKeeper was lost before the answer");
    if (!replies) co_return fail(replies.error());
    const Reply& reply = replies->front();
    switch (reply.error) {
      case NodeError::none:
        store->saw(reply.stat);
        co_return Result<void>();
      case NodeError::no_node:
        store->forget_nodes();
        break;
      case NodeError::exists:
      case NodeError::bad_version:
        break;
      default:
        co_return fail(error_of(reply.error, store->layout.root()));
    }
    behind = true;
    // Somebody was in between: what that means for this transaction shows when it is read again.
    const Duration pause = std::chrono::microseconds(store->shard.random().below(500u << std::min(tries, 6)));
    if (tries == kTriesMax || store->shard.now() + pause >= deadline)
      co_return fail(ErrorKind::unavailable, "others change the same keys all the time");
    co_await runtime::sleep_for(pause);
  }
}

}  // namespace godwit::coordination::zookeeper
