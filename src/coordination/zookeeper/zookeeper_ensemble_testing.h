// Three ZooKeeper servers of one ensemble for tests.
#pragma once

#include <array>

#include "coordination/zookeeper/zookeeper_server_testing.h"

namespace godwit::coordination {

class ZookeeperEnsemble final : public ZookeeperService {
 public:
  static constexpr size_t kServers = 3;
  // `sync_limit`: for how many ticks of 200 ms a server goes on that hears nothing of the others.
  explicit ZookeeperEnsemble(int sync_limit = 20) : first_port_(free_ports(3 * kServers)) {
    for (size_t i = 0; i < kServers; ++i) {
      const std::string directory = directories_[i].path();
      std::ofstream(directory + "/zoo.cfg")
          << "tickTime=200\ninitLimit=50\nsyncLimit=" << sync_limit
          << "\nmaxSessionTimeout=60000\nmaxClientCnxns=0\n"
          << "admin.enableServer=false\ndataDir=" << directory << "/data\nclientPort=" << port(i)
          << "\nclientPortAddress=127.0.0.1\n"
          << server_line(0) << server_line(1) << server_line(2);
      std::filesystem::create_directory(directory + "/data");
      std::ofstream(directory + "/data/myid") << i + 1 << '\n';
      start(i);
    }
  }
  void start(size_t i) { processes_[i] = run_zookeeper(directories_[i].path()); }
  void kill(size_t i) { processes_[i]->kill(); }
  void freeze(size_t i) { processes_[i]->freeze(); }
  void thaw(size_t i) { processes_[i]->thaw(); }
  std::string server(size_t i) const { return "127.0.0.1:" + std::to_string(port(i)); }

  std::string servers() const override { return server(0) + "," + server(1) + "," + server(2); }
  // Three virtual machines that sync one disk, on processors that others use; and less than the two thirds of a session timeout after
  // which another server is tried.
  Duration call_timeout() const override { return std::chrono::seconds(2); }
  void kill() override {
    for (const auto& process : processes_) process->kill();
  }
  void start() override {
    const size_t away = next_away(kServers);
    for (size_t i = 0; i < kServers; ++i)
      if (i != away) start(i);
  }
  void freeze() override {
    for (const auto& process : processes_) process->freeze();
  }
  void thaw() override {
    for (const auto& process : processes_) process->thaw();
  }

 private:
  uint16_t port(size_t i) const { return static_cast<uint16_t>(first_port_ + i); }
  std::string server_line(size_t i) const {
    return "server." + std::to_string(i + 1) + "=127.0.0.1:" + std::to_string(port(kServers + i)) + ":" +
           std::to_string(port(2 * kServers + i)) + "\n";
  }
  uint16_t first_port_;
  std::array<TemporaryDirectory, kServers> directories_;
  std::array<std::unique_ptr<ServerProcess>, kServers> processes_;
};

}  // namespace godwit::coordination
