// The bytes were made by the classes of Apache Kafka 4.3.1 (org.apache.kafka.coordinator.group.generated).
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "groups/records.h"

namespace godwit::groups {
namespace {

Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

constexpr std::string_view kOffsetKeyV0 = "0000000762696c6c696e6700066f726465727300000007";
constexpr std::string_view kOffsetKeyV1 = "0001000762696c6c696e6700066f726465727300000007";
constexpr std::string_view kGroupKey = "0002000762696c6c696e67";
constexpr std::string_view kConsumerGroupKey = "000300036e6577";  // KIP-848
const std::map<int, std::string_view> kOffsetValues = {
    {0, "00000000001cbe991a1400056dc3a974610000018bcfe5687b"},
    {1, "00010000001cbe991a1400056dc3a974610000018bcfe5687b0000018bcfee903b"},
    {2, "00020000001cbe991a1400056dc3a974610000018bcfe5687b"},
    {3, "00030000001cbe991a140000000500056dc3a974610000018bcfe5687b"},
    {4, "00040000001cbe991a1400000005066dc3a974610000018bcfe5687b00"},
};
constexpr std::string_view kOffsetValueWithTopicId =
    "00040000001cbe991a1400000005066dc3a974610000018bcfe5687b0100100102030405060708090a0b0c0d0e0f10";
const std::map<int, std::string_view> kGroupValues = {
    {0,
     "00000008636f6e73756d65720000002a000572616e676500056170702d310000000200056170702d31000361707000092f31302"
     "e302e302e"
     "310000afc800000004000100000000000309080700056170702d32000361707000092f31302e302e302e3200002710000000010"
     "10000000"
     "0"},
    {1,
     "00010008636f6e73756d65720000002a000572616e676500056170702d310000000200056170702d31000361707000092f31302"
     "e302e302e"
     "31000493e00000afc800000004000100000000000309080700056170702d32000361707000092f31302e302e302e320000ea600"
     "0002710"
     "000000010100000000"},
    {2,
     "00020008636f6e73756d65720000002a000572616e676500056170702d310000018bcfe56be70000000200056170702d3100036"
     "1707000"
     "092f31302e302e302e31000493e00000afc800000004000100000000000309080700056170702d32000361707000092f31302e3"
     "02e302e"
     "320000ea6000002710000000010100000000"},
    {3,
     "00030008636f6e73756d65720000002a000572616e676500056170702d310000018bcfe56be70000000200056170702d3100036"
     "92d3100"
     "0361707000092f31302e302e302e31000493e00000afc800000004000100000000000309080700056170702d32ffff000361707"
     "000092f"
     "31302e302e302e320000ea6000002710000000010100000000"},
    {4,
     "000409636f6e73756d65720000002a0672616e6765066170702d310000018bcfe56be703066170702d3104692d31046170700a2"
     "f31302e"
     "302e302e31000493e00000afc805000100000409080700066170702d3200046170700a2f31302e302e302e320000ea600000271"
     "0020101"
     "0000"},
};
constexpr std::string_view kEmptyGroupValue =
    "00030008636f6e73756d65720000002bffffffff0000018bcfe56be800000000";

OffsetCommitted offset_committed() {
  OffsetCommitted r;
  r.group = "billing";
  r.topic = "orders";
  r.partition = PartitionIndex(7);
  r.offset = Offset(123456789012);
  r.leader_epoch = LeaderEpoch(5);
  r.metadata = "m\xc3\xa9ta";
  r.committed_at = {1700000000123};
  return r;
}

GenerationMade generation_made() {
  GenerationMade r;
  r.group = "billing";
  r.protocol_type = "consumer";
  r.generation = 42;
  r.protocol = "range";
  r.leader = "app-1";
  r.state_since = WallTime{1700000000999};
  r.members.push_back({"app-1", "i-1", "app", "/10.0.0.1", 300000, 45000,
                       SharedBytes::own(from_hex("00010000")), SharedBytes::own(from_hex("090807"))});
  r.members.push_back(
      {"app-2", std::nullopt, "app", "/10.0.0.2", 60000, 10000, SharedBytes::own(from_hex("01")), {}});
  return r;
}

TEST(Records, AnOffsetIsWrittenAsKafkaWritesIt) {
  const auto encoded = encode(offset_committed(), {99});
  EXPECT_EQ(to_hex(encoded.key), kOffsetKeyV1);
  EXPECT_EQ(to_hex(encoded.value.value()), kOffsetValues.at(4));
  EXPECT_EQ(encoded.timestamp.ms, 99);
}

TEST(Records, ATopicIdIsWrittenAsATaggedField) {
  auto record = offset_committed();
  for (size_t i = 0; i < 16; ++i) record.topic_id.bytes[i] = static_cast<std::byte>(i + 1);
  EXPECT_EQ(to_hex(encode(record, {}).value.value()), kOffsetValueWithTopicId);
  EXPECT_EQ(decode(from_hex(kOffsetKeyV1), from_hex(kOffsetValueWithTopicId)).value(), Record(record));
}

TEST(Records, AnOffsetThatExpiresIsWrittenInVersion1) {
  auto record = offset_committed();
  record.expires_at = WallTime{1700000600123};
  EXPECT_EQ(to_hex(encode(record, {}).value.value()), kOffsetValues.at(1));
}

TEST(Records, OffsetsOfAllVersionsAreRead) {
  for (const auto& [version, hex] : kOffsetValues) {
    auto expected = offset_committed();
    if (version < 3) expected.leader_epoch = kNoLeaderEpoch;
    if (version == 1) expected.expires_at = WallTime{1700000600123};
    const auto record = decode(from_hex(kOffsetKeyV1), from_hex(hex));
    ASSERT_TRUE(record) << record.error().describe();
    EXPECT_EQ(*record, Record(expected)) << version;
    EXPECT_EQ(decode(from_hex(kOffsetKeyV0), from_hex(hex)).value(), Record(expected)) << version;
  }
}

TEST(Records, AGenerationIsWrittenAsKafkaWritesIt) {
  const auto encoded = encode(generation_made(), {});
  EXPECT_EQ(to_hex(encoded.key), kGroupKey);
  EXPECT_EQ(to_hex(encoded.value.value()), kGroupValues.at(3));
  GenerationMade empty;
  empty.group = "billing";
  empty.protocol_type = "consumer";
  empty.generation = 43;
  empty.state_since = WallTime{1700000001000};
  EXPECT_EQ(to_hex(encode(empty, {}).value.value()), kEmptyGroupValue);
}

TEST(Records, GenerationsOfAllVersionsAreRead) {
  for (const auto& [version, hex] : kGroupValues) {
    auto expected = generation_made();
    if (version < 3) expected.members[0].instance.reset();
    if (version < 2) expected.state_since.reset();
    if (version < 1) {
      for (auto& member : expected.members) member.rebalance_timeout_ms = -1;
    }
    const auto record = decode(from_hex(kGroupKey), from_hex(hex));
    ASSERT_TRUE(record) << record.error().describe();
    EXPECT_EQ(to_hex(encode(*record, {}).value.value()), to_hex(encode(expected, {}).value.value()))
        << version;
  }
}

TEST(Records, TombstonesNameWhatIsGone) {
  EXPECT_EQ(decode(from_hex(kOffsetKeyV1), std::nullopt).value(),
            Record(OffsetForgotten{"billing", "orders", PartitionIndex(7)}));
  EXPECT_EQ(decode(from_hex(kGroupKey), std::nullopt).value(), Record(GroupForgotten{"billing"}));
  const auto encoded = encode(GroupForgotten{"billing"}, {});
  EXPECT_EQ(to_hex(encoded.key), kGroupKey);
  EXPECT_FALSE(encoded.value);
}

TEST(Records, WhatIsNotKnownIsToldFromWhatIsDamaged) {
  EXPECT_EQ(decode(from_hex(kConsumerGroupKey), std::nullopt).error().kind, ErrorKind::unsupported);
  EXPECT_EQ(decode(from_hex(kGroupKey), from_hex("0063")).error().kind, ErrorKind::unsupported);
  EXPECT_EQ(decode(from_hex("00"), std::nullopt).error().kind, ErrorKind::corrupt);
  EXPECT_EQ(decode(from_hex(""), std::nullopt).error().kind, ErrorKind::corrupt);
}

TEST(Records, EveryCutOfAValueIsRefusedAsCorrupt) {
  for (const auto hex : {kOffsetValues.at(4), kGroupValues.at(3)}) {
    const Bytes whole = from_hex(hex);
    const Bytes key = from_hex(hex == kOffsetValues.at(4) ? kOffsetKeyV1 : kGroupKey);
    for (size_t size = 2; size < whole.size(); ++size) {
      const auto record = decode(key, BytesView(whole).first(size));
      ASSERT_FALSE(record) << size;
      EXPECT_EQ(record.error().kind, ErrorKind::corrupt) << size;
    }
  }
}

}  // namespace
}  // namespace godwit::groups
