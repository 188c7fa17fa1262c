#include "storage/segment_live.h"

#include <gtest/gtest.h>

namespace godwit::storage {
namespace {

// A log of flush=interval: each round brings a few bytes, some rounds are synced together.
struct Live {
  SegmentLive live{FileId(1)};
  uint64_t sequence = 0;
  uint64_t end = 0;

  void round(uint64_t bytes) {
    live.mark(Sequence(++sequence), Position(end), true);
    end += bytes;
    live.stable = live.journalled = Position(end);
  }
  // Gives what it covers, which set_synced() gets later.
  Position sync_begins() {
    live.mark_next = true;
    return live.stable;
  }
  void set_synced(Position position) {
    live.synced = position;
    live.forget_extra_marks();
  }
};

TEST(SegmentLive, TellsTheFirstRoundOfWhatCameSinceASyncBegan) {
  Live log;
  for (int i = 0; i < 10; ++i) log.round(100);
  const Position covered = log.sync_begins();
  for (int i = 0; i < 5; ++i) log.round(100);
  log.set_synced(covered);
  EXPECT_EQ(log.live.oldest(true), Sequence(1));
  log.live.carried(Sequence(16), Position(0), covered, true);
  EXPECT_EQ(log.live.oldest(true), Sequence(11));
  EXPECT_EQ(log.live.oldest(true, covered), Sequence(16)) << "what was carried is not old";
  EXPECT_EQ(log.live.oldest(false), std::nullopt);
}

// As a start finds it: by position, what was carried first.
TEST(SegmentLive, TellsTheOlderRoundOfWhatStandsBehindACarriedRemainder) {
  for (const bool relaxed : {false, true}) {
    SegmentLive live{FileId(1)};
    live.mark(Sequence(12), Position(0), relaxed);
    live.mark(Sequence(11), Position(100), relaxed);
    live.mark(Sequence(13), Position(200), relaxed);
    live.journalled = Position(300);
    EXPECT_EQ(live.oldest(relaxed), Sequence(11));
    EXPECT_EQ(live.marks.size(), 2U) << "what came later is covered";
  }
}

TEST(SegmentLive, KeepsFewMarksHoweverOftenItIsSynced) {
  Live log;
  Position covered = log.sync_begins();
  for (int i = 0; i < 1000; ++i) {
    log.round(100);
    log.set_synced(covered);
    EXPECT_LE(log.live.marks.size(), 4U);
    covered = log.sync_begins();
    if (i % 100 == 99) {
      log.live.carried(Sequence(++log.sequence), Position(0), log.live.synced, true);
    }
    // Never newer than the round of any byte that it stands for.
    EXPECT_LE(log.live.oldest(true), Sequence(log.sequence));
  }
}

TEST(SegmentLive, MeasuresTheDistanceOfMarksFromThoseThatStay) {
  Live log;
  for (int i = 0; i < 100; ++i) {
    const Position covered = log.sync_begins();
    log.round(SegmentLive::kMarkInterval / 4);
    log.set_synced(covered);
  }
  EXPECT_GE(log.live.marks.size(), 25U);
  EXPECT_LE(log.live.marks.size(), 28U);
}

}  // namespace
}  // namespace godwit::storage
