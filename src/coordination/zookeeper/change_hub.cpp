#include "coordination/zookeeper/change_hub.h"

#include <algorithm>

#include "coordination/zookeeper/store.h"

namespace godwit::coordination::zookeeper {
namespace {

using runtime::Task;
using Kind = Request::Kind;

constexpr Duration kTryAgain = std::chrono::milliseconds(100);
constexpr int64_t kEverything = INT64_MAX;
constexpr size_t kGroupsAtOnce = 100;

// The zxid of the last commit that wrote in the group, or of the last leased key that came or went; 0: none ever. A node
// that is as it was created has seen no commit.
int64_t last_change(const NodeStat& value, const NodeStat& children) {
  const int64_t set = value.changed_zxid == value.created_zxid ? 0 : value.changed_zxid;
  const int64_t leases = children.children_zxid == children.created_zxid ? 0 : children.children_zxid;
  return std::max(set, leases);
}

}  // namespace

class ChangeHub::HubWatch final : public Watch, public runtime::ListNode {
 public:
  HubWatch(std::shared_ptr<Store> store, std::string prefix)
      : store_(std::move(store)),
        prefix_(std::move(prefix)),
        wide_(!group_of_prefix(prefix_)),
        told_(store_->zxid_seen) {
    if (wide_) ++store_->changes.wide_watches_;
  }
  ~HubWatch() override {
    if (wide_) --store_->changes.wide_watches_;
  }

  Task<Result<void>> changed() override {
    // The frame keeps what the store keeps; the watch must outlive its frames.
    const auto store = store_;
    while (!store->closed && !news_) co_await arrived_.wait();
    if (store->closed) co_return fail(ErrorKind::closed, "the coordination store was closed");
    news_ = false;
    co_return Result<void>();
  }

  bool covers(std::string_view group) const {
    return group_may_hold(group, prefix_) && (wide_ || !group.empty());
  }
  bool wide() const { return wide_; }
  const std::string& prefix() const { return prefix_; }
  void tell(int64_t zxid) {
    if (zxid <= told_) return;
    if (zxid != kEverything) told_ = zxid;
    news_ = true;
    arrived_.notify_all();
  }
  // What was seen before says nothing any more: the store may even be another.
  void start_anew() {
    told_ = 0;
    tell(kEverything);
  }
  void wake() { arrived_.notify_all(); }

