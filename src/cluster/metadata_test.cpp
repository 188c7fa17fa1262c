// One broker alone, over the store of one process, as `local` is: start, restart, and what is refused.
#include "cluster/metadata.h"

#include <gtest/gtest.h>

#include "cluster/stored_broker.h"
#include "coordination/memory/memory_coordination.h"
#include "runtime/sim/node.h"
#include "runtime/sim/world.h"

namespace godwit::cluster {
namespace {

using namespace std::chrono_literals;
using coordination::MemoryCoordination;
using runtime::Runtime;
using runtime::Task;

NewTopic topic_named(std::string name, int32_t partitions = 1) {
  NewTopic topic;
  topic.name = std::move(name);
  topic.partitions = partitions;
  return topic;
}

class MetadataTest : public testing::Test {
 protected:
  // A start of the broker, what is done with its metadata, and a stop.
  void with_metadata(std::function<Task<void>(Metadata&)> work, MetadataOptions options = {}) {
    options.self.id = BrokerId(1);
    ASSERT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
      auto metadata = co_await Metadata::start(options, store, runtime, sink);
      EXPECT_TRUE(metadata) << metadata.error().describe();
      if (!metadata) co_return;
      co_await work(**metadata);
      co_await (*metadata)->leave(30s);
      co_await (*metadata)->close();
    }));
  }
  // Of a start that must fail.
  Error refusal(MetadataOptions options) {
    Error error{ErrorKind::io, "the start did not end"};
    options.self.id = BrokerId(1);
    node.run([&](Runtime& runtime) -> Task<void> {
      const auto metadata = co_await Metadata::start(options, store, runtime, sink);
      error = metadata ? Error{ErrorKind::io, "it started"} : metadata.error();
    });
    return error;
  }

  runtime::sim::World world{7};
  runtime::sim::Node& node = world.add_node("a");
  RecordingSink sink;
  MemoryCoordination store;
};

TEST_F(MetadataTest, ABrokerAloneIsReadyWithoutWaitingForAnything) {
  with_metadata([&](Metadata& metadata) -> Task<void> {
    EXPECT_LT(world.elapsed(), 1ms);
    EXPECT_TRUE(metadata.controls());
    EXPECT_TRUE(metadata.lease_holds());
    EXPECT_EQ(metadata.image()->controller, BrokerId(1));
    EXPECT_EQ(metadata.image()->brokers.at(BrokerId(1)).incarnation, metadata.incarnation());
    co_return;
  });
  EXPECT_LT(world.elapsed(), 2ms) << "and stops so";
}

TEST_F(MetadataTest, WhatWasCreatedIsThereAfterARestartUnderTheSameId) {
  TopicId id;
  std::string cluster;
  with_metadata([&](Metadata& metadata) -> Task<void> {
    NewTopic wish = topic_named("orders", 300);
    wish.config = {{"retention.ms", "5"}};
    const auto created = co_await metadata.create_topic(wish, false);
    EXPECT_TRUE(created);
    if (!created) co_return;
    id = (*created)->id;
    cluster = metadata.image()->cluster_id;
  });
  MetadataOptions member;
  member.cluster_id = cluster;
  member.was_member = true;
  with_metadata(
      [&](Metadata& metadata) -> Task<void> {
        const auto image = metadata.image();
        EXPECT_EQ(image->cluster_id, cluster);
        const Topic* const topic = image->find("orders");
        EXPECT_NE(topic, nullptr);
        if (topic == nullptr) co_return;
        EXPECT_EQ(topic->id, id);
        EXPECT_EQ(topic->partitions.size(), 300u);
        EXPECT_EQ(topic->partitions[299].leader, BrokerId(1));
        EXPECT_EQ(topic->partitions[299].leader_incarnation, metadata.incarnation());
        EXPECT_EQ(topic->config, (ConfigMap{{"retention.ms", "5"}}));
      },
      member);
}

TEST_F(MetadataTest, EveryStartTakesANewIncarnation) {
  std::vector<uint64_t> incarnations;
  for (int i = 0; i < 3; ++i) {
    with_metadata([&](Metadata& metadata) -> Task<void> {
      incarnations.push_back(metadata.incarnation());
      co_return;
    });
  }
  EXPECT_EQ(incarnations, (std::vector<uint64_t>{1, 2, 3}));
}

TEST_F(MetadataTest, AChangeIsHeardAndServedBeforeItIsAnswered) {
  with_metadata([&](Metadata& metadata) -> Task<void> {
    std::vector<size_t> topics;
    metadata.on_change([&](ImagePtr before, ImagePtr after) -> Task<void> {
      EXPECT_LT(before->version, after->version);
      co_await runtime::sleep_for(10ms);  // folders are made
      topics.push_back(after->topics().size());
    });
    EXPECT_TRUE(co_await metadata.create_topic(topic_named("a"), false));
    EXPECT_EQ(topics, std::vector<size_t>{1});
    metadata.on_change(nullptr);
  });
}

