// Members that brokers manage keep the contract as an etcd does that somebody runs. What mostly waits (patient_testing.h) is shown there.
#include "coordination/contract/clients_testing.h"
#include "coordination/contract/contract_testing.h"
#include "coordination/contract/server_testing.h"
#include "coordination/etcd/managed/managed_service_testing.h"

namespace godwit::coordination {
namespace {

// Three brokers for all scenarios; they and their members are gone at the end of the program.
const auto kManaged = [] {
  static const auto service = std::make_shared<ManagedEtcdService>();
  return std::make_unique<EtcdHost>(service);
};

INSTANTIATE_TEST_SUITE_P(ManagedEtcd, CoordinationContract, testing::Values(kManaged));
INSTANTIATE_TEST_SUITE_P(ManagedEtcd, CoordinationClients, testing::Values(kManaged));
INSTANTIATE_TEST_SUITE_P(ManagedEtcd, CoordinationServer, testing::Values(kManaged));

}  // namespace
}  // namespace godwit::coordination
