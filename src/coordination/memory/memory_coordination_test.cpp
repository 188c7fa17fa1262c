// The contract over the store of one process, and over the one that simulated nodes share. In one file: a suite can be in
// a program only once.
#include "coordination/contract/clients_testing.h"
#include "coordination/contract/contract_testing.h"
#include "coordination/contract/patient_testing.h"
#include "coordination/contract/server_testing.h"
#include "coordination/contract/sim_host_testing.h"
#include "coordination/memory/memory_server_testing.h"

namespace godwit::coordination {
namespace {

const OpenOnSim kMemory = [](runtime::Runtime&) -> runtime::Task<std::unique_ptr<Coordination>> {
  co_return std::make_unique<MemoryCoordination>();
};

INSTANTIATE_TEST_SUITE_P(Memory, CoordinationContract, testing::Values(on_sim(kMemory)));

class SharedStoreHost final : public ServerHost {
 public:
  explicit SharedStoreHost(uint64_t seed) : sim_(seed), node_(sim_.add("a")) {}
  void run(Scenario scenario) override { EXPECT_TRUE(node_.run(scenario)) << "the scenario can never end"; }
  runtime::Task<std::unique_ptr<Coordination>> connect() override { co_return sim_.connect(node_, "a"); }
  void kill_server() override { sim_.server.stop(); }
  void start_server() override { sim_.server.start(); }
  void freeze_server() override { sim_.server.freeze(); }
  void thaw_server() override { sim_.server.thaw(); }

 private:
  StoreWorld sim_;
  runtime::sim::Node& node_;
};

template <class Make>
std::vector<Make> on_shared_store() {
  std::vector<Make> seeds;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    seeds.push_back([seed] { return std::make_unique<SharedStoreHost>(seed); });
  }
  return seeds;
}

INSTANTIATE_TEST_SUITE_P(MemoryClient, CoordinationContract, testing::ValuesIn(on_shared_store<MakeHost>()));
INSTANTIATE_TEST_SUITE_P(MemoryClient, CoordinationClients, testing::ValuesIn(on_shared_store<MakeHost>()));
INSTANTIATE_TEST_SUITE_P(MemoryClient, CoordinationServer,
                         testing::ValuesIn(on_shared_store<MakeServerHost>()));
INSTANTIATE_TEST_SUITE_P(MemoryClient, CoordinationLongLease, testing::ValuesIn(on_shared_store<MakeHost>()));
INSTANTIATE_TEST_SUITE_P(MemoryClient, CoordinationLongOutage,
                         testing::ValuesIn(on_shared_store<MakeServerHost>()));

}  // namespace
}  // namespace godwit::coordination
