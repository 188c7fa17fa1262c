#include "broker/group_partition.h"

#include <gtest/gtest.h>

namespace godwit::broker {
namespace {

TEST(GroupPartition, HashesAsJavaDoes) {
  EXPECT_EQ(java_string_hash(""), 0);
  EXPECT_EQ(java_string_hash("a"), 97);
  EXPECT_EQ(java_string_hash("hello"), 99162322);
  EXPECT_EQ(java_string_hash("console-consumer-12345"), 158455506);
  EXPECT_EQ(java_string_hash("payments"), 1382682413);
  EXPECT_EQ(java_string_hash("polygenelubricants"), INT32_MIN);
}

TEST(GroupPartition, HashesUtf16CodeUnitsOfNamesThatAreNotAscii) {
  EXPECT_EQ(java_string_hash("\xC3\xA9"), 233);              // e acute: one unit
  EXPECT_EQ(java_string_hash("\xE2\x82\xAC"), 8364);         // the euro sign: one unit of three bytes
  EXPECT_EQ(java_string_hash("\xF0\x9F\x98\x80"), 1772899);  // U+1F600: D83D DE00
}

TEST(GroupPartition, CountsBytesThatAreNotUtf8AsReplacements) {
  const int32_t replacement = 0xFFFD;
  EXPECT_EQ(java_string_hash("\xFF"), replacement);
  EXPECT_EQ(java_string_hash("\xC3"), replacement);                         // cut short
  EXPECT_EQ(java_string_hash("\xC0\x80"), replacement * 31 + replacement);  // an overlong form
  EXPECT_EQ(java_string_hash("\xE2\x82"), replacement * 31 + replacement);
}

TEST(GroupPartition, TakesTheRemainderOfTheAbsoluteHash) {
  EXPECT_EQ(partition_of_group("hello", 50), PartitionIndex(99162322 % 50));
  EXPECT_EQ(partition_of_group("hello", 1), PartitionIndex(0));
  // -2147483648 has no absolute value: Kafka takes 0.
  EXPECT_EQ(partition_of_group("polygenelubricants", 50), PartitionIndex(0));
  // -2070039661 and -1906497762
  EXPECT_EQ(partition_of_group("orders-billing", 50), PartitionIndex(11));
  EXPECT_EQ(partition_of_group("my-group", 50), PartitionIndex(12));
}

}  // namespace
}  // namespace godwit::broker
