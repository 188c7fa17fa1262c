#include "coordination/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::coordination {
namespace {

using runtime::Endpoint;
using testing::HasSubstr;
using testing::Not;

TEST(CoordinationAddress, EachKindIsReadAndWrittenBack) {
  EXPECT_EQ(parse_address("local"), Address(LocalAddress{}));
  EXPECT_EQ(parse_address("etcd://a:2379"), Address(EtcdAddress{{{"a", 2379}}, ""}));
  EXPECT_EQ(parse_address("etcd://a:1,[::1]:2/x/y"), Address(EtcdAddress{{{"a", 1}, {"::1", 2}}, "/x/y"}));
  EXPECT_EQ(parse_address("zookeeper://a:1,b:2/path"),
            Address(ZooKeeperAddress{{{"a", 1}, {"b", 2}}, "/path"}));
  const ManagedEtcdAddress members{
      {{BrokerId(1), {"a", 2379}}, {BrokerId(2), {"b", 2379}}, {BrokerId(30), {"c", 2379}}}};
  EXPECT_EQ(parse_address("managed-etcd://30@c:2379,1@a:2379,2@b:2379"), Address(members));
  for (const char* text :
       {"local", "etcd://a:1,[::1]:2/x/y", "zookeeper://a:1", "managed-etcd://1@a:1,2@a:3,3@a:5"})
    EXPECT_EQ(to_string(*parse_address(text)), text);
}

TEST(CoordinationAddress, ABrokersIdPicksItsMember) {
  const auto parsed = parse_address("managed-etcd://1@a:2379,2@b:2379,3@c:2379");
  const auto& managed = std::get<ManagedEtcdAddress>(*parsed);
  ASSERT_NE(managed.of(BrokerId(2)), nullptr);
  EXPECT_EQ(managed.of(BrokerId(2))->clients, (Endpoint{"b", 2379}));
  EXPECT_EQ(managed.of(BrokerId(2))->peers(), (Endpoint{"b", 2380}));
  EXPECT_EQ(managed.of(BrokerId(4)), nullptr);
}

struct Bad {
  const char* text;
  const char* said;
};

class BadAddress : public testing::TestWithParam<Bad> {};

TEST_P(BadAddress, IsRefusedWithWhatIsWrong) {
  const auto parsed = parse_address(GetParam().text);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().kind, ErrorKind::invalid);
  EXPECT_THAT(parsed.error().message, HasSubstr(GetParam().text));
  EXPECT_THAT(parsed.error().message, HasSubstr(GetParam().said));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadAddress,
    testing::Values(
        Bad{"", "none of local"}, Bad{"consul://a:1", "'consul' is no kind"},
        Bad{"etcd:/a:1", "none of local"}, Bad{"etcd://", "there is no port"},
        Bad{"etcd://a", "there is no port"}, Bad{"etcd://:1", "has no host"},
        Bad{"etcd://a:0", "no port to connect to"}, Bad{"etcd://a:70000", "0 to 65535"},
        Bad{"etcd://a:1,", "there is no port"}, Bad{"etcd://a:1,a:1", "named twice"},
        Bad{"etcd://a:1/", "does not end with '/'"}, Bad{"etcd://a:1//x", "empty part"},
        Bad{"etcd://a:1/x/../y", "'..'"}, Bad{"etcd://a:1/x y", "blank"}, Bad{"etcd://1@a:1", "is no host"},
        Bad{"etcd://http://a:1", "not a number"}, Bad{"etcd://::1:2", "in brackets"},
        Bad{"zookeeper://a:1/x/", "does not end"}, Bad{"zookeeper://a:1/zookeeper", "keeps for itself"},
        Bad{"zookeeper://a:1/zookeeper/x", "keeps for itself"}, Bad{"managed-etcd://a:1", "not ID@HOST:PORT"},
        Bad{"managed-etcd://9999999999@a:1", "broker id"},
        Bad{"managed-etcd://1@a:1,1@b:1,2@c:1", "broker 1 is named twice"},
        Bad{"managed-etcd://1@a:1,2@b:1", "odd number"}, Bad{"managed-etcd://1@a:65535", "next port"},
        Bad{"managed-etcd://1@a:1,2@a:2,3@a:5", "collide"}, Bad{"managed-etcd://1@a:1/x", "no path"},
        Bad{"managed-etcd://1@a:1,2@a:3,3@a:5,4@a:7,5@a:9,6@a:11,7@a:13,8@a:15,9@a:17", "at most 7"}));

TEST(CoordinationAddress, APasswordThatWasTypedIntoItIsNotSaidAgain) {
  for (const char* text :
       {"etcd://root:secret@h:2379", "etcd://root:secret@h:2379,h2:2379/prefix",
        "etcd://root:se/secret@h:2379", "etcd://root:secret,1@h:2379", "etcd://root:secret/1@h:2379",
        "etcd://h:1,root:secret@h2:2379", "etcd://root:secret@1@h:2379",
        "zookeeper://root:secret@h:2181/path", "consul://root:secret@h:1", "root:secret@h:2379",
        "etcd:/root:secret@h:2379", "managed-etcd://root:secret@h:2379",
        "managed-etcd://1@h:2379,root:secret@h2:2379,3@h3:2379", "managed-etcd://secret@h:2379", "secret@"}) {
    const auto parsed = parse_address(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().kind, ErrorKind::invalid);
    EXPECT_THAT(parsed.error().message, Not(HasSubstr("secret"))) << text;
    EXPECT_THAT(parsed.error().message, HasSubstr("go into engine.user and engine.password")) << text;
    EXPECT_THAT(parsed.error().message, HasSubstr("managed-etcd://ID@HOST:PORT")) << text;
  }
}

}  // namespace
}  // namespace godwit::coordination
