// What a follower asks of its leaders, when, and which answers it takes.
#include <algorithm>

#include "replicator/played_leader_testing.h"

namespace godwit::replicator {
namespace {

using Texts = std::vector<std::string>;

// The request for partitions 0 and 1 on a session that is begun: another may go out beside it.
Task<FetchOf> held_in_session(FollowerStage& stage) {
  stage.follow(5, stage.first.leader());
  const FetchOf first = co_await stage.first.next();
  stage.follow(0, stage.first.leader());
  stage.follow(1, stage.first.leader());
  stage.first.answer(first, answer_of({}));
  co_return co_await stage.first.next();
}

TEST(Replicator, OneFetchAsksForAllPartitionsOfALeader) {
  run_on_follower([](FollowerStage& stage) -> Task<void> {
    for (int i = 0; i < 50; ++i) (void)co_await stage.log(i);
    for (int i = 0; i < 50; ++i) stage.follow(i, stage.first.leader());
    const FetchOf asked = co_await stage.first.next();
    EXPECT_EQ(asked.named(), 50U);
    EXPECT_EQ(asked.request.cluster_id, "birds");
    EXPECT_EQ(asked.request.replica_state.replica_id, BrokerId(2));
    EXPECT_EQ(asked.request.replica_state.replica_epoch, 20);
    EXPECT_EQ(asked.request.session_epoch, 0);
    EXPECT_EQ(asked.of(FollowerStage::id(49))->current_leader_epoch, LeaderEpoch(1));
    co_await runtime::sleep_for(50ms);
    EXPECT_EQ(stage.first.waiting(), 0U) << "while the leader holds it there is nothing more to say";
    // The session knows them: the next one says only what is new.
    stage.first.answer(asked, answer_of({part_of(7, 1, "a"), part_of(9, 0)}));
    const FetchOf next = co_await stage.first.next();
    EXPECT_EQ(next.request.session_id, PlayedLeader::kSession);
    EXPECT_EQ(next.request.session_epoch, 1);
    const FetchOf news = next.named() > 0 ? next : co_await stage.first.next();
    EXPECT_EQ(news.named(), 1U);
    EXPECT_NE(news.of(FollowerStage::id(7)), nullptr);
    EXPECT_EQ(stage.first.connections(), 1U);
  });
}

TEST(Replicator, NothingIsAskedOfASessionBeforeItsNumberIsKnown) {
  run_on_follower([](FollowerStage& stage) -> Task<void> {
    stage.follow(0, stage.first.leader());
    const FetchOf asked = co_await stage.first.next();
    EXPECT_EQ(asked.request.max_wait_ms, 0) << "others wait for its answer";
    for (int i = 1; i < 6; ++i) {
      stage.follow(i, stage.first.leader());
      co_await runtime::sleep_for(20ms);
      EXPECT_EQ(stage.first.waiting(), 0U) << "the session has no number yet, partition " << i;
    }
    stage.first.answer(asked, answer_of({}));
    const FetchOf next = co_await stage.first.next();
    EXPECT_EQ(next.request.session_id, PlayedLeader::kSession);
    EXPECT_EQ(next.request.session_epoch, 1);
    EXPECT_GT(next.request.max_wait_ms, 0);
    EXPECT_EQ(next.named(), 5U);
    // The partition that was under way when the connection broke is not asked for at once: its session begins without it.
    stage.first.hang_up();
    FetchOf anew = co_await stage.first.next();
    EXPECT_EQ(anew.request.session_epoch, 0);
    EXPECT_EQ(anew.request.max_wait_ms, 0);
    size_t named = anew.named();
    stage.first.answer(anew, answer_of({}));
    while (named < 6) {
      anew = co_await stage.first.next();
      EXPECT_EQ(anew.request.session_id, PlayedLeader::kSession);
      named += anew.named();
    }
    EXPECT_EQ(stage.first.connections(), 2U);
  });
}

TEST(Replicator, AtMostTwoRequestsAreUnderWay) {
  run_on_follower([](FollowerStage& stage) -> Task<void> {
    std::vector<FetchOf> held;
    stage.follow(0, stage.first.leader());
    stage.first.answer(co_await stage.first.next(), answer_of({}));
    for (int i = 1; i < 3; ++i) {
      stage.follow(i, stage.first.leader());
      held.push_back(co_await stage.first.next());
      EXPECT_NE(held.back().of(FollowerStage::id(i)), nullptr);
      EXPECT_EQ(held.back().named(), 1U);
    }
    for (int i = 3; i < 6; ++i) {
      stage.follow(i, stage.first.leader());
      co_await runtime::sleep_for(20ms);
      EXPECT_EQ(stage.first.waiting(), 0U) << "a third one, for partition " << i;
    }
    stage.first.answer(held[0], answer_of({}));
    const FetchOf third = co_await stage.first.next();
    EXPECT_EQ(third.named(), 3U) << "what gathered goes together";
    co_await runtime::sleep_for(20ms);
    EXPECT_EQ(stage.first.waiting(), 0U);
  });
}

// Rule 9: a follower syncs, then fetches.
TEST(Replicator, SaysThatItHasRecordsOnlyWhenTheyAreSynced) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    run_on_follower(
        [](FollowerStage& stage) -> Task<void> {
          stage.follow(0, stage.first.leader());
          storage::Log* const log = co_await stage.log(0);
          FetchOf asked = co_await stage.first.next();
          for (int n = 0; n < 5; ++n) {
            stage.node.disk().options().sync = {1ms, 20ms};
            stage.first.answer(asked, answer_of({part_of(0, n, "r" + std::to_string(n), n)}));
            // One for news of others comes first, and is answered first.
            asked = co_await stage.first.next();
            if (asked.named() == 0) {
              const FetchOf empty = std::exchange(asked, co_await stage.first.next());
              stage.first.answer(empty, answer_of({}));
            }
            EXPECT_NE(asked.of(FollowerStage::id(0)), nullptr);
            if (asked.of(FollowerStage::id(0)) == nullptr) co_return;
            EXPECT_EQ(asked.of(FollowerStage::id(0))->fetch_offset, Offset(n + 1));
            EXPECT_EQ(asked.of(FollowerStage::id(0))->last_fetched_epoch, LeaderEpoch(1));
            EXPECT_GE(log->stable_end(), Offset(n + 1));
          }
          EXPECT_EQ(log->high_watermark(), Offset(4));
          EXPECT_EQ(co_await stage.texts(0), (Texts{"0=r0", "1=r1", "2=r2", "3=r3", "4=r4"}));
        },
        seed);
  }
}

