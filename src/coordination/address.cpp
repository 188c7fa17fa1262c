#include "coordination/address.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace godwit::coordination {
namespace {

constexpr size_t kMembersMax = 7;
constexpr std::string_view kForms =
    "local, etcd://HOST:PORT,HOST:PORT, zookeeper://HOST:PORT,HOST:PORT/PATH or "
    "managed-etcd://ID@HOST:PORT,ID@HOST:PORT,ID@HOST:PORT";

// Whether an '@' stands behind anything but a broker's id. Then a password may have been typed, wherever it begins and ends.
bool may_hold_password(std::string_view text) {
  std::string_view behind = "://";  // of the first; the others follow a comma
  for (size_t at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    const std::string_view head = text.substr(0, at);
    const std::string_view before = head.substr(0, head.find_last_not_of("0123456789") + 1);
    if (before.size() == head.size() || !before.ends_with(std::exchange(behind, ","))) return true;
  }
  return false;
}

tl::unexpected<Error> bad(std::string_view text, std::string_view why) {
  // What is printed is kept in files that others read.
  if (may_hold_password(text)) {
    return fail(
        ErrorKind::invalid,
        fmt::format(
            "the coordination address cannot be read, and is not shown, for with an '@' it may hold a "
            "password: user and password go into engine.user and engine.password, the address is {}",
            kForms));
  }
  return fail(ErrorKind::invalid, fmt::format("coordination '{}': {}", text, why));
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto comma = text.find(',');
    parts.push_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

// A server is named whole: no host means "all addresses" elsewhere, and port 0 "any".
Result<runtime::Endpoint> parse_server(std::string_view text) {
  auto endpoint = runtime::parse_endpoint(text);
  if (!endpoint) return endpoint;
  if (endpoint->host.empty()) return fail(ErrorKind::invalid, fmt::format("'{}' has no host", text));
  if (endpoint->port == 0)
    return fail(ErrorKind::invalid, fmt::format("'{}' has no port to connect to", text));
  const bool odd = std::ranges::any_of(endpoint->host, [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == '/' || c == '@' || c == '[' || c == ']' ||
           c == '\x7f';
  });
  if (odd) return fail(ErrorKind::invalid, fmt::format("'{}' is no host", endpoint->host));
  return endpoint;
}

Result<std::vector<runtime::Endpoint>> parse_servers(std::string_view text) {
  std::vector<runtime::Endpoint> servers;
  for (const std::string_view part : split(text)) {
    auto server = parse_server(part);
    if (!server) return fail(server.error());
    if (std::ranges::find(servers, *server) != servers.end())
      return fail(ErrorKind::invalid, fmt::format("{} is named twice", part));
    servers.push_back(std::move(*server));
  }
  return servers;
}

// "/a/b": empty parts would be other keys than the operator reads.
std::optional<std::string> what_is_wrong_with_path(std::string_view path) {
  if (path.empty()) return std::nullopt;
  if (path.ends_with('/')) return "the path does not end with '/'";
  if (path.find("//") != std::string_view::npos) return "the path has an empty part";
  for (size_t begin = 1; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part == "." || part == "..") return "'.' and '..' are no parts of a path here";
    begin = end + 1;
  }
  if (std::ranges::any_of(path, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; }))
    return "the path has a blank or a control character";
  return std::nullopt;
}

Result<ManagedEtcdAddress::Member> parse_member(std::string_view text) {
  const auto at = text.find('@');
  if (at == std::string_view::npos)
    return fail(ErrorKind::invalid, fmt::format("'{}' is not ID@HOST:PORT", text));
  const std::string_view digits = text.substr(0, at);
  int32_t id = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (error != std::errc{} || end != digits.data() + digits.size() || id < 0) {
    return fail(ErrorKind::invalid,
                fmt::format("'{}': the broker id before '@' is not a number from 0 to 2147483647", text));
  }
  auto clients = parse_server(text.substr(at + 1));
  if (!clients) return fail(clients.error());
  if (clients->port == 65535)
    return fail(ErrorKind::invalid,
                fmt::format("'{}': the member's peers use the next port, and there is none", text));
  return ManagedEtcdAddress::Member{BrokerId(id), std::move(*clients)};
}

