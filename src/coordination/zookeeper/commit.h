// A transaction as one atomic change of ZooKeeper's nodes.
//
// The version that the contract speaks of is the zxid of a key's last write: it differs between any two writes. But an
// atomic change can check a node's own counter alone, which starts again when a key is recreated. So every change that
// creates a key in a group also sets the group's node `created`, and every change of the group checks that this node is
// what it was before the keys were read: between reading and changing no key can have been recreated, and for one that was
// not, zxid and counter say the same.
//
//   read:   created/topics at 7 · /topics/A: zxid 90, counter 3           require("/topics/A", 90)
//   change: check created/topics is at 7 · set /topics/A, counter 3 · set changes/topics
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "coordination/coordination.h"
#include "coordination/zookeeper/key_layout.h"
#include "coordination/zookeeper/requests.h"
#include "coordination/zookeeper/store.h"

namespace godwit::coordination::zookeeper {

// What was read before a change: of each group its node `created`, of each key its node where there is one.
struct Seen {
  std::map<std::string, NodeStat, std::less<>> groups;
  std::map<std::string, std::optional<NodeStat>, std::less<>> keys;
};

// The operations that carry the transaction out if nothing changed since: at most four for each write, one for each
// condition, two for each group. `session` is the one that sends it: its leased keys can be overwritten in place. Pure. Errors:
// conflict (a condition does not hold).
Result<std::vector<Operation>> plan(const Transaction& transaction, const Seen& seen, const KeyLayout& layout,
                                    int64_t session);

// Errors: limit (too many operations or too many bytes for the contract, or for ZooKeeper's packets).
Result<void> check_size(const Transaction& transaction);

// Carries it out over `session`: as Coordination::commit, and not_found when that session has ended.
runtime::Task<Result<void>> commit(std::shared_ptr<Store> store, std::shared_ptr<Session> session,
                                   Transaction transaction);

}  // namespace godwit::coordination::zookeeper
