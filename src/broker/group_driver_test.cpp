#include "broker/group_driver.h"

#include <gtest/gtest.h>

#include <set>

#include "broker/fake_log_testing.h"
#include "runtime/sim/node.h"

namespace godwit::broker {
namespace {

using runtime::Runtime;
using runtime::Task;
using test::FakeLog;
using Writes = FakeLog::Writes;
using namespace std::chrono_literals;

// Some id of its own for each name.
TopicId topic_id(const std::string& name) {
  TopicId id;
  id.bytes[0] = static_cast<std::byte>(name.size());
  return id;
}

// A log and whoever drives it, on a simulated node.
struct Stage {
  explicit Stage(Runtime& runtime) : shard(runtime.shard(0)) {}

  Task<std::shared_ptr<GroupDriver>> drive() {
    auto partition =
        std::make_shared<Partition>(TopicPartition{}, std::string(kConsumerOffsetsTopic), log, surroundings);
    const cluster::PartitionState state{.version = 1,
                                        .leader = BrokerId(1),
                                        .leader_incarnation = 1,
                                        .leader_epoch = LeaderEpoch(3),
                                        .replicas = {BrokerId(1)},
                                        .isr = {BrokerId(1)}};
    EXPECT_TRUE(co_await partition->lead(state, 1, {}));
    auto driver = std::make_shared<GroupDriver>(
        shard, partition, options, diagnostics, metrics,
        [this](const std::string& name) { return gone.contains(name) ? TopicId{} : topic_id(name); });
    driver->start();
    co_return driver;
  }
  Task<std::shared_ptr<GroupDriver>> loaded() {
    auto driver = co_await drive();
    while (!driver->loaded()) co_await runtime::sleep_for(1ms);
    co_return driver;
  }

  runtime::Shard& shard;
  Partition::Surroundings surroundings{.shard = &shard,
                                       .self = BrokerId(1),
                                       .incarnation = 1,
                                       .lag_max = 3s,
                                       .wants_isr = [](Partition&) {},
                                       .lease_holds = [] { return true; }};
  FakeLog log;
  RecordingSink diagnostics;
  metrics::Registry registry;
  GroupMetrics metrics{registry};
  groups::GroupOptions options;
  std::set<std::string> gone;
};

void run(std::move_only_function<Task<void>(Stage&)> body) {
  runtime::sim::World world(7);
  runtime::sim::Node& node = world.add_node("a");
  EXPECT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
    Stage& stage = node.make<Stage>(runtime);
    co_await body(stage);
  }));
}

groups::OffsetCommitRequest commit_of(const std::string& group, int64_t offset,
                                      const std::string& topic = "orders") {
  groups::OffsetCommitRequest request;
  request.group = group;
  request.topics = {{topic, {}, {{PartitionIndex(0), Offset(offset), kNoLeaderEpoch, ""}}}};
  return request;
}

Task<ErrorCode> commit(std::shared_ptr<GroupDriver> driver, std::string group, int64_t offset) {
  const auto response = co_await driver->ask(commit_of(group, offset));
  co_return std::get<groups::OffsetCommitResponse>(response).topics.at(0).partitions.at(0).error;
}

Task<groups::OffsetFetchResponse> fetch(std::shared_ptr<GroupDriver> driver, std::string group) {
  groups::OffsetFetchRequest request;
  request.group = group;
  request.topics.emplace();
  request.topics->push_back({"orders", {}, {PartitionIndex(0)}});
  co_return std::get<groups::OffsetFetchResponse>(co_await driver->ask(request));
}

Task<Offset> committed(std::shared_ptr<GroupDriver> driver, std::string group) {
  co_return (co_await fetch(driver, group)).topics.at(0).partitions.at(0).offset;
}

groups::JoinRequest join_of(const std::string& group, runtime::Random& random, size_t metadata_bytes = 3) {
  groups::JoinRequest request;
  request.version = 3;  // a member id is given at once
  request.group = group;
  request.client_id = "client";
  request.client_host = "/10.0.0.9";
  request.session_timeout_ms = 60'000;
  request.rebalance_timeout_ms = 60'000;
  request.protocol_type = "consumer";
  request.protocols = {{"range", SharedBytes::own(Bytes(metadata_bytes))}};
  request.random = random.bytes16();
  return request;
}