TEST_F(MetadataTest, WhatTheDiskCannotProveIsAskedOfTheImageAtStart) {
  TopicId id;
  with_metadata([&](Metadata& metadata) -> Task<void> {
    id = (*co_await metadata.create_topic(topic_named("t", 2), false))->id;
  });
  MetadataOptions options;
  options.unproven = [&](ImagePtr image) -> Task<std::vector<TopicPartition>> {
    EXPECT_NE(image->find("t"), nullptr);
    co_return std::vector{TopicPartition{id, PartitionIndex(1)}};
  };
  with_metadata(
      [&](Metadata& metadata) -> Task<void> {
        // The only copy: nobody leads until an operator says so.
        EXPECT_EQ(metadata.image()->find("t")->partitions[0].leader, BrokerId(1));
        EXPECT_EQ(metadata.image()->find("t")->partitions[1].leader, kNoBroker);
        co_return;
      },
      options);
}

TEST_F(MetadataTest, ADeletedTopicLeavesATombstone) {
  with_metadata([&](Metadata& metadata) -> Task<void> {
    const TopicId id = (*co_await metadata.create_topic(topic_named("gone", 3), false))->id;
    EXPECT_TRUE(co_await metadata.delete_topic(id));
    EXPECT_EQ(metadata.image()->find("gone"), nullptr);
    EXPECT_EQ(*co_await metadata.tombstones(), std::vector<TopicId>{id});
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

TEST_F(MetadataTest, AKeyWithoutWhichNothingGoesIsNamedWhereItDoesNotDecode) {
  with_metadata([&](Metadata&) -> Task<void> { co_return; });
  for (const std::string key : {"/fence", "/cluster", "/features"}) {
    Bytes before;
    node.run([&](Runtime&) -> Task<void> {
      const auto found = co_await store.get(key);
      if (*found) before = (*found)->value;
      coordination::Transaction damage;
      damage.put(key, to_bytes("x"));
      EXPECT_TRUE(co_await store.commit(std::move(damage)));
    });
    const Error error = refusal({});
    EXPECT_EQ(error.kind, ErrorKind::corrupt) << key;
    EXPECT_NE(error.message.find(key), std::string::npos) << error.message;
    node.run([&](Runtime&) -> Task<void> {
      coordination::Transaction repair;
      if (before.empty()) {
        repair.remove(key);
      } else {
        repair.put(key, before);
      }
      EXPECT_TRUE(co_await store.commit(std::move(repair)));
    });
  }
  with_metadata([&](Metadata&) -> Task<void> { co_return; });
}

TEST_F(MetadataTest, AForeignValueInTheOfficesPlaceIsReplaced) {
  with_metadata([&](Metadata&) -> Task<void> { co_return; });
  node.run([&](Runtime&) -> Task<void> {
    coordination::Transaction damage;
    damage.put("/controller", to_bytes("x"));
    EXPECT_TRUE(co_await store.commit(std::move(damage)));
  });
  with_metadata([&](Metadata& metadata) -> Task<void> {
    EXPECT_TRUE(metadata.controls());
    co_return;
  });
  EXPECT_TRUE(sink.contains("coordination.damaged"));
}

TEST_F(MetadataTest, ForeignKeysAreLeftAlone) {
  node.run([&](Runtime&) -> Task<void> {
    coordination::Transaction foreign;
    foreign.put("/brokers/moon", to_bytes("x"))
        .put("/brokers/7", to_bytes("y"))
        .put("/other/thing", to_bytes("z"));
    EXPECT_TRUE(co_await store.commit(std::move(foreign)));
  });
  with_metadata([&](Metadata& metadata) -> Task<void> {
    EXPECT_EQ(metadata.image()->brokers.size(), 1u);
    co_return;
  });
  EXPECT_TRUE(sink.contains("coordination.damaged"));
  EXPECT_TRUE(store.keys().get("/brokers/moon"));
  EXPECT_TRUE(store.keys().get("/other/thing"));
}

TEST_F(MetadataTest, AnotherClustersStoreIsRefused) {
  with_metadata([&](Metadata&) -> Task<void> { co_return; });
  MetadataOptions options;
  options.cluster_id = "another";
  EXPECT_EQ(refusal(options).kind, ErrorKind::conflict);
}

TEST_F(MetadataTest, AMemberDoesNotMakeANewClusterOfAnEmptyStore) {
  MetadataOptions options;
  options.cluster_id = "mine";
  options.was_member = true;
  EXPECT_EQ(refusal(options).kind, ErrorKind::conflict);
  EXPECT_EQ(store.keys().size(), 0u);
}

}  // namespace
}  // namespace godwit::cluster
