#include "coordination/memory/memory_coordination.h"

#include "coordination/contract/contract_testing.h"

namespace godwit::coordination {
namespace {

const MakeCoordination kMemory = [](runtime::Runtime&) -> runtime::Task<std::unique_ptr<Coordination>> {
  co_return std::make_unique<MemoryCoordination>();
};

INSTANTIATE_TEST_SUITE_P(Memory, CoordinationContract, testing::Values(kMemory));

}  // namespace
}  // namespace godwit::coordination
