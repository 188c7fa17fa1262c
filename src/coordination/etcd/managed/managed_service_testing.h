// For tests: brokers with managed members in a process of their own, as an etcd for the contract.
#pragma once

#include "coordination/etcd/etcd_testing.h"
#include "coordination/etcd/managed/managed_testing.h"

namespace godwit::coordination {

// This program again, which starts the members of an address instead of running tests, and waits to be killed.
class ManagedBrokers final : public testing::Environment {
 public:
  static std::unique_ptr<ServerProcess> run(const ManagedEtcdAddress& address, const std::string& folder) {
    ::setenv(kAddress, to_string(Address(address)).c_str(), 1);
    ::setenv(kFolder, folder.c_str(), 1);
    auto process =
        std::make_unique<ServerProcess>(std::vector<std::string>{"/proc/self/exe"}, folder + "/brokers");
    ::unsetenv(kAddress);
    ::unsetenv(kFolder);
    return process;
  }
  // Where the member of a broker lies.
  static std::string folder_of(const std::string& folder, BrokerId broker) {
    return folder + "/etcd-" + std::to_string(broker.value());
  }
  void SetUp() override {
    if (::getenv(kAddress) == nullptr) return;
    RecordingSink diagnostics;
    const auto runtime = runtime::make_real_runtime({.shards = 1}, diagnostics);
    ::_exit(runtime->run(serve(*runtime, diagnostics)));
  }

 private:
  static constexpr const char* kAddress = "GODWIT_TEST_BROKERS_ADDRESS";
  static constexpr const char* kFolder = "GODWIT_TEST_BROKERS_FOLDER";

  static runtime::Task<int> serve(runtime::Runtime& runtime, DiagnosticSink& diagnostics) {
    const auto processes = runtime::make_real_processes();
    const auto address = std::get<ManagedEtcdAddress>(*parse_address(::getenv(kAddress)));
    std::vector<std::unique_ptr<ManagedEtcd>> brokers;
    for (const auto& member : address.members) {
      auto started = co_await ManagedEtcd::start(runtime, *processes,
                                                 {.address = address,
                                                  .broker = member.broker,
                                                  .folder = folder_of(::getenv(kFolder), member.broker),
                                                  .cluster = "test"},
                                                 diagnostics);
      GW_CHECK(started.has_value(), "the brokers of a test start");
      brokers.push_back(std::move(*started));
    }
    for (;;) co_await runtime::sleep_for(std::chrono::seconds(1));
  }
};
inline testing::Environment* const kManagedBrokers = testing::AddGlobalTestEnvironment(new ManagedBrokers);

// Three brokers and their members. Where it dies, brokers and members do, as by a power cut of all machines; where it hangs,
// the members do, under the eyes of brokers that do not.
class ManagedEtcdService final : public EtcdService {
 public:
  ManagedEtcdService() {
    const uint16_t first = free_ports(6);
    for (int32_t i = 0; i < 3; ++i)
      address_.members.push_back({BrokerId(i + 1), {"127.0.0.1", static_cast<uint16_t>(first + 2 * i)}});
    start();
  }
  // Of a broker: its own member first, which ManagedEtcd::client() says too.
  EtcdOptions client() const override {
    EtcdOptions options;
    for (const auto& member : address_.members) options.endpoints.push_back(member.clients);
    return options;
  }
  void kill() override {
    brokers_.reset();  // first: they would start their members again
    EXPECT_GE(leftovers_.count(), 2u) << "it has a majority whenever a scenario ends it";
    leftovers_.kill();
  }
  void start() override { brokers_ = ManagedBrokers::run(address_, folder_.path()); }
  void freeze() override { leftovers_.freeze(); }
  void thaw() override { leftovers_.signal(SIGCONT); }
  std::string output() const override {
    std::string all = brokers_ ? brokers_->output() : "";
    for (const auto& member : address_.members) {
      std::ifstream in(ManagedBrokers::folder_of(folder_.path(), member.broker) + "/output");
      all += std::string(std::istreambuf_iterator<char>(in), {});
    }
    return all;
  }

 private:
  TemporaryDirectory folder_;
  Leftovers leftovers_{folder_.path()};
  ManagedEtcdAddress address_;
  std::unique_ptr<ServerProcess> brokers_;
};

}  // namespace godwit::coordination
