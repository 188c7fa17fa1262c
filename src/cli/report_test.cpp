#include "cli/report.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "cli/assignment.h"
#include "cli/record_format.h"

namespace godwit::cli {
namespace {

TEST(Report, ColumnsAreAlignedByWhatIsSeen) {
  Table table({"A", "LONG NAME", "C"});
  table.add({"käse", "x", "1"});
  table.add({"a", "tab\there", "2"});
  EXPECT_EQ(table.text(),
            "A     LONG NAME  C\n"
            "käse  x          1\n"
            "a     tab?here   2\n");
}

TEST(Report, JsonEscapesWhatMustBeAndReplacesWhatIsNoText) {
  EXPECT_EQ(json_text("a\"b\\c\nd\x01"), "\"a\\\"b\\\\c\\nd\\u0001\"");
  EXPECT_EQ(json_text("k\xc3\xa4se"), "\"k\xc3\xa4se\"");
  EXPECT_EQ(json_text("\xff\xc3"), "\"\\ufffd\\ufffd\"");
  EXPECT_EQ(json_text("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"");
  EXPECT_EQ(Json().set("a", 1).set("b", true).set_null("c").set("d", "x").text(),
            R"({"a":1,"b":true,"c":null,"d":"x"})");
}

TEST(Report, ARecordIsPrintedAsTheFormatSays) {
  client::Record record;
  record.topic = "orders";
  record.partition = 3;
  record.offset = 42;
  record.timestamp_ms = 1000;
  record.key = "k";
  record.value = "v";
  record.headers = {{"h", "1"}, {"n", std::nullopt}};
  EXPECT_EQ(RecordFormat::parse("%t-%p@%o %T %k=%v [%h] 100%%\\n")->print(record),
            "orders-3@42 1000 k=v [h=1,n=] 100%\n");
  EXPECT_EQ(json_from(record),
            R"({"topic":"orders","partition":3,"offset":42,"timestamp":1000,"key":"k","value":"v",)"
            R"("headers":[{"name":"h","value":"1"},{"name":"n","value":null}]})");
  EXPECT_FALSE(RecordFormat::parse("%x"));
  EXPECT_FALSE(RecordFormat::parse("%"));
  EXPECT_FALSE(RecordFormat::parse("\\q"));
}

// Version 0, two topics, as a Java consumer writes it.
const Bytes kAssignment =
    to_bytes(std::string_view("\0\0"
                              "\0\0\0\2"
                              "\0\1a"
                              "\0\0\0\2"
                              "\0\0\0\0"
                              "\0\0\0\1"
                              "\0\1b"
                              "\0\0\0\1"
                              "\0\0\0\7"
                              "\xff\xff\xff\xff",
                              36));

TEST(Report, AnAssignmentNamesItsPartitions) {
  EXPECT_EQ(parse_assignment(kAssignment), (PartitionNames{{"a", 0}, {"a", 1}, {"b", 7}}));
  EXPECT_EQ(parse_assignment({}), PartitionNames{});
}

TEST(Report, AnAssignmentThatEndsTooSoonOrLiesIsNone) {
  for (size_t size = 1; size < kAssignment.size() - 4; ++size) {
    EXPECT_FALSE(parse_assignment(BytesView(kAssignment).first(size))) << size;
  }
  Bytes lying = kAssignment;
  lying[2] = std::byte{0x7f};
  EXPECT_FALSE(parse_assignment(lying));
}

}  // namespace
}  // namespace godwit::cli
