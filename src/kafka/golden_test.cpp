// Bytes that Apache Kafka's own classes wrote: kafka-clients 4.3.1, its generated *Data classes, filled from
// JSON that says the same as the structs here. Made once, outside this repository.
#include <gtest/gtest.h>
#include <algorithm>

#include <set>
#include <string_view>

#include "kafka/any_message.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/describe_topic_partitions.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/produce.h"

namespace godwit::kafka {
namespace {

Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

template <class M>
void expect_same(const M& message, int16_t version, std::string_view hex) {
  codec::Input in(SharedBytes::own(from_hex(hex)));
  const auto decoded = codec::decode<M>(in, version);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(in.remaining(), 0u);
  EXPECT_EQ(*decoded, message) << codec::print(*decoded) << "\n" << codec::print(message);
  EXPECT_EQ(to_hex(codec::encode(message, version)->flatten()), hex);
}

SharedBytes records(std::string_view text) {
  return SharedBytes::copy(as_bytes(text));
}

const TopicId kOnes = [] {
  TopicId id;
  id.bytes.fill(std::byte{1});
  return id;
}();

TEST(Golden, ProduceRequestV9) {
  ProduceRequest m;
  m.acks = -1;
  m.timeout_ms = 30000;
  m.topic_data = {
      {.name = "orders", .topic_id = {}, .partition_data = {{PartitionIndex(3), records("batch")}}}};
  expect_same(m, 9, "00ffff0000753002076f72646572730200000003066261746368000000");
}

TEST(Golden, ProduceResponseV13HintsAtTheLeader) {
  ProduceResponse m;
  auto& p = m.responses.emplace_back().partition_responses.emplace_back();
  m.responses[0].topic_id = kOnes;
  p.index = PartitionIndex(3);
  p.error_code = ErrorCode::not_leader_or_follower;
  p.base_offset = Offset(-1);
  p.log_start_offset = Offset(7);
  p.record_errors = {{2, "no key"}};
  p.current_leader = {BrokerId(2), LeaderEpoch(9)};
  m.node_endpoints = {{BrokerId(2), "b2", 9092, std::nullopt}};
  expect_same(
      m, 13,
      "020101010101010101010101010101010102000000030006ffffffffffffffffffffffffffffffff0000000000000007"
      "0200000002076e6f206b65790000010009000000020000000900000000000001000e0200000002036232000023840000");
}

TEST(Golden, FetchRequestV17OfAFollower) {
  FetchRequest m;
  m.cluster_id = "c1";
  m.replica_state = {BrokerId(2), 5};
  m.max_wait_ms = 500;
  m.min_bytes = 1;
  m.max_bytes = 1000;
  m.isolation_level = 1;
  m.session_id = 4;
  m.session_epoch = 6;
  m.rack_id = "r";
  auto& p = m.topics.emplace_back().partitions.emplace_back();
  m.topics[0].topic_id = kOnes;
  p.current_leader_epoch = LeaderEpoch(8);
  p.fetch_offset = Offset(100);
  p.partition_max_bytes = 4096;
  p.replica_directory_id = kOnes;
  auto& forgotten = m.forgotten_topics_data.emplace_back();
  forgotten.topic_id = kOnes;
  forgotten.partitions = {PartitionIndex(1), PartitionIndex(2)};
  expect_same(
      m, 17,
      "000001f400000001000003e8010000000400000006020101010101010101010101010101010102000000000000000800"
      "00000000000064ffffffffffffffffffffffff0000100001001001010101010101010101010101010101000201010101"
      "010101010101010101010101030000000100000002000272020003036331010d00000002000000000000000500");
}

TEST(Golden, FetchResponseV16WithTagsAndRecords) {
  FetchResponse m;
  m.session_id = 4;
  auto& p = m.responses.emplace_back().partitions.emplace_back();
  m.responses[0].topic_id = kOnes;
  p.high_watermark = Offset(110);
  p.last_stable_offset = Offset(109);
  p.log_start_offset = Offset(1);
  p.diverging_epoch = {LeaderEpoch(7), Offset(99)};
  p.aborted_transactions = {{1000, Offset(101)}};
  p.preferred_read_replica = BrokerId(3);
  p.records = Chain(records("batches"));
  expect_same(
      m, 16,
      "00000000000000000004020101010101010101010101010101010102000000000000000000000000006e000000000000"
      "006d00000000000000010200000000000003e800000000000000650000000003086261746368657301000d0000000700"
      "00000000000063000000");
}

TEST(Golden, MetadataRequestV1ForAllTopics) {
  MetadataRequest m;
  m.topics.reset();
  expect_same(m, 1, "ffffffff");
}

TEST(Golden, MetadataResponseV12) {
  MetadataResponse m;
  m.brokers = {{BrokerId(1), "b1", 9092, "r1"}};
  m.cluster_id = "c1";
  m.controller_id = BrokerId(1);
  auto& topic = m.topics.emplace_back();
  topic.name = "orders";
  topic.topic_id = kOnes;
  auto& p = topic.partitions.emplace_back();
  p.leader_id = BrokerId(1);
  p.leader_epoch = LeaderEpoch(4);
  p.replica_nodes = {BrokerId(1), BrokerId(2)};
  p.isr_nodes = {BrokerId(1)};
  p.offline_replicas = {BrokerId(2)};
  expect_same(
      m, 12,
      "000000000200000001036231000023840372310003633100000001020000076f72646572730101010101010101010101"
      "0101010101000200000000000000000001000000040300000001000000020200000001020000000200800000000000");
}

TEST(Golden, ApiVersionsResponseV3WithFeatures) {
  ApiVersionsResponse m;
  m.api_keys = {{0, 0, 13}};
  m.supported_features = {{"group.version", 0, 1}};
  m.finalized_features_epoch = 12;
  m.finalized_features = {{"group.version", 1, 1}};
  expect_same(
      m, 3,
      "00000200000000000d0000000000030014020e67726f75702e76657273696f6e00000001000108000000000000000c02"
      "14020e67726f75702e76657273696f6e0001000100");
}

TEST(Golden, CreateTopicsRequestV4) {
  CreateTopicsRequest m;
  auto& topic = m.topics.emplace_back();
  topic.name = "orders";
  topic.num_partitions = -1;
  topic.replication_factor = -1;
  topic.assignments = {{PartitionIndex(0), {BrokerId(1), BrokerId(2), BrokerId(3)}}};
  topic.configs = {{"retention.ms", "1000"}, {"cleanup.policy", std::nullopt}};
  m.timeout_ms = 5000;
  m.validate_only = true;
  expect_same(
      m, 4,
      "0000000100066f7264657273ffffffffffff00000001000000000000000300000001000000020000000300000002000c"
      "726574656e74696f6e2e6d73000431303030000e636c65616e75702e706f6c696379ffff0000138801");
}

TEST(Golden, ListOffsetsResponseV1) {
  ListOffsetsResponse m;
  auto& p = m.topics.emplace_back().partitions.emplace_back();
  m.topics[0].name = "orders";
  p.partition_index = PartitionIndex(5);
  p.timestamp = 1234567890123;
  p.offset = Offset(42);
  expect_same(m, 1, "0000000100066f7264657273000000010000000500000000011f71fb04cb000000000000002a");
}

TEST(Golden, JoinGroupResponseV5) {
  JoinGroupResponse m;
  m.generation_id = 3;
  m.protocol_name = "range";
  m.leader = "m1";
  m.member_id = "m1";
  m.members = {{"m1", std::nullopt, Bytes{std::byte{0}, std::byte{1}}}};
  expect_same(m, 5, "00000000000000000003000572616e676500026d3100026d310000000100026d31ffff000000020001");
}

TEST(Golden, OffsetCommitRequestV10) {
  OffsetCommitRequest m;
  m.group_id = "g";
  m.generation_id_or_member_epoch = 3;
  m.member_id = "m1";
  auto& p = m.topics.emplace_back().partitions.emplace_back();
  m.topics[0].topic_id = kOnes;
  p.partition_index = PartitionIndex(1);
  p.committed_offset = Offset(77);
  p.committed_leader_epoch = LeaderEpoch(2);
  p.committed_metadata = "";
  expect_same(
      m, 10,
      "026700000003036d310002010101010101010101010101010101010200000001000000000000004d0000000201000000");
}

TEST(Golden, OffsetFetchResponseV8ForAGroupWithoutOffsets) {
  OffsetFetchResponse m;
  auto& topic = m.groups.emplace_back().topics.emplace_back();
  m.groups[0].group_id = "g";
  topic.name = "orders";
  auto& p = topic.partitions.emplace_back();
  p.partition_index = PartitionIndex(1);
  p.committed_offset = Offset(-1);
  expect_same(m, 8, "0000000002026702076f72646572730200000001ffffffffffffffffffffffff010000000000000000");
}

TEST(Golden, DescribeTopicPartitionsRequestV0WithACursor) {
  DescribeTopicPartitionsRequest m;
  m.topics = {{"orders"}};
  m.response_partition_limit = 10;
  m.cursor = TopicPartitionCursor{"orders", PartitionIndex(4)};
  expect_same(m, 0, "02076f7264657273000000000a01076f7264657273000000040000");
}

struct Vector {
  std::string_view name;
  int16_t version;
  std::string_view hex;
};
constexpr Vector kVectors[] = {
#include "kafka/golden_vectors.inc"
};

TEST(Golden, WhatKafkaWritesIsReadAndWrittenBackToTheSameBytes) {
  std::set<std::string_view> seen;
  for (const Vector& vector : kVectors) {
    SCOPED_TRACE(std::string(vector.name) + " v" + std::to_string(vector.version));
    const AnyMessage* message = find_message(vector.name);
    ASSERT_NE(message, nullptr);
    codec::Input in(SharedBytes::own(from_hex(vector.hex)));
    const auto decoded = message->decode(in, vector.version);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(in.remaining(), 0u);
    EXPECT_EQ(to_hex(message->encode(*decoded, vector.version)->flatten()), vector.hex);
    seen.insert(vector.name);
  }
  // What brokers say among themselves Kafka knows not, or nobody captured.
  const auto clients = std::ranges::count_if(
      all_messages(), [](const AnyMessage* message) { return !api_info(message->api()).internal; });
  EXPECT_EQ(std::ssize(seen), clients);
}

}  // namespace
}  // namespace godwit::kafka