TEST(Replicator, AfterAnErrorOfTheSessionAnotherIsBegunWithAllPartitions) {
  run_on_follower([](FollowerStage& stage) -> Task<void> {
    for (int i = 0; i < 3; ++i) stage.follow(i, stage.first.leader());
    FetchOf asked = co_await stage.first.next();
    stage.first.answer(asked, answer_of({part_of(1, 1, "a")}));
    co_await stage.wait([&] { return stage.first.waiting() > 0; });
    FetchOf second = co_await stage.first.next();
    if (second.named() == 0) second = co_await stage.first.next();
    // 1: the leader has forgotten the session.
    kafka::FetchResponse forgotten;
    forgotten.error_code = ErrorCode::fetch_session_id_not_found;
    stage.first.answer(second, forgotten);
    // 2: the connection breaks. 3: nobody answers. 4: the answer is a broken promise of the protocol.
    for (size_t connection = 2; connection <= 5; ++connection) {
      FetchOf anew = co_await stage.first.next();
      while (anew.connection < connection) anew = co_await stage.first.next();
      EXPECT_EQ(anew.connection, connection);
      EXPECT_EQ(anew.request.session_epoch, 0);
      EXPECT_EQ(anew.request.session_id, 0);
      EXPECT_EQ(anew.named(), 3U) << "connection " << connection;
      const auto* const known = anew.of(FollowerStage::id(1));
      EXPECT_TRUE(known != nullptr && known->fetch_offset == Offset(1)) << "where its log ends by now";
      if (connection == 2) stage.first.hang_up();
      if (connection == 3) {
        const MonotonicTime from = stage.shard.now();
        co_await stage.wait([&] { return stage.first.connections() > 3; });
        EXPECT_GE(stage.shard.now() - from, 3s);
        EXPECT_LE(stage.shard.now() - from, 5s);
      }
      if (connection == 4) {
        anew.correlation_id += 1000;
        stage.first.answer(anew, answer_of({}));
      }
      if (connection == 5) stage.first.answer(anew, answer_of({part_of(2, 1, "b")}));
    }
    EXPECT_TRUE(
        co_await stage.wait([&] { return stage.store->find(FollowerStage::id(2))->end() == Offset(1); }));
    EXPECT_EQ(co_await stage.texts(1), Texts{"0=a"});
    EXPECT_EQ(co_await stage.texts(2), Texts{"0=b"});
  });
}

