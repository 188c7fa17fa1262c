// Tells watches of changes. ZooKeeper's watches fire once and only say that something changed; so for each group that is
// watched, its node `changes` is armed (value: every commit that writes in the group sets it; children: a leased key that
// lapses takes its marker with it) and read by the same request: what changed before is seen in the answer, what changes
// after fires. A zxid above the last one that a watch was told of is news.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "coordination/coordination.h"
#include "coordination/zookeeper/session_thread.h"
#include "runtime/list.h"
#include "runtime/sync.h"

namespace godwit::coordination::zookeeper {

struct Store;

class ChangeHub {
 public:
  // A watch of the keys under `prefix`.
  static std::unique_ptr<Watch> watch(std::shared_ptr<Store> store, std::string prefix);
  // Keeps armed what is watched, until the store is closed. Spawned once.
  static runtime::Task<void> run(std::shared_ptr<Store> store);

  // A watch of the session fired at this node.
  void node_changed(const std::string& path);
  // The session is new, or has a new connection: everything may have changed.
  void reconnected();
  // The store was closed.
  void wake();

 private:
  class HubWatch;
  struct Group {
    bool armed = false;
    int64_t zxid = 0;
  };
  // Arms what is watched and not armed; false: try again later.
  static runtime::Task<bool> arm(std::shared_ptr<Store> store);
  static runtime::Task<bool> arm_groups(std::shared_ptr<Store> store, std::vector<std::string> names);
  bool is_watched(const std::string& group) const;
  void tell(const std::string& group, int64_t zxid);

  runtime::List watches_;
  std::map<std::string, Group> groups_;
  size_t wide_watches_ = 0;  // those that span several groups: new groups matter to them
  bool new_groups_armed_ = false;
  std::map<std::string, std::string> group_of_node_;
  std::string all_changes_;
  bool due_ = false;
  runtime::Condition kicked_;
};

}  // namespace godwit::coordination::zookeeper
