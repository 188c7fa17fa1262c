// design-cluster rules 13 to 15: without the coordination service, without the others, or without a disk that works.
#include "broker/cluster_asking_testing.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"

namespace godwit::broker {
namespace {

const std::string kTopic = "orders";

void expect_whole_again(ClusterStage& stage, Load& load, const History& history) {
  EXPECT_TRUE(stage.wait([&] { return stage.whole(kTopic); }, 90s)) << stage.describe_all(kTopic);
  load.finish();
  check_history(stage, history, kTopic, 1);
}

TEST(ClusterSimCutOff, WithoutTheStorePublishingGoesOnForAsLongAsAllLive) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 1));
    History history;
    Load load(stage, history, kTopic, 1, 5ms);
    stage.world.run_for(100ms);
    stage.server.stop();
    const LeaderEpoch epoch = stage.state(kTopic, 0)->leader_epoch;
    for (int second = 0; second < 15; ++second) {
      const size_t before = load.acknowledged();
      stage.world.run_for(1s);
      EXPECT_GT(load.acknowledged(), before + 50) << "in second " << second;
    }
    EXPECT_FALSE(stage.broker(1)->metadata().lease_holds());
    stage.server.start(seed % 2 == 0 ? coordination::MemoryServer::Leases::expired
                                     : coordination::MemoryServer::Leases::extended);
    for (int second = 0; second < 8; ++second) {
      const size_t before = load.acknowledged();
      stage.world.run_for(1s);
      EXPECT_GT(load.acknowledged(), before + 50) << "in second " << second << " after its return";
    }
    EXPECT_EQ(stage.state(kTopic, 0)->leader_epoch, epoch) << "nobody was declared dead";
    expect_whole_again(stage, load, history);
  });
}

TEST(ClusterSimCutOff, WhoDiesWithoutTheStoreBlocksItsPartitionsUntilItIsBack) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 1));
    History history;
    Load load(stage, history, kTopic, 1, 5ms);
    stage.world.run_for(100ms);
    stage.server.stop();
    stage.world.run_for(std::chrono::milliseconds(stage.world.random().below(6000)));
    const int dies = 1 + static_cast<int>(seed % 3);
    stage.node(dies).crash(seed % 2 == 0 ? CrashKind::kill : CrashKind::power_cut);
    stage.world.run_for(1s);
    const size_t before = load.acknowledged();
    stage.world.run_for(10s);
    EXPECT_EQ(load.acknowledged(), before) << "nobody can say that the ISR is another";
    stage.server.start();
    EXPECT_TRUE(stage.wait([&] { return load.acknowledged() > before + 5; }, 15s))
        << stage.describe_all(kTopic);
    stage.start(dies);
    expect_whole_again(stage, load, history);
  });
}

// A replica that is not in sync is none that publishing waits for, also where it has caught up meanwhile: nobody could write it down.
TEST(ClusterSimCutOff, WithoutTheStoreWhoWasNotInSyncHoldsNobodyUp) {
  int runs = 0;
  for_seeds(
      [&](uint64_t seed) {
        ClusterStage stage(seed, 1 + seed % 2);
        stage.start_all();
        ASSERT_TRUE(stage.create(kTopic, 1));
        // It is to leave the ISR for its lag alone, and to live on.
        const int controller = stage.image()->controller.value();
        if (controller == 1) return;
        ++runs;
        const int third = 5 - controller;
        History history;
        Load load(stage, history, kTopic, 1, 5ms);
        stage.world.network().cut({"b1"}, {"b" + std::to_string(third)});
        ASSERT_TRUE(stage.wait([&] { return stage.isr(kTopic, 0) == 2; }, 20s)) << stage.describe_all(kTopic);
        stage.server.stop();
        ASSERT_TRUE(stage.wait([&] { return !stage.broker(1)->metadata().lease_holds(); }, 20s));
        stage.world.network().heal();
        ASSERT_TRUE(stage.wait(
            [&] {
              const auto behind = stage.replica(third, kTopic, 0)->log()->end();
              return behind + 20 >= stage.replica(1, kTopic, 0)->log()->end();
            },
            20s));
        stage.world.run_for(1s);
        EXPECT_EQ(stage.isr(kTopic, 0), 2U);
        stage.node(third).pause();
        for (int second = 0; second < 12; ++second) {
          const size_t before = load.acknowledged();
          stage.world.run_for(1s);
          EXPECT_GT(load.acknowledged(), before + 50) << "in second " << second;
        }
        stage.node(third).resume();
        stage.server.start();
        expect_whole_again(stage, load, history);
      },
      3);
  EXPECT_GT(runs, 0);
}

