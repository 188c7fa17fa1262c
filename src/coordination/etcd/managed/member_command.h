// How a member's etcd is started. Pure.
#pragma once

#include <string>
#include <vector>

#include "coordination/address.h"
#include "coordination/etcd/managed/member_record.h"

namespace godwit::coordination::etcd {

struct MemberSettings {
  std::string program = "etcd";
  // When no leader is heard for an election's time another is elected; the smallest lease is 1.5 times that.
  Duration heartbeat = std::chrono::milliseconds(50);
  Duration election = std::chrono::milliseconds(500);
  // When its data is larger, etcd refuses writes. Old revisions are dropped after the retention, so that it stays small.
  uint64_t quota_bytes = uint64_t{2} << 30;
  Duration retention = std::chrono::minutes(10);
  int64_t snapshot_count = 10'000;  // entries of etcd's own log between two snapshots
  // PEM files; all or none. Clients and peers then show a certificate of this authority.
  std::string authority_file;
  std::string certificate_file;
  std::string key_file;
  bool tls() const { return !certificate_file.empty(); }
};

using Member = ManagedEtcdAddress::Member;

// "broker-1".
std::string name_of(const Member& member);
std::string peer_url(const Member& member, bool tls);
std::string client_url(const Member& member, bool tls);
// NAME=URL,NAME=URL of all.
std::string initial_cluster(const ManagedEtcdAddress& address, bool tls);
// Where it listens: its host where that is an address in numbers, otherwise all addresses of the machine (etcd binds no
// names).
std::string listen_host(const std::string& host);
// The words by which a member's process is found again among all.
std::vector<std::string> distinguishing_words(const std::string& data);

// `data` is the folder of etcd's own files.
std::vector<std::string> member_command(const MemberSettings& settings, const Member& own,
                                        const std::string& data, const StoredMember& record);

}  // namespace godwit::coordination::etcd
