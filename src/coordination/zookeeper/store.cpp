#include "coordination/zookeeper/store.h"

#include <algorithm>

namespace godwit::coordination::zookeeper {
namespace {

using runtime::Task;

constexpr size_t kKnownNodesMax = 100'000;

}  // namespace

SessionOptions Store::session_options(Duration timeout, bool renewed) const {
  return {.names = names,
          .timeout = timeout,
          .renewed = renewed,
          .credentials = options.user.empty() ? std::string() : options.user + ":" + options.password};
}

void Store::saw(const NodeStat& stat) {
  zxid_seen = std::max({zxid_seen, stat.created_zxid, stat.changed_zxid, stat.children_zxid});
}

void Store::close() {
  if (std::exchange(closed, true)) return;
  if (session) session->stop(false);
  for (const auto& weak : leases) {
    if (auto lease = weak.lock()) {
      lease->stop(false);
      retire(std::move(lease));
    }
  }
  changes.wake();
}

void Store::reconnected() {
  zxid_seen = 0;
  forget_nodes();
  changes.reconnected();
}

void Store::retire(std::shared_ptr<Session> old) {
  std::erase_if(retired, [](const auto& one) { return one->has_stopped(); });
  retired.push_back(std::move(old));
}

Task<Result<void>> Store::ensure(std::shared_ptr<Store> store, std::shared_ptr<Session> session,
                                 std::vector<std::string> paths, MonotonicTime deadline) {
  std::vector<Request> requests;
  for (const auto& path : paths)
    if (!store->known_nodes_.contains(path))
      requests.push_back({.kind = Request::Kind::create, .path = path});
  if (requests.empty()) co_return Result<void>();
  const auto replies = co_await session->ask_again(requests, deadline);
  if (!replies) co_return fail(replies.error());
  if (store->known_nodes_.size() > kKnownNodesMax) store->known_nodes_.clear();
  for (size_t i = 0; i < requests.size(); ++i) {
    const NodeError error = (*replies)[i].error;
    const std::string& path = requests[i].path;
    // Above the root there may be nodes in which only others may create: if one is missing, the next answer tells.
    const bool above = store->layout.root().starts_with(path);
    if (error == NodeError::none || error == NodeError::exists || (above && error == NodeError::permission)) {
      store->known_nodes_.insert(path);
      continue;
    }
    // A parent that was known is gone.
    if (error == NodeError::no_node) store->forget_nodes();
    co_return fail(error_of(error, path));
  }
  co_return Result<void>();
}

Task<Result<std::vector<Reply>>> Store::ask_behind_barrier(std::shared_ptr<Store> store,
                                                           std::shared_ptr<Session> session,
                                                           std::vector<Request> requests,
                                                           MonotonicTime deadline) {
  const std::string& root = store->layout.root();
  std::vector<std::string> paths{root};
  for (const Request& request : requests) paths.push_back(request.path);
  requests.insert(requests.begin(), {.kind = Request::Kind::barrier, .path = root});
  auto replies = co_await session->ask_again(std::move(requests), deadline);
  if (!replies) co_return fail(replies.error());
  for (size_t i = 0; i < paths.size(); ++i) {
    const NodeError error = (*replies)[i].error;
    // The servers agree on a barrier's place in their order also where its node is not ours to read.
    const bool in_order = i == 0 && error == NodeError::permission;
    if (error != NodeError::none && error != NodeError::no_node && !in_order)
      co_return fail(error_of(error, paths[i]));
  }
  replies->erase(replies->begin());
  co_return std::move(*replies);
}

Error error_of(NodeError error, const std::string& path) {
  switch (error) {
    case NodeError::permission:
      return {ErrorKind::permission, "ZooKeeper refuses access to " + path +
                                         ": it belongs to another user, or the password is wrong"};
    case NodeError::no_node:
      return {ErrorKind::unavailable, "ZooKeeper has no node " + path + " any more"};
    case NodeError::quota:
      return {ErrorKind::no_space, "ZooKeeper's quota for " + path + " or what is above it is used up"};
    case NodeError::throttled:
      return {ErrorKind::unavailable, "ZooKeeper has too much to do for a request for " + path};
    default:
      return {ErrorKind::io, "ZooKeeper refuses a request for " + path};
  }
}

}  // namespace godwit::coordination::zookeeper
