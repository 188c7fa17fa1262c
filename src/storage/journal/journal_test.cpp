// The journal in fair weather: rounds, group commit, turns, recovery of what is whole.
#include "runtime/sync.h"
#include "storage/journal/journal_testing.h"

namespace godwit::storage::journal_test {
namespace {

using runtime::sim::Node;
using runtime::sim::World;

TEST(Journal, WhatWasAcknowledgedIsDeliveredAfterAStart) {
  World world(1);
  Node& node = world.add_node("a");
  std::vector<Sequence> sequences;
  ASSERT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
    auto open = co_await open_journal(runtime, small_options());
    EXPECT_TRUE(open.has_value());
    EXPECT_EQ((*open)->last, Sequence(0));
    for (int i = 0; i < 5; ++i) {
      const auto sequence = co_await write_one(*(*open)->journal, "r" + std::to_string(i), 100 * i);
      EXPECT_TRUE(sequence.has_value());
      sequences.push_back(*sequence);
    }
    EXPECT_EQ((*open)->journal->usage().last, Sequence(5));
    EXPECT_EQ((*open)->journal->usage().oldest, Sequence(1));
    co_await (*open)->journal->close();
  }));
  EXPECT_EQ(sequences, (std::vector{Sequence(1), Sequence(2), Sequence(3), Sequence(4), Sequence(5)}));
  node.crash(runtime::sim::CrashKind::power_cut);
  node.restart();
  ASSERT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
    auto open = co_await open_journal(runtime, small_options());
    EXPECT_TRUE(open.has_value());
    EXPECT_TRUE((*open)->damages.empty());
    EXPECT_EQ((*open)->last, Sequence(5));
    EXPECT_EQ(co_await read_ids(**open), (std::vector<std::string>{"r0", "r1", "r2", "r3", "r4"}));
    const auto next = co_await write_one(*(*open)->journal, "later", 10);
    EXPECT_TRUE(next.has_value());
    EXPECT_EQ(*next, Sequence(6));
    co_await (*open)->journal->close();
  }));
}

TEST(Journal, CallsThatComeWhileARoundIsWrittenShareTheNextOne) {
  World world(2);
  Node& node = world.add_node("a", {.shards = 3});
  std::map<uint64_t, int> per_round;
  ASSERT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
    auto open = co_await open_journal(runtime, small_options());
    EXPECT_TRUE(open.has_value());
    Journal& journal = *(*open)->journal;
    std::vector<Task<void>> callers;
    for (size_t s = 0; s < 3; ++s) {
      for (int i = 0; i < 10; ++i) {
        callers.push_back(
            [](Runtime& r, Journal& j, size_t shard, std::map<uint64_t, int>& out) -> Task<void> {
              const auto sequence = co_await r.shard(shard).call([&j] { return write_one(j, "x", 200); });
              EXPECT_TRUE(sequence.has_value());
              if (sequence) ++out[sequence->value()];
            }(runtime, journal, s, per_round));
      }
    }
    co_await runtime::when_all(std::move(callers));
    co_await journal.close();
  }));
  // The first call starts a round at once; while it is on the disk all others arrive.
  EXPECT_LE(per_round.size(), 4u);
  int calls = 0;
  for (const auto& [sequence, count] : per_round) calls += count;
  EXPECT_EQ(calls, 30);
}

// A crash leaves what was free of the file that was being written unusable.
TEST(Journal, OneThatWasNearlyFullWhenItsProcessEndedHasItsReserveAfterAStart) {
  World world(4);
  Node& node = world.add_node("a");
  JournalOptions options = small_options();
  options.reserve_bytes = options.file_bytes;
  Sequence last;
  for (int life = 0; life < 3; ++life) {
    ASSERT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
      auto open = co_await open_journal(runtime, options);
      EXPECT_TRUE(open.has_value());
      Journal& journal = *(*open)->journal;
      co_await runtime::sleep_for(std::chrono::seconds(1));
      EXPECT_GE(journal.usage().free, options.reserve_bytes) << life;
      // Into the last file, and not to its end.
      while (journal.usage().free > options.file_bytes / 2) {
        const auto sequence = co_await write_one(journal, "x", 7000);
        EXPECT_TRUE(sequence.has_value());
        if (!sequence) co_return;
        last = *sequence;
      }
    }));
    node.crash(runtime::sim::CrashKind::power_cut);
    node.restart();
  }
  ASSERT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
    auto open = co_await open_journal(runtime, options);
    Journal& journal = *(*open)->journal;
    EXPECT_TRUE((co_await journal.release(last)).has_value());
    co_await runtime::sleep_for(std::chrono::seconds(1));
    // The files that were made besides have gone.
    EXPECT_EQ(journal.usage().usable, options.files_min * options.file_bytes);
    EXPECT_TRUE((co_await write_one(journal, "y", 7000)).has_value());
    co_await journal.close();
  }));
}

