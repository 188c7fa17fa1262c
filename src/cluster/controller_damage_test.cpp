// Keys in the coordination store that make no sense: each is named and left alone, nothing is lost, and the rest works.
#include <algorithm>

#include "cluster/controller_testing.h"
#include "cluster/stored_broker.h"

namespace godwit::cluster {
namespace {

using namespace std::chrono_literals;

class DamagedStore : public ControllerTest {
 protected:
  bool told(const std::string& key) const {
    return std::ranges::any_of(sink.events, [&](const Diagnostic& event) {
      return event.name == "coordination.damaged" && event.severity == Severity::error &&
             event.fields.at(0).second.find("coordination key " + key) != std::string::npos;
    });
  }
  void put(const std::string& key, Bytes value) {
    Transaction change;
    change.put(key, std::move(value));
    memory.load(change.writes);
  }
  void remove(const std::string& key) {
    Transaction change;
    change.remove(key);
    memory.load(change.writes);
  }
};

TEST_F(DamagedStore, ForeignKeysAmongOursAreNamedAndLeftAlone) {
  TopicId whole;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1});
    whole = co_await create(controller, topic_named("whole", 2, 1));
  });
  const std::vector<std::string> foreign = {
      "/topics/nonsense",
      "/partitions/nonsense",
      "/partitions/" + to_string(whole) + "/1",  // ours has eight digits
      "/partitions/" + to_string(whole) + "/one",
      "/joined/one",
      "/tombstones/nonsense",
      "/configs/brokers/me",
      "/configs/brokers/-5"};
  for (const std::string& key : foreign) put(key, to_bytes("x"));
  put("/unknown/thing", to_bytes("x"));
  with_controller([&](Controller& controller) -> Task<void> {
    EXPECT_EQ(controller.image()->topics().size(), 1u);
    EXPECT_EQ(controller.image()->find(whole)->partitions.size(), 2u);
    co_await create(controller, topic_named("more", 1, 1));
    EXPECT_TRUE(co_await controller.delete_topic(whole));
    co_await runtime::sleep_for(2s);
  });
  for (const std::string& key : foreign) {
    EXPECT_TRUE(told(key)) << key;
    EXPECT_TRUE(memory.keys().get(key)) << key;
  }
  EXPECT_TRUE(memory.keys().get("/unknown/thing"));
}

TEST_F(DamagedStore, ATopicThatIsNotDescribedWellIsLeftAsideWholeAndIsBackOnceMended) {
  TopicId torn, hole, spoilt;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1});
    torn = co_await create(controller, topic_named("torn", 3, 1));
    hole = co_await create(controller, topic_named("hole", 3, 1));
    spoilt = co_await create(controller, topic_named("spoilt", 3, 1));
    co_await create(controller, topic_named("whole", 1, 1));
  });
  const std::vector<std::string> keys = {keys::topic(torn), keys::partition(hole, 1),
                                         keys::partition(spoilt, 2)};
  std::vector<Bytes> before;
  for (const std::string& key : keys) before.push_back(memory.keys().get(key)->value);
  put(keys[0], to_bytes("x"));
  remove(keys[1]);
  put(keys[2], to_bytes("x"));
  const size_t count = memory.keys().list(keys::kPartitions).size();
  with_controller([&](Controller& controller) -> Task<void> {
    EXPECT_EQ(controller.image()->topics().size(), 1u);
    for (const std::string& key : keys) EXPECT_TRUE(told(key)) << key;
    // Their names are not given to others.
    for (const std::string name : {"torn", "hole", "spoilt"}) {
      const auto created = co_await controller.create_topic(topic_named(name, 1, 1), false);
      EXPECT_FALSE(created);
      if (!created) EXPECT_EQ(created.error().code, ErrorCode::topic_already_exists);
    }
    co_await create(controller, topic_named("more", 1, 1));
    co_await runtime::sleep_for(2s);
  });
  EXPECT_EQ(memory.keys().list(keys::kPartitions).size(), count + 1);
  for (size_t i = 0; i < keys.size(); ++i) put(keys[i], before[i]);
  with_controller([&](Controller& controller) -> Task<void> {
    EXPECT_EQ(controller.image()->topics().size(), 5u);
    for (const TopicId& id : {torn, hole, spoilt}) {
      EXPECT_NE(controller.image()->find(id), nullptr);
      if (controller.image()->find(id) == nullptr) continue;
      EXPECT_EQ(controller.image()->find(id)->partitions.size(), 3u);
    }
    co_return;
  });
}

