#include "cluster/controller_testing.h"

namespace godwit::cluster {
namespace {

using namespace std::chrono_literals;
using Fate = ShakyStore::Fate;

// What becomes of decisions when the store answers late, wrongly or not at all, or the office is lost.
class StoreTroubles : public ControllerTest {
 protected:
  // The next transaction that writes a key with this prefix has this fate.
  void next_write(std::string prefix, Fate fate) {
    store.next_fate = [this, prefix, fate](const Transaction& transaction) {
      for (const auto& write : transaction.writes) {
        if (!write.key.starts_with(prefix)) continue;
        store.next_fate = nullptr;
        return fate;
      }
      return Fate::pass;
    };
  }
  Task<void> raise_fence() {
    Transaction raise;
    raise.put("/fence", to_bytes("somebody else"));
    EXPECT_TRUE(co_await memory.commit(std::move(raise)));
  }
};

TEST_F(StoreTroubles, AWriteOfUnknownOutcomeIsRepeatedUntilItIsDone) {
  for (const Fate fate : {Fate::lost, Fate::unheard, Fate::down}) {
    const auto name = "t" + std::to_string(static_cast<int>(fate));
    with_controller([&](Controller& controller) -> Task<void> {
      co_await join(controller, {1, 2});
      const TopicId id = co_await create(controller, topic_named(name, 1, 2));
      next_write("/partitions/", fate);
      EXPECT_EQ(co_await alter_isr(controller, id, members({1, 2})), ErrorCode::none);  // no change, no write
      const BrokerId leader = state(controller, id).leader;
      EXPECT_EQ(co_await alter_isr(controller, id, {{leader, state(controller, id).leader_incarnation}}),
                ErrorCode::none);
      EXPECT_FALSE(store.next_fate);
      EXPECT_EQ(state(controller, id).isr, std::vector{leader});
      EXPECT_EQ(co_await stored(id), state(controller, id));
    });
  }
}

TEST_F(StoreTroubles, AWriteThatTakesEffectAfterItWasRepeatedDoesNotUndoNewerOnes) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2})}));
    next_write("/partitions/", Fate::late);
    EXPECT_EQ(co_await alter_isr(controller, id, members({1})), ErrorCode::none);
    EXPECT_EQ(co_await alter_isr(controller, id, members({1, 2})), ErrorCode::none);
    EXPECT_EQ(co_await store.deliver_late(), 0);
    EXPECT_EQ(co_await stored(id), state(controller, id));
    EXPECT_EQ(state(controller, id).isr, ids({1, 2}));
  });
}

TEST_F(StoreTroubles, AGuardThatIsRaisedLateOnlyMakesWritesReadItAgain) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2})}));
    bool first = true;
    store.next_fate = [&](const Transaction& transaction) {
      const std::string& key = transaction.writes.front().key;
      if (key.starts_with("/partitions/") && first) return first = false, Fate::lost;
      if (key == keys::kGuard) return store.next_fate = nullptr, Fate::late;
      return Fate::pass;
    };
    EXPECT_EQ(co_await alter_isr(controller, id, members({1})), ErrorCode::none);
    EXPECT_FALSE(store.next_fate);
    EXPECT_EQ(co_await store.deliver_late(), 1);
    EXPECT_EQ(co_await alter_isr(controller, id, members({1, 2})), ErrorCode::none);
    EXPECT_EQ(co_await stored(id), state(controller, id));
  });
}

TEST_F(StoreTroubles, AnOutageIsWaitedForAndTold) {
  for (const Fate fate : {Fate::down, Fate::full}) {
    with_controller([&](Controller& controller) -> Task<void> {
      const std::string name = fate == Fate::down ? "down" : "full";
      co_await join(controller, {1, 2});
      const TopicId id = co_await create(controller, topic_at(name, {ids({1, 2})}));
      store.next_fate = [fate](const Transaction&) { return fate; };
      world.after(20s, [this] { store.next_fate = nullptr; });
      const MonotonicTime began = world.now();
      sink.events.clear();
      co_await controller.died(BrokerId(1), 10, "refused");
      EXPECT_GE(world.now() - began, 19s);
      EXPECT_LE(world.now() - began, 20s + 200ms);
      EXPECT_EQ(state(controller, id).leader, BrokerId(2));
      EXPECT_TRUE(sink.contains("controller.store_unavailable")) << name;
    });
  }
}

