// Rules 14 to 16: a disk that hangs, fails or is full. What waits is answered; what returns has lost nothing.
#include <gmock/gmock.h>

#include "runtime/sync.h"
#include "storage/journal_room.h"
#include "storage/store_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::Node;
using runtime::sim::OpKind;
using runtime::sim::World;
using testing::ElementsAre;

struct OneNode {
  explicit OneNode(uint64_t seed = 1) : world(seed), node(world.add_node("a")) {}
  World world;
  Node& node;
  void restart() {
    node.crash(CrashKind::power_cut);
    node.restart();
  }
};

MonotonicTime in(Duration time) {
  return runtime::Shard::current()->now() + time;
}

Task<Served<Appended>> append_until(Log& log, std::string text, MonotonicTime deadline) {
  Bytes batch = batch_of({std::move(text)});
  co_return co_await log.append(batch,
                                {.epoch = LeaderEpoch(0), .now = WallTime{1000}, .deadline = deadline});
}

TEST(StoreStall, ARoundThatHangsIsToldAndIsAnsweredInTimeAndIsThereWhenTheDiskReturns) {
  for (const OpKind kind : {OpKind::write, OpKind::sync}) {
    for (const bool interval : {false, true}) {
      // The writes of an interval topic do not wait for a sync.
      if (interval && kind == OpKind::sync) continue;
      OneNode at;
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node);
        LogConfig config;
        if (interval) config.flush = LogConfig::Flush::interval;
        auto log = co_await open->store->create(partition(0), config);
        EXPECT_EQ(co_await publish(**log, {"before"}), ErrorCode::none);
        co_await runtime::sleep_for(5s);
        EXPECT_FALSE(open->store->health().stalled_since.has_value());
        at.node.disk().stall({.kinds = {kind}, .path = interval ? "relaxed/" : "journal/"});
        const MonotonicTime began = in(0s);
        const auto appended = co_await append_until(**log, "during", in(2s));
        EXPECT_TRUE(appended.has_value());
        EXPECT_EQ(co_await (*log)->wait_stable(Offset(2), in(3s)), ErrorCode::request_timed_out);
        const auto health = open->store->health();
        EXPECT_TRUE(health.writable);
        EXPECT_EQ(health.state, Store::Health::State::ok);
        EXPECT_TRUE(health.stalled_since && *health.stalled_since >= began &&
                    *health.stalled_since < began + 1s);
        EXPECT_TRUE(health.round_under_way && *health.round_under_way >= 2s);
        // Reading goes on.
        EXPECT_THAT(co_await read_texts(**log, Offset(0)), ElementsAre("0=before", "1=during"));
        at.node.disk().release();
        EXPECT_EQ(co_await (*log)->wait_stable(Offset(2), in(3s)), ErrorCode::none);
        EXPECT_EQ(co_await publish(**log, {"after"}), ErrorCode::none);
        co_await runtime::sleep_for(5s);
        EXPECT_FALSE(open->store->health().stalled_since.has_value());
      });
      at.restart();
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node);
        EXPECT_THAT(co_await read_texts(*open->store->find(partition(0)), Offset(0)),
                    ElementsAre("0=before", "1=during", "2=after"));
      });
    }
  }
}

TEST(StoreStall, WhenWriteBackHangsPublishersAreRefusedInTimeAndWelcomeAfterwards) {
  OneNode at;
  StoreOptions options = small_options();
  options.arena_bytes = 2 << 20;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node, options);
    auto log = co_await open->store->create(partition(0), {});
    at.node.disk().stall({.kinds = {OpKind::write}, .path = "topics/"});
    ErrorCode refused = ErrorCode::none;
    int admitted = 0;
    while (refused == ErrorCode::none && admitted < 200) {
      const MonotonicTime deadline = in(2s);
      const auto appended = co_await append_until(**log, std::string(50'000, 'x'), deadline);
      if (appended) {
        ++admitted;
        EXPECT_EQ(co_await (*log)->wait_stable((*log)->end(), in(5s)), ErrorCode::none);
      } else {
        refused = appended.error().code;
        EXPECT_LT(in(0s), deadline + 100ms) << "it is told in time";
      }
    }
    EXPECT_EQ(refused, ErrorCode::kafka_storage_error);
    EXPECT_GT(admitted, 5);
    EXPECT_TRUE(open->store->health().stalled_since.has_value());
    at.node.disk().release();
    EXPECT_TRUE((co_await append_until(**log, "after", in(5s))).has_value());
    EXPECT_EQ((co_await read_texts(**log, Offset(0))).size(), static_cast<size_t>(admitted + 1));
  });
}

