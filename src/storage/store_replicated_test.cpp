// Logs that follow a leader: what they are given has its gaps and its epochs.
#include "record/batch_edit.h"
#include "storage/store_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::Node;
using runtime::sim::World;

struct OneNode {
  World world{1};
  Node& node = world.add_node("a");
  void restart(CrashKind kind) {
    node.crash(kind);
    node.restart();
  }
};

Task<Log*> made(Store& store, TopicPartition id, LogConfig config) {
  auto log = co_await store.create(id, config);
  GW_CHECK(log.has_value(), "a log can be made");
  co_return *log;
}

// What a follower of a compacted log is given has gaps: they are read from its files like anything else.
TEST(StoreReplicated, GapsThatAFollowerIsGivenAreReadFromItsFiles) {
  OneNode at;
  LogConfig config;
  config.segment_bytes = 40'000;
  const auto check = [](OpenStore& open) -> Task<void> {
    Log* const log = open.store->find(partition(0));
    int count = 0;
    for (const std::string& text : co_await read_texts(*log, log->start(), 10'000)) {
      EXPECT_TRUE(text.starts_with(std::to_string(3 + count * 10) + "=")) << text.substr(0, 50);
      ++count;
    }
    EXPECT_EQ(count, 30);
    EXPECT_TRUE((co_await open.store->damages()).empty());
  };
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* const log = co_await made(*open->store, partition(0), config);
    for (int i = 0; i < 30; ++i) {
      Bytes batch = batch_of({std::string(3000, 'x')});
      stamp(batch, Offset(3 + i * 10), LeaderEpoch(1));
      const auto deadline = runtime::Shard::current()->now() + 5s;
      EXPECT_TRUE((co_await log->append_replicated(batch, WallTime{1000}, deadline)).has_value());
      EXPECT_EQ(co_await log->wait_stable(log->end(), deadline), ErrorCode::none);
      // A reader that began before the gaps goes on.
      if (i % 7 == 0) EXPECT_EQ((co_await read_texts(*log, log->start())).size(), static_cast<size_t>(i + 1));
      if (i == 12) EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    }
  });
  // From journal and files, then from files alone.
  for (int life = 0; life < 2; ++life) {
    at.restart(CrashKind::power_cut);
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      co_await check(*open);
      EXPECT_TRUE((co_await open->store->close()).has_value());
    });
  }
}

