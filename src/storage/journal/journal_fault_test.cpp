// The journal when the disk says no, rots, fills up, or holds what it should not.
#include "base/crc32c.h"
#include "base/endian.h"
#include "runtime/sync.h"
#include "storage/journal/make_file.h"
#include "storage/journal/promises_testing.h"

namespace godwit::storage::journal_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::Node;
using runtime::sim::OpKind;
using runtime::sim::World;

std::string path_of(uint64_t number) {
  return std::string(kDirectory) + "/" + journal::file_name(number);
}

// A world with one node on which processes come and go.
struct Bench {
  explicit Bench(uint64_t seed, JournalOptions o = small_options())
      : world(seed), node(world.add_node("a", {.shards = 2})), options(std::move(o)) {}

  using Life = std::function<Task<void>(Runtime&, OpenJournal&)>;
  // Opens the journal, runs `life`, closes it.
  void live(Life life) {
    ASSERT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
      auto open = co_await open_journal(runtime, with_released(options, promises));
      EXPECT_TRUE(open) << (open ? "" : open.error().describe());
      if (!open) co_return;
      co_await life(runtime, **open);
      co_await (*open)->journal->close();
    }));
  }
  // Writes `rounds` rounds of one block each, in a life of its own.
  void live_and_write(int rounds, size_t size = 500) {
    live([=, this](Runtime&, OpenJournal& open) -> Task<void> {
      for (int i = 0; i < rounds; ++i) EXPECT_TRUE(co_await write_noted(*open.journal, promises, 1, size));
    });
  }
  void power_cut() {
    node.crash(CrashKind::power_cut);
    node.restart();
  }

  World world;
  Node& node;
  JournalOptions options;
  Promises promises;
};

TEST(JournalFault, RotInTheMiddleIsNamedAndTheRestIsDelivered) {
  Bench bench(1);
  bench.live_and_write(5);
  bench.power_cut();
  // Blocks 1 and 2 of the first file: rounds 2 and 3.
  ASSERT_TRUE(bench.node.disk().flip_bit(path_of(1), 4096 + 300, 2));
  ASSERT_TRUE(bench.node.disk().flip_bit(path_of(1), 2 * 4096 + 20, 2));
  bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
    EXPECT_EQ(open.damages.size(), 1u);
    const JournalDamage& damage = open.damages.at(0);
    EXPECT_EQ(damage.file, path_of(1));
    EXPECT_EQ(damage.position, 4096u);
    EXPECT_EQ(damage.after, Sequence(1));
    EXPECT_EQ(damage.before, Sequence(4));
    EXPECT_TRUE(open.diagnostics.contains("journal.damaged"));
    std::vector<uint64_t> sequences;
    for (const auto& entry : open.entries) sequences.push_back(entry.sequence.value());
    EXPECT_EQ(sequences, (std::vector<uint64_t>{1, 4, 5}));
    co_return;
  });
}

// Rot of the very last round before the mark covers it cannot be told from a torn one; after the idle mark it
// can.
TEST(JournalFault, RotOfTheLastRoundIsDamageOnceTheIdleMarkIsWritten) {
  for (const bool marked : {false, true}) {
    Bench bench(2);
    bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
      EXPECT_TRUE(co_await write_noted(*open.journal, bench.promises, 1, 500));
      if (marked) co_await runtime::sleep_for(std::chrono::seconds(2));
    });
    bench.power_cut();
    ASSERT_TRUE(bench.node.disk().flip_bit(path_of(1), 300, 2));
    bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
      EXPECT_EQ(open.damages.size(), marked ? 1u : 0u);
      EXPECT_TRUE(open.entries.empty());
      const auto next = co_await write_one(*open.journal, "x", 1);
      EXPECT_TRUE(next && *next == Sequence(marked ? 3 : 2)) << "its number is not used again";
    });
  }
}