TEST_F(StoreTroubles, AWriteThatTheStoreWillNotTakeIsToldOnceAndNotRepeatedWithoutAPause) {
  for (const Fate fate : {Fate::broken, Fate::dropped}) {
    with_controller([&](Controller& controller) -> Task<void> {
      co_await join(controller, {1, 2});
      const TopicId id =
          co_await create(controller, topic_at(fate == Fate::broken ? "b" : "d", {ids({1, 2})}));
      // The guard may be raised, what is to be written may not.
      store.next_fate = [fate](const Transaction& transaction) {
        return transaction.writes.front().key == keys::kGuard ? Fate::pass : fate;
      };
      world.after(10s, [this] { store.next_fate = nullptr; });
      sink.events.clear();
      store.commits = 0;
      co_await controller.died(BrokerId(1), 10, "refused");
      EXPECT_EQ(state(controller, id).leader, BrokerId(2));
      EXPECT_EQ(std::ranges::count(sink.events, "controller.store_unavailable", &Diagnostic::name), 1);
      // The write and the guard, each 20 ms.
      EXPECT_LE(store.commits, 2 * 50 * 10 + 20);
    });
  }
}

TEST_F(StoreTroubles, AStoreThatIsFullWhileAnUncertainWriteIsSettledIsTold) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2})}));
    bool first = true;
    store.next_fate = [&first](const Transaction&) {
      return std::exchange(first, false) ? Fate::lost : Fate::full;
    };
    world.after(5s, [this] { store.next_fate = nullptr; });
    co_await controller.died(BrokerId(1), 10, "refused");
    EXPECT_EQ(state(controller, id).leader, BrokerId(2));
    EXPECT_TRUE(sink.contains("controller.store_unavailable"));
  });
}

TEST_F(StoreTroubles, WhoLostTheOfficeWritesNothingAndSaysSo) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2})}));
    const PartitionState before = state(controller, id);
    co_await raise_fence();
    co_await controller.died(BrokerId(1), 10, "refused");
    co_await controller.deposed();
    EXPECT_EQ(state(controller, id), before);
    EXPECT_EQ(co_await stored(id), before);
    EXPECT_TRUE(controller.image()->brokers.contains(BrokerId(1)));
    // Everybody who asks is sent on.
    EXPECT_EQ((co_await controller.create_topic(topic_named("u", 1, 1), false)).error().code,
              ErrorCode::not_controller);
    EXPECT_EQ(co_await alter_isr(controller, id, members({1})), ErrorCode::not_controller);
    EXPECT_EQ((co_await controller.report(joining(1, 10))).error_code, ErrorCode::not_controller);
    EXPECT_EQ((co_await controller.poll(polling(2, 20, *controller.image(), 1000))).error_code,
              ErrorCode::not_controller);
    EXPECT_EQ((co_await order(controller, "status")).error_code, ErrorCode::not_controller);
    EXPECT_EQ((co_await controller.elect(true, {{id, PartitionIndex(0)}}))[0].error().code,
              ErrorCode::not_controller);
  });
}

TEST_F(StoreTroubles, LosingTheOfficeInTheMiddleOfAPassLeavesWhatTheNextOneFinishes) {
  TopicId id;
  int written = 0;
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    id = co_await create(controller, topic_at("t", std::vector(1000, ids({1, 2, 3}))));
    auto& shard = *runtime::Shard::current();
    std::optional<kafka::ClusterPollResponse> parked;
    shard.spawn([](Controller& its, std::optional<kafka::ClusterPollResponse>& into) -> Task<void> {
      into = co_await its.poll(polling(3, 30, *its.image(), 1500));
    }(controller, parked));
    int count = 0;
    store.next_fate = [this, &count](const Transaction&) {
      if (++count == 5) {
        Transaction raise;
        raise.put("/fence", to_bytes("somebody else"));
        memory.load(raise.writes);  // at once, between two transactions
      }
      return Fate::pass;
    };
    co_await controller.died(BrokerId(1), 10, "refused");
    store.next_fate = nullptr;
    co_await controller.deposed();
    co_await runtime::sleep_for(1ms);
    EXPECT_TRUE(parked);
    EXPECT_EQ(parked->error_code, ErrorCode::not_controller);
    EXPECT_EQ(state(controller, id, 0).leader, BrokerId(1));  // nothing of it was shown
    for (int i = 0; i < 1000; ++i) written += (co_await stored(id, i)).leader == BrokerId(2) ? 1 : 0;
    EXPECT_GT(written, 0);
    EXPECT_LT(written, 1000);
  });
  with_controller([&](Controller& controller) -> Task<void> {
    co_await controller.died(BrokerId(1), 10, "refused");
    for (int i = 0; i < 1000; ++i) {
      EXPECT_EQ(state(controller, id, i).leader, BrokerId(2));
      EXPECT_EQ(state(controller, id, i).leader_epoch, LeaderEpoch(1));
      EXPECT_EQ(state(controller, id, i).isr, ids({2, 3}));
    }
  });
}

