#include "coordination/contract/clients_testing.h"
#include "coordination/contract/contract_testing.h"
#include "coordination/contract/patient_testing.h"
#include "coordination/contract/server_testing.h"
#include "coordination/etcd/etcd_testing.h"
#include "coordination/etcd/secured_etcd_testing.h"

namespace godwit::coordination {
namespace {

// A host over the one etcd of its kind, which all scenarios share and which is gone at the end of the program.
template <class Service, auto... kArguments>
struct On {
  std::unique_ptr<EtcdHost> operator()() const {
    static const std::shared_ptr<EtcdService> service = std::make_shared<Service>(kArguments...);
    return std::make_unique<EtcdHost>(service);
  }
};
const On<EtcdCluster, size_t{1}> kOneMember;
const On<EtcdCluster, size_t{3}> kThreeMembers;
const On<SecuredEtcd> kSecured;

INSTANTIATE_TEST_SUITE_P(Etcd, CoordinationContract, testing::Values(kOneMember));
INSTANTIATE_TEST_SUITE_P(Etcd, CoordinationClients, testing::Values(kOneMember));
INSTANTIATE_TEST_SUITE_P(Etcd, CoordinationServer, testing::Values(kOneMember));
INSTANTIATE_TEST_SUITE_P(Etcd, CoordinationLongLease, testing::Values(kOneMember));
INSTANTIATE_TEST_SUITE_P(Etcd, CoordinationLongOutage, testing::Values(kOneMember));

INSTANTIATE_TEST_SUITE_P(EtcdOfThreeMembers, CoordinationContract, testing::Values(kThreeMembers));
INSTANTIATE_TEST_SUITE_P(EtcdOfThreeMembers, CoordinationClients, testing::Values(kThreeMembers));
INSTANTIATE_TEST_SUITE_P(EtcdOfThreeMembers, CoordinationServer, testing::Values(kThreeMembers));

INSTANTIATE_TEST_SUITE_P(EtcdWithTlsAndPassword, CoordinationContract, testing::Values(kSecured));
INSTANTIATE_TEST_SUITE_P(EtcdWithTlsAndPassword, CoordinationClients, testing::Values(kSecured));
INSTANTIATE_TEST_SUITE_P(EtcdWithTlsAndPassword, CoordinationServer, testing::Values(kSecured));

}  // namespace
}  // namespace godwit::coordination