TEST(JournalFault, EveryReadErrorIsDamage) {
  Bench bench(3);
  bench.live_and_write(3);
  bench.power_cut();
  bench.node.disk().fail_reads(path_of(1), 2 * 4096, 4096);  // round 3, the last one
  bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
    EXPECT_EQ(open.damages.size(), 1u);
    EXPECT_EQ(open.damages.at(0).position, 2 * 4096u);
    EXPECT_EQ(open.damages.at(0).after, Sequence(2));
    EXPECT_EQ(open.damages.at(0).before, Sequence(0));
    EXPECT_EQ(open.entries.size(), 2u);
    const auto next = co_await write_one(*open.journal, "x", 1);
    EXPECT_TRUE(next && *next > Sequence(3)) << "above what the block may have held";
  });
  // It can be read again: it was given up, and stays away.
  bench.node.disk().clear_faults();
  bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
    EXPECT_TRUE(open.damages.empty());
    EXPECT_EQ(open.entries.size(), 3u);
    if (open.entries.size() == 3) EXPECT_EQ(as_text(open.entries[2].meta), "x");
    co_return;
  });
}

TEST(JournalFault, RotInTheFirstHeaderOfAFileCostsThatRoundAlone) {
  Bench bench(4);
  bench.live_and_write(4);
  bench.power_cut();
  ASSERT_TRUE(bench.node.disk().flip_bit(path_of(1), 17, 2));  // the salt
  bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
    EXPECT_EQ(open.damages.size(), 1u);
    EXPECT_EQ(open.entries.size(), 3u);
    co_return;
  });
}

TEST(JournalFault, ReadPayloadChecksAgain) {
  Bench bench(5);
  bench.live_and_write(2);
  bench.power_cut();
  bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
    EXPECT_EQ(open.entries.size(), 2u);
    EXPECT_TRUE(bench.node.disk().flip_bit(path_of(1), open.entries[1].payload.position, 2));
    Bytes into(open.entries[0].payload.size);
    EXPECT_TRUE(co_await open.journal->read_payload(open.entries[0].payload, into));
    const auto second = co_await open.journal->read_payload(open.entries[1].payload, into);
    EXPECT_TRUE(!second && second.error().kind == ErrorKind::corrupt);
    EXPECT_TRUE(co_await open.journal->release(open.last));
    const auto gone = co_await open.journal->read_payload(open.entries[0].payload, into);
    EXPECT_TRUE(!gone && gone.error().kind == ErrorKind::not_found);
  });
}

// Rule 14.
TEST(JournalFault, AfterAnErrorOfWriteOrSyncNothingIsWrittenAgain) {
  for (const OpKind kind : {OpKind::write, OpKind::sync}) {
    Bench bench(6);
    bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
      co_await runtime::sleep_for(std::chrono::milliseconds(500));  // until the files are made
      EXPECT_TRUE(co_await write_noted(*open.journal, bench.promises, 1, 500));
      bench.node.disk().fail_next({.kinds = {kind}}, ErrorKind::io);
      std::vector<Task<Result<Sequence>>> calls;
      for (int i = 0; i < 3; ++i) calls.push_back(write_noted(*open.journal, bench.promises, 1, 500));
      for (const auto& result : co_await runtime::when_all(std::move(calls))) {
        EXPECT_TRUE(!result && result.error().kind == ErrorKind::io);
      }
      const uint64_t before = bench.node.disk().mutations();
      const auto later = co_await write_one(*open.journal, "later", 1);
      EXPECT_TRUE(!later && later.error().kind == ErrorKind::io);
      EXPECT_FALSE(co_await open.journal->sync());
      co_await runtime::sleep_for(std::chrono::seconds(20));
      EXPECT_EQ(bench.node.disk().mutations(), before);
      EXPECT_TRUE(open.diagnostics.contains("journal.failed"));
    });
    bench.power_cut();
    bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
      co_await expect_kept(open, bench.promises);
      EXPECT_TRUE(co_await write_noted(*open.journal, bench.promises, 1, 500));
    });
  }
}

TEST(JournalFault, AFileThatCannotBeMadeIsTriedAgainAndMeanwhileTheOthersServe) {
  Bench bench(7);
  bench.node.disk().set_capacity(2 * (32 << 10));
  bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
    co_await runtime::sleep_for(std::chrono::seconds(1));
    EXPECT_TRUE(open.diagnostics.contains("journal.file_not_made"));
    EXPECT_TRUE(co_await write_noted(*open.journal, bench.promises, 1, 500));
    bench.node.disk().set_capacity(0);
    co_await runtime::sleep_for(std::chrono::seconds(11));
    EXPECT_EQ(bench.node.disk().files().size(), 4u);
    EXPECT_EQ(open.journal->usage().capacity, 4u * (32 << 10));
  });
}

