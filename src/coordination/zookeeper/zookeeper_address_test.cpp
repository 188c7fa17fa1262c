#include "coordination/zookeeper/zookeeper_address.h"

#include <gtest/gtest.h>

namespace godwit::coordination {
namespace {

TEST(ZookeeperAddress, ServersAndRootAreRead) {
  const auto address =
      parse_zookeeper_address("zookeeper://10.0.0.1:2181,zk-2.example.org:2182,[fd00::3]:2183/prod/godwit");
  ASSERT_TRUE(address) << address.error().describe();
  EXPECT_EQ(address->servers, "10.0.0.1:2181,zk-2.example.org:2182,fd00::3:2183");
  EXPECT_EQ(address->root, "/prod/godwit");
}

TEST(ZookeeperAddress, WithoutAPathGodwitHasAPlaceOfItsOwn) {
  for (const char* text : {"zookeeper://a:1", "zookeeper://a:1/"}) {
    EXPECT_EQ(parse_zookeeper_address(text)->root, "/godwit") << text;
  }
  EXPECT_EQ(parse_zookeeper_address("zookeeper://a:1/x/")->root, "/x");
}

TEST(ZookeeperAddress, WhatIsNotAnAddressIsRefusedWithAReason) {
  for (const char* text : {"",
                           "etcd://a:1",
                           "zookeeper://",
                           "zookeeper://a",
                           "zookeeper://a:",
                           "zookeeper://a:0",
                           "zookeeper://a:65536",
                           "zookeeper://a:1x",
                           "zookeeper://:2181",
                           "zookeeper://a:1,",
                           "zookeeper://,a:1",
                           "zookeeper://a b:1",
                           "zookeeper://fd00::3:2181x",
                           "zookeeper://fd00::3",
                           "zookeeper://[a]:1",
                           "zookeeper://a:1//x",
                           "zookeeper://a:1/../x",
                           "zookeeper://a:1/x/.",
                           "zookeeper://a:1/zookeeper",
                           "zookeeper://a:1/zookeeper/x",
                           "zookeeper://a:1/x y"}) {
    const auto address = parse_zookeeper_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().kind, ErrorKind::invalid) << text;
    EXPECT_NE(address.error().message.find("zookeeper://HOST:PORT"), std::string::npos);
  }
}

}  // namespace
}  // namespace godwit::coordination