// Else an empty disk would pass for a replica in sync once the key is mended.
TEST_F(DamagedStore, WhatABrokerLostOfATopicThatIsLeftAsideCountsOnceItsKeyIsMended) {
  TopicId id;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    id = co_await create(controller, topic_at("t", {ids({1, 2, 3}), ids({1, 2, 3}), ids({3, 1, 2})}));
  });
  const std::string key = keys::partition(id, 1);
  const Bytes before = memory.keys().get(key)->value;
  put(key, to_bytes("x"));
  with_controller([&](Controller& controller) -> Task<void> {
    EXPECT_TRUE(controller.image()->topics().empty());
    controller.registered(broker(2, 21));
    auto request = joining(2, 21);
    request.has_logs = false;
    EXPECT_EQ((co_await controller.report(request)).error_code, ErrorCode::none);
    // It has logs by now: those that it made since.
    controller.registered(broker(2, 22));
    EXPECT_EQ((co_await controller.report(joining(2, 22))).error_code, ErrorCode::none);
    controller.registered(broker(1, 11));
    request = joining(1, 11);
    request.unproven.push_back({id, {PartitionIndex(1)}});
    EXPECT_EQ((co_await controller.report(request)).error_code, ErrorCode::none);
  });
  // Another controller comes while it is still damaged.
  with_controller([](Controller&) -> Task<void> { co_return; });
  put(key, before);
  with_controller([&](Controller& controller) -> Task<void> {
    co_await runtime::sleep_for(10ms);
    EXPECT_EQ(state(controller, id, 0).isr, ids({1, 3}));
    EXPECT_EQ(state(controller, id, 0).emptied, ids({2}));
    EXPECT_EQ(state(controller, id, 1).isr, ids({3}));
    EXPECT_EQ(state(controller, id, 1).leader, BrokerId(3));
    EXPECT_EQ(state(controller, id, 2).isr, ids({3, 1}));
    EXPECT_EQ(co_await stored(id, 1), state(controller, id, 1));
  });
  for (const int id_of : {1, 2}) {
    const auto joined = stored_value<StoredJoined>(*memory.keys().get(keys::joined(BrokerId(id_of))));
    EXPECT_TRUE(joined && joined->doubts.empty()) << id_of;
  }
}

TEST_F(DamagedStore, ABrokerWhoseEntryIsDamagedJoinsAnew) {
  TopicId id;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    id = co_await create(controller, topic_at("t", {ids({1, 2})}));
  });
  put("/joined/1", to_bytes("?"));
  with_controller([&](Controller& controller) -> Task<void> {
    EXPECT_TRUE(told("/joined/1"));
    EXPECT_FALSE(controller.image()->brokers.contains(BrokerId(1)));
    co_await runtime::sleep_for(10ms);
    EXPECT_EQ(state(controller, id).leader, BrokerId(2));
    co_await join(controller, {1});
    EXPECT_TRUE(controller.image()->brokers.contains(BrokerId(1)));
  });
  EXPECT_TRUE(stored_value<StoredJoined>(*memory.keys().get("/joined/1")));
}

TEST_F(DamagedStore, ATombstoneThatDoesNotDecodeWaitsForEveryBrokerThatEverWas) {
  TopicId id;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    id = co_await create(controller, topic_named("t", 1, 1));
    EXPECT_TRUE(co_await controller.delete_topic(id));
    co_await runtime::sleep_for(1s);
  });
  put(keys::tombstone(id), Bytes(3, std::byte{0xff}));
  with_controller([&](Controller& controller) -> Task<void> {
    Image first;
    Image second;
    co_await follow(controller, 1, 10, first);
    co_await runtime::sleep_for(2s);
    EXPECT_EQ(memory.keys().list(keys::kTombstones).size(), 1u);
    co_await follow(controller, 2, 20, second);
    co_await runtime::sleep_for(2s);
    EXPECT_TRUE(memory.keys().list(keys::kTombstones).empty());
  });
  EXPECT_TRUE(told(keys::tombstone(id)));
}

}  // namespace
}  // namespace godwit::cluster