// Else the journal would never have its room again, and publishers would wait for it for ever.
TEST(JournalFault, AFileThatWasCutShortIsReplaced) {
  Bench bench(31);
  bench.live(
      [](Runtime&, OpenJournal&) -> Task<void> { co_await runtime::sleep_for(std::chrono::seconds(1)); });
  bench.power_cut();
  const std::string cut = path_of(3);
  auto contents = bench.node.disk().contents(cut);
  ASSERT_TRUE(contents.has_value());
  contents->resize(4096);
  bench.node.disk().install(cut, *contents);
  bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
    EXPECT_TRUE(co_await write_noted(*open.journal, bench.promises, 1, 500));
    co_await release_noted(*open.journal, bench.promises, Sequence(1));
    co_await runtime::sleep_for(std::chrono::seconds(1));
    EXPECT_EQ(open.journal->usage().capacity, 4u * (32 << 10));
    EXPECT_FALSE(bench.node.disk().contents(cut).has_value());
    EXPECT_EQ(bench.node.disk().files().size(), 4u);
  });
}

TEST(JournalFault, OnAFullDiskItOpensToBeReplayedAndReleased) {
  Bench bench(8);
  bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
    while (co_await write_noted(*open.journal, bench.promises, 1, 12000)) {
    }
  });
  bench.power_cut();
  bench.node.disk().set_capacity(4096);
  bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
    co_await expect_kept(open, bench.promises);
    EXPECT_TRUE(open.journal->usage().full);
    const auto refused = co_await write_one(*open.journal, "no", 1);
    EXPECT_TRUE(!refused && refused.error().kind == ErrorKind::unavailable);
    co_await release_noted(*open.journal, bench.promises, Sequence(2));
    EXPECT_TRUE(co_await write_noted(*open.journal, bench.promises, 1, 500));
  });
}

// A file system that takes new space to overwrite: refused rounds are told so, and what follows holds.
TEST(JournalFault, ARefusedRoundIsNotMissedLater) {
  Bench bench(9);
  bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
    co_await runtime::sleep_for(std::chrono::milliseconds(500));
    EXPECT_TRUE(co_await write_noted(*open.journal, bench.promises, 1, 500));
    for (int i = 0; i < 6; ++i) {
      bench.node.disk().fail_next({.kinds = {OpKind::write}}, ErrorKind::no_space);
      const auto refused = co_await write_noted(*open.journal, bench.promises, 1, 500);
      EXPECT_TRUE(!refused && refused.error().kind == ErrorKind::no_space);
    }
    EXPECT_TRUE(co_await write_noted(*open.journal, bench.promises, 1, 500));
    EXPECT_TRUE(co_await write_noted(*open.journal, bench.promises, 1, 500));
  });
  bench.power_cut();
  bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
    co_await expect_kept(open, bench.promises);
    EXPECT_EQ(open.entries.size(), 3u);
  });
}

// As often as there are files, and more: each refused round leaves the journal what it had.
TEST(JournalFault, ARefusedRoundTakesNoRoom) {
  Bench bench(15);
  bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
    co_await runtime::sleep_for(std::chrono::milliseconds(500));
    const uint64_t free = open.journal->usage().free;
    for (uint64_t written = 1; written <= 20; ++written) {
      for (int i = 0; i < 3; ++i) {
        bench.node.disk().fail_next({.kinds = {OpKind::write}}, ErrorKind::no_space);
        const auto refused = co_await write_noted(*open.journal, bench.promises, 1, 500);
        EXPECT_TRUE(!refused && refused.error().kind == ErrorKind::no_space);
        EXPECT_EQ(open.journal->usage().free, free - (written - 1) * 4096);
      }
      EXPECT_TRUE(co_await write_noted(*open.journal, bench.promises, 1, 500)) << written;
      EXPECT_EQ(open.journal->usage().free, free - written * 4096);
      if (testing::Test::HasFailure()) co_return;
    }
    uint64_t more = 20;
    while (co_await write_noted(*open.journal, bench.promises, 1, 500)) ++more;
    EXPECT_EQ(more * 4096, free) << "what was told to be free";
    EXPECT_TRUE(open.journal->usage().full);
  });
  bench.power_cut();
  bench.live([&](Runtime&, OpenJournal& open) -> Task<void> { co_await expect_kept(open, bench.promises); });
}