 private:
  std::shared_ptr<Store> store_;
  std::string prefix_;
  bool wide_;
  int64_t told_;  // what is news is younger
  bool news_ = false;
  runtime::Condition arrived_;
};

std::unique_ptr<Watch> ChangeHub::watch(std::shared_ptr<Store> store, std::string prefix) {
  ChangeHub& hub = store->changes;
  auto made = std::make_unique<HubWatch>(store, std::move(prefix));
  hub.watches_.push_back(*made);
  if (made->wide()) {
    hub.groups_[""];
  } else {
    hub.groups_[std::string(*group_of_prefix(made->prefix()))];
  }
  hub.due_ = true;
  hub.kicked_.notify_all();
  return made;
}

bool ChangeHub::is_watched(const std::string& group) const {
  bool found = false;
  const_cast<runtime::List&>(watches_).for_each(
      [&](runtime::ListNode& node) { found = found || static_cast<HubWatch&>(node).covers(group); });
  return found;
}

void ChangeHub::tell(const std::string& group, int64_t zxid) {
  watches_.for_each([&](runtime::ListNode& node) {
    auto& watch = static_cast<HubWatch&>(node);
    if (watch.covers(group)) watch.tell(zxid);
  });
}

void ChangeHub::node_changed(const std::string& path) {
  if (path == all_changes_) new_groups_armed_ = false;
  if (const auto found = group_of_node_.find(path); found != group_of_node_.end())
    groups_[found->second].armed = false;
  due_ = true;
  kicked_.notify_all();
}

void ChangeHub::reconnected() {
  new_groups_armed_ = false;
  for (auto& [name, group] : groups_) group.armed = false;
  watches_.for_each([](runtime::ListNode& node) { static_cast<HubWatch&>(node).start_anew(); });
  due_ = true;
  kicked_.notify_all();
}

void ChangeHub::wake() {
  watches_.for_each([](runtime::ListNode& node) { static_cast<HubWatch&>(node).wake(); });
  kicked_.notify_all();
}

Task<void> ChangeHub::run(std::shared_ptr<Store> store) {
  ChangeHub& hub = store->changes;
  hub.all_changes_ = store->layout.all_changes();
  while (!store->closed) {
    if (!hub.due_) {
      co_await hub.kicked_.wait();
      continue;
    }
    hub.due_ = false;
    if (co_await arm(store)) continue;
    hub.due_ = true;
    if (!store->closed) co_await hub.kicked_.wait_until(store->shard.now() + kTryAgain);
  }
}

Task<bool> ChangeHub::arm(std::shared_ptr<Store> store) {
  ChangeHub& hub = store->changes;
  if (hub.wide_watches_ > 0 && !hub.new_groups_armed_) {
    const auto session = store->session;
    // The group of keys without one is always there: the parents of all with it.
    const auto made =
        co_await Store::ensure(store, session, store->layout.parents_of_group(""), store->deadline());
    if (!made) co_return false;
    hub.new_groups_armed_ = true;
    std::vector<Request> requests{{.kind = Kind::children, .path = hub.all_changes_, .watch = true}};
    const auto replies = co_await session->ask_again(std::move(requests), store->deadline());
    if (!replies || replies->front().error != NodeError::none) {
      hub.new_groups_armed_ = false;
      store->forget_nodes();
      co_return false;
    }
    for (const auto& name : replies->front().children)
      if (auto group = decode_name(name); group && hub.is_watched(*group)) hub.groups_[std::move(*group)];
  }
  std::vector<std::string> names;
  for (auto at = hub.groups_.begin(); at != hub.groups_.end();) {
    if (!at->second.armed && !hub.is_watched(at->first)) {
      hub.group_of_node_.erase(store->layout.changes(at->first));
      at = hub.groups_.erase(at);
      continue;
    }
    if (!at->second.armed && names.size() < kGroupsAtOnce) names.push_back(at->first);
    ++at;
  }
  if (names.empty()) co_return true;
  hub.due_ = true;  // there may be more of them
  co_return co_await arm_groups(store, std::move(names));
}

Task<bool> ChangeHub::arm_groups(std::shared_ptr<Store> store, std::vector<std::string> names) {
  ChangeHub& hub = store->changes;
  const auto session = store->session;
  std::vector<std::string> parents;
  std::vector<Request> requests;
  for (const auto& name : names) {
    const std::string node = store->layout.changes(name);
    std::ranges::move(store->layout.parents_of_group(name), std::back_inserter(parents));
    requests.push_back({.kind = Kind::exists, .path = node, .watch = true});
    requests.push_back({.kind = Kind::children, .path = node, .watch = true});
    hub.group_of_node_[node] = name;
    // Before it is sent: what fires meanwhile takes it back.
    hub.groups_[name].armed = true;
  }
  const auto made = co_await Store::ensure(store, session, std::move(parents), store->deadline());
  bool gone = false;
  bool refused = false;
  if (made) {
    const auto replies = co_await session->ask_again(std::move(requests), store->deadline());
    for (size_t i = 0; replies && i < names.size(); ++i) {
      const Reply& value = (*replies)[2 * i];
      const Reply& children = (*replies)[2 * i + 1];
      if (value.error != NodeError::none || children.error != NodeError::none) {
        gone = gone || value.error == NodeError::no_node || children.error == NodeError::no_node;
        refused = true;
        continue;
      }
      hub.tell(names[i], last_change(value.stat, children.stat));
    }
    if (replies && !refused) co_return true;
  }
  for (const auto& name : names) hub.groups_[name].armed = false;
  if (gone) {
    // Nodes that stay were removed: everything may have changed.
    store->forget_nodes();
    for (const auto& name : names) hub.tell(name, kEverything);
  }
  co_return false;
}

}  // namespace godwit::coordination::zookeeper