TEST_F(StoreTroubles, ATopicWhoseCreationIsCutShortIsThereWholeOrNotAtAll) {
  for (int left = 0; left < 8; ++left) {
    const std::string name = "cut" + std::to_string(left);
    with_controller([&](Controller& controller) -> Task<void> {
      co_await join(controller, {1});
      int count = 0;
      store.next_fate = [this, &count, left](const Transaction&) {
        if (count++ == left) {
          Transaction raise;
          raise.put("/fence", to_bytes("somebody else"));
          memory.load(raise.writes);
        }
        return Fate::pass;
      };
      (void)co_await controller.create_topic(topic_named(name, 500, 1), false);
      store.next_fate = nullptr;
    });
    with_controller([&](Controller& controller) -> Task<void> {
      const Topic* const topic = controller.image()->find(name);
      EXPECT_EQ(topic != nullptr, left > 5) << left;
      const size_t kept = topic == nullptr ? 0 : 500;
      EXPECT_EQ(memory.keys().list(keys::kPartitions).size(), kept);
      if (topic != nullptr) EXPECT_TRUE(co_await controller.delete_topic(topic->id));
      co_await runtime::sleep_for(1s);
    });
  }
  EXPECT_TRUE(sink.contains("metadata.orphan_removed"));
}

TEST_F(StoreTroubles, AKeyWhoseNameIsNoneOfOursIsNamedAndLeftAlone) {
  const std::vector<std::string> strangers{"/joined/one",          "/topics/nonsense",
                                           "/tombstones/nonsense", "/partitions/nonsense",
                                           "/partitions/x/y",      "/configs/brokers/one"};
  Transaction damage;
  for (const auto& key : strangers) damage.put(key, to_bytes("?"));
  memory.load(damage.writes);
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1});
    (void)co_await controller.create_topic(topic_named("t", 1, 1), false);
    EXPECT_NE(controller.image()->find("t"), nullptr);
  });
  for (const auto& key : strangers) {
    EXPECT_TRUE(std::ranges::any_of(sink.events, [&](const Diagnostic& event) {
      return event.name == "coordination.damaged" && event.fields.at(0).second.find(key) != std::string::npos;
    })) << key;
    EXPECT_EQ(memory.keys().list(key).size(), 1U) << key;
  }
}

TEST_F(StoreTroubles, WhatTheFenceRefusesIsToldToNobody) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2, 3})}));
    store.next_fate = [this](const Transaction&) {
      Transaction raise;
      raise.put("/fence", to_bytes("somebody else"));
      memory.load(raise.writes);
      return Fate::pass;
    };
    sink.events.clear();
    EXPECT_EQ(co_await alter_isr(controller, id, members({1, 2})), ErrorCode::not_controller);
    store.next_fate = nullptr;
    EXPECT_FALSE(sink.contains("cluster.isr.changed"));
    EXPECT_EQ((co_await stored(id)).isr, ids({1, 2, 3}));
  });
}

TEST_F(StoreTroubles, AChangeIsToldOnceItStandsInTheStore) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2, 3})}));
    store.next_fate = [this](const Transaction&) {
      EXPECT_FALSE(sink.contains("cluster.isr.changed"));
      return Fate::pass;
    };
    EXPECT_EQ(co_await alter_isr(controller, id, members({1, 2})), ErrorCode::none);
    store.next_fate = nullptr;
    EXPECT_TRUE(sink.contains("cluster.isr.changed"));
    EXPECT_TRUE(co_await has_event(controller, "isr.changed"));
  });
}

TEST_F(StoreTroubles, WhoComesWithAnOldFenceDoesNotBegin) {
  node.run([&](runtime::Runtime& runtime) -> Task<void> {
    const auto controller = co_await take_office(runtime);
    co_await raise_fence();
    const auto opened = co_await Controller::open(options, store, runtime, sink);
    EXPECT_FALSE(opened);
    if (!opened) EXPECT_EQ(opened.error().kind, ErrorKind::conflict);
    co_await controller->close();
  });
}

}  // namespace
}  // namespace godwit::cluster
