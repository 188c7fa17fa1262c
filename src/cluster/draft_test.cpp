#include "cluster/draft.h"

#include <gtest/gtest.h>

#include "cluster/fenced_store.h"

namespace godwit::cluster {
namespace {

Draft::Write put(std::string key, std::string value) {
  return {std::move(key), to_bytes(value)};
}

std::shared_ptr<Topic> topic_of(std::string name, uint8_t number, size_t partitions) {
  auto topic = std::make_shared<Topic>();
  topic->id.bytes[0] = std::byte{number};
  topic->name = std::move(name);
  topic->partitions.resize(partitions);
  for (auto& state : topic->partitions) state.replicas = state.isr = {BrokerId(1)};
  return topic;
}

std::map<std::string, std::string> carried_out(const Draft& draft) {
  std::map<std::string, std::string> keys;
  for (const auto& phase : {draft.states(), draft.orders()}) {
    for (const auto& transaction : phase) {
      for (const auto& write : transaction) keys[write.key] = std::string(as_text(*write.value));
    }
  }
  return keys;
}

TEST(DraftWrites, StatesOfInternalTopicsComeFirstAndTransactionsAreBounded) {
  Image image;
  image.put(topic_of("a", 1, 300));
  image.put(topic_of("__consumer_offsets", 2, 50));
  Draft draft(image);
  for (const auto& [name, topic] : image.topics()) {
    for (size_t i = 0; i < topic->partitions.size(); ++i) {
      PartitionState state = topic->partitions[i];
      ++state.version;
      draft.put({topic->id, PartitionIndex(static_cast<int>(i))}, state);
    }
  }
  const auto transactions = draft.states();
  ASSERT_EQ(transactions.size(), 3u);
  for (const auto& transaction : transactions) EXPECT_LE(transaction.size(), FencedStore::kWritesMax);
  TopicId internal;
  internal.bytes[0] = std::byte{2};
  for (size_t i = 0; i < 50; ++i) EXPECT_EQ(transactions[0][i].key, keys::partition(internal, i));
}

TEST(DraftWrites, TheLastValueOfAKeyCountsWhicheverWayItWasWritten) {
  Draft draft{Image()};
  draft.write({put("a", "1"), put("b", "1")});
  draft.write({put("a", "2")});
  draft.write_beside({put("b", "2")});
  draft.write_beside({put("c", "1")});
  draft.write_beside({put("c", "2")});
  draft.write({put("c", "3")});
  draft.write_beside({put("d", "1")});
  EXPECT_EQ(carried_out(draft),
            (std::map<std::string, std::string>{{"a", "2"}, {"b", "2"}, {"c", "3"}, {"d", "1"}}));
  for (const auto& transaction : draft.states()) {
    for (const auto& write : transaction) EXPECT_TRUE(write.key == "c" || write.key == "d");
  }
}

TEST(DraftWrites, AGroupIsNeverCutInTwo) {
  Draft draft{Image()};
  for (int i = 0; i < 100; ++i) {
    const std::string n = std::to_string(i);
    draft.write({put("x" + n, ""), put("y" + n, ""), put("z" + n, std::string(9'000, 'z'))});
  }
  size_t writes = 0;
  for (const auto& transaction : draft.orders()) {
    EXPECT_EQ(transaction.size() % 3, 0u);
    EXPECT_LE(transaction.size(), FencedStore::kWritesMax);
    writes += transaction.size();
  }
  EXPECT_EQ(writes, 300u);
}

TEST(DraftWrites, WhatIsMadeAndRemovedInOneDraftLeavesNothingToShow) {
  Draft draft{Image()};
  auto topic = topic_of("a", 1, 3);
  const TopicId id = topic->id;
  draft.put(std::move(topic), 0);
  EXPECT_NE(draft.image().find("a"), nullptr);
  draft.remove(id, {});
  EXPECT_EQ(draft.image().find("a"), nullptr);
  EXPECT_TRUE(draft.states().empty());
  EXPECT_EQ(draft.leavings().front().size(), 3u);
}

TEST(DraftWrites, TheBaseImageIsNotTouched) {
  Image image;
  image.put(topic_of("a", 1, 3));
  const Topic* const before = image.find("a");
  Draft draft(image);
  PartitionState state = before->partitions[1];
  state.leader = BrokerId(1);
  draft.put({before->id, PartitionIndex(1)}, state);
  EXPECT_EQ(image.find("a"), before);
  EXPECT_EQ(before->partitions[1].leader, kNoBroker);
  EXPECT_EQ(draft.image().find("a")->partitions[1].leader, BrokerId(1));
}

}  // namespace
}  // namespace godwit::cluster