TEST(GroupDriver, WhatWasCommittedIsThereAfterALoad) {
  run([](Stage& stage) -> Task<void> {
    auto driver = co_await stage.loaded();
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(co_await commit(driver, "g" + std::to_string(i % 5), i), ErrorCode::none);
    }
    const auto before = driver->manager().snapshot();
    co_await driver->stop();

    auto next = co_await stage.loaded();
    EXPECT_EQ(next->manager().snapshot(), before);
    EXPECT_EQ(co_await committed(next, "g4"), Offset(19));
    EXPECT_TRUE(stage.diagnostics.events.empty());
    co_await next->stop();
  });
}

TEST(GroupDriver, BatchesBearTheLeaderEpochAndAreValid) {
  run([](Stage& stage) -> Task<void> {
    auto driver = co_await stage.loaded();
    EXPECT_EQ(co_await commit(driver, "g", 1), ErrorCode::none);
    EXPECT_EQ(stage.log.batches().size(), 1U);
    const auto batch = BatchView::parse(stage.log.batches().at(0));
    EXPECT_TRUE(batch && batch->crc_matches());
    EXPECT_EQ(batch->header().leader_epoch, LeaderEpoch(3));
    EXPECT_EQ(batch->header().attributes.timestamp_type(), TimestampType::create_time);
    co_await driver->stop();
  });
}

TEST(GroupDriver, AsksToWaitWhileItLoads) {
  run([](Stage& stage) -> Task<void> {
    auto driver = co_await stage.loaded();
    EXPECT_EQ(co_await commit(driver, "g", 5), ErrorCode::none);
    co_await driver->stop();

    stage.log.hold_reads = true;
    auto next = co_await stage.drive();
    EXPECT_EQ((co_await fetch(next, "g")).error, ErrorCode::coordinator_load_in_progress);
    EXPECT_EQ(co_await commit(next, "g", 6), ErrorCode::coordinator_load_in_progress);
    co_await runtime::sleep_for(10s);
    EXPECT_FALSE(next->loaded());
    stage.log.read_on();
    co_await runtime::sleep_for(10ms);
    EXPECT_EQ(co_await committed(next, "g"), Offset(5));
    co_await next->stop();
  });
}

TEST(GroupDriver, ALogThatCannotBeReadIsTriedAgainAndNamedOnce) {
  run([](Stage& stage) -> Task<void> {
    auto driver = co_await stage.loaded();
    EXPECT_EQ(co_await commit(driver, "g", 5), ErrorCode::none);
    co_await driver->stop();

    stage.log.read_refusal = ErrorCode::kafka_storage_error;
    auto next = co_await stage.drive();
    co_await runtime::sleep_for(30s);
    EXPECT_EQ((co_await fetch(next, "g")).error, ErrorCode::coordinator_load_in_progress);
    EXPECT_EQ(stage.diagnostics.events.size(), 1U);
    EXPECT_TRUE(stage.diagnostics.contains("groups.not_loaded"));
    stage.log.read_refusal.reset();
    co_await runtime::sleep_for(2s);
    EXPECT_EQ(co_await committed(next, "g"), Offset(5));
    co_await next->stop();
  });
}

Task<void> count_turns(size_t& turns, const bool& over) {
  while (!over) {
    ++turns;
    co_await runtime::yield();
  }
}

TEST(GroupDriver, OtherWorkOfTheShardGoesOnWhileManyGroupsAreLoaded) {
  run([](Stage& stage) -> Task<void> {
    auto driver = co_await stage.loaded();
    constexpr size_t kGroups = 10'000;
    std::vector<Task<ErrorCode>> commits;
    for (size_t i = 0; i < kGroups; ++i) commits.push_back(commit(driver, "group-" + std::to_string(i), 1));
    for (const ErrorCode error : co_await runtime::when_all(std::move(commits))) {
      EXPECT_EQ(error, ErrorCode::none);
    }
    co_await driver->stop();

    size_t turns = 0;
    bool over = false;
    runtime::Gate gate;
    gate.spawn(stage.shard, count_turns(turns, over));
    auto next = co_await stage.drive();
    while (!next->loaded()) co_await runtime::yield();
    over = true;
    co_await gate.close();
    EXPECT_EQ(next->manager().counts().groups, kGroups);
    EXPECT_GE(turns, kGroups / 256);
    co_await next->stop();
  });
}