// The refused one may be on the disk, a part of it or all, and is longer or shorter than what stands there then.
TEST(JournalFault, WhatTakesTheRefusedRoundsPlaceSurvivesACrash) {
  for (uint64_t seed = 1; seed <= 24; ++seed) {
    SCOPED_TRACE(seed);
    Bench bench(seed);
    for (int life = 0; life < 3; ++life) {
      bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
        co_await expect_kept(open, bench.promises);
        co_await release_noted(*open.journal, bench.promises, open.last);
        co_await runtime::sleep_for(std::chrono::milliseconds(500));
        EXPECT_TRUE(co_await write_noted(*open.journal, bench.promises, 1, 500));
        for (const size_t refused : {9000, 500, 5000}) {
          bench.node.disk().fail_next({.kinds = {OpKind::write}}, ErrorKind::no_space);
          EXPECT_FALSE(co_await write_noted(*open.journal, bench.promises, 1, refused));
          // At last it is the refused one that is newest.
          if (refused == 5000 && seed % 2 == 0) break;
          EXPECT_TRUE(co_await write_noted(*open.journal, bench.promises, 2, seed % 3 == 0 ? 5000 : 300));
        }
      });
      if (seed % 4 < 2) {
        bench.power_cut();
      } else {
        bench.node.crash(CrashKind::kill);
        bench.node.restart();
      }
    }
    if (testing::Test::HasFailure()) return;
  }
}

TEST(JournalFault, AnIdleMarkThatIsRefusedIsTriedAgainLater) {
  Bench bench(16);
  bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
    co_await runtime::sleep_for(std::chrono::milliseconds(500));
    EXPECT_TRUE(co_await write_noted(*open.journal, bench.promises, 1, 500));
    bench.node.disk().fail_randomly({.kinds = {OpKind::write}}, ErrorKind::no_space, 1, 1);
    const uint64_t before = bench.node.disk().mutations();
    co_await runtime::sleep_for(std::chrono::seconds(10));
    const uint64_t tries = bench.node.disk().mutations() - before;
    EXPECT_GE(tries, 5U);
    EXPECT_LE(tries, 11U);
    EXPECT_EQ(std::ranges::count(open.diagnostics.events, "journal.no_space", &Diagnostic::name), 1);
    bench.node.disk().clear_faults();
    EXPECT_TRUE(co_await write_noted(*open.journal, bench.promises, 1, 500));
  });
}

TEST(JournalFault, ANewerFormatIsRefusedAndNothingIsChanged) {
  Bench bench(10);
  bench.live_and_write(1);
  auto bytes = *bench.node.disk().contents(path_of(1));
  bytes[12] = std::byte{2};
  // The checksum of a header covers its version.
  const uint32_t crc =
      crc32c_extend(crc32c({bytes.data(), 8}), {bytes.data() + 12, journal::kHeaderBytes - 12});
  store_little(bytes.data() + 8, crc);
  bench.node.disk().install(path_of(1), bytes);
  const uint64_t before = bench.node.disk().mutations();
  ASSERT_TRUE(bench.node.run([&](Runtime& runtime) -> Task<void> {
    const auto open = co_await open_journal(runtime, bench.options);
    EXPECT_TRUE(!open && open.error().kind == ErrorKind::unsupported);
    if (!open) EXPECT_NE(open.error().message.find(path_of(1)), std::string::npos);
  }));
  EXPECT_LE(bench.node.disk().mutations() - before, 2u) << "the test's own make_directory and sync_directory";
}

// A client publishes bytes in the shape of a round, aligned to a block, in a round that is then torn.
TEST(JournalFault, BytesOfAClientDoNotPassForARound) {
  Bench bench(11);
  Bytes forged(8192);
  bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
    EXPECT_TRUE(co_await write_noted(*open.journal, bench.promises, 1, 500));
    // A true round, as the client would see it in its own broker's journal: but for the salt it fits.
    const auto file = *bench.node.disk().contents(path_of(1));
    journal::RoundHeader header;
    EXPECT_EQ(journal::decode_header(file.data(), header), journal::HeaderFinding::good);
    header.salt ^= 1;
    header.sequence = Sequence(3);
    header.synced = Sequence(2);
    header.position = 2 * 4096;
    std::copy(file.begin(), file.begin() + 4096, forged.begin() + 4096 - 128);
    journal::encode_header(header, forged.data() + 4096 - 128);
    std::vector<JournalEntry> entries(1);
    entries[0].payload.push_back(forged);
    EXPECT_TRUE(co_await open.journal->write(std::move(entries)));
  });
  // The forged header lies at the start of block 2; the round that carries it loses its own.
  ASSERT_TRUE(bench.node.disk().flip_bit(path_of(1), 4096, 0));
  journal::RoundHeader there;
  const auto file = *bench.node.disk().contents(path_of(1));
  ASSERT_EQ(journal::decode_header(file.data() + 2 * 4096, there), journal::HeaderFinding::good);
  bench.power_cut();
  bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
    EXPECT_EQ(open.last, Sequence(1));
    EXPECT_EQ(open.entries.size(), 1u);
    co_return;
  });
}

