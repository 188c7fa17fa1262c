// For tests: an etcd that lets in only who shows a certificate and knows a password.
#pragma once

#include <iterator>

#include "coordination/etcd/etcd_testing.h"
#include "coordination/etcd/wire.h"

namespace godwit::coordination {

// One member. Made on the test's own thread, outside of a scenario: returns once it asks for the password.
class SecuredEtcd final : public EtcdService {
 public:
  SecuredEtcd() {
    RealStage stage;
    stage.run([this](runtime::Runtime& runtime) -> runtime::Task<void> {
      etcd::Wire wire(runtime.shard(0), {.endpoints = cluster_.endpoints(),
                                         .tls = true,
                                         .authority = text_of(pem_),
                                         .certificate = text_of(pem_),
                                         .key = text_of(key_),
                                         .attempt_timeout = std::chrono::seconds(10)});
      EXPECT_TRUE(co_await eventually([&wire]() -> runtime::Task<bool> {
        co_return (co_await wire.status(0)).has_value();
      })) << cluster_.output();
      const auto enabled = co_await wire.enable_auth(0, kPassword);
      EXPECT_TRUE(enabled) << (enabled ? "" : enabled.error().message);
    });
  }
  EtcdOptions client() const override {
    return {.endpoints = cluster_.endpoints(),
            .user = "root",
            .password = kPassword,
            .authority_file = pem_,
            .certificate_file = pem_,
            .key_file = key_};
  }
  void kill() override { cluster_.kill(); }
  void start() override { cluster_.start(); }
  void freeze() override { cluster_.freeze(); }
  void thaw() override { cluster_.thaw(); }
  std::string output() const override { return cluster_.output(); }

 private:
  static constexpr const char* kPassword = "a pass:word";
  static std::string text_of(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  EtcdMember member() const {
    make_certificate(folder_.path(), "godwit");
    // Each client asks for a token of its own; that a password costs etcd some 60 ms by default is not the matter here.
    return {.scheme = "https",
            .more = {"--cert-file", pem_, "--key-file", key_, "--trusted-ca-file", pem_, "--client-cert-auth",
                     "--bcrypt-cost", "4"}};
  }
  TemporaryDirectory folder_;
  std::string pem_ = folder_.path() + "/godwit.pem";
  std::string key_ = folder_.path() + "/godwit.key";
  EtcdCluster cluster_{1, member()};
};

}  // namespace godwit::coordination
