#include "coordination/etcd/managed/member_command.h"

#include <fmt/format.h>

#include <algorithm>

namespace godwit::coordination::etcd {
namespace {

std::string url(bool tls, const runtime::Endpoint& endpoint) {
  return (tls ? "https://" : "http://") + runtime::to_string(endpoint);
}

std::string milliseconds(Duration duration) {
  return std::to_string(duration / std::chrono::milliseconds(1));
}

}  // namespace

std::string name_of(const Member& member) {
  return "broker-" + to_string(member.broker);
}
std::string peer_url(const Member& member, bool tls) {
  return url(tls, member.peers());
}
std::string client_url(const Member& member, bool tls) {
  return url(tls, member.clients);
}

std::string initial_cluster(const ManagedEtcdAddress& address, bool tls) {
  std::string text;
  for (const auto& member : address.members)
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", name_of(member), peer_url(member, tls));
  return text;
}

std::string listen_host(const std::string& host) {
  const bool v6 = host.find(':') != std::string::npos;
  const bool v4 =
      !host.empty() && std::ranges::all_of(host, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  if (v6 || v4) return host;
  return host == "localhost" ? "127.0.0.1" : "0.0.0.0";
}

std::vector<std::string> distinguishing_words(const std::string& data) {
  return {"--data-dir", data};
}

std::vector<std::string> member_command(const MemberSettings& settings, const Member& own,
                                        const std::string& data, const StoredMember& record) {
  const bool tls = settings.tls();
  const std::string host = listen_host(own.clients.host);
  // clang-format off
  std::vector<std::string> words{
      settings.program, "--name", name_of(own), "--data-dir", data,
      "--listen-client-urls", url(tls, {host, own.clients.port}),
      "--advertise-client-urls", client_url(own, tls),
      "--listen-peer-urls", url(tls, {host, own.peers().port}),
      "--initial-advertise-peer-urls", peer_url(own, tls),
      "--initial-cluster", record.initial_cluster,
      "--initial-cluster-state", record.joins ? "existing" : "new",
      "--heartbeat-interval", milliseconds(settings.heartbeat),
      "--election-timeout", milliseconds(settings.election),
      "--auto-compaction-mode", "periodic",
      "--auto-compaction-retention", fmt::format("{}s", settings.retention / std::chrono::seconds(1)),
      "--quota-backend-bytes", std::to_string(settings.quota_bytes),
      "--snapshot-count", std::to_string(settings.snapshot_count),
      "--enable-v2=false", "--logger=zap", "--log-outputs=stderr"};
  if (!record.joins) words.insert(words.end(), {"--initial-cluster-token", token_of(record.nonces())});
  if (tls) {
    words.insert(words.end(), {
        "--cert-file", settings.certificate_file, "--key-file", settings.key_file,
        "--trusted-ca-file", settings.authority_file, "--client-cert-auth",
        "--peer-cert-file", settings.certificate_file, "--peer-key-file", settings.key_file,
        "--peer-trusted-ca-file", settings.authority_file, "--peer-client-cert-auth"});
  }
  // clang-format on
  return words;
}

}  // namespace godwit::coordination::etcd
