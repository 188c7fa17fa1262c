#include "cli/values.h"

#include <gtest/gtest.h>

namespace godwit::cli {
namespace {

using namespace std::chrono_literals;

TEST(Values, DurationsAreTakenAsPeopleAndAsKafkaWriteThem) {
  EXPECT_EQ(*parse_duration("90s"), 90s);
  EXPECT_EQ(*parse_duration("1h30m"), 90min);
  EXPECT_EQ(*parse_duration("250ms"), 250ms);
  EXPECT_EQ(*parse_duration("2d"), 48h);
  EXPECT_EQ(*parse_duration("PT1H30M"), 90min);
  EXPECT_EQ(*parse_duration("P1DT12H"), 36h);
}

TEST(Values, WhatIsNoDurationIsRefused) {
  for (const char* text :
       {"", "90", "s", "1x", "-1s", "P1M", "1h 30m", "99999999999999999999s", "9999999999d"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Values, TimesHaveZonesAndFractions) {
  EXPECT_EQ(*parse_time("1970-01-02"), 86'400'000);
  EXPECT_EQ(*parse_time("1970-01-01T00:00:01.5Z"), 1500);
  EXPECT_EQ(*parse_time("1970-01-01T01:00:00+01:00"), 0);
  EXPECT_EQ(*parse_time("2026-11-21T10:00:00"), *parse_time("2026-11-21T10:00:00Z"));
  EXPECT_EQ(print_time(*parse_time("2026-11-21T10:00:00.123Z")), "2026-11-21T10:00:00.123Z");
}

TEST(Values, WhatIsNoTimeIsRefused) {
  for (const char* text :
       {"", "2026", "2026-13-01", "2026-02-30", "2026-11-21T25:00", "2026-11-21T10:00:00.Z",
        "2026-11-21T10:00:00+99:00", "2026-11-21x", "yesterday"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
}

TEST(Values, AStartIsAWordAnOffsetOrATime) {
  EXPECT_EQ(parse_start("beginning")->kind, client::Start::Kind::beginning);
  EXPECT_EQ(parse_start("end")->kind, client::Start::Kind::end);
  EXPECT_EQ(parse_start("42")->value, 42);
  EXPECT_EQ(parse_start("42")->kind, client::Start::Kind::offset);
  EXPECT_EQ(parse_start("1970-01-02")->kind, client::Start::Kind::timestamp);
  EXPECT_FALSE(parse_start("-1"));
  EXPECT_FALSE(parse_start("begining"));
}

TEST(Values, TopicsMayNamePartitions) {
  EXPECT_EQ(*parse_topic_partitions("orders"), (std::pair<std::string, std::vector<int32_t>>("orders", {})));
  EXPECT_EQ(*parse_topic_partitions("orders:0,3"),
            (std::pair<std::string, std::vector<int32_t>>("orders", {0, 3})));
  for (const char* text : {"", ":1", "orders:", "orders:1,", "orders:-1", "orders:x"}) {
    EXPECT_FALSE(parse_topic_partitions(text)) << text;
  }
}

TEST(Values, BrokersHaveAPortUnlessItIsKafkas) {
  const auto brokers = parse_brokers("b1:1234,b2,[::1]");
  ASSERT_TRUE(brokers);
  EXPECT_EQ(*brokers, (std::vector<runtime::Endpoint>{{"b1", 1234}, {"b2", 9092}, {"::1", 9092}}));
  for (const char* text : {"", ",", "b1:x", "b1:70000", "b1:0"}) EXPECT_FALSE(parse_brokers(text)) << text;
}

TEST(Values, SettingsMayHoldAnEqualsSign) {
  EXPECT_EQ(*parse_setting("a=b=c"), (std::pair<std::string, std::string>("a", "b=c")));
  EXPECT_EQ(parse_setting("a=")->second, "");
  EXPECT_FALSE(parse_setting("a"));
  EXPECT_FALSE(parse_setting("=b"));
}

TEST(Values, EscapesBecomeWhatTheyStandFor) {
  EXPECT_EQ(*unescape("a\\tb\\n\\x41\\\\"), "a\tb\nA\\");
  EXPECT_EQ(unescape("\\0")->size(), 1u);
  for (const char* text : {"\\", "\\q", "\\x4", "\\xzz"}) EXPECT_FALSE(unescape(text)) << text;
}

}  // namespace
}  // namespace godwit::cli
