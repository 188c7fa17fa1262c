// Rule 17: producers that a truncation took, or a repair put back, are looked for in the background, on followers too, so that
// no append after a failover waits for that.
#include <gmock/gmock.h>

#include "record/batch_edit.h"
#include "runtime/sync.h"
#include "storage/store_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::Node;
using runtime::sim::OpKind;
using runtime::sim::World;
using testing::IsEmpty;

// In files alone: 3 batches of producer 5, 20 of nobody, and at offset 23 the producer's next 8, more than are kept of it.
// Files of 16 records.
struct FilledNode {
  FilledNode() : world(1), node(world.add_node("a")) {}

  void fill(size_t size = 3000) {
    run(node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(node);
      LogConfig config;
      config.segment_bytes = static_cast<int32_t>(16 * (size + 100));
      Log& log = **co_await open->store->create(partition(0), config);
      Producer producer{.id = 5};
      for (int i = 0; i < 31; ++i) {
        const bool of_producer = i < 3 || i >= 23;
        EXPECT_TRUE((co_await append_texts(log, {std::to_string(i) + std::string(size, 'x')}, LeaderEpoch(0),
                                           of_producer ? &producer : nullptr))
                        .has_value());
        EXPECT_EQ(co_await log.wait_stable(log.end(), soon()), ErrorCode::none);
      }
      EXPECT_TRUE((co_await open->store->close()).has_value());
    });
    restart(CrashKind::kill);
  }
  void restart(CrashKind kind) {
    node.crash(kind);
    node.disk().release();
    node.restart();
  }
  static MonotonicTime soon() { return runtime::Shard::current()->now() + 5s; }
  void hold_reads() { node.disk().stall({.kinds = {OpKind::read}, .path = ".log"}); }

  // A follower is given the producer's batch with this sequence.
  static Task<void> replicate(Log& log, int32_t sequence, int64_t id = 5) {
    Bytes batch = batch_of({"replicated"}, {.id = id, .sequence = sequence});
    stamp(batch, log.end(), LeaderEpoch(1));
    EXPECT_TRUE(
        (co_await log.append_replicated(batch, runtime::Shard::current()->wall_now(), soon())).has_value());
  }
  static Task<Served<Appended>> append(Log& log, int32_t sequence) {
    Producer producer{.id = 5, .sequence = sequence};
    co_return co_await append_texts(log, {"published"}, LeaderEpoch(1), &producer);
  }
  static Task<void> expect_duplicate(Log& log, int32_t sequence, Offset offset) {
    const auto repeated = co_await append(log, sequence);
    EXPECT_TRUE(repeated.has_value()) << (repeated ? "" : repeated.error().message);
    if (!repeated) co_return;
    EXPECT_TRUE(repeated->duplicate) << "it is there a second time at " << to_string(repeated->base_offset);
    EXPECT_EQ(repeated->base_offset, offset);
  }
  // What a leader says that knows the producer up to `sequence`, which stands at `offset`.
  static Task<void> expect_known(Log& log, int32_t sequence, Offset offset) {
    co_await expect_duplicate(log, sequence, offset);
    const auto gap = co_await append(log, sequence + 2);
    EXPECT_TRUE(!gap && gap.error().code == ErrorCode::out_of_order_sequence_number);
    const Offset end = log.end();
    const auto next = co_await append(log, sequence + 1);
    EXPECT_TRUE(next && !next->duplicate && next->base_offset == end) << (next ? "" : next.error().message);
  }
  static std::optional<Offset> last_known(const Log& log) { return log.producers().last_offset_of(5); }

  World world;
  Node& node;
};

class StoreProducerSearch : public testing::Test, protected FilledNode {};

TEST_F(StoreProducerSearch, AFollowerKnowsThemBeforeItLeads) {
  fill();
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log& log = *open->store->find(partition(0));
    EXPECT_TRUE((co_await log.truncate(Offset(20))).has_value());
    EXPECT_EQ(last_known(log), std::nullopt);
    co_await replicate(log, 0, 6);
    co_await runtime::sleep_for(3s);
    EXPECT_EQ(last_known(log), Offset(2));
    EXPECT_EQ(log.producers().last_offset_of(6), Offset(20));
    hold_reads();
    co_await expect_known(log, 2, Offset(2));
  });
}

TEST_F(StoreProducerSearch, WhatIsReplicatedMeanwhileFollowsWhatIsFound) {
  fill();
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log& log = *open->store->find(partition(0));
    EXPECT_TRUE((co_await log.truncate(Offset(20))).has_value());
    co_await replicate(log, 3);
    hold_reads();
    co_await runtime::sleep_for(2s);
    co_await replicate(log, 4);
    EXPECT_EQ(log.producers().entries().front().batches.size(), 2U) << "the search is under way";
    node.disk().release();
    co_await runtime::sleep_for(2s);
    EXPECT_EQ(log.producers().entries().front().batches.size(), 5U);
    hold_reads();
    co_await expect_duplicate(log, 0, Offset(0));
    co_await expect_duplicate(log, 3, Offset(20));
    co_await expect_known(log, 4, Offset(21));
  });
}

