#include "runtime/contract/file_contract.h"

#include "runtime/real/real_world.h"

namespace godwit::runtime::contract {

INSTANTIATE_TEST_SUITE_P(Real, FileContract, testing::Values(&make_real_world));

}  // namespace godwit::runtime::contract
