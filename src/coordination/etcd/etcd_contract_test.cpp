#include "coordination/contract/clients_testing.h"
#include "coordination/contract/contract_testing.h"
#include "coordination/contract/server_testing.h"
#include "coordination/etcd/etcd_testing.h"

namespace godwit::coordination {
namespace {

INSTANTIATE_TEST_SUITE_P(Etcd, CoordinationContract,
                         testing::Values([] { return std::make_unique<EtcdHost>(); }));
INSTANTIATE_TEST_SUITE_P(Etcd, CoordinationClients,
                         testing::Values([] { return std::make_unique<EtcdHost>(); }));
INSTANTIATE_TEST_SUITE_P(Etcd, CoordinationServer,
                         testing::Values([] { return std::make_unique<EtcdHost>(); }));

}  // namespace
}  // namespace godwit::coordination