// What the search found says nothing of what was admitted since it began, and was the newest that was known when that was cut.
TEST_F(StoreProducerSearch, AnotherTruncationMeanwhileBeginsItAnew) {
  fill();
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log& log = *open->store->find(partition(0));
    EXPECT_TRUE((co_await log.truncate(Offset(20))).has_value());
    hold_reads();
    co_await runtime::sleep_for(2s);
    for (int i = 0; i < 7; ++i) co_await replicate(log, 3 + i);
    EXPECT_EQ(co_await log.wait_stable(log.end(), soon()), ErrorCode::none);
    EXPECT_TRUE((co_await log.truncate(Offset(22))).has_value());
    EXPECT_EQ(last_known(log), std::nullopt);
    node.disk().release();
    co_await runtime::sleep_for(100ms);
    EXPECT_EQ(last_known(log), std::nullopt) << "it knows nothing of offset 21";
    co_await runtime::sleep_for(5s);
    EXPECT_EQ(last_known(log), Offset(21));
    hold_reads();
    co_await expect_known(log, 4, Offset(21));
  });
}

TEST_F(StoreProducerSearch, ALogThatGoesOnElsewhereMeanwhileKnowsNoneOfThem) {
  fill();
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log& log = *open->store->find(partition(0));
    EXPECT_TRUE((co_await log.truncate(Offset(20))).has_value());
    hold_reads();
    co_await runtime::sleep_for(2s);
    EXPECT_TRUE((co_await log.restart_at(Offset(100))).has_value());
    node.disk().release();
    co_await runtime::sleep_for(5s);
    EXPECT_EQ(log.producers().size(), 0U);
  });
}

// An append that finds the search under way is answered when that is done, in the order in which it came.
TEST_F(StoreProducerSearch, AnAppendMeanwhileWaitsForIt) {
  fill();
  run(node, [&](Runtime& runtime) -> Task<void> {
    auto open = co_await opened_store(node);
    Log& log = *open->store->find(partition(0));
    EXPECT_TRUE((co_await log.truncate(Offset(20))).has_value());
    hold_reads();
    co_await runtime::sleep_for(2s);
    bool answered = false;
    runtime.shard(0).spawn([](Log& to, bool& done) -> Task<void> {
      co_await expect_known(to, 2, Offset(2));
      done = true;
    }(log, answered));
    co_await runtime::sleep_for(2s);
    EXPECT_FALSE(answered);
    node.disk().release();
    co_await runtime::sleep_for(1s);
    EXPECT_TRUE(answered);
    EXPECT_EQ(log.end(), Offset(21));
  });
}

// Before, during and after it, and with a checkpoint then.
TEST_F(StoreProducerSearch, ACrashAtAnyTimeLetsNoRepeatedBatchIn) {
  enum class When { before, during, after };
  for (const When when : {When::before, When::during, When::after}) {
    for (const bool checkpoint : {false, true}) {
      for (const CrashKind kind : {CrashKind::kill, CrashKind::power_cut}) {
        // Whether the next append comes before the search of the next life, or long after it.
        for (const bool at_once : {false, true}) {
          SCOPED_TRACE("crash " + std::to_string(static_cast<int>(when)) +
                       (checkpoint ? ", checkpoint" : "") + (at_once ? ", at once" : ""));
          FilledNode at;
          at.fill();
          run(at.node, [&](Runtime&) -> Task<void> {
            auto open = co_await opened_store(at.node);
            Log& log = *open->store->find(partition(0));
            EXPECT_TRUE((co_await log.truncate(Offset(20))).has_value());
            co_await replicate(log, 3);
            EXPECT_EQ(co_await log.wait_stable(Offset(21), soon()), ErrorCode::none);
            if (when == When::during) at.hold_reads();
            if (when != When::before) co_await runtime::sleep_for(3s);
            EXPECT_EQ(log.producers().entries().front().batches.size(), when == When::after ? 4U : 1U);
            if (checkpoint) EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
          });
          at.restart(kind);
          run(at.node, [&](Runtime&) -> Task<void> {
            auto open = co_await opened_store(at.node);
            Log& log = *open->store->find(partition(0));
            EXPECT_EQ(log.end(), Offset(21));
            if (!at_once) co_await runtime::sleep_for(3s);
            // A checkpoint of afterwards has all of them.
            if (!at_once || (when == When::after && checkpoint)) at.hold_reads();
            co_await expect_duplicate(log, 1, Offset(1));
            co_await expect_known(log, 3, Offset(20));
          });
          if (HasFailure()) return;
        }
      }
    }
  }
}

