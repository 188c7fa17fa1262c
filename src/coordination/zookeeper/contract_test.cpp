#include "coordination/contract/clients_testing.h"
#include "coordination/contract/contract_testing.h"
#include "coordination/contract/server_testing.h"
#include "coordination/zookeeper/zookeeper_server_testing.h"

namespace godwit::coordination {
namespace {

const MakeHost kShared = [] { return on_shared_zookeeper(); };
const MakeServerHost kOwn = [] { return on_own_zookeeper(); };

INSTANTIATE_TEST_SUITE_P(Zookeeper, CoordinationContract, testing::Values(kShared));
INSTANTIATE_TEST_SUITE_P(Zookeeper, CoordinationClients, testing::Values(kShared));
INSTANTIATE_TEST_SUITE_P(Zookeeper, CoordinationServer, testing::Values(kOwn));

}  // namespace
}  // namespace godwit::coordination