// The looks at leaders are 200 ms apart, and a lease may lapse and hold again between two of them. Who caught up just then is told of by
// nothing but his one fetch: of an idle partition nothing else happens.
TEST(ClusterSimCutOff, WhoCaughtUpWhileTheLeaseLapsedForAMomentJoinsWhenItHoldsAgain) {
  int runs = 0;
  int moments = 0;
  for_seeds(
      [&](uint64_t seed) {
        ClusterStage stage(seed, 1 + seed % 2);
        stage.start_all();
        // Nobody may leave an ISR of two, so that its leader looks for no lag, either.
        ASSERT_TRUE(stage.create(kTopic, 1, {{"min.insync.replicas", "2"}}));
        ASSERT_TRUE(publish_to(stage, 1, kTopic, "a"));
        const int controller = stage.image()->controller.value();
        if (controller == 1) return;
        const int third = 5 - controller;
        // For good: of the third nothing comes but what is handed to the leader below.
        stage.world.network().cut({"b1"}, {"b" + std::to_string(third)});
        ASSERT_TRUE(stage.wait([&] { return stage.isr(kTopic, 0) == 2; }, 20s)) << stage.describe_all(kTopic);
        // What it lacks now keeps the leader from looking whether it is heard again.
        ASSERT_TRUE(publish_to(stage, 1, kTopic, "b"));
        const auto holds = [&] { return stage.broker(1)->metadata().lease_holds(); };
        // The service is back about when the lease lapses; in some runs it is extended just after that.
        stage.server.stop();
        stage.world.run_for(2s + std::chrono::milliseconds(stage.world.random().below(900)));
        if (!holds()) return;
        stage.server.start(coordination::MemoryServer::Leases::extended);
        if (!stage.wait([&] { return !holds(); }, 1s)) return;
        const MonotonicTime lapsed = stage.world.now();
        ++runs;
        Broker& leader = *stage.broker(1);
        const auto led = stage.replica(1, kTopic, 0);
        const replication::FollowerFetch fetch{
            .follower = BrokerId(third),
            .incarnation = stage.image()->brokers.at(BrokerId(third)).incarnation,
            .epoch = led->leader_epoch(),
            .synced = led->log()->end(),
            .log_start = Offset(0)};
        auto outcome = replication::FetchOutcome::not_a_replica;
        ASSERT_TRUE(stage.node(1).run([&](Runtime&) -> Task<void> {
          co_await leader.shard(leader.store().shard_of(led->id())).shard().call([&]() -> Task<void> {
            outcome = led->on_replica_fetch(fetch);
            co_return;
          });
        }));
        ASSERT_EQ(outcome, replication::FetchOutcome::counted);
        if (holds()) return;
        EXPECT_EQ(stage.isr(kTopic, 0), 2U);
        ASSERT_TRUE(stage.wait(holds, 5s));
        moments += stage.world.now() - lapsed < 200ms ? 1 : 0;
        EXPECT_TRUE(stage.wait([&] { return stage.isr(kTopic, 0) == 3; }, 2s)) << stage.describe_all(kTopic);
      },
      60);
  EXPECT_GT(runs, 0);
  EXPECT_GT(moments, 0) << "none was over before the next look at leaders can have come";
}

