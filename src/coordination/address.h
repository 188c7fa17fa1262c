// Where the coordination service is, as the operator writes it. Pure text work: nothing is looked up or connected to.
//
//   local                                                  a file of this broker alone
//   etcd://10.0.0.1:2379,10.0.0.2:2379[/prefix]            an etcd that somebody runs
//   zookeeper://10.0.0.1:2181,10.0.0.2:2181[/path]         a ZooKeeper that somebody runs
//   managed-etcd://1@b1:2379,2@b2:2379,3@b3:2379           an etcd member beside each named broker
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/broker_id.h"
#include "runtime/stream.h"

namespace godwit::coordination {

struct LocalAddress {
  friend bool operator==(const LocalAddress&, const LocalAddress&) = default;
};

struct EtcdAddress {
  std::vector<runtime::Endpoint> servers;  // at least one, each once
  std::string prefix;                      // empty, or "/a/b": before each key
  friend bool operator==(const EtcdAddress&, const EtcdAddress&) = default;
};

struct ZooKeeperAddress {
  std::vector<runtime::Endpoint> servers;  // at least one, each once
  std::string path;                        // empty, or "/a/b": the node under which all lies
  friend bool operator==(const ZooKeeperAddress&, const ZooKeeperAddress&) = default;
};

// The same text on each broker; a broker's id picks its member.
struct ManagedEtcdAddress {
  struct Member {
    BrokerId broker;
    runtime::Endpoint clients;  // where the member serves clients; its peers use the next port
    runtime::Endpoint peers() const { return {clients.host, static_cast<uint16_t>(clients.port + 1)}; }
    friend bool operator==(const Member&, const Member&) = default;
  };
  std::vector<Member> members;  // an odd number up to seven, ordered by id, no two ports of one host alike
  // The broker's own member; null for a broker that runs none and is a client of the members only.
  const Member* of(BrokerId broker) const;
  friend bool operator==(const ManagedEtcdAddress&, const ManagedEtcdAddress&) = default;
};

using Address = std::variant<LocalAddress, EtcdAddress, ZooKeeperAddress, ManagedEtcdAddress>;

// Error: invalid, naming the part that is wrong and what it should be; where a password may have been typed into it
// (etcd://root:secret@h:2379), only where that belongs.
Result<Address> parse_address(std::string_view text);
// What parse_address() reads back as the same.
std::string to_string(const Address& address);

}  // namespace godwit::coordination