TEST(GroupDriver, ACommitThatTheLogRefusesIsAnErrorAndLeavesTheOldOffset) {
  run([](Stage& stage) -> Task<void> {
    auto driver = co_await stage.loaded();
    EXPECT_EQ(co_await commit(driver, "g", 1), ErrorCode::none);
    stage.log.writes(Writes::refuse, ErrorCode::kafka_storage_error);
    EXPECT_EQ(co_await commit(driver, "g", 2), ErrorCode::not_coordinator);
    EXPECT_EQ(co_await commit(driver, "g", 3), ErrorCode::not_coordinator);
    EXPECT_EQ(co_await committed(driver, "g"), Offset(1));
    EXPECT_EQ(stage.diagnostics.events.size(), 1U) << "a refusal is told once";
    stage.log.writes(Writes::commit);
    EXPECT_EQ(co_await commit(driver, "g", 4), ErrorCode::none);
    EXPECT_EQ(co_await committed(driver, "g"), Offset(4));
    co_await driver->stop();
  });
}

TEST(GroupDriver, ACommitWhoseDiskFailsIsAnErrorAndLeavesTheOldOffset) {
  run([](Stage& stage) -> Task<void> {
    auto driver = co_await stage.loaded();
    EXPECT_EQ(co_await commit(driver, "g", 1), ErrorCode::none);
    stage.log.writes(Writes::hold);
    std::vector<Task<ErrorCode>> commits;
    commits.push_back(commit(driver, "g", 2));
    commits.push_back([](Stage& s) -> Task<ErrorCode> {
      co_await runtime::sleep_for(100ms);
      s.log.fail();
      co_return ErrorCode::none;
    }(stage));
    const auto errors = co_await runtime::when_all(std::move(commits));
    EXPECT_EQ(errors.at(0), ErrorCode::not_coordinator);
    EXPECT_EQ(co_await committed(driver, "g"), Offset(1));
    co_await driver->stop();
  });
}

TEST(GroupDriver, ACommitIsAnsweredWhenItIsStableAndNotBefore) {
  run([](Stage& stage) -> Task<void> {
    auto driver = co_await stage.loaded();
    stage.log.writes(Writes::hold);
    std::vector<Task<ErrorCode>> commits;
    for (int i = 0; i < 3; ++i) commits.push_back(commit(driver, "g", i));
    commits.push_back([](Stage& s, std::shared_ptr<GroupDriver> d) -> Task<ErrorCode> {
      co_await runtime::sleep_for(1s);
      EXPECT_EQ(d->waiting(), 3U);
      EXPECT_EQ(d->manager().counts().in_flight_batches, 3U);
      s.log.release();
      co_return ErrorCode::none;
    }(stage, driver));
    for (const ErrorCode error : co_await runtime::when_all(std::move(commits))) {
      EXPECT_EQ(error, ErrorCode::none);
    }
    EXPECT_EQ(co_await committed(driver, "g"), Offset(2)) << "the last one stands last in the log";
    co_await driver->stop();
  });
}

TEST(GroupDriver, ADiskThatHangsCostsPatienceAndTheOutcomeStillCounts) {
  run([](Stage& stage) -> Task<void> {
    auto driver = co_await stage.loaded();
    stage.log.writes(Writes::hold);
    EXPECT_EQ(co_await commit(driver, "g", 1), ErrorCode::coordinator_not_available);
    EXPECT_EQ(driver->manager().counts().in_flight_batches, 1U);
    stage.log.release();
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(co_await committed(driver, "g"), Offset(1));
    co_await driver->stop();
  });
}

