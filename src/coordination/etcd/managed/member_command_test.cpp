#include "coordination/etcd/managed/member_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::coordination::etcd {
namespace {

using testing::Contains;
using testing::HasSubstr;

const ManagedEtcdAddress kAddress =
    std::get<ManagedEtcdAddress>(*parse_address("managed-etcd://1@10.0.0.1:2379,2@b2:2379,3@[::1]:2379"));

std::string value_of(const std::vector<std::string>& words, const std::string& flag) {
  const auto found = std::ranges::find(words, flag);
  return found == words.end() || found + 1 == words.end() ? "" : *(found + 1);
}

TEST(MemberCommand, AMemberOfANewClusterNamesAllAndTheToken) {
  StoredMember record;
  record.initial_cluster = initial_cluster(kAddress, false);
  record.set_nonces({{BrokerId(1), {}}});
  const auto words = member_command({}, kAddress.members[0], "/data/etcd/data", record);
  EXPECT_EQ(value_of(words, "--initial-cluster"),
            "broker-1=http://10.0.0.1:2380,broker-2=http://b2:2380,broker-3=http://[::1]:2380");
  EXPECT_EQ(value_of(words, "--initial-cluster-state"), "new");
  EXPECT_THAT(value_of(words, "--initial-cluster-token"), HasSubstr("godwit-"));
  EXPECT_EQ(value_of(words, "--heartbeat-interval"), "50");
  EXPECT_EQ(value_of(words, "--election-timeout"), "500");
  EXPECT_EQ(value_of(words, "--quota-backend-bytes"), "2147483648");
  EXPECT_EQ(value_of(words, "--auto-compaction-retention"), "600s");
  EXPECT_EQ(value_of(words, "--snapshot-count"), "10000");
  EXPECT_EQ(value_of(words, "--data-dir"), "/data/etcd/data");
}

TEST(MemberCommand, OneThatJoinsHasNoTokenToFormWith) {
  StoredMember record;
  record.joins = true;
  const auto words = member_command({}, kAddress.members[0], "/d", record);
  EXPECT_EQ(value_of(words, "--initial-cluster-state"), "existing");
  EXPECT_EQ(value_of(words, "--initial-cluster-token"), "");
}

TEST(MemberCommand, ItListensAtItsAddressOrEverywhereWhereItHasANameOnly) {
  EXPECT_EQ(value_of(member_command({}, kAddress.members[0], "/d", {}), "--listen-peer-urls"),
            "http://10.0.0.1:2380");
  EXPECT_EQ(value_of(member_command({}, kAddress.members[1], "/d", {}), "--listen-client-urls"),
            "http://0.0.0.0:2379");
  EXPECT_EQ(value_of(member_command({}, kAddress.members[1], "/d", {}), "--advertise-client-urls"),
            "http://b2:2379");
  EXPECT_EQ(value_of(member_command({}, kAddress.members[2], "/d", {}), "--listen-client-urls"),
            "http://[::1]:2379");
}

TEST(MemberCommand, WithTlsClientsAndPeersShowACertificate) {
  const MemberSettings settings{.authority_file = "/ca", .certificate_file = "/cert", .key_file = "/key"};
  const auto words = member_command(settings, kAddress.members[0], "/d", {});
  for (const char* flag : {"--client-cert-auth", "--peer-client-cert-auth"})
    EXPECT_THAT(words, Contains(flag));
  EXPECT_EQ(value_of(words, "--peer-trusted-ca-file"), "/ca");
  EXPECT_EQ(value_of(words, "--listen-peer-urls"), "https://10.0.0.1:2380");
}

}  // namespace
}  // namespace godwit::coordination::etcd
