#include "config/setting.h"

#include <gtest/gtest.h>

#include <array>

namespace godwit::config {
namespace {

TEST(Setting, ReadsNumbersWithTheUnitsThatPeopleWrite) {
  EXPECT_EQ(to_bytes("64MiB"), 64 << 20);
  EXPECT_EQ(to_bytes("1 GB"), 1000000000);
  EXPECT_EQ(to_bytes("123"), 123);
  EXPECT_FALSE(to_bytes("12 parsecs"));
  EXPECT_EQ(to_milliseconds("10s"), 10000);
  EXPECT_EQ(to_milliseconds("7d"), 604800000);
  EXPECT_EQ(to_milliseconds("-1"), -1);
  EXPECT_FALSE(to_milliseconds("9223372036854775807d"));
  EXPECT_FALSE(to_integer("1.5"));
  EXPECT_FALSE(to_integer(""));
  EXPECT_EQ(to_number("0.5"), 0.5);
  EXPECT_FALSE(to_number("nan"));
}

TEST(Setting, RefusesWithTheNameTheValueAndTheBound) {
  constexpr Setting percent{.name = "share", .type = Type::number, .minimum = 0, .maximum = 1};
  EXPECT_FALSE(check(percent, "0.5"));
  EXPECT_EQ(check(percent, "2"), "share: '2' is above 1");
  EXPECT_EQ(check(percent, "x"), "share: 'x' is not a number");
  static constexpr std::array<std::string_view, 2> kPolicies = {"delete", "compact"};
  constexpr Setting policy{.name = "cleanup.policy", .type = Type::choices, .choices = kPolicies};
  EXPECT_FALSE(check(policy, "delete, compact"));
  EXPECT_EQ(check(policy, "shred"), "cleanup.policy: 'shred' is none of delete, compact");
  constexpr Setting flag{.name = "on", .type = Type::boolean};
  EXPECT_FALSE(check(flag, "TRUE"));
  EXPECT_EQ(check(flag, "yes"), "on: 'yes' is not true or false");
}

TEST(Setting, FindsTheNameThatWasMeant) {
  constexpr std::array<std::string_view, 3> known = {"memory.arena", "journal.files", "kafka"};
  EXPECT_EQ(nearest_name("memory.arean", known), "memory.arena");
  EXPECT_EQ(nearest_name("journal.file", known), "journal.files");
  EXPECT_FALSE(nearest_name("zzzzzzzzzz", known));
}

}  // namespace
}  // namespace godwit::config