// acks=0 has no answer: the end of the connection says that something went wrong. Whether it ended within a second.
bool ends_connection(ClusterStage& stage, int broker, const std::string& value) {
  return stage.client.run(
      [&](Runtime& runtime) -> Task<void> {
        auto stream = co_await runtime.network().connect({"b" + std::to_string(broker), 9092}, 1s);
        EXPECT_TRUE(stream.has_value());
        if (!stream) co_return;
        const Bytes frame =
            kafka::encode_request(1, "tester", produce_request(kTopic, 0, {value}, {}, 0), 12)->flatten();
        const BytesView part = frame;
        EXPECT_TRUE(co_await (*stream)->write_all({&part, 1}));
        Bytes answer(1);
        const auto read = co_await (*stream)->read_some(answer);
        EXPECT_TRUE(!read || *read == 0);
      },
      1s);
}

// Nobody else is elected here: it refuses for what it cannot know.
TEST(ClusterSimCutOff, ALeaderWithoutTheStoreAndWithASilentFollowerRefusesAtEveryLevel) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 1));
    ASSERT_TRUE(publish_to(stage, 1, kTopic, "a"));
    stage.server.stop();
    stage.world.run_for(5s);
    ASSERT_FALSE(stage.broker(1)->metadata().lease_holds());
    const auto alone = publish_to(stage, 1, kTopic, "b", {}, 1);
    ASSERT_TRUE(alone);
    EXPECT_EQ(alone->error_code, ErrorCode::none) << "the lost lease alone stops nobody";
    EXPECT_FALSE(ends_connection(stage, 1, "0"));
    EXPECT_EQ(stage.replica(1, kTopic, 0)->log()->end(), Offset(3));
    stage.node(2 + static_cast<int>(seed % 2)).pause();
    stage.world.run_for(4s);
    for (const int16_t acks : {int16_t{1}, int16_t{-1}}) {
      const auto answer = publish_to(stage, 1, kTopic, "lost", {}, acks);
      ASSERT_TRUE(answer);
      EXPECT_EQ(answer->error_code, ErrorCode::not_leader_or_follower) << "acks=" << acks;
    }
    EXPECT_TRUE(ends_connection(stage, 1, "lost"));
    EXPECT_EQ(stage.replica(1, kTopic, 0)->log()->end(), Offset(3));
    for (int i = 1; i <= 3; ++i) stage.node(i).resume();
    ASSERT_TRUE(stage.wait(
        [&] {
          const auto answer = publish_to(stage, 1, kTopic, "c", {}, -1);
          return answer && answer->error_code == ErrorCode::none;
        },
        10s))
        << "its followers are back: it leads on without the store";
    stage.server.start();
    EXPECT_TRUE(stage.wait([&] { return stage.whole(kTopic); }, 60s));
    for (int i = 1; i <= 3; ++i)
      EXPECT_EQ(values_of(stage, i, kTopic), (std::vector<std::string>{"a", "b", "0", "c"}));
  });
}

ErrorCode latest_of(ClusterStage& stage, int broker, int64_t timestamp) {
  kafka::ListOffsetsRequest request;
  request.topics.push_back({kTopic, {{.partition_index = PartitionIndex(0), .timestamp = timestamp}}});
  const auto answer = ask(stage, broker, request, 8);
  return answer ? answer->topics.at(0).partitions.at(0).error_code : ErrorCode::network_exception;
}