// Whoever opens the journal waits for the file; those that are made later leave the disk to others between their pieces.
TEST(Journal, AStartThatMustMakeAFileMakesItWithoutPauses) {
  for (const bool no_space : {false, true}) {
    World world(5);
    Node& node = world.add_node("a");
    node.disk().options().write = {};
    node.disk().options().sync = {};
    JournalOptions options = small_options();
    options.first_file_bytes = options.file_bytes = 16 << 20;
    const Duration written = std::chrono::nanoseconds(options.file_bytes);  // at a byte each nanosecond
    ASSERT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
      if (no_space) {
        node.disk().fail_next({.kinds = {runtime::sim::OpKind::write}, .path = ".making"},
                              ErrorKind::no_space);
      }
      const runtime::Shard& here = *runtime::Shard::current();
      const MonotonicTime began = here.now();
      auto open = co_await open_journal(runtime, options);
      EXPECT_TRUE(open.has_value());
      if (!open) co_return;
      const MonotonicTime opened = here.now();
      EXPECT_LT(opened - began, written + written / 4);
      const auto made = [&] {
        return std::ranges::count_if(node.disk().files(),
                                     [](const std::string& name) { return name.ends_with(".journal"); });
      };
      const auto had = made();
      EXPECT_EQ(had, no_space ? 0 : 1);
      while (made() == had) co_await runtime::sleep_for(std::chrono::milliseconds(1));
      EXPECT_GT(here.now() - opened, written * 5 / 2);
      co_await (*open)->journal->close();
    }));
  }
}

TEST(Journal, ReleasedFilesAreWrittenAgainForManyTurns) {
  World world(3);
  Node& node = world.add_node("a");
  const size_t rounds = 200;
  ASSERT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
    auto open = co_await open_journal(runtime, small_options());
    EXPECT_TRUE(open.has_value());
    Journal& journal = *(*open)->journal;
    for (size_t i = 0; i < rounds; ++i) {
      const auto sequence = co_await write_one(journal, "r" + std::to_string(i), 6000);
      EXPECT_TRUE(sequence.has_value()) << i << (sequence ? "" : sequence.error().describe());
      if (!sequence) break;
      if (sequence->value() > 4) EXPECT_TRUE((co_await journal.release(*sequence - 4)).has_value());
    }
    EXPECT_EQ(journal.usage().capacity, 4u * (32 << 10));
    EXPECT_EQ(journal.usage().oldest, Sequence(rounds - 3));
    co_await journal.close();
  }));
  EXPECT_EQ(node.disk().files().size(), 4u);
  node.crash(runtime::sim::CrashKind::power_cut);
  node.restart();
  ASSERT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
    auto options = small_options();
    options.released = Sequence(rounds - 4);
    auto open = co_await open_journal(runtime, options);
    EXPECT_TRUE(open.has_value());
    EXPECT_TRUE((*open)->damages.empty());
    EXPECT_EQ(co_await read_ids(**open), (std::vector<std::string>{"r196", "r197", "r198", "r199"}));
    co_await (*open)->journal->close();
  }));
}

TEST(Journal, AFullJournalRefusesAtOnceAndGoesOnWhenItIsReleased) {
  World world(4);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
    auto open = co_await open_journal(runtime, small_options());
    EXPECT_TRUE(open.has_value());
    Journal& journal = *(*open)->journal;
    Result<Sequence> last = Sequence(0);
    uint64_t written = 0;
    while (true) {
      const auto sequence = co_await write_one(journal, "r", 12000);
      if (!sequence) {
        last = sequence;
        break;
      }
      written = sequence->value();
    }
    EXPECT_EQ(last.error().kind, ErrorKind::unavailable);
    EXPECT_EQ(written, 8u);  // two to each of four files
    EXPECT_TRUE(journal.usage().full || journal.usage().used > journal.usage().capacity / 2);
    EXPECT_EQ(journal.usage().oldest, Sequence(1));
    EXPECT_EQ(journal.usage().oldest_file_end, Sequence(2));
    EXPECT_TRUE((co_await journal.release(Sequence(2))).has_value());
    EXPECT_FALSE(journal.usage().full);
    const auto after = co_await write_one(journal, "again", 12000);
    EXPECT_TRUE(after.has_value());
    if (after) EXPECT_EQ(*after, Sequence(9));
    EXPECT_EQ((co_await journal.release(Sequence(10))).error().kind, ErrorKind::invalid);
    co_await journal.close();
    EXPECT_EQ((co_await write_one(journal, "closed", 1)).error().kind, ErrorKind::closed);
  }));
}

TEST(Journal, AWriteThatIsTooLargeIsRefused) {
  World world(5);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
    auto open = co_await open_journal(runtime, small_options());
    EXPECT_TRUE(open.has_value());
    Journal& journal = *(*open)->journal;
    const size_t most = (16 << 10) - 16 - 2;
    EXPECT_TRUE((co_await write_one(journal, "ok", most)).has_value());
    EXPECT_EQ((co_await write_one(journal, "no", most + 1)).error().kind, ErrorKind::limit);
    std::vector<JournalEntry> entries(1);
    entries[0].meta = Bytes(65 * 1024);
    EXPECT_EQ((co_await journal.write(std::move(entries))).error().kind, ErrorKind::limit);
    co_await journal.close();
  }));
}

TEST(Journal, AnIdleJournalMarksWhatItAcknowledgedOnce) {
  World world(6);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
    auto open = co_await open_journal(runtime, small_options());
    EXPECT_TRUE(open.has_value());
    Journal& journal = *(*open)->journal;
    EXPECT_TRUE((co_await write_one(journal, "r", 10)).has_value());
    EXPECT_EQ(journal.usage().last, Sequence(1));
    co_await runtime::sleep_for(std::chrono::milliseconds(1100));
    EXPECT_EQ(journal.usage().last, Sequence(2));
    co_await runtime::sleep_for(std::chrono::seconds(10));
    EXPECT_EQ(journal.usage().last, Sequence(2));
    co_await journal.close();
  }));
}

}  // namespace
}  // namespace godwit::storage::journal_test
