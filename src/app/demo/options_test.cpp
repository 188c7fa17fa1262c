#include "app/demo/options.h"

#include <gtest/gtest.h>

namespace godwit::app::demo {
namespace {

std::variant<Options, Say> parsed(std::vector<std::string> words) {
  return parse(words);
}

TEST(DemoOptions, WithoutAWordAnEtcdIsStartedBesideTheBrokers) {
  const auto options = std::get<Options>(parsed({}));
  EXPECT_TRUE(options.coordination.empty());
  EXPECT_FALSE(options.managed_etcd);
}

TEST(DemoOptions, AServiceThatRunsAlreadyIsTakenAsItIsNamed) {
  const auto options = std::get<Options>(parsed({"--coordination", "zookeeper://127.0.0.1:2181"}));
  EXPECT_EQ(options.coordination, "zookeeper://127.0.0.1:2181");
  EXPECT_FALSE(options.managed_etcd);
}

TEST(DemoOptions, ManagedEtcdNeedsNoAddress) {
  const auto options = std::get<Options>(parsed({"--coordination", "managed-etcd"}));
  EXPECT_TRUE(options.coordination.empty());
  EXPECT_TRUE(options.managed_etcd);
}

TEST(DemoOptions, TooFewBrokersAreAMistake) {
  const auto say = std::get<Say>(parsed({"--kafka", "127.0.0.1:1,127.0.0.1:2"}));
  EXPECT_EQ(say.exit_code, 2);
  EXPECT_NE(say.text.find("--kafka"), std::string::npos);
}

}  // namespace
}  // namespace godwit::app::demo
