#include "broker/throttled_replicas.h"

#include <gtest/gtest.h>

#include "broker/throttle_rates.h"

namespace godwit::broker {
namespace {

const PartitionIndex kZero(0);
const PartitionIndex kOne(1);

TEST(ThrottledReplicas, AreAllOrThoseThatAreNamed) {
  const auto all = *ThrottledReplicas::parse("*");
  EXPECT_TRUE(all.contains(kOne, BrokerId(7)));
  const auto none = *ThrottledReplicas::parse("");
  EXPECT_FALSE(none.contains(kZero, BrokerId(1)));
  const auto some = *ThrottledReplicas::parse("1:3, 0:1,0:2");
  EXPECT_TRUE(some.contains(kZero, BrokerId(2)));
  EXPECT_TRUE(some.contains(kOne, BrokerId(3)));
  EXPECT_FALSE(some.contains(kOne, BrokerId(2)));
  for (const char* wrong : {"all", "0", "0:", ":1", "0:1:2", "a:1", "-1:1", "0:1,*", "0:99999999999"})
    EXPECT_FALSE(ThrottledReplicas::parse(wrong)) << wrong;
}

TEST(ThrottledReplicas, OnlyWhoIsNotInSyncIsOnItsWay) {
  cluster::PartitionState state;
  state.replicas = {BrokerId(1), BrokerId(2), BrokerId(3)};
  state.isr = {BrokerId(1), BrokerId(2)};
  const auto none = *ThrottledReplicas::parse("");
  const auto all = *ThrottledReplicas::parse("*");
  const auto of_one = *ThrottledReplicas::parse("0:1");
  EXPECT_FALSE(is_on_its_way(state, BrokerId(2), all, kZero, BrokerId(1)));
  EXPECT_FALSE(is_on_its_way(state, BrokerId(3), none, kZero, BrokerId(1))) << "it only catches up";
  EXPECT_TRUE(is_on_its_way(state, BrokerId(3), of_one, kZero, BrokerId(1))) << "its leader is named";
  EXPECT_FALSE(is_on_its_way(state, BrokerId(3), of_one, kZero, BrokerId(3))) << "it is not named itself";
  state.adding = {BrokerId(3)};
  EXPECT_TRUE(is_on_its_way(state, BrokerId(3), none, kZero, BrokerId(1)));
  state.isr = state.replicas;
  EXPECT_FALSE(is_on_its_way(state, BrokerId(3), all, kZero, BrokerId(1)));
}

TEST(ThrottleRates, WhatIsSetForOneBrokerBeatsWhatIsSetForAll) {
  cluster::Image image;
  const ThrottleRates at_start{100, 200};
  EXPECT_EQ(throttle_rates(at_start, image, BrokerId(1)), at_start);
  image.broker_configs[kNoBroker] = {{"leader.replication.throttled.rate", "300"}};
  EXPECT_EQ(throttle_rates(at_start, image, BrokerId(1)), (ThrottleRates{300, 200}));
  image.broker_configs[BrokerId(1)] = {{"leader.replication.throttled.rate", "0"},
                                       {"follower.replication.throttled.rate", "9223372036854775807"}};
  EXPECT_EQ(throttle_rates(at_start, image, BrokerId(1)), (ThrottleRates{0, INT64_MAX}));
  EXPECT_EQ(throttle_rates(at_start, image, BrokerId(2)), (ThrottleRates{300, 200}));
}

TEST(ThrottleRates, AreWholeNumbersOfBytes) {
  for (const char* fine : {"0", "1", "9223372036854775807"})
    EXPECT_FALSE(check_throttle_rate(kLeaderThrottle, fine)) << fine;
  for (const char* wrong : {"", "-1", "1.5", "50MB", "9223372036854775808", " 1"})
    EXPECT_TRUE(check_throttle_rate(kLeaderThrottle, wrong)) << wrong;
}

}  // namespace
}  // namespace godwit::broker
