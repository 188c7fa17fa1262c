// Host names to addresses, off every shard: it may take as long as the system's resolver does.
#pragma once

#include <string>

namespace godwit::coordination::zookeeper {

// "zk1:2181,10.0.0.2:2181" to "10.0.0.1:2181,10.0.0.2:2181", all addresses of each name; names that are not known are left
// out. Empty: none is known.
std::string resolve_servers(const std::string& servers);

}  // namespace godwit::coordination::zookeeper