// The same leader leads again, two epochs later: what it had in the earlier one it may have had to cut off since.
TEST(Replicator, AnAnswerOfAnOlderEpochIsDropped) {
  run_on_follower([](FollowerStage& stage) -> Task<void> {
    const FetchOf old = co_await held_in_session(stage);
    EXPECT_EQ(old.named(), 2U);
    stage.follow(0, stage.first.leader(), 3);
    FetchOf newer = co_await stage.first.next();
    EXPECT_EQ(newer.connection, old.connection) << "the other partition goes on with the session";
    const auto* const named = newer.of(FollowerStage::id(0));
    EXPECT_NE(named, nullptr);
    EXPECT_TRUE(named != nullptr && named->current_leader_epoch == LeaderEpoch(3));
    EXPECT_FALSE(newer.forgets(FollowerStage::id(0)));
    stage.first.answer(old, answer_of({part_of(0, 1, "of epoch 1", 0, 1), part_of(1, 1, "b")}));
    EXPECT_TRUE(co_await stage.wait([&] {
      return stage.store->find(FollowerStage::id(1))->end() == Offset(1);
    })) << "what is said of others in it counts";
    co_await runtime::sleep_for(20ms);
    EXPECT_EQ(stage.store->find(FollowerStage::id(0))->end(), Offset(0));
    EXPECT_EQ(std::ranges::count(stage.observer.epochs, LeaderEpoch(3)), 0)
        << "nothing was agreed on in epoch 3";
    stage.first.answer(newer, answer_of({part_of(0, 1, "of epoch 3", 0, 3)}));
    EXPECT_TRUE(
        co_await stage.wait([&] { return stage.store->find(FollowerStage::id(0))->end() == Offset(1); }));
    EXPECT_EQ(co_await stage.texts(0), Texts{"0=of epoch 3"});
    EXPECT_TRUE(
        co_await stage.wait([&] { return std::ranges::count(stage.observer.epochs, LeaderEpoch(3)) == 1; }));
  });
}

// The log was made anew: what the leader told the one before it must tell again, or this one never settles.
TEST(Replicator, WhatIsFollowedAnewInTheSameEpochIsForgottenFirst) {
  run_on_follower([](FollowerStage& stage) -> Task<void> {
    const FetchOf held = co_await held_in_session(stage);
    EXPECT_EQ(held.named(), 2U);
    stage.follow(2, stage.first.leader());
    const FetchOf second = co_await stage.first.next();
    EXPECT_EQ(second.named(), 1U) << "no third request may go out";
    co_await stage.replicator->unfollow(FollowerStage::id(0));
    stage.follow(0, stage.first.leader());
    co_await stage.replicator->unfollow(FollowerStage::id(1));
    stage.first.answer(held, answer_of({}));
    const FetchOf next = co_await stage.first.next();
    EXPECT_TRUE(next.forgets(FollowerStage::id(0)));
    EXPECT_NE(next.of(FollowerStage::id(0)), nullptr) << "and named in the same request";
    EXPECT_TRUE(next.forgets(FollowerStage::id(1)));
    EXPECT_EQ(next.of(FollowerStage::id(1)), nullptr);
    EXPECT_FALSE(next.forgets(FollowerStage::id(2)));
    stage.first.answer(second, answer_of({}));
    stage.first.answer(next, answer_of({part_of(0, 0)}));
    EXPECT_TRUE(co_await stage.wait([&] { return !stage.observer.epochs.empty(); })) << "it has settled";
  });
}

