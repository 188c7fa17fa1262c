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

// An etcd as the contract's scenarios know it: all of its members die, hang and come back together.
class EtcdService {
 public:
  virtual ~EtcdService() = default;
  // What a client needs to be let in; the prefix is the client's.
  virtual EtcdOptions client() const = 0;
  virtual void kill() = 0;
  virtual void start() = 0;  // after kill(); returns before it answers
  virtual void freeze() = 0;
  virtual void thaw() = 0;
  virtual std::string output() const = 0;  // what it printed, for a failure's message
};

// Members of one cluster.
class EtcdCluster final : public EtcdService {
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
    for (const auto& server : servers_) all.push_back(server->endpoint());
    return all;
  }
  EtcdOptions client() const override { return {.endpoints = endpoints()}; }
  void kill() override {
    for (const auto& server : servers_) server->kill();
  }
  // Of several, one stays away until the next start, each time another: a majority has to do, and clients have to leave an
  // endpoint where nobody listens.
  void start() override {
    const size_t away = servers_.size() > 1 ? starts_++ % servers_.size() : servers_.size();
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
  size_t starts_ = 0;
};

// A prefix of its own in an etcd that other hosts may use before and after it, never at the same time where this one kills or
// freezes: what it broke it puts right at its end.
class EtcdHost final : public RealHost {
 public:
  explicit EtcdHost(std::shared_ptr<EtcdService> service)
      : service_(std::move(service)), prefix_("/godwit/test/" + std::to_string(++hosts())) {}
  ~EtcdHost() override {
    if (frozen_) service_->thaw();
    if (killed_) service_->start();
  }
  runtime::Task<std::unique_ptr<Coordination>> connect() override {
    EtcdOptions options = service_->client();
    options.prefix = prefix_;
    auto store = co_await EtcdCoordination::open(runtime(), std::move(options), diagnostics());
    EXPECT_TRUE(store) << store.error().describe();
    if (!store) co_return nullptr;
    if (!waited_) {
      waited_ = true;
      Coordination& first = **store;
      EXPECT_TRUE(co_await eventually([&first]() -> runtime::Task<bool> {
        co_return (co_await first.get("/any")).has_value();
      })) << service_->output();
    }
    co_return std::move(*store);
  }
  void kill_server() override {
    killed_ = true;
    service_->kill();
  }
  void start_server() override {
    killed_ = false;
    service_->start();
  }
  void freeze_server() override {
    frozen_ = true;
    service_->freeze();
  }
  void thaw_server() override {
    frozen_ = false;
    service_->thaw();
  }

 private:
  static int& hosts() {
    static int count = 0;
    return count;
  }
  std::shared_ptr<EtcdService> service_;
  std::string prefix_;
  bool waited_ = false;  // until it answers; it may have been started just now
  bool killed_ = false;
  bool frozen_ = false;
};

}  // namespace godwit::coordination