// So many logs have bytes in no file that another one waits for a turn to seal some, in a journal that is nearly empty. No
// round of its shard comes that would let it ask again.
TEST(StoreStall, AfterATurnThatFailedWhoeverAskedForItDoesNotWaitForTheNextRound) {
  OneNode at;
  StoreOptions options = small_options();
  options.journal_file_bytes = 128 << 10;
  const uint64_t held_max = 2 * plan_journal(128 << 10, options.journal_files, 1).carried_bytes_max;
  const auto logs = static_cast<int32_t>(held_max / JournalRoom::kSealBytes);
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node, options);
    for (int32_t p = 0; p <= logs; ++p) {
      EXPECT_TRUE((co_await open->store->create(partition(p), {})).has_value());
    }
    co_await runtime::sleep_for(3s);
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    // One of them is worth a write.
    for (int32_t p = 0; p < logs; ++p) {
      const std::string text(p == 0 ? 20'000 : 1, 'x');
      EXPECT_TRUE((co_await append_until(*open->store->find(partition(p)), text, in(1s))).has_value());
    }
    co_await runtime::sleep_for(1s);
    at.node.disk().fail_next({.kinds = {OpKind::create}, .path = "topics/"}, ErrorKind::limit);
    const MonotonicTime began = in(0s);
    EXPECT_TRUE(
        (co_await append_until(*open->store->find(partition(logs)), "one more", in(30s))).has_value());
    EXPECT_LT(in(0s) - began, 5s);
    EXPECT_TRUE(open->diagnostics.contains("storage.checkpoint")) << "a turn failed";
  });
}

TEST(StoreStall, WhatWaitsForRoomIsRefusedOnceItsLeaderEpochIsOver) {
  OneNode at;
  StoreOptions options = small_options();
  options.arena_bytes = 2 << 20;
  run(at.node, [&](Runtime& runtime) -> Task<void> {
    auto open = co_await opened_store(at.node, options);
    Log* const log = *co_await open->store->create(partition(0), {});
    at.node.disk().stall({.kinds = {OpKind::write}, .path = "topics/"});
    int waiting = 0;
    std::vector<ErrorCode> refused;
    const auto publish_one = [](Log* to, int& waits, std::vector<ErrorCode>& into) -> Task<void> {
      ++waits;
      const auto appended = co_await append_until(*to, std::string(50'000, 'x'), in(60s));
      --waits;
      if (!appended) into.push_back(appended.error().code);
    };
    // All of the memory is taken; two wait for room, one of them behind the other.
    for (int i = 0; i < 200 && waiting < 2; ++i) {
      runtime.shard(0).spawn(publish_one(log, waiting, refused));
      co_await runtime::sleep_for(100ms);
    }
    EXPECT_EQ(waiting, 2);
    const Offset end = log->end();
    log->fence(LeaderEpoch(1));
    log->fence(LeaderEpoch(0));
    at.node.disk().release();
    co_await runtime::sleep_for(5s);
    EXPECT_EQ(waiting, 0);
    EXPECT_THAT(refused, testing::Each(ErrorCode::fenced_leader_epoch));
    EXPECT_EQ(refused.size(), 2U);
    EXPECT_FALSE(co_await append_until(*log, "late", in(5s)));
    EXPECT_EQ(log->end(), end) << "a follower's log moves by what its leader sends alone";
  });
}

// EIO of what is not the journal ends publishing too (rule 14); a restart goes on with all that was acknowledged.
TEST(StoreStall, AnErrorOfASegmentOrCheckpointWriteEndsPublishingAndLosesNothing) {
  struct Case {
    OpKind kind;
    const char* path;
  };
  for (const Case& fault : {Case{OpKind::write, "topics/"}, Case{OpKind::write, "checkpoint."},
                            Case{OpKind::sync, "checkpoint."}, Case{OpKind::sync_filesystem, ""}}) {
    OneNode at;
    SCOPED_TRACE(std::string(fault.path) + to_string(fault.kind).data());
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      int changes = 0;
      open->store->on_health_change([&] { ++changes; });
      auto log = co_await open->store->create(partition(0), {});
      EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
      for (int i = 0; i < 10; ++i)
        EXPECT_EQ(co_await publish(**log, {std::to_string(i) + std::string(5000, '.')}), ErrorCode::none);
      at.node.disk().fail_next({.kinds = {fault.kind}, .path = fault.path}, ErrorKind::io);
      EXPECT_FALSE((co_await open->store->checkpoint()).has_value());
      co_await runtime::sleep_for(1s);
      const auto health = open->store->health();
      EXPECT_FALSE(health.writable);
      EXPECT_EQ(health.state, Store::Health::State::failed);
      EXPECT_FALSE(health.reason.empty());
      EXPECT_EQ(changes, 1);
      const auto refused = co_await append_texts(**log, {"more"});
      EXPECT_TRUE(!refused && refused.error().code == ErrorCode::kafka_storage_error);
      EXPECT_EQ((co_await read_texts(**log, Offset(0))).size(), 10u);
    });
    at.restart();
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      Log* log = open->store->find(partition(0));
      EXPECT_EQ((co_await read_texts(*log, Offset(0))).size(), 10u);
      EXPECT_EQ(co_await publish(*log, {"again"}), ErrorCode::none);
      EXPECT_EQ(open->store->health().state, Store::Health::State::ok);
    });
  }
}

