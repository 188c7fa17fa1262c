#include "cluster/metadata.h"

#include <gtest/gtest.h>

#include "coordination/memory/memory_coordination.h"
#include "runtime/sim/node.h"
#include "runtime/sim/world.h"

namespace godwit::cluster {
namespace {

using coordination::MemoryCoordination;
using runtime::Runtime;
using runtime::Task;

NewTopic topic_named(std::string name, int32_t partitions = 1) {
  NewTopic topic;
  topic.name = std::move(name);
  topic.partitions = partitions;
  return topic;
}

// One broker's metadata over a store that outlives it, and that may stop taking transactions.
class MetadataTest : public testing::Test {
 protected:
  MetadataTest()
      : store([this](const auto&) -> Task<Result<void>> {
          if (transactions_left == 0) co_return fail(ErrorKind::unavailable, "the store is gone");
          --transactions_left;
          co_return Result<void>();
        }) {}

  // A start of the broker, and what is done with its metadata.
  void with_metadata(std::function<Task<void>(Metadata&)> work) {
    ASSERT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
      MetadataOptions options;
      options.self.id = BrokerId(1);
      auto metadata = co_await Metadata::start(options, store, runtime, sink);
      EXPECT_TRUE(metadata) << metadata.error().describe();
      if (metadata) co_await work(**metadata);
    }));
  }

  runtime::sim::World world{7};
  runtime::sim::Node& node = world.add_node("a");
  RecordingSink sink;
  int transactions_left = 1'000'000;
  MemoryCoordination store;
};

TEST_F(MetadataTest, WhatWasCreatedIsThereAfterARestartUnderTheSameId) {
  TopicId id;
  std::string cluster;
  with_metadata([&](Metadata& metadata) -> Task<void> {
    NewTopic wish = topic_named("orders", 300);
    wish.config = {{"retention.ms", "5"}};
    const auto created = co_await metadata.create_topic(wish, false);
    id = (*created)->id;
    cluster = metadata.image()->cluster_id;
  });
  with_metadata([&](Metadata& metadata) -> Task<void> {
    const auto image = metadata.image();
    EXPECT_EQ(image->cluster_id, cluster);
    const Topic* const topic = image->find("orders");
    EXPECT_NE(topic, nullptr);
    if (topic == nullptr) co_return;
    EXPECT_EQ(topic->id, id);
    EXPECT_EQ(topic->partitions.size(), 300u);
    EXPECT_EQ(topic->partitions[299].leader, BrokerId(1));
    EXPECT_EQ(topic->config, (ConfigMap{{"retention.ms", "5"}}));
  });
}

TEST_F(MetadataTest, EveryStartTakesANewIncarnation) {
  std::vector<uint64_t> incarnations;
  for (int i = 0; i < 3; ++i) {
    with_metadata([&](Metadata& metadata) -> Task<void> {
      incarnations.push_back(metadata.image()->brokers.at(BrokerId(1)).incarnation);
      co_return;
    });
  }
  EXPECT_EQ(incarnations, (std::vector<uint64_t>{1, 2, 3}));
}

TEST_F(MetadataTest, ATopicCutShortAtAnyTransactionIsThereWholeOrNotAtAll) {
  for (int left = 0; left < 6; ++left) {
    bool answered = false;
    with_metadata([&](Metadata& metadata) -> Task<void> {
      transactions_left = left;
      answered =
          (co_await metadata.create_topic(topic_named("cut" + std::to_string(left), 250), false)).has_value();
    });
    transactions_left = 1'000'000;
    with_metadata([&](Metadata& metadata) -> Task<void> {
      const Topic* const topic = metadata.image()->find("cut" + std::to_string(left));
      EXPECT_EQ(topic != nullptr, answered) << left;
      if (topic != nullptr) {
        EXPECT_EQ(topic->partitions.size(), 250u);
      }
      // Nothing of an unfinished one is left, so the name can be had.
      EXPECT_EQ(
          (co_await metadata.create_topic(topic_named("cut" + std::to_string(left)), false)).has_value(),
          !answered);
    });
  }
  EXPECT_TRUE(sink.contains("metadata.orphan_removed"));
}

TEST_F(MetadataTest, ADeletedTopicLeavesATombstoneUntilItIsForgotten) {
  TopicId id;
  with_metadata([&](Metadata& metadata) -> Task<void> {
    id = (*co_await metadata.create_topic(topic_named("gone", 3), false))->id;
    EXPECT_TRUE(co_await metadata.delete_topic(id));
    EXPECT_EQ(metadata.image()->find("gone"), nullptr);
    EXPECT_EQ((co_await metadata.delete_topic(id)).error().code, ErrorCode::unknown_topic_id);
  });
  with_metadata([&](Metadata& metadata) -> Task<void> {
    EXPECT_EQ(*co_await metadata.tombstones(), std::vector<TopicId>{id});
    EXPECT_TRUE(co_await metadata.forget_tombstone(id));
    EXPECT_TRUE((co_await metadata.tombstones())->empty());
    const auto again = co_await metadata.create_topic(topic_named("gone"), false);
    EXPECT_NE((*again)->id, id);
  });
}

