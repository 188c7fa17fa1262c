// Keys read from ZooKeeper's nodes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coordination/coordination.h"
#include "coordination/zookeeper/store.h"

namespace godwit::coordination::zookeeper {

// As Coordination::get.
runtime::Task<Result<std::optional<KeyValue>>> get(std::shared_ptr<Store> store, std::string key);

// As Coordination::list: what stood there at one instant. ZooKeeper answers for one node at a time; so the groups' nodes
// `changes` are read before and after, and where they differ, all is read again: unavailable after several times. Errors
// besides: limit (a million keys, or 256 MiB).
runtime::Task<Result<std::vector<KeyValue>>> list(std::shared_ptr<Store> store, std::string prefix);

}  // namespace godwit::coordination::zookeeper