TEST(JournalFault, AStalledDiskShowsInBusySince) {
  Bench bench(12);
  bench.live([&](Runtime& runtime, OpenJournal& open) -> Task<void> {
    EXPECT_FALSE(open.journal->busy_since());
    bench.node.disk().stall({.kinds = {OpKind::sync}, .path = "journal/0000000000000001.journal"});
    runtime.shard(1).post([&] {
      runtime.shard(1).spawn([](OpenJournal& o, Promises& p) -> Task<void> {
        EXPECT_TRUE(co_await write_noted(*o.journal, p, 1, 500));
      }(open, bench.promises));
    });
    co_await runtime::sleep_for(std::chrono::seconds(2));
    const auto since = open.journal->busy_since();
    EXPECT_TRUE(since && runtime::Shard::current()->now() - *since > std::chrono::milliseconds(1900));
    bench.node.disk().release();
    co_await runtime::sleep_for(std::chrono::milliseconds(100));
    EXPECT_FALSE(open.journal->busy_since());
  });
}

// A process is killed between write and sync; the next one delivers the round, so it must have synced it.
TEST(JournalFault, WhatARecoveryDeliversSurvivesAPowerCut) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    Bench bench(seed);
    bench.live_and_write(1);
    bench.node.start([&](Runtime& runtime) -> Task<void> {
      auto open = co_await open_journal(runtime, bench.options);
      co_await runtime::sleep_for(std::chrono::milliseconds(500));
      bench.node.disk().stall({.kinds = {OpKind::sync}});
      (void)co_await write_one(*(*open)->journal, "unsynced", 3000);
    });
    bench.world.run_for(std::chrono::seconds(2));
    bench.node.crash(CrashKind::kill);
    bench.node.disk().release();
    bench.node.restart();
    for (int life = 0; life < 2; ++life) {
      bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
        EXPECT_EQ(open.entries.size(), 2u) << "life " << life << ", seed " << seed;
        co_return;
      });
      bench.power_cut();
    }
  }
}

TEST(JournalFault, WritesGoOnWhileABufferedJournalSyncs) {
  auto options = small_options();
  options.mode = JournalOptions::Mode::buffered;
  options.interval = std::chrono::milliseconds(10);
  Bench bench(13, options);
  bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
    co_await runtime::sleep_for(std::chrono::milliseconds(500));
    bench.node.disk().stall({.kinds = {OpKind::sync}});
    for (int i = 0; i < 5; ++i) {
      EXPECT_TRUE(co_await write_noted(*open.journal, bench.promises, 1, 500));
      co_await runtime::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_TRUE(open.journal->busy_since());
    bench.node.disk().release();
    EXPECT_TRUE(co_await open.journal->sync());
    EXPECT_FALSE(bench.node.disk().has_unsynced());
  });
}

TEST(JournalFault, AFailedBackgroundSyncEndsABufferedJournal) {
  auto options = small_options();
  options.mode = JournalOptions::Mode::buffered;
  Bench bench(14, options);
  bench.live([&](Runtime&, OpenJournal& open) -> Task<void> {
    co_await runtime::sleep_for(std::chrono::milliseconds(500));
    EXPECT_TRUE(co_await write_noted(*open.journal, bench.promises, 1, 500));
    bench.node.disk().fail_next({.kinds = {OpKind::sync}}, ErrorKind::io);
    co_await runtime::sleep_for(std::chrono::seconds(2));
    const auto later = co_await write_one(*open.journal, "later", 1);
    EXPECT_TRUE(!later && later.error().kind == ErrorKind::io);
  });
}

}  // namespace
}  // namespace godwit::storage::journal_test