// An error that the earlier epoch earned costs the newer one no back-off either.
TEST(Replicator, AnErrorOfAnOlderEpochIsDropped) {
  run_on_follower([](FollowerStage& stage) -> Task<void> {
    const FetchOf old = co_await held_in_session(stage);
    stage.follow(0, stage.first.leader(), 3);
    const FetchOf newer = co_await stage.first.next();
    kafka::FetchResponse::Partition refused = part_of(0, -1);
    refused.error_code = ErrorCode::not_leader_or_follower;
    stage.first.answer(old, answer_of({refused}));
    stage.first.answer(newer, answer_of({part_of(0, 1, "a", 0, 3)}));
    EXPECT_TRUE(
        co_await stage.wait([&] { return stage.store->find(FollowerStage::id(0))->end() == Offset(1); }));
    EXPECT_EQ(co_await stage.texts(0), Texts{"0=a"});
  });
}

// It was asked before it began to lead: when it leads, what it says in the poll that is open counts, not the back-off.
TEST(Replicator, ALeaderThatBeginsToLeadIsAskedAgainAtOnce) {
  run_on_follower([](FollowerStage& stage) -> Task<void> {
    FetchOf held = co_await held_in_session(stage);
    const TopicPartition id = FollowerStage::id(0);
    MonotonicTime refused_at{};
    for (int n = 0; n < 6; ++n) {
      kafka::FetchResponse::Partition refused = part_of(0, -1);
      refused.error_code = ErrorCode::not_leader_or_follower;
      refused_at = stage.shard.now();
      stage.first.answer(held, answer_of({refused}));
      // A poll that says nothing goes out at once; it is answered when the partition is named beside it.
      held = co_await stage.first.next();
      EXPECT_EQ(held.of(id), nullptr) << n;
      if (n == 5) break;
      const FetchOf named = co_await stage.first.next();
      EXPECT_NE(named.of(id), nullptr) << n;
      stage.first.answer(held, answer_of({}));
      held = named;
    }
    co_await runtime::sleep_for(50ms);
    EXPECT_EQ(stage.first.waiting(), 0U) << "it waits for 640 ms";
    const MonotonicTime from = stage.shard.now();
    EXPECT_LT(from - refused_at, 100ms);
    EXPECT_TRUE(stage.observer.epochs.empty());
    stage.first.answer(held, answer_of({part_of(0, 0)}));
    const FetchOf again = co_await stage.first.next();
    EXPECT_NE(again.of(id), nullptr) << "or the leader would not count it";
    EXPECT_LT(again.at - from, 5ms);
    EXPECT_EQ(stage.observer.epochs.size(), 1U) << "it has settled";
    stage.first.answer(again, answer_of({part_of(0, 0)}));
    const FetchOf idle = co_await stage.first.next();
    EXPECT_EQ(idle.named(), 0U) << "and then rests";
  });
}

TEST(Replicator, ALeaderThatChangedWhileAFetchIsHeldIsLeftAtOnce) {
  run_on_follower([](FollowerStage& stage) -> Task<void> {
    const FetchOf held = co_await held_in_session(stage);
    const MonotonicTime from = stage.shard.now();
    stage.follow(0, stage.second.leader(3, 30), 2);
    const FetchOf other = co_await stage.second.next();
    EXPECT_LT(other.at - from, 5ms);
    EXPECT_EQ(other.of(FollowerStage::id(0))->current_leader_epoch, LeaderEpoch(2));
    const FetchOf left = co_await stage.first.next();
    EXPECT_TRUE(left.forgets(FollowerStage::id(0))) << "the old leader hears that it is followed no more";
    EXPECT_EQ(left.named(), 0U);
    // What it says of it now is of no interest.
    stage.first.answer(held, answer_of({part_of(0, 1, "old"), part_of(1, 1, "b")}));
    EXPECT_TRUE(
        co_await stage.wait([&] { return stage.store->find(FollowerStage::id(1))->end() == Offset(1); }));
    EXPECT_EQ(stage.store->find(FollowerStage::id(0))->end(), Offset(0));
    stage.second.answer(other, answer_of({part_of(0, 1, "new", 0, 2)}));
    EXPECT_TRUE(
        co_await stage.wait([&] { return stage.store->find(FollowerStage::id(0))->end() == Offset(1); }));
    EXPECT_EQ(co_await stage.texts(0), Texts{"0=new"});
    // The last one goes: so does the connection.
    stage.follow(1, stage.second.leader(3, 30), 2);
    stage.follow(5, stage.second.leader(3, 30), 2);
    EXPECT_TRUE(co_await stage.wait([&] { return !stage.first.open(1); }));
  });
}

