// For tests: an etcd of Debian's etcd-server on loopback, as the host of the contract.
#pragma once

#include "coordination/contract/real_host_testing.h"
#include "coordination/contract/server_process_testing.h"
#include "coordination/etcd/etcd_coordination.h"

namespace godwit::coordination {

// One member alone, in a temporary directory. Started by the constructor, which does not wait for it.
class EtcdServer {
 public:
  explicit EtcdServer(std::vector<std::string> more = {}) : more_(std::move(more)), port_(free_ports(2)) {
    start();
  }
  runtime::Endpoint endpoint() const { return {"127.0.0.1", port_}; }
  const std::string& directory() const { return directory_.path(); }
  void start() {
    const std::string clients = "http://127.0.0.1:" + std::to_string(port_);
    const std::string peers = "http://127.0.0.1:" + std::to_string(port_ + 1);
    std::vector<std::string> arguments{"etcd",
                                       "--name",
                                       "test",
                                       "--data-dir",
                                       directory_.path() + "/data",
                                       "--listen-client-urls",
                                       clients,
                                       "--advertise-client-urls",
                                       clients,
                                       "--listen-peer-urls",
                                       peers,
                                       "--initial-advertise-peer-urls",
                                       peers,
                                       "--initial-cluster",
                                       "test=" + peers,
                                       "--heartbeat-interval",
                                       "50",
                                       "--election-timeout",
                                       "500"};
    arguments.insert(arguments.end(), more_.begin(), more_.end());
    process_.emplace(std::move(arguments), directory_.path() + "/output");
  }
  void kill() { process_.reset(); }
  ServerProcess& process() { return *process_; }

 private:
  std::vector<std::string> more_;
  TemporaryDirectory directory_;
  uint16_t port_;
  std::optional<ServerProcess> process_;
};

class EtcdHost final : public RealHost {
 public:
  runtime::Task<std::unique_ptr<Coordination>> connect() override {
    auto store = co_await EtcdCoordination::open(
        runtime(), {.endpoints = {server_.endpoint()}, .prefix = "/godwit/test"}, diagnostics());
    EXPECT_TRUE(store) << store.error().describe();
    if (!store) co_return nullptr;
    if (!waited_) {
      waited_ = true;
      Coordination& first = **store;
      EXPECT_TRUE(co_await eventually([&first]() -> runtime::Task<bool> {
        co_return (co_await first.get("/any")).has_value();
      })) << server_.process().output();
    }
    co_return std::move(*store);
  }
  void kill_server() override { server_.kill(); }
  void start_server() override { server_.start(); }
  void freeze_server() override { server_.process().freeze(); }
  void thaw_server() override { server_.process().thaw(); }

 private:
  EtcdServer server_;
  bool waited_ = false;  // for the server's first start
};

}  // namespace godwit::coordination