// A leader's log was cut where ours has nothing, as after a compaction: it ends there, with a gap behind its last record.
TEST(StoreReplicated, ATruncationIntoAGapLeavesItAtTheEnd) {
  for (const bool written : {false, true}) {
    for (const int64_t cut : {3, 7, 10}) {
      SCOPED_TRACE(testing::Message() << "cut at " << cut << (written ? ", from the file" : ""));
      OneNode at;
      const auto replicate = [](Log& log, int64_t offset, LeaderEpoch epoch) -> Task<void> {
        Bytes batch = batch_of({std::string(3000, 'x')});
        stamp(batch, Offset(offset), epoch);
        const auto deadline = runtime::Shard::current()->now() + 5s;
        EXPECT_TRUE((co_await log.append_replicated(batch, WallTime{1000}, deadline)).has_value());
        EXPECT_EQ(co_await log.wait_stable(log.end(), deadline), ErrorCode::none);
      };
      const auto check = [&](Log& log, size_t count) -> Task<void> {
        // Who asks for what is in the gap is sent behind it, or told that it is at the end.
        for (int64_t from = 0; from <= log.end().value(); ++from) {
          Offset next(from);
          size_t seen = 0;
          for (int i = 0; i < 10 && next < log.end(); ++i) {
            const auto part = co_await log.read({.from = next, .end = log.end()});
            EXPECT_TRUE(part.has_value()) << part.error().message;
            if (!part) co_return;
            if (!part->batches.empty()) ++seen;
            if (part->next <= next) break;
            next = part->next;
          }
          if (from == 0) EXPECT_GE(seen, size_t{1});
          EXPECT_EQ(next, log.end()) << "a reader from " << from << " comes to the end";
        }
        EXPECT_EQ((co_await read_texts(log, Offset(0))).size(), count);
        EXPECT_TRUE((co_await log.find_timestamp(5000, log.end())).has_value());
        EXPECT_TRUE((co_await log.find_timestamp_max(log.end())).has_value());
      };
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node);
        Log* const log = co_await made(*open->store, partition(0), {});
        for (const int64_t offset : {0, 2, 10, 11}) co_await replicate(*log, offset, LeaderEpoch(1));
        if (written) {
          EXPECT_TRUE((co_await log->roll()).has_value());
          EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
          co_await runtime::sleep_for(60s);
        }
        // Twice into the same one.
        if (cut == 7) EXPECT_TRUE((co_await log->truncate(Offset(9))).has_value());
        EXPECT_TRUE((co_await log->truncate(Offset(cut))).has_value());
        EXPECT_EQ(log->end(), Offset(cut));
        co_await check(*log, 2);
      });
      for (int life = 0; life < 2; ++life) {
        at.restart(CrashKind::power_cut);
        run(at.node, [&](Runtime&) -> Task<void> {
          auto open = co_await opened_store(at.node);
          Log& log = *open->store->find(partition(0));
          EXPECT_EQ(log.end(), Offset(cut + life));
          co_await check(log, 2U + static_cast<size_t>(life));
          co_await replicate(log, cut + life, LeaderEpoch(2));
          EXPECT_TRUE((co_await open->store->damages()).empty());
          EXPECT_TRUE((co_await open->store->close()).has_value());
        });
      }
    }
  }
}

// It was elected, wrote nothing, and follows one that has an unacknowledged record of the epoch before.
TEST(StoreReplicated, AnEpochInWhichNothingWasWrittenKeepsNoOlderRecordOfTheLeaderOut) {
  for (const CrashKind kind : {CrashKind::kill, CrashKind::power_cut}) {
    for (const int had : {0, 3}) {
      OneNode at;
      const auto replicate = [](Log& log, Offset offset, LeaderEpoch epoch) -> Task<void> {
        Bytes batch = batch_of({std::to_string(offset.value())});
        stamp(batch, offset, epoch);
        const auto deadline = runtime::Shard::current()->now() + 5s;
        const auto done = co_await log.append_replicated(batch, WallTime{1000}, deadline);
        EXPECT_TRUE(done.has_value()) << done.error().message;
        EXPECT_EQ(co_await log.wait_stable(log.end(), deadline), ErrorCode::none);
      };
      const auto check = [had](Log& log) -> Task<void> {
        EXPECT_EQ((co_await read_texts(log, Offset(0))).size(), static_cast<size_t>(had + 2));
        EXPECT_EQ(log.epochs().starts(),
                  (std::vector<EpochStart>{{LeaderEpoch(1), Offset(0)}, {LeaderEpoch(3), Offset(had + 1)}}));
      };
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node);
        Log* const log = co_await made(*open->store, partition(0), {});
        for (int i = 0; i < had; ++i)
          EXPECT_EQ(co_await publish(*log, {std::to_string(i)}, LeaderEpoch(1)), ErrorCode::none);
        EXPECT_TRUE((co_await log->begin_epoch(LeaderEpoch(2))).has_value());
        co_await replicate(*log, Offset(had), LeaderEpoch(1));
        co_await replicate(*log, Offset(had + 1), LeaderEpoch(3));
        co_await check(*log);
      });
      for (int life = 0; life < 2; ++life) {
        at.restart(kind);
        run(at.node, [&](Runtime&) -> Task<void> {
          auto open = co_await opened_store(at.node);
          co_await check(*open->store->find(partition(0)));
          EXPECT_TRUE((co_await open->store->close()).has_value());
        });
      }
    }
  }
}

}  // namespace
}  // namespace godwit::storage::store_test
