#include "runtime/real/address.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "runtime/real/os_error.h"

namespace godwit::runtime::real {
namespace {

// getaddrinfo's own errors are numbers of their own.
struct Lookup {
  int error = 0;
  std::vector<Address> found;
};

Lookup look_up(const Endpoint& endpoint, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  Lookup out;
  out.error = ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &list);
  if (out.error != 0) return out;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> guard(list, &::freeaddrinfo);
  for (const addrinfo* item = list; item != nullptr; item = item->ai_next) {
    Address address;
    if (item->ai_addrlen > sizeof address.storage) continue;
    std::memcpy(&address.storage, item->ai_addr, item->ai_addrlen);
    address.size = item->ai_addrlen;
    out.found.push_back(address);
  }
  return out;
}

template <class F>
std::optional<Endpoint> name_of(int socket, F get_name) {
  Address address;
  address.size = sizeof address.storage;
  if (get_name(socket, reinterpret_cast<sockaddr*>(&address.storage), &address.size) != 0)
    return std::nullopt;
  return to_endpoint(address);
}

}  // namespace

Endpoint to_endpoint(const Address& address) {
  std::array<char, NI_MAXHOST> text{};
  if (address.family() == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      ::inet_ntop(AF_INET, v6.sin6_addr.s6_addr + 12, text.data(), text.size());
    } else {
      // With the scope of a link-local address, which inet_ntop leaves out.
      ::getnameinfo(address.get(), address.size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
    }
    return {text.data(), ntohs(v6.sin6_port)};
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
  ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  return {text.data(), ntohs(v4.sin_port)};
}

std::optional<Address> parse_numeric(const Endpoint& endpoint) {
  Lookup lookup = look_up(endpoint, AI_NUMERICHOST);
  if (lookup.error != 0 || lookup.found.empty()) return std::nullopt;
  return lookup.found.front();
}

Result<std::vector<Address>> resolve_blocking(const Endpoint& endpoint) {
  Lookup lookup = look_up(endpoint, 0);
  if (lookup.error == 0 && !lookup.found.empty()) return std::move(lookup.found);
  const int number = errno;
  if (lookup.error == EAI_SYSTEM) return fail(socket_error(number, "look up", endpoint.host));
  const bool later = lookup.error == EAI_AGAIN || lookup.error == EAI_MEMORY;
  return fail(later ? ErrorKind::unavailable : ErrorKind::not_found,
              "look up " + endpoint.host + ": " + ::gai_strerror(lookup.error));
}

Address any_address_v6(uint16_t port) {
  Address address;
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  v6.sin6_family = AF_INET6;
  v6.sin6_addr = in6addr_any;
  v6.sin6_port = htons(port);
  address.size = sizeof v6;
  return address;
}

Address any_address_v4(uint16_t port) {
  Address address;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(INADDR_ANY);
  v4.sin_port = htons(port);
  address.size = sizeof v4;
  return address;
}

std::optional<Endpoint> local_of(int socket) {
  return name_of(socket, ::getsockname);
}
std::optional<Endpoint> peer_of(int socket) {
  return name_of(socket, ::getpeername);
}

}  // namespace godwit::runtime::real