TEST(GroupDriver, AParkedJoinIsAnsweredAtTheEnd) {
  run([](Stage& stage) -> Task<void> {
    auto driver = co_await stage.loaded();
    std::vector<Task<ErrorCode>> tasks;
    tasks.push_back([](Stage& s, std::shared_ptr<GroupDriver> d) -> Task<ErrorCode> {
      co_return std::get<groups::JoinResponse>(co_await d->ask(join_of("g", s.shard.random()))).error;
    }(stage, driver));
    tasks.push_back([](std::shared_ptr<GroupDriver> d) -> Task<ErrorCode> {
      co_await runtime::sleep_for(1s);
      EXPECT_EQ(d->manager().counts().parked, 1U);
      co_await d->stop();
      co_return ErrorCode::none;
    }(driver));
    const auto errors = co_await runtime::when_all(std::move(tasks));
    EXPECT_EQ(errors.at(0), ErrorCode::not_coordinator);
    EXPECT_EQ(co_await commit(driver, "g", 1), ErrorCode::not_coordinator);
  });
}

TEST(GroupDriver, AJoinIsCompletedByTheClock) {
  run([](Stage& stage) -> Task<void> {
    auto driver = co_await stage.loaded();
    const MonotonicTime before = stage.shard.now();
    const auto joined =
        std::get<groups::JoinResponse>(co_await driver->ask(join_of("g", stage.shard.random())));
    EXPECT_EQ(joined.error, ErrorCode::none);
    EXPECT_EQ(joined.generation, 1);
    EXPECT_GE(stage.shard.now() - before, stage.options.initial_rebalance_delay);
    // Nobody hears of the member again: its session ends by the clock as well.
    co_await runtime::sleep_for(5min);
    EXPECT_EQ(driver->manager().counts().members, 0U);
    co_await driver->stop();
  });
}

TEST(GroupDriver, SomebodyWhoWaitsNoMoreIsForgotten) {
  run([](Stage& stage) -> Task<void> {
    auto driver = co_await stage.loaded();
    {
      auto asking = driver->ask(join_of("g", stage.shard.random()));
      asking.start();
      EXPECT_EQ(driver->waiting(), 1U);
    }
    EXPECT_EQ(driver->waiting(), 0U);
    co_await runtime::sleep_for(10s);
    EXPECT_EQ(driver->manager().counts().parked, 0U);
    co_await driver->stop();
  });
}

TEST(GroupDriver, CountsItsGroupsForTheMetrics) {
  run([](Stage& stage) -> Task<void> {
    const auto page = [&] { return stage.registry.prometheus_text(); };
    const auto has = [&](const std::string& line) { return page().find(line + "\n") != std::string::npos; };
    auto driver = co_await stage.loaded();
    EXPECT_EQ(co_await commit(driver, "simple", 7), ErrorCode::none);
    EXPECT_EQ(co_await commit(driver, "simple", 8), ErrorCode::none);
    auto join = join_of("g", stage.shard.random());
    auto joining = driver->ask(join);
    joining.start();
    EXPECT_TRUE(has("godwit_groups{state=\"PreparingRebalance\"} 1")) << page();
    co_await runtime::sleep_for(5s);
    EXPECT_TRUE(has("godwit_groups{state=\"CompletingRebalance\"} 1")) << page();
    EXPECT_TRUE(has("godwit_groups{state=\"Empty\"} 1"));
    EXPECT_TRUE(has("godwit_group_members 1"));
    EXPECT_TRUE(has("godwit_group_offsets 1"));
    EXPECT_TRUE(has("godwit_group_rebalances_total 1"));
    EXPECT_TRUE(has("godwit_group_offsets_committed_total 2"));
    co_await driver->stop();
    EXPECT_TRUE(has("godwit_groups{state=\"Empty\"} 0")) << "another broker's now";
    EXPECT_TRUE(has("godwit_group_members 0"));
    EXPECT_TRUE(has("godwit_group_offsets_committed_total 2"));

    auto next = co_await stage.loaded();
    EXPECT_TRUE(has("godwit_groups{state=\"Empty\"} 1"));
    EXPECT_TRUE(has("godwit_group_offsets_committed_total 2")) << "a load commits nothing";
    co_await next->stop();
  });
}

