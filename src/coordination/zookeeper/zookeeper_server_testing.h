// A ZooKeeper server for tests: Debian's jars, run by java beside the test, on loopback; and hosts of the contract over it.
#pragma once

#include <fstream>

#include "coordination/contract/real_host_testing.h"
#include "coordination/contract/server_process_testing.h"
#include "coordination/zookeeper/session.h"
#include "coordination/zookeeper/zookeeper_coordination.h"

namespace godwit::coordination {

// Runs the server that zoo.cfg in the directory describes.
inline std::unique_ptr<ServerProcess> run_zookeeper(const std::string& directory) {
  static constexpr const char* kJars =
      "/usr/share/java/zookeeper.jar:/usr/share/java/zookeeper-jute.jar:/usr/share/java/slf4j-api.jar:"
      "/usr/share/java/slf4j-simple.jar:/usr/share/java/netty-all.jar:/usr/share/java/metrics-core.jar:"
      "/usr/share/java/snappy-java.jar:/usr/share/java/commons-cli.jar:/usr/share/java/commons-io.jar";
  return std::make_unique<ServerProcess>(
      std::vector<std::string>{"java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                               "-Xshare:auto", "-cp", kJars,
                               "org.apache.zookeeper.server.quorum.QuorumPeerMain", directory + "/zoo.cfg"},
      directory + "/output");
}

class ZookeeperService : public EngineService {
 public:
  virtual std::string servers() const = 0;  // as ZookeeperOptions wants them
  // How long a call may take. None of the contract's scenarios is about that, but for those that see calls fail.
  virtual Duration call_timeout() const { return ZookeeperOptions().call_timeout; }
};

class ZookeeperServer final : public ZookeeperService {
 public:
  // `more`: lines of its configuration.
  explicit ZookeeperServer(int tick_ms = 200, const std::string& more = {}) : port_(free_ports()) {
    std::ofstream config(directory_.path() + "/zoo.cfg");
    // Sessions may be as long as a scenario asks; what a real server defaults to (2 to 20 ticks) needs long ticks.
    config << "tickTime=" << tick_ms << "\ndataDir=" << directory_.path() << "/data\nclientPort=" << port_
           << "\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\nmaxSessionTimeout=60000\nadmin.enableServer="
              "false\n"
           << "4lw.commands.whitelist=*\n"
           << more;
    config.close();
    start();
  }
  void start() override { process_ = run_zookeeper(directory_.path()); }
  void kill() override { process_->kill(); }
  void freeze() override { process_->freeze(); }
  void thaw() override { process_->thaw(); }
  // While it is dead: forgets everything.
  void wipe() { std::filesystem::remove_all(directory_.path() + "/data"); }
  std::string servers() const override { return "127.0.0.1:" + std::to_string(port_); }

 private:
  TemporaryDirectory directory_;
  int port_;
  std::unique_ptr<ServerProcess> process_;
};

// Who a host's clients are; without a name they are anybody.
struct ZookeeperUser {
  std::string name{};
  std::string password{};
};

// A root of its own in a ZooKeeper.
class ZookeeperHost final : public RealHost<ZookeeperService> {
 public:
  // The nodes of a user, also the one above the root, are closed to all others: each user has its own.
  explicit ZookeeperHost(std::shared_ptr<ZookeeperService> service, ZookeeperUser user = {})
      : RealHost(std::move(service)),
        user_(std::move(user)),
        root_("/test" + user_.name + "/" + next_number()) {}
  // One more runtime over the same root.
  ZookeeperHost(const ZookeeperHost& other)
      : RealHost(other.service()), user_(other.user_), root_(other.root_) {}

  runtime::Task<std::unique_ptr<Coordination>> connect() override {
    auto store = connect_as({.servers = {},
                             .root = {},
                             .user = user_.name,
                             .password = user_.password,
                             .call_timeout = service()->call_timeout()});
    if (!killed()) {
      // A virtual machine takes its second to start.
      co_await eventually(
          [&store]() -> runtime::Task<bool> { co_return (co_await store->get("/any")).has_value(); },
          std::chrono::minutes(1));
    }
    co_return std::move(store);
  }
  // Returns before it is connected. Servers and root are filled in.
  std::unique_ptr<Coordination> connect_as(ZookeeperOptions options) {
    options.servers = service()->servers();
    options.root = root_;
    return open_zookeeper(*runtime::Shard::current(), std::move(options), diagnostics());
  }
  std::string servers() const { return service()->servers(); }
  const std::string& root() const { return root_; }
  // For a test that speaks to the server past the implementation.
  zookeeper::SessionOptions session_options() const {
    return {.names = std::make_shared<zookeeper::Names>(service()->servers()),
            .timeout = std::chrono::seconds(4)};
  }
  // Removes everything below the root, as an operator might.
  runtime::Task<void> remove_root() { co_await remove_node(root_); }
  // The same for a node and what is below it.
  runtime::Task<void> remove_node(std::string path) {
    zookeeper::Session session(*runtime::Shard::current(), session_options(), nullptr);
    co_await remove(session, std::move(path));
  }
  using RealHost::diagnostics;
  using RealHost::runtime;

 private:
  static runtime::Task<void> remove(zookeeper::Session& session, std::string path) {
    using zookeeper::Operation;
    using zookeeper::Request;
    const MonotonicTime deadline = runtime::Shard::current()->now() + std::chrono::seconds(5);
    std::vector<Request> look{{.kind = Request::Kind::children, .path = path}};
    const auto found = co_await session.ask(std::move(look), deadline);
    GW_REQUIRE_OK(found);
    for (const auto& child : found->front().children) co_await remove(session, path + "/" + child);
    std::vector<Request> removal{{.kind = Request::Kind::change}};
    removal[0].operations.push_back({.kind = Operation::Kind::remove, .path = path, .value = {}});
    const auto removed = co_await session.ask(std::move(removal), deadline);
    GW_REQUIRE_OK(removed);
  }
  ZookeeperUser user_;
  std::string root_;
};

// One server for all scenarios that do it no harm; gone at the end of the program.
inline std::shared_ptr<ZookeeperServer> shared_zookeeper() {
  static const auto server = std::make_shared<ZookeeperServer>();
  return server;
}
inline std::unique_ptr<ZookeeperHost> on_shared_zookeeper() {
  return std::make_unique<ZookeeperHost>(shared_zookeeper());
}

}  // namespace godwit::coordination