// What is deleted while it is being written is not unwritten any more, once.
TEST(StoreStall, RecordsThatAreDeletedWhileTheyAreWrittenCountOnceAmongTheUnwritten) {
  OneNode at;
  run(at.node, [&](Runtime& runtime) -> Task<void> {
    auto open = co_await opened_store(at.node);
    auto& unwritten = open->metrics.gauge("godwit_storage_unwritten_bytes",
                                          "bytes of logs that are in memory and journal alone");
    Log& log = **co_await open->store->create(partition(0), {});
    Log& other = **co_await open->store->create(partition(1), {});
    EXPECT_EQ(co_await publish(log, {std::string(100'001, 'x')}), ErrorCode::none);
    EXPECT_TRUE((co_await log.roll()).has_value());
    log.set_high_watermark(log.end());
    at.node.disk().stall({.kinds = {OpKind::write}, .path = "topics/"});
    bool ended = false;
    runtime.shard(0).spawn([](Store& store, bool& done) -> Task<void> {
      done = (co_await store.checkpoint()).has_value();
    }(*open->store, ended));
    co_await runtime::sleep_for(1s);
    EXPECT_FALSE(ended);
    EXPECT_TRUE((co_await log.delete_before(log.end())).has_value());
    EXPECT_EQ(log.stats().unwritten_bytes, 0u);
    EXPECT_EQ(co_await publish(other, {std::string(200'001, 'y')}), ErrorCode::none);
    co_await runtime::sleep_for(3s);
    EXPECT_EQ(unwritten.value(), static_cast<int64_t>(other.stats().unwritten_bytes));
    at.node.disk().release();
    co_await runtime::sleep_for(100ms);
    EXPECT_TRUE(ended);
    EXPECT_GT(other.stats().unwritten_bytes, 200'000u) << "the pass began before it";
    co_await runtime::sleep_for(3s);
    EXPECT_EQ(unwritten.value(), static_cast<int64_t>(other.stats().unwritten_bytes));
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    co_await runtime::sleep_for(3s);
    EXPECT_EQ(unwritten.value(), static_cast<int64_t>(other.stats().unwritten_bytes));
  });
}

// It may be long, and whoever deletes the partition waits for the log's turn.
TEST(StoreStall, ALogThatIsDroppedWhileItLooksForItsProducersDoesNotReadToItsEnd) {
  OneNode at;
  Producer producer{.id = 7, .epoch = 0};
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    LogConfig config;
    config.segment_bytes = 256 << 10;
    Log& log = **co_await open->store->create(partition(0), config);
    for (int i = 0; i < 40; ++i)
      EXPECT_EQ(co_await publish(log, {std::string(200'000, 'x')}), ErrorCode::none);
    for (int i = 0; i < 7; ++i) {
      EXPECT_TRUE((co_await append_texts(log, {"p"}, LeaderEpoch(0), &producer)).has_value());
    }
    // The newest five are known, and gone.
    EXPECT_TRUE((co_await log.truncate(Offset(41))).has_value());
    producer.sequence = 1;
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  at.node.crash(CrashKind::kill);
  at.node.restart();
  run(at.node, [&](Runtime& runtime) -> Task<void> {
    auto open = co_await opened_store(at.node);
    at.node.disk().options().read = {.min = 100ms, .max = 100ms};
    std::optional<ErrorCode> answer;
    runtime.shard(0).spawn([](Log& log, Producer& by, std::optional<ErrorCode>& code) -> Task<void> {
      const auto appended = co_await append_texts(log, {"q"}, LeaderEpoch(0), &by);
      code = appended ? ErrorCode::none : appended.error().code;
    }(*open->store->find(partition(0)), producer, answer));
    co_await runtime::sleep_for(50ms);
    EXPECT_FALSE(answer.has_value()) << "it reads";
    const MonotonicTime began = in(0s);
    EXPECT_TRUE((co_await open->store->drop(partition(0))).has_value());
    EXPECT_LT(in(0s) - began, 2s);
    EXPECT_EQ(answer, ErrorCode::unknown_topic_or_partition);
  });
}

// A checkpoint between the write of its last record and the sync of that must not keep the log and release the record.
TEST(StoreStall, ADroppedLogOfFlushIntervalDoesNotComeBack) {
  const auto files_of_logs = [](Node& node) {
    size_t count = 0;
    for (const auto& name : node.disk().files()) count += name.find("topics/") != std::string::npos ? 1 : 0;
    return count;
  };
  for (const bool records : {false, true}) {
    OneNode at;
    run(at.node, [&](Runtime& runtime) -> Task<void> {
      auto open = co_await opened_store(at.node);
      auto& unwritten = open->metrics.gauge("godwit_storage_unwritten_bytes",
                                            "bytes of logs that are in memory and journal alone");
      LogConfig config;
      config.flush = LogConfig::Flush::interval;
      const auto log = co_await open->store->create(partition(0), config);
      if (records) EXPECT_EQ(co_await publish(**log, {std::string(100'000, 'x')}), ErrorCode::none);
      co_await runtime::sleep_for(3s);
      EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
      at.node.disk().stall({.kinds = {OpKind::sync}, .path = "relaxed/"});
      bool dropped = false;
      bool ended = false;
      runtime.shard(0).spawn([](Store& store, bool& done) -> Task<void> {
        done = (co_await store.drop(partition(0))).has_value();
      }(*open->store, dropped));
      co_await runtime::sleep_for(100ms);
      runtime.shard(0).spawn([](Store& store, bool& done) -> Task<void> {
        done = (co_await store.checkpoint()).has_value();
      }(*open->store, ended));
      co_await runtime::sleep_for(1s);
      EXPECT_FALSE(dropped);
      EXPECT_FALSE(ended) << "the checkpoint waits for the record";
      at.node.disk().release();
      co_await runtime::sleep_for(20ms);
      EXPECT_TRUE(dropped);
      co_await runtime::sleep_for(3s);
      EXPECT_EQ(unwritten.value(), 0);
    });
    at.node.crash(CrashKind::kill);
    at.node.restart();
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      EXPECT_EQ(open->store->find(partition(0)), nullptr) << "it came back";
      co_await runtime::sleep_for(100s);
      EXPECT_EQ(files_of_logs(at.node), 0U);
    });
  }
}

}  // namespace
}  // namespace godwit::storage::store_test
