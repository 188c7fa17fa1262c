// What a broker remembers of the etcd member beside it: the file `member.a`/`.b` of its folder (docs/formats/coordination.md).
#pragma once

#include <string>
#include <vector>

#include "codec/codec.h"
#include "coordination/etcd/managed/formation.h"
#include "durable/two_copy_file.h"
#include "runtime/process.h"

namespace godwit::coordination::etcd {

struct StoredNonce {
  BrokerId broker;
  Uuid nonce;
  static void fields(auto& f) {
    f("broker", &StoredNonce::broker);
    f("nonce", &StoredNonce::nonce);
  }
  friend bool operator==(const StoredNonce&, const StoredNonce&) = default;
};

struct StoredMember {
  static constexpr codec::Format kFormat{.name = "StoredMember", .versions = {0, 0}, .flexible_since = 0};
  Uuid nonce;                        // drawn when the folder was found empty
  std::vector<StoredNonce> decided;  // of all members, by formation; empty otherwise
  std::string initial_cluster;       // with what the member is started, NAME=URL,…; empty: not known yet
  bool joins = false;                // it enters a cluster that exists
  bool ran = false;                  // it has answered: from now on its data must be there
  int64_t member = 0;                // etcd's own ids, once known: 64 bits as they are
  int64_t cluster = 0;
  int64_t process = 0;  // the running etcd; 0: none
  int64_t process_started = 0;
  std::string process_boot;
  static void fields(auto& f) {
    f("nonce", &StoredMember::nonce);
    f("decided", &StoredMember::decided);
    f("initial_cluster", &StoredMember::initial_cluster);
    f("joins", &StoredMember::joins);
    f("ran", &StoredMember::ran);
    f("member", &StoredMember::member);
    f("cluster", &StoredMember::cluster);
    f("process", &StoredMember::process);
    f("process_started", &StoredMember::process_started);
    f("process_boot", &StoredMember::process_boot);
  }
  friend bool operator==(const StoredMember&, const StoredMember&) = default;

  Nonces nonces() const;
  void set_nonces(const Nonces& nonces);
  runtime::ProcessIdentity identity() const;
  void set_identity(const runtime::ProcessIdentity& identity);
};

class MemberRecord {
 public:
  MemberRecord(runtime::FileSystem& files, const std::string& folder);
  // Reads what is there; false when there is nothing yet. Errors: corrupt, unsupported, io, permission.
  runtime::Task<Result<bool>> load();
  // Durable on return. Errors: no_space, io, permission.
  runtime::Task<Result<void>> save();
  StoredMember value;

 private:
  durable::TwoCopyFile file_;
};

}  // namespace godwit::coordination::etcd
