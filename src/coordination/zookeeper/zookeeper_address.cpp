#include "coordination/zookeeper/zookeeper_address.h"

#include <algorithm>
#include <charconv>

namespace godwit::coordination {
namespace {

constexpr std::string_view kScheme = "zookeeper://";
constexpr std::string_view kDefaultRoot = "/godwit";

tl::unexpected<Error> wrong(std::string_view part, std::string_view why) {
  return fail(ErrorKind::invalid, "coordination address: '" + std::string(part) + "' " + std::string(why) +
                                      "; write zookeeper://HOST:PORT,HOST:PORT/path");
}

bool is_port(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port > 0 && port <= 65535;
}

bool is_name(std::string_view host) {
  return !host.empty() && std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
}

bool is_ip6(std::string_view host) {
  return host.find(':') != host.npos && host.find_first_not_of("0123456789abcdefABCDEF:.") == host.npos;
}

// "HOST:PORT" or "[IP6]:PORT", without the brackets.
Result<std::string> server(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == text.npos) return wrong(text, "has no port");
  if (!is_port(text.substr(colon + 1))) return wrong(text, "has no port between 1 and 65535");
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']') && is_ip6(host.substr(1, host.size() - 2))) {
    host = host.substr(1, host.size() - 2);
  } else if (!is_name(host)) {
    return wrong(text, "names no host (an IPv6 address stands in brackets)");
  }
  return std::string(host) + ":" + std::string(text.substr(colon + 1));
}

Result<std::string> root(std::string_view path) {
  if (path.empty() || path == "/") return std::string(kDefaultRoot);
  if (path.ends_with('/')) path.remove_suffix(1);
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at + 1), path.size());
    const std::string_view segment = path.substr(at + 1, end - at - 1);
    if (!is_name(segment) || segment == "." || segment == "..")
      return wrong(path, "has a part that is empty or holds more than letters, digits, '.', '-' and '_'");
    if (at == 0 && segment == "zookeeper") return wrong(path, "is what ZooKeeper keeps for itself");
    at = end;
  }
  return std::string(path);
}

}  // namespace

Result<ZookeeperAddress> parse_zookeeper_address(std::string_view text) {
  if (!text.starts_with(kScheme)) return wrong(text, "does not begin with zookeeper://");
  text.remove_prefix(kScheme.size());
  const size_t slash = std::min(text.find('/'), text.size());
  auto path = root(text.substr(slash));
  if (!path) return fail(path.error());
  ZookeeperAddress address{.servers = {}, .root = std::move(*path)};
  std::string_view servers = text.substr(0, slash);
  for (;;) {
    const size_t comma = std::min(servers.find(','), servers.size());
    auto one = server(servers.substr(0, comma));
    if (!one) return fail(one.error());
    if (!address.servers.empty()) address.servers += ',';
    address.servers += *one;
    if (comma == servers.size()) return address;
    servers.remove_prefix(comma + 1);
  }
}

}  // namespace godwit::coordination
