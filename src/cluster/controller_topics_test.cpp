#include "cluster/controller_testing.h"

namespace godwit::cluster {
namespace {

using namespace std::chrono_literals;

class Topics : public ControllerTest {
 protected:
  Task<ErrorCode> refusal(Controller& controller, NewTopic topic) {
    const auto created = co_await controller.create_topic(std::move(topic), false);
    co_return created ? ErrorCode::none : created.error().code;
  }
};

TEST_F(Topics, ANewTopicIsSpreadEvenlyAndLedByItsFirstReplicas) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    const TopicId id = co_await create(controller, topic_named("t", 30, 2));
    std::map<BrokerId, int> replicas;
    std::map<BrokerId, int> leads;
    for (int i = 0; i < 30; ++i) {
      const PartitionState now = state(controller, id, i);
      EXPECT_EQ(now.version, 1);
      EXPECT_EQ(now.leader_epoch, LeaderEpoch(0));
      EXPECT_EQ(now.leader, now.replicas.front());
      EXPECT_EQ(now.leader_incarnation, static_cast<uint64_t>(10 * now.leader.value()));
      EXPECT_EQ(now.isr, now.replicas);
      EXPECT_EQ(co_await stored(id, i), now);
      for (const BrokerId broker : now.replicas) ++replicas[broker];
      ++leads[now.leader];
    }
    for (const int broker : {1, 2, 3}) {
      EXPECT_NEAR(replicas[BrokerId(broker)], 20, 1);
      EXPECT_NEAR(leads[BrokerId(broker)], 10, 1);
    }
  });
}

TEST_F(Topics, ReplicasOfAPartitionAreOnDistinctRacksWhereThereAreEnough) {
  with_controller([&](Controller& controller) -> Task<void> {
    for (const int id : {1, 2, 3, 4}) {
      BrokerInfo info = broker(id, static_cast<uint64_t>(10 * id));
      info.rack = id <= 2 ? "a" : "b";
      controller.registered(info);
      EXPECT_EQ((co_await controller.report(joining(id, info.incarnation))).error_code, ErrorCode::none);
    }
    const TopicId id = co_await create(controller, topic_named("t", 20, 2));
    for (int i = 0; i < 20; ++i) {
      const PartitionState now = state(controller, id, i);
      EXPECT_NE(now.replicas[0].value() <= 2, now.replicas[1].value() <= 2) << i;
    }
  });
}

TEST_F(Topics, WhatCanNotBeIsRefusedAndLeavesNothing) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    co_await create(controller, topic_named("a.b", 1, 1));
    const size_t keys = memory.keys().size();
    EXPECT_EQ(co_await refusal(controller, topic_named("a.b", 1, 1)), ErrorCode::topic_already_exists);
    EXPECT_EQ(co_await refusal(controller, topic_named("a_b", 1, 1)), ErrorCode::invalid_topic_exception);
    EXPECT_EQ(co_await refusal(controller, topic_named("a/b", 1, 1)), ErrorCode::invalid_topic_exception);
    EXPECT_EQ(co_await refusal(controller, topic_named("t", 0, 1)), ErrorCode::invalid_partitions);
    EXPECT_EQ(co_await refusal(controller, topic_named("t", 1, 0)), ErrorCode::invalid_replication_factor);
    EXPECT_EQ(co_await refusal(controller, topic_at("t", {ids({1, 1})})),
              ErrorCode::invalid_replica_assignment);
    EXPECT_EQ(co_await refusal(controller, topic_at("t", {ids({3})})), ErrorCode::invalid_replica_assignment);
    EXPECT_EQ(co_await refusal(controller, topic_at("t", {{}})), ErrorCode::invalid_replica_assignment);
    EXPECT_EQ(co_await refusal(controller, topic_at("t", {ids({1}), ids({1, 2})})),
              ErrorCode::invalid_replica_assignment);
    NewTopic demanding = topic_named("t", 1, 2);
    demanding.config["min.insync.replicas"] = "3";
    EXPECT_EQ(co_await refusal(controller, demanding), ErrorCode::invalid_config);
    const auto too_many = co_await controller.create_topic(topic_named("t", 1, 3), false);
    EXPECT_EQ(
        too_many.error().message,
        "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached "
        "because only 2 broker(s) are registered.");
    EXPECT_EQ(too_many.error().code, ErrorCode::invalid_replication_factor);
    EXPECT_TRUE(co_await controller.create_topic(topic_named("t", 1, 2), true));
    EXPECT_EQ(controller.image()->find("t"), nullptr);
    EXPECT_EQ(memory.keys().size(), keys);
  });
}

