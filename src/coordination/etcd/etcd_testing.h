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
  bool running() const { return process_.has_value(); }
  ServerProcess& process() { return *process_; }

 private:
  std::string data() const { return directory_.path() + "/data"; }
  EtcdMember member_;
  TemporaryDirectory directory_;
  std::optional<ServerProcess> process_;
};

class EtcdService : public EngineService {
 public:
  // What a client needs to be let in; the prefix is the client's.
  virtual EtcdOptions client() const = 0;
  virtual std::string output() const = 0;  // what it printed, for a failure's message
};

// Members of one cluster.
class EtcdCluster : public EtcdService {
 public:
  // `like`: how each is started, but for its name, port and cluster.
  explicit EtcdCluster(size_t count = 3, const EtcdMember& like = {}) {
    const uint16_t first = free_ports(static_cast<uint16_t>(2 * count));
    std::string all;
    const auto port_of = [first](size_t i) { return static_cast<uint16_t>(first + 2 * i); };
    for (size_t i = 0; i < count; ++i) {
      all +=
          (i == 0 ? "m" : ",m") + std::to_string(i) + "=http://127.0.0.1:" + std::to_string(port_of(i) + 1);
    }
    for (size_t i = 0; i < count; ++i) {
      EtcdMember member = like;
      member.name = "m" + std::to_string(i);
      member.port = port_of(i);
      member.initial_cluster = all;
      servers_.push_back(std::make_unique<EtcdServer>(std::move(member)));
    }
  }
  EtcdServer& operator[](size_t i) { return *servers_.at(i); }
  std::vector<runtime::Endpoint> endpoints() const {
    std::vector<runtime::Endpoint> all;
    all.reserve(servers_.size());
    for (const auto& server : servers_) all.push_back(server->endpoint());
    return all;
  }
  EtcdOptions client() const override { return {.endpoints = endpoints()}; }
  void kill() override {
    for (const auto& server : servers_) server->kill();
  }
  void start() override {
    const size_t away = next_away(servers_.size());
    for (size_t i = 0; i < servers_.size(); ++i)
      if (i != away) servers_[i]->start();
  }
  void freeze() override { for_each_running(&ServerProcess::freeze); }
  void thaw() override { for_each_running(&ServerProcess::thaw); }
  std::string output() const override {
    std::string all;
    for (const auto& server : servers_)
      if (server->running()) all += server->process().output();
    return all;
  }

 private:
  void for_each_running(void (ServerProcess::*what)()) {
    for (const auto& server : servers_)
      if (server->running()) (server->process().*what)();
  }
  std::vector<std::unique_ptr<EtcdServer>> servers_;
};

// A prefix of its own in an etcd.
class EtcdHost final : public RealHost<EtcdService> {
 public:
  explicit EtcdHost(std::shared_ptr<EtcdService> service)
      : RealHost(std::move(service)), prefix_("/godwit/test/" + next_number()) {}
  runtime::Task<std::unique_ptr<Coordination>> connect() override {
    EtcdOptions options = service()->client();
    options.prefix = prefix_;
    auto store = co_await EtcdCoordination::open(runtime(), std::move(options), diagnostics());
    EXPECT_TRUE(store) << store.error().describe();
    if (!store) co_return nullptr;
    if (!waited_) {
      waited_ = true;
      Coordination& first = **store;
      EXPECT_TRUE(co_await eventually([&first]() -> runtime::Task<bool> {
        co_return (co_await first.get("/any")).has_value();
      })) << service()->output();
    }
    co_return std::move(*store);
  }

 private:
  std::string prefix_;
  bool waited_ = false;  // until it answers; it may have been started just now
};

}  // namespace godwit::coordination
