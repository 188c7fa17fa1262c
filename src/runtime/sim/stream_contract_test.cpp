#include "runtime/contract/stream_contract.h"

#include "runtime/sim/contract_world_testing.h"

namespace godwit::runtime::contract {

INSTANTIATE_TEST_SUITE_P(Sim, StreamContract, testing::Values(&make_sim_world));

}  // namespace godwit::runtime::contract
