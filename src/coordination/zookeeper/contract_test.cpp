#include "coordination/contract/clients_testing.h"
#include "coordination/contract/contract_testing.h"
#include "coordination/contract/patient_testing.h"
#include "coordination/contract/server_testing.h"
#include "coordination/zookeeper/zookeeper_ensemble_testing.h"

namespace godwit::coordination {
namespace {

// One server for the scenarios that kill it and freeze it, beside the one that is shared with others; and one ensemble.
std::shared_ptr<ZookeeperService> mortal_zookeeper() {
  static const auto server = std::make_shared<ZookeeperServer>();
  return server;
}
std::shared_ptr<ZookeeperService> ensemble() {
  static const auto servers = std::make_shared<ZookeeperEnsemble>();
  return servers;
}
const ZookeeperUser kUser{.name = "godwit", .password = "a pass:word"};

const auto kShared = [] { return on_shared_zookeeper(); };
const auto kMortal = [] { return std::make_unique<ZookeeperHost>(mortal_zookeeper()); };
const auto kSharedAsUser = [] { return std::make_unique<ZookeeperHost>(shared_zookeeper(), kUser); };
const auto kMortalAsUser = [] { return std::make_unique<ZookeeperHost>(mortal_zookeeper(), kUser); };
const auto kEnsemble = [] { return std::make_unique<ZookeeperHost>(ensemble()); };

INSTANTIATE_TEST_SUITE_P(Zookeeper, CoordinationContract, testing::Values(kShared));
INSTANTIATE_TEST_SUITE_P(Zookeeper, CoordinationClients, testing::Values(kShared));
INSTANTIATE_TEST_SUITE_P(Zookeeper, CoordinationServer, testing::Values(kMortal));
INSTANTIATE_TEST_SUITE_P(Zookeeper, CoordinationLongLease, testing::Values(kShared));
INSTANTIATE_TEST_SUITE_P(Zookeeper, CoordinationLongOutage, testing::Values(kMortal));

INSTANTIATE_TEST_SUITE_P(ZookeeperWithDigest, CoordinationContract, testing::Values(kSharedAsUser));
INSTANTIATE_TEST_SUITE_P(ZookeeperWithDigest, CoordinationClients, testing::Values(kSharedAsUser));
INSTANTIATE_TEST_SUITE_P(ZookeeperWithDigest, CoordinationServer, testing::Values(kMortalAsUser));
// For the client that says who it is only once there is somebody to say it to.
INSTANTIATE_TEST_SUITE_P(ZookeeperWithDigest, CoordinationLongOutage, testing::Values(kMortalAsUser));

INSTANTIATE_TEST_SUITE_P(ZookeeperEnsembleOfThree, CoordinationContract, testing::Values(kEnsemble));
INSTANTIATE_TEST_SUITE_P(ZookeeperEnsembleOfThree, CoordinationClients, testing::Values(kEnsemble));
INSTANTIATE_TEST_SUITE_P(ZookeeperEnsembleOfThree, CoordinationServer, testing::Values(kEnsemble));

}  // namespace
}  // namespace godwit::coordination
