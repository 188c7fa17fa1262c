// The store as its users see it, without crashes but with restarts.
#include "storage/store.h"

#include <gmock/gmock.h>

#include "storage/store_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::Node;
using runtime::sim::World;
using testing::ElementsAre;
using testing::IsEmpty;

struct OneNode {
  explicit OneNode(uint64_t seed = 1) : world(seed), node(world.add_node("a")) {}
  World world;
  Node& node;
  void restart(CrashKind kind = CrashKind::power_cut) {
    node.crash(kind);
    node.restart();
  }
};

Task<Log*> made(Store& store, TopicPartition id, LogConfig config = {}) {
  auto log = co_await store.create(id, config);
  GW_CHECK(log.has_value(), "a log can be made");
  co_return *log;
}

TEST(Store, WhatWasPublishedIsReadInOrderAtConsecutiveOffsets) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = co_await made(*open->store, partition(0));
    EXPECT_EQ(co_await publish(*log, {"a", "b"}), ErrorCode::none);
    EXPECT_EQ(co_await publish(*log, {"c"}), ErrorCode::none);
    EXPECT_EQ(log->end(), Offset(3));
    EXPECT_EQ(log->synced_end(), Offset(3));
    EXPECT_THAT(co_await read_texts(*log, Offset(0)), ElementsAre("0=a", "1=b", "2=c"));
    EXPECT_THAT(co_await read_texts(*log, Offset(1), 1), ElementsAre("1=b", "2=c"));
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
}

TEST(Store, AfterAPowerCutAllThatWasAcknowledgedIsThere) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = co_await made(*open->store, partition(0));
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(co_await publish(*log, {std::to_string(i)}, LeaderEpoch(i / 10)), ErrorCode::none);
    }
  });
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    EXPECT_THAT(co_await open->store->list(), ElementsAre(partition(0)));
    Log* log = open->store->find(partition(0));
    EXPECT_EQ(log->end(), Offset(20));
    const auto texts = co_await read_texts(*log, Offset(0));
    EXPECT_EQ(texts.size(), 20u);
    EXPECT_EQ(texts.back(), "19=19");
    EXPECT_THAT(log->epochs().starts(),
                ElementsAre(EpochStart{LeaderEpoch(0), Offset(0)}, EpochStart{LeaderEpoch(1), Offset(10)}));
    EXPECT_EQ(co_await publish(*log, {"next"}, LeaderEpoch(1)), ErrorCode::none);
    EXPECT_THAT(co_await read_texts(*log, Offset(19)), ElementsAre("19=19", "20=next"));
  });
}

TEST(Store, ARepeatedBatchIsAnsweredWithTheFirstOffsetsAlsoAfterARestart) {
  OneNode at;
  Producer producer{.id = 7};
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = co_await made(*open->store, partition(0));
    (void)co_await publish(*log, {"x"});
    auto first = co_await append_texts(*log, {"a", "b"}, LeaderEpoch(0), &producer);
    EXPECT_TRUE(first && !first->duplicate);
    EXPECT_EQ(co_await log->wait_stable(Offset(3), at.world.now() + 1s), ErrorCode::none);
  });
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = open->store->find(partition(0));
    producer.sequence = 0;
    auto again = co_await append_texts(*log, {"a", "b"}, LeaderEpoch(0), &producer);
    EXPECT_TRUE(again && again->duplicate);
    EXPECT_EQ(again->base_offset, Offset(1));
    EXPECT_EQ(again->last_offset, Offset(2));
    producer.sequence = 9;
    auto gap = co_await append_texts(*log, {"c"}, LeaderEpoch(0), &producer);
    EXPECT_FALSE(gap.has_value());
    EXPECT_EQ(gap.error().code, ErrorCode::out_of_order_sequence_number);
    EXPECT_EQ(log->producers().last_offset_of(7), Offset(2));
    EXPECT_EQ(log->end(), Offset(3));
  });
}