// Who is left of several is not a broker that is alone.
TEST_F(Topics, TooHighAMinimumIsRefusedAlsoWhileOthersAreDead) {
  with_controller([&](Controller& controller) -> Task<void> {
    NewTopic demanding = topic_named("t", 1, 1);
    demanding.config["min.insync.replicas"] = "2";
    co_await join(controller, {1});
    EXPECT_TRUE(co_await controller.create_topic(demanding, true));
    co_await join(controller, {2});
    co_await controller.died(BrokerId(2), 20, "refused");
    EXPECT_EQ((co_await controller.create_topic(demanding, true)).error().code, ErrorCode::invalid_config);
    EXPECT_EQ((co_await order(controller, "remove", 2)).error_code, ErrorCode::none);
    co_await runtime::sleep_for(std::chrono::seconds(3));
    EXPECT_TRUE(co_await controller.create_topic(demanding, true)) << "given up";
  });
}

TEST_F(Topics, ACreationIsAnsweredOnceTheBrokersServeIt) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    Image first;
    Image second;
    co_await follow(controller, 1, 10, first);
    co_await follow(controller, 2, 20, second);
    auto& shard = *runtime::Shard::current();
    const MonotonicTime began = shard.now();
    bool done = false;
    shard.spawn([](Topics& test, Controller& its, bool& end) -> Task<void> {
      co_await test.create(its, topic_named("t", 1, 2));
      end = true;
    }(*this, controller, done));
    co_await runtime::sleep_for(50ms);
    co_await follow(controller, 1, 10, first);
    EXPECT_NE(first.find("t"), nullptr);
    co_await runtime::sleep_for(50ms);
    EXPECT_FALSE(done);
    co_await follow(controller, 2, 20, second);
    co_await runtime::sleep_for(1ms);
    EXPECT_TRUE(done);
    // Nobody is waited for longer than half a second.
    const MonotonicTime again = shard.now();
    co_await create(controller, topic_named("u", 1, 2));
    EXPECT_GE(shard.now() - again, 500ms);
    EXPECT_LE(shard.now() - again, 600ms);
    EXPECT_LE(again - began, 200ms);
  });
}

TEST_F(Topics, ADeletedTopicLeavesATombstoneUntilAllWhoHadItServeAnImageWithoutIt) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    Image first;
    Image second;
    const TopicId id = co_await create(controller, topic_named("t", 300, 2));
    co_await follow(controller, 1, 10, first);
    co_await follow(controller, 2, 20, second);
    EXPECT_TRUE(co_await controller.delete_topic(id));
    EXPECT_EQ(controller.image()->find("t"), nullptr);
    EXPECT_EQ((co_await controller.delete_topic(id)).error().code, ErrorCode::unknown_topic_id);
    co_await runtime::sleep_for(2s);
    EXPECT_TRUE(memory.keys().list(keys::kPartitions).empty());
    EXPECT_TRUE(memory.keys().list(keys::kTopics).empty());
    co_await follow(controller, 1, 10, first);
    co_await runtime::sleep_for(2s);
    EXPECT_EQ(memory.keys().list(keys::kTombstones).size(), 1u);
  });
  // Another controller asks them anew.
  with_controller([&](Controller& controller) -> Task<void> {
    Image first;
    Image second;
    co_await follow(controller, 2, 20, second);
    co_await runtime::sleep_for(2s);
    EXPECT_EQ(memory.keys().list(keys::kTombstones).size(), 1u);
    co_await follow(controller, 1, 10, first);
    co_await runtime::sleep_for(2s);
    EXPECT_TRUE(memory.keys().list(keys::kTombstones).empty());
  });
}

TEST_F(Topics, ATombstoneStaysForABrokerThatCouldNotReadIt) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1});
    const TopicId id = co_await create(controller, topic_named("t", 1, 1));
    EXPECT_TRUE(co_await controller.delete_topic(id));
    auto poll = polling(1, 10, *controller.image());
    poll.undecided = true;
    EXPECT_EQ((co_await controller.poll(poll)).error_code, ErrorCode::none);
    co_await runtime::sleep_for(2s);
    EXPECT_EQ(memory.keys().list(keys::kTombstones).size(), 1u);
    poll.undecided = false;
    EXPECT_EQ((co_await controller.poll(poll)).error_code, ErrorCode::none);
    co_await runtime::sleep_for(2s);
    EXPECT_TRUE(memory.keys().list(keys::kTombstones).empty());
  });
}