// However long a follower may lag, somebody else may lead after a session timeout: of acks=1 nothing would remain, and who waits at
// this leader for more would wait for as long as it is cut off. What is committed is read on.
TEST(ClusterSimCutOff, ACutOffLeaderStopsAfterASessionTimeoutHoweverLongFollowersMayLag) {
  for (const Duration lag : {Duration(30s), Duration(400ms)}) {
    for_seeds(
        [&](uint64_t seed) {
          ClusterStage stage(seed, 1 + seed % 2);
          stage.adjust = [&](BrokerOptions& options) { options.replica_lag_max = lag; };
          stage.start_all();
          ASSERT_TRUE(stage.create(kTopic, 1));
          ASSERT_TRUE(publish_to(stage, 1, kTopic, "a"));
          stage.server.stop();
          stage.world.run_for(7s);
          ASSERT_FALSE(stage.broker(1)->metadata().lease_holds());
          for (int i : {2, 3}) stage.node(i).pause();
          stage.world.run_for(1500ms);
          const auto early = publish_to(stage, 1, kTopic, "b", {}, 1);
          ASSERT_TRUE(early);
          EXPECT_EQ(early->error_code, ErrorCode::none) << "nobody else can lead yet";
          EXPECT_EQ(latest_of(stage, 1, -1), ErrorCode::none);
          stage.world.run_for(2s);
          const auto late = publish_to(stage, 1, kTopic, "lost", {}, 1);
          ASSERT_TRUE(late);
          EXPECT_EQ(late->error_code, ErrorCode::not_leader_or_follower);
          const auto read = ask(stage, 1, fetch_request(kTopic, 0, 0), 12);
          ASSERT_TRUE(read);
          EXPECT_EQ(only(*read).error_code, ErrorCode::none) << "what is committed is so for ever";
          EXPECT_TRUE(only(*read).records && !only(*read).records->empty());
          const auto at_end = ask(stage, 1, fetch_request(kTopic, 0, 1), 12);
          ASSERT_TRUE(at_end);
          EXPECT_EQ(only(*at_end).error_code, ErrorCode::not_leader_or_follower) << "nothing new comes here";
          EXPECT_EQ(latest_of(stage, 1, -1), ErrorCode::not_leader_or_follower);
          EXPECT_EQ(latest_of(stage, 1, -2), ErrorCode::none);
        },
        2);
  }
}

kafka::OffsetCommitRequest commit(int64_t offset) {
  kafka::OffsetCommitRequest request;
  request.group_id = "readers";
  auto& topic = request.topics.emplace_back();
  topic.name = kTopic;
  topic.partitions.push_back({.partition_index = PartitionIndex(0), .committed_offset = Offset(offset)});
  return request;
}
kafka::OffsetFetchRequest fetch_offset() {
  kafka::OffsetFetchRequest request;
  request.group_id = "readers";
  request.topics.emplace().push_back({kTopic, {PartitionIndex(0)}});
  return request;
}

// Rule 15: another manager may have taken newer commits.
TEST(ClusterSimCutOff, AGroupManagerThatItsIsrDoesNotConfirmDoesNotAnswer) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 1));
    const auto committed = [&](int64_t offset) {
      bool well = false;
      EXPECT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
        const auto answer = co_await cluster.call(
            peer::Target::coordinator("readers"), commit(offset),
            [](const auto& r) { return r.topics.at(0).partitions.at(0).error_code; }, {.version_max = 9});
        well = answer && answer->topics.at(0).partitions.at(0).error_code == ErrorCode::none;
      }));
      return well;
    };
    ASSERT_TRUE(committed(1));
    ASSERT_TRUE(stage.wait([&] { return stage.whole("__consumer_offsets"); }));
    const int old = stage.leader("__consumer_offsets", 0);
    const std::string name = stage.node(old).name();
    stage.world.network().isolate(name);
    stage.world.network().heal({name}, {"client"});
    stage.server.cut(name);
    const MonotonicTime cut = stage.world.now();
    const auto ask_old = [&] { return ask(stage, old, fetch_offset(), 7); };
    const auto at_first = ask_old();
    ASSERT_TRUE(at_first);
    EXPECT_EQ(at_first->error_code, ErrorCode::none) << "its followers confirmed it a moment ago";
    ASSERT_TRUE(stage.wait(
        [&] {
          const int now = stage.leader("__consumer_offsets", 0);
          return now != 0 && now != old;
        },
        20s));
    ASSERT_TRUE(committed(2));
    // It answers no more when another may: at the latest a session timeout after the last confirmation.
    EXPECT_GE(stage.world.now() - cut, 2s);
    stage.world.run_for(std::max<Duration>(cut + 3100ms - stage.world.now(), Duration{}));
    const auto after = ask_old();
    ASSERT_TRUE(after);
    EXPECT_TRUE(after->error_code == ErrorCode::coordinator_not_available ||
                after->error_code == ErrorCode::not_coordinator)
        << to_string(after->error_code);
    const auto refused = ask(stage, old, commit(1), 9);
    ASSERT_TRUE(refused);
    EXPECT_NE(refused->topics.at(0).partitions.at(0).error_code, ErrorCode::none);
    stage.world.network().heal();
    stage.server.heal();
    ASSERT_TRUE(stage.wait([&] { return stage.whole("__consumer_offsets"); }, 90s));
    for (int i = 1; i <= 3; ++i) {
      const auto answer = ask(stage, i, fetch_offset(), 7);
      ASSERT_TRUE(answer);
      if (stage.leader("__consumer_offsets", 0) != i) continue;
      EXPECT_EQ(answer->topics.at(0).partitions.at(0).committed_offset, Offset(2));
    }
  });
}