TEST_F(MetadataTest, RefusesWhatCannotBe) {
  with_metadata([&](Metadata& metadata) -> Task<void> {
    EXPECT_TRUE(co_await metadata.create_topic(topic_named("a.b"), false));
    const auto code = [&](NewTopic wish) -> Task<ErrorCode> {
      const auto created = co_await metadata.create_topic(std::move(wish), false);
      co_return created ? ErrorCode::none : created.error().code;
    };
    EXPECT_EQ(co_await code(topic_named("a.b")), ErrorCode::topic_already_exists);
    EXPECT_EQ(co_await code(topic_named("a_b")), ErrorCode::invalid_topic_exception);
    EXPECT_EQ(co_await code(topic_named("none", 0)), ErrorCode::invalid_partitions);
    NewTopic three = topic_named("three");
    three.replication_factor = 3;
    EXPECT_EQ(co_await code(three), ErrorCode::invalid_replication_factor);
    NewTopic stranger = topic_named("stranger");
    stranger.assignment = {{BrokerId(9)}};
    EXPECT_EQ(co_await code(stranger), ErrorCode::invalid_replica_assignment);
    EXPECT_EQ(metadata.image()->topics().size(), 1u);
  });
}

TEST_F(MetadataTest, ValidateOnlyChecksAndWritesNothing) {
  with_metadata([&](Metadata& metadata) -> Task<void> {
    const size_t keys = store.keys().size();
    const auto created = co_await metadata.create_topic(topic_named("maybe"), true);
    EXPECT_FALSE((*created)->id.is_zero());
    EXPECT_EQ(store.keys().size(), keys);
    EXPECT_EQ(metadata.image()->find("maybe"), nullptr);
  });
}

TEST_F(MetadataTest, PartitionsAreAddedAndNeverTakenAway) {
  with_metadata([&](Metadata& metadata) -> Task<void> {
    const TopicId id = (*co_await metadata.create_topic(topic_named("grows", 2), false))->id;
    EXPECT_EQ((co_await metadata.create_partitions(id, 2, {}, false)).error().code,
              ErrorCode::invalid_partitions);
    EXPECT_TRUE(co_await metadata.create_partitions(id, 150, {}, false));
    EXPECT_EQ(metadata.image()->find(id)->partitions.size(), 150u);
  });
  with_metadata([&](Metadata& metadata) -> Task<void> {
    EXPECT_EQ(metadata.image()->find("grows")->partitions.size(), 150u);
    co_return;
  });
}

TEST_F(MetadataTest, AChangeIsHeardBeforeItIsAnswered) {
  with_metadata([&](Metadata& metadata) -> Task<void> {
    std::vector<size_t> topics;
    metadata.on_change([&](ImagePtr before, ImagePtr after) -> Task<void> {
      EXPECT_LT(before->version, after->version);
      topics.push_back(after->topics().size());
      co_return;
    });
    EXPECT_TRUE(co_await metadata.create_topic(topic_named("a"), false));
    EXPECT_EQ(topics, std::vector<size_t>{1});
  });
}

TEST_F(MetadataTest, ProducerIdsAreNeverGivenOutTwiceAndStayAboveWhatLogsKnow) {
  std::vector<int64_t> first;
  for (int i = 0; i < 3; ++i) {
    with_metadata([&](Metadata& metadata) -> Task<void> {
      first.push_back(*co_await metadata.reserve_producer_ids(1000, i == 2 ? 10'000 : 0));
    });
  }
  EXPECT_EQ(first, (std::vector<int64_t>{0, 1000, 10'000}));
}

TEST_F(MetadataTest, AKeyThatDoesNotDecodeIsNamed) {
  with_metadata([&](Metadata&) -> Task<void> { co_return; });
  ASSERT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
    coordination::Transaction damage;
    damage.put("/topics/AAAAAAAAAAAAAAAAAAAAAA", to_bytes("x"));
    EXPECT_TRUE(co_await store.commit(std::move(damage)));
    MetadataOptions options;
    options.self.id = BrokerId(1);
    const auto metadata = co_await Metadata::start(options, store, runtime, sink);
    EXPECT_EQ(metadata.error().kind, ErrorKind::corrupt);
    EXPECT_NE(metadata.error().message.find("/topics/AAAA"), std::string::npos);
  }));
}

TEST_F(MetadataTest, AnotherClustersStoreIsRefused) {
  with_metadata([&](Metadata&) -> Task<void> { co_return; });
  ASSERT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
    MetadataOptions options;
    options.self.id = BrokerId(1);
    options.cluster_id = "another";
    const auto metadata = co_await Metadata::start(options, store, runtime, sink);
    EXPECT_EQ(metadata.error().kind, ErrorKind::conflict);
  }));
}

}  // namespace
}  // namespace godwit::cluster
