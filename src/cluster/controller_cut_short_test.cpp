// What a change leaves in the store whose controller loses the office between two of its transactions: the table "What a
// crash can leave" of docs/formats/coordination.md.
#include "cluster/controller_testing.h"

namespace godwit::cluster {
namespace {

using namespace std::chrono_literals;
using Fate = ShakyStore::Fate;

class CutShort : public ControllerTest {
 protected:
  // From now on somebody else has the office once `left` more transactions took effect; 0: before the next.
  void lose_office_after(int left) {
    store.next_fate = [this, left](const Transaction&) mutable {
      if (left-- == 0) {
        Transaction raise;
        raise.put("/fence", to_bytes("somebody else"));
        memory.load(raise.writes);
      }
      return Fate::pass;
    };
  }
  size_t partition_keys() const { return memory.keys().list(keys::kPartitions).size(); }
};

TEST_F(CutShort, ADeletionLeavesTheTopicWholeOrNothingButItsTombstone) {
  bool was_kept = false;
  bool was_cut = false;
  for (int left = 0; left < 8; ++left) {
    const std::string name = "cut" + std::to_string(left);
    TopicId id;
    size_t left_behind = 0;
    with_controller([&](Controller& controller) -> Task<void> {
      co_await join(controller, {1});
      id = co_await create(controller, topic_named(name, 500, 1));
      lose_office_after(left);
      (void)co_await controller.delete_topic(id);
      store.next_fate = nullptr;
      left_behind = partition_keys();
    });
    with_controller([&](Controller& controller) -> Task<void> {
      const bool kept = controller.image()->find(id) != nullptr;
      EXPECT_EQ(partition_keys(), kept ? 500u : 0u) << left;
      EXPECT_EQ(memory.keys().get(keys::tombstone(id)).has_value(), !kept) << left;
      was_kept = was_kept || kept;
      was_cut = was_cut || (!kept && left_behind > 0);
      if (kept) EXPECT_TRUE(co_await controller.delete_topic(id));
      co_await runtime::sleep_for(1s);
    });
    for (const auto& one : memory.keys().list(keys::kTombstones)) {
      Transaction remove;
      remove.remove(one.key);
      memory.load(remove.writes);
    }
  }
  EXPECT_TRUE(was_kept);
  EXPECT_TRUE(was_cut) << "nothing was ever left to be removed";
  EXPECT_TRUE(sink.contains("metadata.orphan_removed"));
}

TEST_F(CutShort, PartitionsAreAddedAllOrNone) {
  bool were_added = false;
  bool was_cut = false;
  for (int left = 0; left < 8; ++left) {
    TopicId id;
    size_t left_behind = 0;
    with_controller([&](Controller& controller) -> Task<void> {
      co_await join(controller, {1});
      id = co_await create(controller, topic_named("cut" + std::to_string(left), 1, 1));
      lose_office_after(left);
      (void)co_await controller.create_partitions(id, 500, {}, false);
      store.next_fate = nullptr;
      left_behind = partition_keys();
    });
    with_controller([&](Controller& controller) -> Task<void> {
      const Topic* const topic = controller.image()->find(id);
      EXPECT_NE(topic, nullptr);
      if (topic == nullptr) co_return;
      const size_t count = topic->partitions.size();
      EXPECT_TRUE(count == 1 || count == 500) << left << ": " << count;
      EXPECT_EQ(partition_keys(), count) << left;
      were_added = were_added || count == 500;
      was_cut = was_cut || (count == 1 && left_behind > 1);
      // What was left behind does not stand in the way of the next attempt.
      if (count == 1) EXPECT_TRUE(co_await controller.create_partitions(id, 500, {}, false));
      EXPECT_EQ(partition_keys(), 500u);
      EXPECT_TRUE(co_await controller.delete_topic(id));
      co_await runtime::sleep_for(1s);
    });
  }
  EXPECT_TRUE(were_added);
  EXPECT_TRUE(was_cut) << "nothing was ever left to be removed";
}

TEST_F(CutShort, AJoiningBrokerCountsOnlyOnceItsUnprovenReplicasHaveLeft) {
  bool had_left = false;
  uint64_t incarnation = 100;
  for (int left = 0; left < 5; ++left) {
    const uint64_t first = ++incarnation;
    const uint64_t other = ++incarnation;
    const uint64_t again = ++incarnation;
    TopicId id;
    const auto come = [&](Controller& controller, int who, uint64_t as, bool proves) -> Task<ErrorCode> {
      co_await put_registration(who);
      controller.registered(broker(who, as));
      auto request = joining(who, as);
      if (!proves) request.unproven = {{id, {PartitionIndex(0)}}};
      co_return (co_await controller.report(request)).error_code;
    };
    with_controller([&](Controller& controller) -> Task<void> {
      EXPECT_EQ(co_await come(controller, 1, first, true), ErrorCode::none);
      EXPECT_EQ(co_await come(controller, 2, other, true), ErrorCode::none);
      NewTopic topic = topic_at("cut" + std::to_string(left), {ids({1, 2})});
      topic.config["min.insync.replicas"] = "2";
      id = co_await create(controller, std::move(topic));
      lose_office_after(left);
      const bool has_joined = co_await come(controller, 1, again, false) == ErrorCode::none;
      store.next_fate = nullptr;
      const auto members = (co_await stored(id)).isr;
      if (has_joined) EXPECT_EQ(members, ids({2})) << left;
      had_left = had_left || (!has_joined && members == ids({2}));
    });
    with_controller([&](Controller& controller) -> Task<void> {
      EXPECT_EQ(co_await come(controller, 2, other, true), ErrorCode::none) << left;
      EXPECT_EQ(co_await come(controller, 1, again, false), ErrorCode::none) << left;
      EXPECT_EQ(state(controller, id).isr, ids({2})) << left;
      EXPECT_EQ(state(controller, id).leader, BrokerId(2)) << left;
      EXPECT_TRUE(co_await controller.delete_topic(id));
      co_await runtime::sleep_for(1s);
    });
  }
  EXPECT_TRUE(had_left) << "no run was cut between the two";
}

}  // namespace
}  // namespace godwit::cluster
