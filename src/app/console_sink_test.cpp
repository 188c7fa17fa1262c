#include "app/console_sink.h"

#include <gtest/gtest.h>

namespace godwit::app {
namespace {

const Diagnostic kHostile{Severity::warning, "connection.refused", "says \"no\"\n", {{"peer", "a\\b\x01"}}};

TEST(ConsoleSink, ALineForPeople) {
  EXPECT_EQ(format_line(Format::text, "T", {Severity::info, "broker.ready", "serves", {{"kafka", "h:1"}}}),
            "T info broker.ready: serves kafka=h:1");
}

TEST(ConsoleSink, WhatAPeerSentCannotForgeALine) {
  EXPECT_EQ(format_line(Format::text, "T", kHostile).find('\n'), std::string::npos);
  EXPECT_EQ(format_line(Format::json, "T", kHostile),
            "{\"time\":\"T\",\"severity\":\"warning\",\"event\":\"connection.refused\",\"text\":\"says "
            "\\\"no\\\"\\u000a\","
            "\"fields\":{\"peer\":\"a\\\\b\\u0001\"}}");
}

TEST(ConsoleSink, ALineIsJsonWhateverBytesStandInIt) {
  const auto text = [](const std::string& bytes) {
    const std::string line = format_line(Format::json, "T", {Severity::info, "e", bytes, {}});
    const std::string begin = R"({"time":"T","severity":"info","event":"e","text":")";
    EXPECT_TRUE(line.starts_with(begin) && line.ends_with(R"(","fields":{}})")) << line;
    return line.substr(begin.size(), line.size() - begin.size() - std::string(R"(","fields":{}})").size());
  };
  EXPECT_EQ(text("a\u00e9\u20ac\U0001f426z"), "a\u00e9\u20ac\U0001f426z");
  EXPECT_EQ(text("a\xff\xc3"), R"(a\ufffd\ufffd)");
  EXPECT_EQ(text("\xc0\x80"), R"(\ufffd\ufffd)") << "an overlong form";
  EXPECT_EQ(text("\xed\xa0\x80x"), R"(\ufffd\ufffd\ufffdx)") << "a surrogate";
  EXPECT_EQ(text("\xe2\x82"), R"(\ufffd\ufffd)") << "cut off";
}

TEST(ConsoleSink, WhatIsLessSevereIsNotWrittenUntilItIsWanted) {
  testing::internal::CaptureStderr();
  {
    ConsoleSink sink(Format::text, Severity::warning);
    sink.emit({Severity::info, "quiet", "", {}});
    sink.emit({Severity::error, "loud", "", {}});
    sink.set_least(Severity::debug);
    sink.emit({Severity::debug, "detail", "", {}});
  }
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_EQ(out.find("quiet"), std::string::npos);
  EXPECT_NE(out.find("Z error loud: \n"), std::string::npos) << out;
  EXPECT_NE(out.find("Z debug detail: \n"), std::string::npos);
}

}  // namespace
}  // namespace godwit::app
