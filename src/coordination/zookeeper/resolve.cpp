#include "coordination/zookeeper/resolve.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <string_view>

namespace godwit::coordination::zookeeper {

std::string resolve_servers(const std::string& servers) {
  std::string numeric;
  for (size_t at = 0; at < servers.size();) {
    const size_t end = std::min(servers.find(',', at), servers.size());
    const std::string_view one = std::string_view(servers).substr(at, end - at);
    at = end + 1;
    const size_t colon = one.rfind(':');
    if (colon == one.npos) continue;
    const std::string host(one.substr(0, colon));
    const std::string port(one.substr(colon + 1));
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) continue;
    for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
      char text[NI_MAXHOST];
      if (::getnameinfo(address->ai_addr, address->ai_addrlen, text, sizeof text, nullptr, 0,
                        NI_NUMERICHOST) != 0)
        continue;
      if (!numeric.empty()) numeric += ',';
      numeric += text;
      numeric += ':' + port;
    }
    ::freeaddrinfo(found);
  }
  return numeric;
}

}  // namespace godwit::coordination::zookeeper
