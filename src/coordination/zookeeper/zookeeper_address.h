// Where the ZooKeeper servers are, as an operator writes it.
//
//   zookeeper://10.0.0.1:2181,zk2.example.org:2181,[fd00::3]:2181/prod/godwit
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace godwit::coordination {

struct ZookeeperAddress {
  std::string servers;  // as the C client wants them: "10.0.0.1:2181,fd00::3:2181"
  std::string
      root;  // the node under which everything stands, such as "/prod/godwit"; "/godwit" where none is given
  friend bool operator==(const ZookeeperAddress&, const ZookeeperAddress&) = default;
};

// Errors: invalid (says what is wrong with which part).
Result<ZookeeperAddress> parse_zookeeper_address(std::string_view text);

}  // namespace godwit::coordination