// A batch that is not synced when they are found is not in the checkpoint, and they are.
TEST_F(StoreProducerSearch, ACheckpointBesideABatchThatIsUnderWayKnowsThem) {
  fill();
  StoreOptions options = small_options();
  options.checkpoint_interval = 3s;
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options);
    Log& log = *open->store->find(partition(0));
    EXPECT_TRUE((co_await log.truncate(Offset(20))).has_value());
    node.disk().stall({.kinds = {OpKind::write}, .path = "journal/"});
    co_await replicate(log, 3);
    co_await runtime::sleep_for(2s);
    EXPECT_EQ(log.producers().entries().front().batches.size(), 4U);
    const auto checkpoints = [&] {
      return open->metrics.counter("godwit_storage_checkpoints_total", "checkpoints written").value();
    };
    const auto before = checkpoints();
    co_await runtime::sleep_for(4s);
    EXPECT_GT(checkpoints(), before);
    EXPECT_EQ(log.stable_end(), Offset(20));
  });
  restart(CrashKind::kill);
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options);
    Log& log = *open->store->find(partition(0));
    hold_reads();
    co_await expect_duplicate(log, 1, Offset(1));
    // What was not acknowledged may be there.
    const int32_t last = log.end() == Offset(20) ? 2 : 3;
    co_await expect_known(log, last, last == 2 ? Offset(2) : Offset(20));
  });
}

TEST_F(StoreProducerSearch, AReadThatFailsOnceIsTriedAgain) {
  fill();
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log& log = *open->store->find(partition(0));
    EXPECT_TRUE((co_await log.truncate(Offset(20))).has_value());
    node.disk().fail_next({.kinds = {OpKind::read}, .path = ".log"}, ErrorKind::io);
    co_await runtime::sleep_for(3s);
    EXPECT_EQ(last_known(log), Offset(2));
    EXPECT_THAT(log.damages(), IsEmpty());
  });
}

TEST_F(StoreProducerSearch, WhatCannotBeReadForNowIsTriedLaterAndLater) {
  fill();
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log& log = *open->store->find(partition(0));
    EXPECT_TRUE((co_await log.truncate(Offset(20))).has_value());
    node.disk().fail_randomly({.kinds = {OpKind::open}, .path = ".log"}, ErrorKind::limit, 1, 1);
    // After 1 s, 3 s, 7 s, 15 s, and then 31 s.
    co_await runtime::sleep_for(20s);
    EXPECT_EQ(last_known(log), std::nullopt);
    EXPECT_THAT(log.damages(), IsEmpty());
    node.disk().clear_faults();
    co_await runtime::sleep_for(9s);
    EXPECT_EQ(last_known(log), std::nullopt) << "it does not look all the time";
    co_await runtime::sleep_for(4s);
    EXPECT_EQ(last_known(log), Offset(2));
    hold_reads();
    co_await expect_known(log, 2, Offset(2));
  });
}

// What cannot be read for good tells nothing; all else does.
TEST_F(StoreProducerSearch, DamageOnTheWayIsNamedAndLeftOut) {
  fill();
  for (const std::string& path : node.disk().files()) {
    if (path.ends_with(".log")) node.disk().fail_reads(path, 8 * 3100, 10);
  }
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log& log = *open->store->find(partition(0));
    EXPECT_TRUE((co_await log.truncate(Offset(20))).has_value());
    co_await runtime::sleep_for(5s);
    EXPECT_FALSE(log.damages().empty());
    EXPECT_EQ(last_known(log), Offset(2));
    hold_reads();
    co_await expect_known(log, 2, Offset(2));
  });
}

TEST_F(StoreProducerSearch, ADropMeanwhileWaitsForNoneOfIt) {
  fill();
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log& log = *open->store->find(partition(0));
    EXPECT_TRUE((co_await log.truncate(Offset(20))).has_value());
    hold_reads();
    co_await runtime::sleep_for(2s);
    EXPECT_TRUE((co_await open->store->drop(partition(0))).has_value());
    node.disk().release();
    co_await runtime::sleep_for(5s);
    EXPECT_EQ(open->store->find(partition(0)), nullptr);
    // The search goes on with others.
    EXPECT_TRUE((co_await open->store->create(partition(0), {})).has_value());
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
}

TEST_F(StoreProducerSearch, AStoreThatClosesDoesNotReadToItsEnd) {
  fill(200'000);
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log& log = *open->store->find(partition(0));
    EXPECT_TRUE((co_await log.truncate(Offset(20))).has_value());
    node.disk().options().read = {.min = 300ms, .max = 300ms};
    co_await runtime::sleep_for(1200ms);
    EXPECT_EQ(last_known(log), std::nullopt);
    const MonotonicTime began = runtime::Shard::current()->now();
    EXPECT_TRUE((co_await open->store->close()).has_value());
    EXPECT_LT(runtime::Shard::current()->now() - began, 900ms);
    EXPECT_EQ(last_known(log), std::nullopt);
  });
}

}  // namespace
}  // namespace godwit::storage::store_test