TEST(Store, WhatWasTruncatedDoesNotComeBack) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = co_await made(*open->store, partition(0));
    for (const char* text : {"a", "b", "c", "d"}) (void)co_await publish(*log, {text});
    EXPECT_TRUE((co_await log->truncate(Offset(2))).has_value());
    EXPECT_EQ(log->end(), Offset(2));
    EXPECT_EQ(co_await publish(*log, {"C"}, LeaderEpoch(3)), ErrorCode::none);
    EXPECT_THAT(co_await read_texts(*log, Offset(0)), ElementsAre("0=a", "1=b", "2=C"));
  });
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = open->store->find(partition(0));
    EXPECT_THAT(co_await read_texts(*log, Offset(0)), ElementsAre("0=a", "1=b", "2=C"));
    EXPECT_EQ(log->epochs().latest(), LeaderEpoch(3));
  });
}

TEST(Store, ADroppedLogIsGoneAndANewOneUnderItsNameIsEmpty) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Store& store = *open->store;
    Log* log = co_await made(store, partition(0));
    (void)co_await publish(*log, {"old"});
    (void)co_await made(store, partition(1));
    EXPECT_TRUE((co_await store.drop(partition(1))).has_value());
    EXPECT_TRUE((co_await store.drop(partition(0))).has_value());
    EXPECT_EQ(store.find(partition(0)), nullptr);
    Log* again = co_await made(store, partition(0));
    EXPECT_EQ(again->end(), Offset(0));
    EXPECT_EQ(co_await publish(*again, {"new"}), ErrorCode::none);
  });
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Store& store = *open->store;
    EXPECT_THAT(co_await store.list(), ElementsAre(partition(0)));
    EXPECT_THAT(co_await read_texts(*store.find(partition(0)), Offset(0)), ElementsAre("0=new"));
  });
}

TEST(Store, DeleteRecordsRaisesTheStartForGood) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = co_await made(*open->store, partition(0));
    for (const char* text : {"a", "b", "c"}) (void)co_await publish(*log, {text});
    auto refused = co_await log->delete_before(Offset(2));
    EXPECT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::offset_out_of_range);
    log->set_high_watermark(Offset(3));
    EXPECT_TRUE((co_await log->delete_before(Offset(2))).has_value());
    EXPECT_EQ(log->start(), Offset(2));
  });
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = open->store->find(partition(0));
    EXPECT_EQ(log->start(), Offset(2));
    auto below = co_await log->read({.from = Offset(1), .end = Offset(3)});
    EXPECT_FALSE(below.has_value());
    EXPECT_EQ(below.error().code, ErrorCode::offset_out_of_range);
    EXPECT_THAT(co_await read_texts(*log, Offset(2)), ElementsAre("2=c"));
  });
}

TEST(Store, RollsBySizeAndReadsAcrossSegments) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    LogConfig config;
    config.segment_bytes = 300;
    Log* log = co_await made(*open->store, partition(0), config);
    for (int i = 0; i < 20; ++i) (void)co_await publish(*log, {std::to_string(i)});
    EXPECT_GT(log->stats().segments, 3u);
    EXPECT_EQ((co_await read_texts(*log, Offset(0))).size(), 20u);
    EXPECT_EQ((co_await read_texts(*log, Offset(0), 100)).size(), 20u);
  });
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = open->store->find(partition(0));
    EXPECT_GT(log->stats().segments, 3u);
    EXPECT_EQ((co_await read_texts(*log, Offset(0))).size(), 20u);
  });
}

TEST(Store, FindsRecordsByTime) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    LogConfig config;
    config.segment_bytes = 400;
    Log* log = co_await made(*open->store, partition(0), config);
    for (int64_t t : {100, 200, 300, 250, 500, 400}) {
      (void)co_await append_texts(*log, {std::to_string(t)}, LeaderEpoch(0), nullptr, t);
    }
    auto found = co_await log->find_timestamp(220, log->end());
    EXPECT_TRUE(found && *found);
    EXPECT_EQ((*found)->offset, Offset(2));
    EXPECT_EQ((*found)->timestamp, 300);
    auto largest = co_await log->find_timestamp_max(log->end());
    EXPECT_TRUE(largest && *largest);
    EXPECT_EQ((*largest)->offset, Offset(4));
    auto none = co_await log->find_timestamp(501, log->end());
    EXPECT_TRUE(none && !*none);
  });
}

}  // namespace
}  // namespace godwit::storage::store_test