// The same for a process that slept: its first answer must not be what it remembers.
TEST(ClusterSimCutOff, AGroupManagerThatSleptAnswersNothingThatIsOld) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 1));
    const auto committed = [&](int64_t offset) {
      bool well = false;
      EXPECT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
        const auto answer = co_await cluster.call(
            peer::Target::coordinator("readers"), commit(offset),
            [](const auto& r) { return r.topics.at(0).partitions.at(0).error_code; }, {.version_max = 9});
        well = answer && answer->topics.at(0).partitions.at(0).error_code == ErrorCode::none;
      }));
      return well;
    };
    ASSERT_TRUE(committed(1));
    ASSERT_TRUE(stage.wait([&] { return stage.whole("__consumer_offsets"); }));
    const int old = stage.leader("__consumer_offsets", 0);
    stage.node(old).pause();
    // Asked while it sleeps: the request lies in its socket.
    const auto asked = ask_later(stage, old, fetch_offset(), 7);
    ASSERT_TRUE(stage.wait(
        [&] {
          const int now = stage.leader("__consumer_offsets", 0);
          return now != 0 && now != old;
        },
        20s));
    ASSERT_TRUE(committed(2));
    stage.node(old).resume();
    ASSERT_TRUE(stage.wait([&] { return asked->ended; }, 10s));
    if (asked->answer && asked->answer->error_code == ErrorCode::none)
      EXPECT_EQ(asked->answer->topics.at(0).partitions.at(0).committed_offset, Offset(2));
    EXPECT_TRUE(stage.wait([&] { return stage.whole("__consumer_offsets"); }, 90s));
  });
}