TEST_F(Topics, AnAssignmentMayNameADeadBrokerButNotAnUnknownOneNorDeadOnesAlone) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    co_await controller.died(BrokerId(1), 10, "refused");
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2, 3})}));
    EXPECT_EQ(state(controller, id).replicas, ids({1, 2, 3}));
    EXPECT_EQ(state(controller, id).leader, BrokerId(2));
    EXPECT_EQ(state(controller, id).isr, ids({2, 3}));
    const auto refused = [&](std::vector<BrokerId> replicas) -> Task<ErrorCode> {
      const auto created = co_await controller.create_topic(topic_at("u", {std::move(replicas)}), false);
      co_return created ? ErrorCode::none : created.error().code;
    };
    EXPECT_EQ(co_await refused(ids({2, 7})), ErrorCode::invalid_replica_assignment);
    EXPECT_EQ(co_await refused(ids({1})), ErrorCode::invalid_replica_assignment);
    // Also to move to, unless it is given up.
    const auto moved = [&]() -> Task<bool> {
      std::vector<Reassignment> wishes{{{id, PartitionIndex(0)}, ids({1, 2})}};
      co_return (co_await controller.reassign(std::move(wishes)))[0].has_value();
    };
    EXPECT_TRUE(co_await moved());
    const TopicId other = co_await create(controller, topic_at("other", {ids({2, 3})}));
    EXPECT_EQ((co_await order(controller, "remove", 1)).error_code, ErrorCode::none);
    std::vector<Reassignment> wishes{{{other, PartitionIndex(0)}, ids({1, 2})}};
    const auto late = co_await controller.reassign(std::move(wishes));
    EXPECT_FALSE(late[0]);
  });
}

TEST_F(Topics, ATombstoneOfAnOlderBuildWaitsForEveryBrokerThatEverWas) {
  const TopicId id{{std::byte{1}}};
  Transaction old;
  old.put(keys::tombstone(id), to_bytes("gone"))
      .put("/incarnations/1", to_bytes(""))
      .put("/incarnations/2", {});
  memory.load(old.writes);
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1});
    Image has;
    co_await follow(controller, 1, 10, has);
    co_await runtime::sleep_for(2s);
    EXPECT_EQ(memory.keys().list(keys::kTombstones).size(), 1u);
    co_await join(controller, {2});
    Image other;
    co_await follow(controller, 2, 20, other);
    co_await runtime::sleep_for(2s);
    EXPECT_TRUE(memory.keys().list(keys::kTombstones).empty());
  });
}

TEST_F(Topics, PartitionsAreAddedBehindThoseThatAreThere) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2, 3});
    const TopicId id = co_await create(controller, topic_at("t", {ids({1, 2})}));
    EXPECT_EQ((co_await controller.create_partitions(id, 1, {}, false)).error().code,
              ErrorCode::invalid_partitions);
    EXPECT_EQ((co_await controller.create_partitions(id, 3, {ids({1, 2})}, false)).error().code,
              ErrorCode::invalid_replica_assignment);
    EXPECT_EQ((co_await controller.create_partitions(id, 2, {ids({1})}, false)).error().code,
              ErrorCode::invalid_replica_assignment);
    EXPECT_TRUE(co_await controller.create_partitions(id, 3, {}, true));
    EXPECT_EQ(controller.image()->find(id)->partitions.size(), 1u);
    EXPECT_TRUE(co_await controller.create_partitions(id, 3, {}, false));
    EXPECT_EQ(controller.image()->find(id)->partitions.size(), 3u);
    EXPECT_EQ(state(controller, id, 0).replicas, ids({1, 2}));
    EXPECT_EQ(state(controller, id, 2).replicas.size(), 2u);
    EXPECT_EQ((co_await controller.create_partitions(TopicId{}, 3, {}, false)).error().code,
              ErrorCode::unknown_topic_or_partition);
  });
  with_controller([&](Controller& controller) -> Task<void> {
    EXPECT_EQ(controller.image()->find("t")->partitions.size(), 3u);
    co_return;
  });
}

