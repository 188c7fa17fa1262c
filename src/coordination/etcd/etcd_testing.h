// For tests: an etcd of Debian's etcd-server on loopback, as the host of the contract.
#pragma once

#include "coordination/contract/real_host_testing.h"
#include "coordination/contract/server_process_testing.h"
#include "coordination/etcd/etcd_coordination.h"

namespace godwit::coordination {

struct EtcdMember {
  std::string name = "test";
  uint16_t port = 0;            // for clients; peers use the next one; 0: two that are free
  std::string initial_cluster;  // empty: this member alone
  std::string scheme = "http";  // of its clients
  std::vector<std::string> more{};
};

// One member in a temporary directory. Started by the constructor, which does not wait for it.
class EtcdServer {
 public:
  explicit EtcdServer(EtcdMember member = {}) : member_(std::move(member)) {
    if (member_.port == 0) member_.port = free_ports(2);
    start();
  }
  runtime::Endpoint endpoint() const { return {"127.0.0.1", member_.port}; }
  void start() {
    const std::string clients = member_.scheme + "://127.0.0.1:" + std::to_string(member_.port);
    const std::string peers = "http://127.0.0.1:" + std::to_string(member_.port + 1);
    const std::string cluster =
        member_.initial_cluster.empty() ? member_.name + "=" + peers : member_.initial_cluster;
    // clang-format off
    std::vector<std::string> arguments{
        "etcd", "--name", member_.name, "--data-dir", data(), "--initial-cluster", cluster,
        "--listen-client-urls", clients, "--advertise-client-urls", clients,
        "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers,
        "--heartbeat-interval", "50", "--election-timeout", "500"};
    // clang-format on
    arguments.insert(arguments.end(), member_.more.begin(), member_.more.end());
    process_.emplace(std::move(arguments), directory_.path() + "/output");
  }
  void kill() { process_.reset(); }
  // What it holds is gone, as after the loss of its disk. It must not run.
  void wipe() { std::filesystem::remove_all(data()); }
  ServerProcess& process() { return *process_; }

 private:
  std::string data() const { return directory_.path() + "/data"; }
  EtcdMember member_;
  TemporaryDirectory directory_;
  std::optional<ServerProcess> process_;
};

// Three members of one cluster.
class EtcdCluster {
 public:
  EtcdCluster() {
    const uint16_t first = free_ports(6);
    std::string all;
    const auto port_of = [first](size_t i) { return static_cast<uint16_t>(first + 2 * i); };
    for (size_t i = 0; i < kMembers; ++i) {
      all +=
          (i == 0 ? "m" : ",m") + std::to_string(i) + "=http://127.0.0.1:" + std::to_string(port_of(i) + 1);
    }
    for (size_t i = 0; i < kMembers; ++i) {
      servers_.push_back(std::make_unique<EtcdServer>(
          EtcdMember{.name = "m" + std::to_string(i), .port = port_of(i), .initial_cluster = all}));
    }
  }
  EtcdServer& operator[](size_t i) { return *servers_.at(i); }
  std::vector<runtime::Endpoint> endpoints() const {
    std::vector<runtime::Endpoint> all;
    for (const auto& server : servers_) all.push_back(server->endpoint());
    return all;
  }

 private:
  static constexpr size_t kMembers = 3;
  std::vector<std::unique_ptr<EtcdServer>> servers_;
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