// Rule 13: heartbeats go out only while the disk makes progress. Rule 17: who hears that it was declared dead leads nothing, also
// while it cannot join again.
TEST(ClusterSimCutOff, ABrokerWhoseDiskHangsLosesItsLeadershipAndKnowsIt) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 1));
    ASSERT_TRUE(publish_to(stage, 1, kTopic, "a"));
    stage.node(1).disk().stall({.kinds = {runtime::sim::OpKind::write, runtime::sim::OpKind::sync}});
    const MonotonicTime hangs = stage.world.now();
    const auto produce = ask_later(stage, 1, produce_request(kTopic, 0, {"parked"}, {}, -1, 60'000), 12);
    const auto fetch = ask_later(stage, 1, fetch_request(kTopic, 0, 1, 60'000), 12);
    ASSERT_TRUE(stage.wait([&] { return stage.leader(kTopic, 0) > 1; }, 10s)) << stage.describe_all(kTopic);
    // Half a session timeout until it is noticed, and one for the lease.
    EXPECT_LT(stage.world.now() - hangs, 5500ms);
    const int leader = stage.leader(kTopic, 0);
    ASSERT_TRUE(stage.wait([&] { return produce->ended && fetch->ended; }, 1s)) << "the old leader was told";
    ASSERT_TRUE(produce->answer && fetch->answer);
    EXPECT_EQ(only(*produce->answer).error_code, ErrorCode::not_leader_or_follower);
    EXPECT_EQ(only(*fetch->answer).error_code, ErrorCode::not_leader_or_follower);
    kafka::MetadataRequest about;
    about.topics.emplace().push_back({.topic_id = {}, .name = kTopic});
    const auto metadata = ask(stage, 1, about);
    ASSERT_TRUE(metadata);
    EXPECT_NE(metadata->topics.at(0).partitions.at(0).leader_id, BrokerId(1)) << "it does not name itself";
    for (const int16_t acks : {int16_t{1}, int16_t{-1}}) {
      const MonotonicTime asked = stage.world.now();
      const auto refused = publish_to(stage, 1, kTopic, "lost", {}, acks);
      ASSERT_TRUE(refused);
      EXPECT_EQ(refused->error_code, ErrorCode::not_leader_or_follower);
      EXPECT_LT(stage.world.now() - asked, 50ms);
    }
    ASSERT_TRUE(stage.wait(
        [&] {
          const auto published = publish_to(stage, leader, kTopic, "b");
          return published && published->error_code == ErrorCode::none;
        },
        2s))
        << stage.describe_all(kTopic);
    stage.node(1).disk().release();
    EXPECT_TRUE(stage.wait([&] { return stage.whole(kTopic); }, 60s)) << stage.describe_all(kTopic);
    const auto values = values_of(stage, 1, kTopic);
    EXPECT_EQ(std::ranges::count(values, "lost"), 0);
    EXPECT_EQ(std::ranges::count(values, "b"), 1);
    for (int i : {2, 3}) EXPECT_EQ(values_of(stage, i, kTopic), values);
  });
}

// Readers went on at the next leader, and some ask the old one once more. That it knows of nothing there would throw them back to
// where they began, or beyond what they have not read.
TEST(ClusterSimCutOff, ALeaderThatWakesUpSendsWhoReadFurtherElsewhereToTheNext) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 1));
    // Followers ask all the time, so that questions of theirs lie in its sockets when it stops.
    History history;
    Load load(stage, history, kTopic, 1, 1ms);
    stage.world.run_for(300ms + std::chrono::microseconds(stage.world.random().below(3000)));
    stage.node(1).pause();
    ASSERT_TRUE(stage.wait([&] { return stage.leader(kTopic, 0) > 1; }, 20s));
    const int leader = stage.leader(kTopic, 0);
    const size_t before = load.acknowledged();
    ASSERT_TRUE(stage.wait([&] { return load.acknowledged() > before + 20; }, 10s));
    const int64_t read = stage.replica(leader, kTopic, 0)->high_watermark().value();
    std::vector<std::shared_ptr<Asked<kafka::FetchResponse>>> parked;
    parked.reserve(30);
    for (int i = 0; i < 10; ++i)
      parked.push_back(ask_later(stage, 1, fetch_request(kTopic, 0, read, 500), 11));
    stage.world.run_for(50ms);
    stage.node(1).resume();
    for (int i = 0; i < 20; ++i) {
      stage.world.run_for(1ms);
      parked.push_back(ask_later(stage, 1, fetch_request(kTopic, 0, read, 500), 11));
    }
    ASSERT_TRUE(
        stage.wait([&] { return std::ranges::all_of(parked, [](const auto& one) { return one->ended; }); }));
    size_t answered = 0;
    for (const auto& one : parked) {
      if (!one->answer) continue;
      ++answered;
      EXPECT_NE(only(*one->answer).error_code, ErrorCode::offset_out_of_range);
    }
    EXPECT_GT(answered, 0U);
    expect_whole_again(stage, load, history);
  });
}

TEST(ClusterSimCutOff, ABrokerThatIsIdleOrSlowKeepsItsLease) {
  for_seeds([](uint64_t seed) {
    ClusterStage stage(seed, 1 + seed % 2);
    stage.start_all();
    ASSERT_TRUE(stage.create(kTopic, 1));
    const LeaderEpoch epoch = stage.state(kTopic, 0)->leader_epoch;
    stage.world.run_for(8s);
    for (int i = 1; i <= 3; ++i) stage.node(i).disk().options().sync = {50ms, 300ms};
    History history;
    Load load(stage, history, kTopic, 1, 5ms);
    stage.world.run_for(8s);
    for (int i = 1; i <= 3; ++i) EXPECT_TRUE(stage.broker(i)->metadata().lease_holds());
    EXPECT_EQ(stage.state(kTopic, 0)->leader_epoch, epoch);
    for (int i = 1; i <= 3; ++i) stage.node(i).disk().options().sync = runtime::sim::DiskOptions().sync;
    expect_whole_again(stage, load, history);
  });
}

}  // namespace
}  // namespace godwit::broker