TEST(GroupDriver, ATopicsDeletionForgetsWhatWasCommittedForIt) {
  run([](Stage& stage) -> Task<void> {
    auto driver = co_await stage.loaded();
    EXPECT_EQ(co_await commit(driver, "g", 7), ErrorCode::none);
    (void)co_await driver->ask(commit_of("g", 8, "bills"));
    driver->topic_deleted("orders", TopicId{});
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(co_await committed(driver, "g"), Offset(-1));
    EXPECT_EQ(driver->manager().topics(), std::vector<std::string>{"bills"});
    co_await driver->stop();

    auto next = co_await stage.loaded();
    EXPECT_EQ(next->manager().topics(), std::vector<std::string>{"bills"});
    co_await next->stop();
  });
}

TEST(GroupDriver, ATopicThatTheClusterDoesNotKnowAtTheLoadKeepsWhatWasCommittedForIt) {
  run([](Stage& stage) -> Task<void> {
    auto driver = co_await stage.loaded();
    EXPECT_EQ(co_await commit(driver, "g", 7), ErrorCode::none);
    co_await driver->stop();

    stage.gone.insert("orders");
    auto next = co_await stage.loaded();
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(co_await committed(next, "g"), Offset(7)) << "nothing says that it was deleted";
    co_await next->stop();
  });
}

TEST(GroupDriver, ADeletionThatIsToldDuringTheLoadIsCarriedOutAtItsEnd) {
  run([](Stage& stage) -> Task<void> {
    auto driver = co_await stage.loaded();
    EXPECT_EQ(co_await commit(driver, "g", 7), ErrorCode::none);
    co_await driver->stop();

    stage.log.hold_reads = true;
    auto next = co_await stage.drive();
    next->topic_deleted("orders", TopicId{});
    EXPECT_FALSE(next->loaded());
    stage.log.read_on();
    while (!next->loaded()) co_await runtime::sleep_for(1ms);
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(co_await committed(next, "g"), Offset(-1));
    EXPECT_TRUE(next->manager().topics().empty());
    co_await next->stop();
  });
}

Task<groups::JoinResponse> join(std::shared_ptr<GroupDriver> driver, groups::JoinRequest request) {
  co_return std::get<groups::JoinResponse>(co_await driver->ask(std::move(request)));
}

TEST(GroupDriver, AGroupOfAThousandMembersWithMuchToTellIsWrittenAndLoaded) {
  run([](Stage& stage) -> Task<void> {
    constexpr size_t kMembers = 1000;
    constexpr size_t kMetadataBytes = 4000;
    auto driver = co_await stage.loaded();
    std::vector<Task<groups::JoinResponse>> joins;
    for (size_t i = 0; i < kMembers; ++i) {
      joins.push_back(join(driver, join_of("g", stage.shard.random(), kMetadataBytes)));
    }
    const auto joined = co_await runtime::when_all(std::move(joins));
    groups::SyncRequest sync;
    sync.group = "g";
    for (const auto& member : joined) {
      EXPECT_EQ(member.error, ErrorCode::none);
      EXPECT_EQ(member.generation, 1);
      if (member.member == member.leader) sync.member = member.member;
      sync.assignments.push_back({member.member, SharedBytes::copy(as_bytes("all"))});
    }
    sync.generation = 1;
    const auto synced = std::get<groups::SyncResponse>(co_await driver->ask(std::move(sync)));
    EXPECT_EQ(synced.error, ErrorCode::none);
    EXPECT_GT(stage.log.batches().back().size(), kMembers * kMetadataBytes);
    const auto before = driver->manager().snapshot();
    co_await driver->stop();

    auto next = co_await stage.loaded();
    EXPECT_EQ(next->manager().counts().members, kMembers);
    EXPECT_EQ(next->manager().snapshot(), before);
    co_await next->stop();
  });
}

}  // namespace
}  // namespace godwit::broker
