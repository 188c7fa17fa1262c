// For tests: brokers with managed members on loopback, of which none outlives the test.
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "coordination/contract/real_host_testing.h"
#include "coordination/contract/server_process_testing.h"
#include "coordination/etcd/managed/managed_etcd.h"
#include "runtime/real/real_processes.h"

namespace godwit::coordination {

// Ends every process that names `folder` in its arguments when the test ends, however that ends: members outlive who
// started them, which is what they are for.
class Leftovers {
 public:
  explicit Leftovers(std::string folder) : folder_(std::move(folder)) {
    int ends[2];
    GW_CHECK(::pipe2(ends, O_CLOEXEC) == 0, "a test may make a pipe");
    guard_ = ::fork();
    GW_CHECK(guard_ >= 0, "a test may start a process");
    if (guard_ == 0) {
      ::setsid();
      ::close(ends[1]);
      char byte = 0;
      // Ends when the test's side is closed, by the kernel at the latest.
      while (::read(ends[0], &byte, 1) < 0 && errno == EINTR) {
      }
      signal(SIGKILL);
      ::_exit(0);
    }
    ::close(ends[0]);
    alive_ = ends[1];
  }
  ~Leftovers() {
    ::close(alive_);
    ::waitpid(guard_, nullptr, 0);
  }
  Leftovers(const Leftovers&) = delete;
  Leftovers& operator=(const Leftovers&) = delete;

  // How many run now.
  size_t count() const { return numbers().size(); }
  void signal(int which) const {
    for (const pid_t number : numbers()) ::kill(number, which);
  }
  void freeze() const {
    for (const pid_t number : numbers()) freeze_process(number);
  }
  // SIGKILL; returns when they are gone.
  void kill() const {
    int looks = 0;
    for (signal(SIGKILL); count() > 0; signal(SIGKILL)) {
      GW_CHECK(++looks < 30'000, "a process ends within seconds of being killed");
      ::poll(nullptr, 0, 1);
    }
  }

 private:
  std::vector<pid_t> numbers() const {
    std::vector<pid_t> found;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      std::ifstream in(entry.path() / "cmdline", std::ios::binary);
      const std::string words{std::istreambuf_iterator<char>(in), {}};
      if (words.find(folder_) != std::string::npos) found.push_back(std::stoi(name));
    }
    return found;
  }
  std::string folder_;
  pid_t guard_ = 0;
  int alive_ = -1;
};

// `count` brokers of one cluster, each with a folder for its member.
class ManagedScene {
 public:
  explicit ManagedScene(size_t count = 3)
      : ManagedScene(count, free_ports(static_cast<uint16_t>(2 * count))) {}
  ManagedScene(size_t count, uint16_t first) {
    for (size_t i = 0; i < count; ++i) {
      const auto port = static_cast<uint16_t>(first + 2 * i);
      address_.members.push_back({BrokerId(static_cast<int32_t>(i + 1)), {"127.0.0.1", port}});
    }
  }
  etcd::MemberSettings settings;
  RealStage& stage() { return stage_; }
  const std::string& folder() const { return folder_.path(); }
  runtime::Processes& processes() { return *processes_; }
  const ManagedEtcdAddress& address() const { return address_; }
  Leftovers& leftovers() { return leftovers_; }
  // The machine of that broker is another one from now on: its next start is elsewhere, with a list that says so.
  void moves(int broker) {
    address_.members.at(static_cast<size_t>(broker - 1)).clients.port = free_ports(2);
  }
  std::string folder_of(int broker) const { return folder_.path() + "/etcd-" + std::to_string(broker); }
  ManagedEtcdOptions options_of(int broker) const {
    return {.address = address_,
            .broker = BrokerId(broker),
            .folder = folder_of(broker),
            .cluster = "test",
            .settings = settings};
  }
  runtime::Task<std::unique_ptr<ManagedEtcd>> start(int broker) {
    auto started =
        co_await ManagedEtcd::start(stage_.runtime(), *processes_, options_of(broker), stage_.diagnostics());
    EXPECT_TRUE(started) << started.error().describe();
    co_return started ? std::move(*started) : nullptr;
  }
  runtime::Task<std::unique_ptr<EtcdCoordination>> connect(const ManagedEtcd& to) {
    auto store =
        co_await EtcdCoordination::open(stage_.runtime(), to.client("/godwit/test"), stage_.diagnostics());
    EXPECT_TRUE(store) << store.error().describe();
    co_return store ? std::move(*store) : nullptr;
  }
  std::string output_of(int broker) const {
    std::ifstream in(folder_of(broker) + "/output");
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    return text.size() > 3000 ? text.substr(text.size() - 3000) : text;
  }
  std::string told() {
    std::string text;
    for (const auto& event : stage_.diagnostics().events) text += describe(event) + "\n";
    return text;
  }

 private:
  TemporaryDirectory folder_;
  Leftovers leftovers_{folder_.path()};
  ManagedEtcdAddress address_;
  RealStage stage_;
  std::unique_ptr<runtime::Processes> processes_ = runtime::make_real_processes();
};

inline runtime::Task<bool> all_answer(std::vector<ManagedEtcd*> members) {
  co_return co_await eventually([members]() -> runtime::Task<bool> {
    co_return std::ranges::all_of(members, [](const auto* member) { return member->answers(); });
  });
}

}  // namespace godwit::coordination