TEST_F(Topics, SettingsAreAlteredFromWhatTheyAre) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1, 2});
    const TopicId id = co_await create(controller, topic_named("t", 1, 2));
    const auto set = [](std::string name, std::string value) {
      return [=](const ConfigMap& now) -> Changed<ConfigMap> {
        ConfigMap next = now;
        next[name] = value;
        return next;
      };
    };
    EXPECT_TRUE(co_await controller.alter_topic_config(id, set("a", "1"), false));
    EXPECT_TRUE(co_await controller.alter_topic_config(id, set("b", "2"), false));
    EXPECT_TRUE(co_await controller.alter_topic_config(id, set("c", "3"), true));
    EXPECT_EQ(controller.image()->find(id)->config, (ConfigMap{{"a", "1"}, {"b", "2"}}));
    EXPECT_EQ(
        (co_await controller.alter_topic_config(id, set("min.insync.replicas", "3"), false)).error().code,
        ErrorCode::invalid_config);
    EXPECT_EQ(
        (co_await controller.alter_topic_config(id, set("d", std::string(40'000, 'x')), false)).error().code,
        ErrorCode::invalid_config);
    const auto no = [](const ConfigMap&) -> Changed<ConfigMap> {
      return tl::unexpected(Refusal{ErrorCode::policy_violation, "no"});
    };
    EXPECT_EQ((co_await controller.alter_topic_config(id, no, false)).error().code,
              ErrorCode::policy_violation);
    EXPECT_TRUE(co_await controller.alter_broker_config(kNoBroker, set("x", "1"), false));
    EXPECT_TRUE(co_await controller.alter_broker_config(BrokerId(1), set("y", "2"), false));
    EXPECT_TRUE(co_await controller.alter_broker_config(
        BrokerId(1), [](const ConfigMap&) -> Changed<ConfigMap> { return ConfigMap{}; }, false));
  });
  with_controller([&](Controller& controller) -> Task<void> {
    EXPECT_EQ(controller.image()->find("t")->config, (ConfigMap{{"a", "1"}, {"b", "2"}}));
    EXPECT_EQ(controller.image()->broker_configs, (std::map<BrokerId, ConfigMap>{{kNoBroker, {{"x", "1"}}}}));
    co_return;
  });
}

TEST_F(Topics, BrokersAreToldWhatChangedAndEverythingWhenTheyMissedTooMuch) {
  with_controller([&](Controller& controller) -> Task<void> {
    co_await join(controller, {1});
    Image has;
    const auto everything = co_await controller.poll(polling(1, 10, has));
    EXPECT_TRUE(everything.full);
    co_await follow(controller, 1, 10, has);
    EXPECT_EQ(has.version, controller.image()->version);
    // A poll waits, and is answered when something changes.
    auto& shard = *runtime::Shard::current();
    std::optional<kafka::ClusterPollResponse> news;
    shard.spawn([](Controller& its, Image of, std::optional<kafka::ClusterPollResponse>& into) -> Task<void> {
      into = co_await its.poll(polling(1, 10, of, 1000));
    }(controller, has, news));
    co_await runtime::sleep_for(300ms);
    EXPECT_FALSE(news);
    shard.spawn([](Topics& test, Controller& its) -> Task<void> {
      co_await test.create(its, topic_named("t", 2, 1));
    }(*this, controller));
    co_await runtime::sleep_for(20ms);
    EXPECT_TRUE(news);
    if (!news) co_return;
    EXPECT_FALSE(news->full);
    EXPECT_EQ(news->topics.size(), 1u);
    EXPECT_TRUE(news->brokers.empty());
    has = *apply(has, *news);
    // Nothing new: answered at the end of the wait, with nothing.
    const MonotonicTime began = shard.now();
    const auto nothing = co_await controller.poll(polling(1, 10, has, 1000));
    EXPECT_EQ(nothing.sequence, has.version.sequence);
    EXPECT_TRUE(nothing.topics.empty() && nothing.partitions.empty() && !nothing.full);
    EXPECT_GE(shard.now() - began, 1000ms);
    const TopicId id = has.find("t")->id;
    for (int i = 0; i < 70; ++i) {
      has.version.sequence = controller.image()->version.sequence - (i % 2);
      (void)co_await controller.alter_topic_config(
          id,
          [i](const ConfigMap&) -> Changed<ConfigMap> {
            return ConfigMap{{"k", std::to_string(i)}};
          },
          false);
    }
    Image old;
    old.version = {fence, 3};
    EXPECT_TRUE((co_await controller.poll(polling(1, 10, old))).full);
    auto stranger = polling(1, 10, old);
    stranger.cluster_id = "other";
    EXPECT_EQ((co_await controller.poll(stranger)).error_code, ErrorCode::inconsistent_cluster_id);
  });
}

}  // namespace
}  // namespace godwit::cluster