TEST(Replicator, ANewIncarnationOfALeaderIsAskedOnAConnectionOfItsOwn) {
  run_on_follower([](FollowerStage& stage) -> Task<void> {
    stage.follow(0, stage.first.leader(1, 10));
    const FetchOf held = co_await stage.first.next();
    stage.follow(0, stage.first.leader(1, 11), 2);
    const FetchOf anew = co_await stage.first.next();
    EXPECT_NE(anew.connection, held.connection);
    EXPECT_EQ(anew.request.session_epoch, 0);
    stage.replicator->set_incarnation(21);
    FetchOf again = co_await stage.first.next();
    while (again.request.replica_state.replica_epoch != 21) again = co_await stage.first.next();
    EXPECT_EQ(again.request.session_epoch, 0) << "it is another follower now";
    EXPECT_EQ(again.named(), 1U);
  });
}

TEST(Replicator, AnErrorOfOnePartitionHoldsUpNoOther) {
  run_on_follower([](FollowerStage& stage) -> Task<void> {
    stage.follow(0, stage.first.leader());
    stage.follow(1, stage.first.leader());
    FetchOf asked = co_await stage.first.next();
    size_t sick_asked = 0;
    const MonotonicTime until = stage.shard.now() + 2s;
    for (int n = 0; stage.shard.now() < until;) {
      std::vector<kafka::FetchResponse::Partition> parts;
      if (asked.of(FollowerStage::id(0)) != nullptr) {
        ++sick_asked;
        parts.push_back(part_of(0, -1));
        parts.back().error_code = ErrorCode::kafka_storage_error;
      }
      if (const auto* const well = asked.of(FollowerStage::id(1))) {
        EXPECT_EQ(well->fetch_offset, Offset(n));
        parts.push_back(part_of(1, n, "r", n));
        ++n;
      }
      stage.first.answer(asked, answer_of(std::move(parts)));
      if (n == 100) {
        EXPECT_LT(stage.shard.now(), until) << "a hundred answers in two seconds";
        break;
      }
      asked = co_await stage.first.next();
    }
    EXPECT_GE(sick_asked, 2U);
    EXPECT_LE(sick_asked, 10U) << "it is asked again after a while that grows";
    EXPECT_EQ(stage.first.connections(), 1U);
  });
}

// A disk that hangs for a while with what one partition got: the leader hears of the others all the same.
TEST(Replicator, AWriteThatHangsSilencesNoOtherPartition) {
  run_on_follower([](FollowerStage& stage) -> Task<void> {
    const FetchOf held = co_await held_in_session(stage);
    stage.node.disk().stall({.kinds = {runtime::sim::OpKind::write, runtime::sim::OpKind::sync}});
    stage.first.answer(held, answer_of({part_of(0, 1, "a")}));
    const MonotonicTime from = stage.shard.now();
    MonotonicTime heard = from;
    for (int n = 0; n < 4; ++n) {
      EXPECT_TRUE(co_await stage.wait([&] { return stage.first.waiting() > 0; }));
      const FetchOf next = co_await stage.first.next();
      EXPECT_LE(next.at - heard, 1100ms) << n;
      EXPECT_EQ(next.named(), 0U) << n;
      EXPECT_EQ(next.request.max_wait_ms, 1000) << n;
      co_await runtime::sleep_for(1s);
      EXPECT_EQ(stage.first.waiting(), 0U) << "one is enough, " << n;
      heard = stage.shard.now();
      // Another partition gets its news meanwhile.
      if (n == 3) break;
      stage.first.answer(next, answer_of({}));
    }
    EXPECT_EQ(stage.store->find(FollowerStage::id(0))->stable_end(), Offset(0)) << "it hangs still";
    stage.node.disk().release();
    const FetchOf done = co_await stage.first.next();
    EXPECT_NE(done.of(FollowerStage::id(0)), nullptr);
    EXPECT_LT(done.at - heard, 50ms) << "what is synced is said at once, beside the one that is held";
  });
}