Result<ManagedEtcdAddress> parse_members(std::string_view text) {
  ManagedEtcdAddress address;
  for (const std::string_view part : split(text)) {
    auto member = parse_member(part);
    if (!member) return fail(member.error());
    for (const auto& other : address.members) {
      if (other.broker == member->broker)
        return fail(ErrorKind::invalid, fmt::format("broker {} is named twice", to_string(other.broker)));
      const int apart = int{other.clients.port} - int{member->clients.port};
      if (other.clients.host == member->clients.host && apart >= -1 && apart <= 1) {
        return fail(ErrorKind::invalid,
                    fmt::format("{} and {} collide: a member uses its port and the next one",
                                runtime::to_string(other.clients), runtime::to_string(member->clients)));
      }
    }
    address.members.push_back(std::move(*member));
  }
  if (address.members.size() % 2 == 0) {
    return fail(ErrorKind::invalid,
                fmt::format("{} members survive no more deaths than {}: name an odd number of brokers",
                            address.members.size(), address.members.size() - 1));
  }
  if (address.members.size() > kMembersMax)
    return fail(ErrorKind::invalid, fmt::format("at most {} brokers run a member", kMembersMax));
  std::ranges::sort(address.members, {}, &ManagedEtcdAddress::Member::broker);
  return address;
}

std::string join(const std::vector<runtime::Endpoint>& servers) {
  std::string text;
  for (const auto& server : servers) text += (text.empty() ? "" : ",") + runtime::to_string(server);
  return text;
}

struct Writer {
  std::string operator()(const LocalAddress&) const { return "local"; }
  std::string operator()(const EtcdAddress& a) const { return "etcd://" + join(a.servers) + a.prefix; }
  std::string operator()(const ZooKeeperAddress& a) const {
    return "zookeeper://" + join(a.servers) + a.path;
  }
  std::string operator()(const ManagedEtcdAddress& a) const {
    std::string text = "managed-etcd://";
    for (const auto& member : a.members) {
      if (!text.ends_with('/')) text += ",";
      text += to_string(member.broker) + "@" + runtime::to_string(member.clients);
    }
    return text;
  }
};

}  // namespace

const ManagedEtcdAddress::Member* ManagedEtcdAddress::of(BrokerId broker) const {
  const auto found = std::ranges::find(members, broker, &Member::broker);
  return found == members.end() ? nullptr : &*found;
}

Result<Address> parse_address(std::string_view text) {
  if (text == "local") return LocalAddress{};
  const auto mark = text.find("://");
  if (mark == std::string_view::npos) return bad(text, fmt::format("it is none of {}", kForms));
  const std::string_view scheme = text.substr(0, mark);
  const std::string_view rest = text.substr(mark + 3);
  const size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view hosts = rest.substr(0, slash);
  const std::string_view path = rest.substr(slash);
  if (scheme == "managed-etcd") {
    if (!path.empty()) return bad(text, "a managed etcd has no path: the cluster's name is its prefix");
    auto members = parse_members(hosts);
    if (!members) return bad(text, members.error().message);
    return std::move(*members);
  }
  if (scheme != "etcd" && scheme != "zookeeper")
    return bad(text, fmt::format("'{}' is no kind of coordination; there are {}", scheme, kForms));
  auto servers = parse_servers(hosts);
  if (!servers) return bad(text, servers.error().message);
  if (const auto wrong = what_is_wrong_with_path(path)) return bad(text, *wrong);
  if (scheme == "zookeeper" && (path == "/zookeeper" || path.starts_with("/zookeeper/")))
    return bad(text, "the node /zookeeper is what ZooKeeper keeps for itself");
  if (scheme == "etcd") return EtcdAddress{std::move(*servers), std::string(path)};
  return ZooKeeperAddress{std::move(*servers), std::string(path)};
}

std::string to_string(const Address& address) {
  return std::visit(Writer{}, address);
}

}  // namespace godwit::coordination
