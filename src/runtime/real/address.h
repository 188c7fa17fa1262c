// Socket addresses, and names made into them.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/stream.h"

namespace godwit::runtime::real {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

// The address in numbers; an IPv4 address that came over an IPv6 socket is given as IPv4.
Endpoint to_endpoint(const Address& address);

// The address for a host in numbers; empty when it is a name. May be called on a shard.
std::optional<Address> parse_numeric(const Endpoint& endpoint);

// Looks the host up. Blocks, for many seconds where the name server is dead. Errors: not_found, unavailable.
Result<std::vector<Address>> resolve_blocking(const Endpoint& endpoint);

// All addresses of this machine: both families with one socket (v6), or IPv4 alone.
Address any_address_v6(uint16_t port);
Address any_address_v4(uint16_t port);

// What the socket is bound or connected to; empty on failure.
std::optional<Endpoint> local_of(int socket);
std::optional<Endpoint> peer_of(int socket);

}  // namespace godwit::runtime::real
