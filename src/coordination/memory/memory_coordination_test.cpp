#include "coordination/memory/memory_coordination.h"

#include "coordination/contract/contract_testing.h"
#include "coordination/contract/sim_host_testing.h"

namespace godwit::coordination {
namespace {

const OpenOnSim kMemory = [](runtime::Runtime&) -> runtime::Task<std::unique_ptr<Coordination>> {
  co_return std::make_unique<MemoryCoordination>();
};

INSTANTIATE_TEST_SUITE_P(Memory, CoordinationContract, testing::Values(on_sim(kMemory)));

}  // namespace
}  // namespace godwit::coordination
