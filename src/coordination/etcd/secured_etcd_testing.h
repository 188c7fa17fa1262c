// For tests: an etcd that lets in only who shows a certificate and knows a password.
#pragma once

#include <iterator>

#include "coordination/etcd/etcd_testing.h"
#include "coordination/etcd/wire.h"

namespace godwit::coordination {

// A folder with a certificate.
struct Certified {
  Certified() { make_certificate(folder.path(), "godwit"); }
  TemporaryDirectory folder;
  std::string pem = folder.path() + "/godwit.pem";
  std::string key = folder.path() + "/godwit.key";
};

// One member. Made on the test's own thread, outside of a scenario: returns once it asks for the password.
class SecuredEtcd final : Certified, public EtcdCluster {
 public:
  SecuredEtcd() : EtcdCluster(1, member(*this)) {
    RealStage stage;
    stage.run([this](runtime::Runtime& runtime) -> runtime::Task<void> {
      etcd::Wire wire(runtime.shard(0), {.endpoints = endpoints(),
                                         .tls = true,
                                         .authority = text_of(pem),
                                         .certificate = text_of(pem),
                                         .key = text_of(key),
                                         .attempt_timeout = std::chrono::seconds(10)});
      EXPECT_TRUE(co_await eventually([&wire]() -> runtime::Task<bool> {
        co_return (co_await wire.status(0)).has_value();
      })) << output();
      const auto enabled = co_await wire.enable_auth(0, kPassword);
      EXPECT_TRUE(enabled) << (enabled ? "" : enabled.error().message);
    });
  }
  EtcdOptions client() const override {
    return {.endpoints = endpoints(),
            .user = "root",
            .password = kPassword,
            .authority_file = pem,
            .certificate_file = pem,
            .key_file = key};
  }

 private:
  static constexpr const char* kPassword = "a pass:word";
  static std::string text_of(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static EtcdMember member(const Certified& with) {
    // Each client asks for a token of its own; that a password costs etcd some 60 ms by default is not the matter here.
    return {.scheme = "https",
            .more = {"--cert-file", with.pem, "--key-file", with.key, "--trusted-ca-file", with.pem,
                     "--client-cert-auth", "--bcrypt-cost", "4"}};
  }
};

}  // namespace godwit::coordination