// Beside a stream of records each request would bring a little; so it is sent a moment later, and brings more.
TEST(Replicator, WhileMuchIsWrittenNewsOfOthersGatherForAMoment) {
  run_on_follower([](FollowerStage& stage) -> Task<void> {
    const FetchOf held = co_await held_in_session(stage);
    stage.node.disk().stall({.kinds = {runtime::sim::OpKind::write, runtime::sim::OpKind::sync}});
    stage.first.answer(held, answer_of({part_of(0, 1, std::string(100'000, 'x'))}));
    EXPECT_TRUE(
        co_await stage.wait([&] { return stage.store->find(FollowerStage::id(0))->end() == Offset(1); }));
    const MonotonicTime written = stage.shard.now();
    const FetchOf next = co_await stage.first.next();
    EXPECT_GE(next.at - written, 1ms);
    EXPECT_LE(next.at - written, 5ms) << "the disk hangs";
    EXPECT_EQ(next.named(), 0U);
    stage.first.answer(next, answer_of({part_of(1, 1, "little")}));
    EXPECT_TRUE(
        co_await stage.wait([&] { return stage.store->find(FollowerStage::id(1))->end() == Offset(1); }));
    stage.node.disk().release();
  });
}

// The leader tells a high watermark once; where it comes while records are written, it counts all the same.
TEST(Replicator, AHighWatermarkThatComesDuringAWriteIsTakenOver) {
  run_on_follower([](FollowerStage& stage) -> Task<void> {
    const FetchOf held = co_await held_in_session(stage);
    stage.node.disk().stall({.kinds = {runtime::sim::OpKind::write, runtime::sim::OpKind::sync}});
    stage.first.answer(held, answer_of({part_of(0, 0, "a")}));
    const FetchOf next = co_await stage.first.next();
    stage.first.answer(next, answer_of({part_of(0, 1)}));
    co_await runtime::sleep_for(20ms);
    EXPECT_EQ(stage.store->find(FollowerStage::id(0))->high_watermark(), Offset(0))
        << "not before it is synced";
    stage.node.disk().release();
    EXPECT_TRUE(co_await stage.wait(
        [&] { return stage.store->find(FollowerStage::id(0))->high_watermark() == Offset(1); }));
    EXPECT_GT(stage.observer.news, 0);
  });
}

TEST(Replicator, UnfollowReturnsWhenNothingIsWrittenAnyMore) {
  run_on_follower([](FollowerStage& stage) -> Task<void> {
    stage.follow(0, stage.first.leader());
    const FetchOf asked = co_await stage.first.next();
    storage::Log* const log = co_await stage.log(0);
    stage.node.disk().stall({.kinds = {runtime::sim::OpKind::write, runtime::sim::OpKind::sync}});
    stage.first.answer(asked, answer_of({part_of(0, 1, "a")}));
    co_await runtime::sleep_for(20ms);
    bool unfollowed = false;
    stage.shard.spawn([](FollowerStage& s, bool& done) -> Task<void> {
      co_await s.replicator->unfollow(FollowerStage::id(0));
      done = true;
    }(stage, unfollowed));
    co_await runtime::sleep_for(200ms);
    EXPECT_FALSE(unfollowed) << "its write is under way";
    stage.node.disk().release();
    EXPECT_TRUE(co_await stage.wait([&] { return unfollowed; }));
    EXPECT_EQ(log->stable_end(), log->end());
    EXPECT_EQ(stage.replicator->following(), 0U);
    EXPECT_EQ(stage.observer.news, 0) << "who does not follow is told nothing";
  });
}

}  // namespace
}  // namespace godwit::replicator
