#include "runtime/sim/disk_testing.h"

#include <algorithm>
#include <set>

namespace godwit::runtime::sim {
namespace {

using namespace std::chrono_literals;

TEST(SimDisk, WhatWasWrittenIsReadBack) {
  World world(1);
  Node& node = world.add_node("a");
  EXPECT_TRUE(node.run([](Runtime& runtime) -> Task<void> {
    auto file = co_await open_file(runtime.files(), "one");
    EXPECT_TRUE(co_await write_text(*file, 510, "across a sector"));
    Bytes bytes(100);
    const auto count = co_await file->read_at(505, bytes);
    EXPECT_EQ(count.value(), 20u);
    EXPECT_EQ(as_text(BytesView(bytes).first(20)), std::string(5, '\0') + "across a sector");
    EXPECT_EQ((co_await file->read_at(5000, bytes)).value(), 0u);
  }));
  EXPECT_GT(world.elapsed(), 0ns);
}

// Writes 'new' over 'old' in a synced file without a sync, cuts the power, gives what is there.
std::string overwrite_and_cut(uint64_t seed, CrashKind kind, bool sync) {
  World world(seed);
  Node& node = world.add_node("a");
  node.disk().install("f", as_bytes(std::string(4096, 'o')));
  EXPECT_TRUE(node.run([sync](Runtime& runtime) -> Task<void> {
    auto file = co_await open_file(runtime.files(), "f");
    EXPECT_TRUE(co_await write_text(*file, 0, std::string(4096, 'n')));
    if (sync) EXPECT_TRUE(co_await file->sync());
  }));
  node.crash(kind);
  node.restart();
  return text_of(node.disk(), "f");
}

TEST(SimDisk, ASyncedWriteSurvivesEveryPowerCut) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    EXPECT_EQ(overwrite_and_cut(seed, CrashKind::power_cut, true), std::string(4096, 'n'));
  }
}

TEST(SimDisk, AWriteThatWasNotSyncedIsKeptLostOrTornAtSectorsByAPowerCut) {
  size_t kept = 0;
  size_t lost = 0;
  size_t torn = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const std::string text = overwrite_and_cut(seed, CrashKind::power_cut, false);
    ASSERT_EQ(text.size(), 4096u);
    for (size_t sector = 0; sector < 8; ++sector) {
      const std::string one = text.substr(sector * 512, 512);
      EXPECT_TRUE(one == std::string(512, 'o') || one == std::string(512, 'n')) << "a sector is old or new";
    }
    const bool all_new = text == std::string(4096, 'n');
    const bool all_old = text == std::string(4096, 'o');
    ++(all_new ? kept : all_old ? lost : torn);
  }
  EXPECT_GT(kept, 20u);
  EXPECT_GT(lost, 20u);
  EXPECT_GT(torn, 20u);
}

TEST(SimDisk, KillNineKeepsEveryWriteThatReturned) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    EXPECT_EQ(overwrite_and_cut(seed, CrashKind::kill, false), std::string(4096, 'n'));
  }
}

// Runs `main` on a fresh node for many seeds, cuts the power and counts what `look` sees afterwards.
std::map<std::string, int> outcomes(const std::function<Task<void>(Runtime&)>& main,
                                    const std::function<std::string(Disk&)>& look, bool garbage = false) {
  std::map<std::string, int> seen;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    NodeOptions options;
    options.disk.garbage = garbage;
    World world(seed);
    Node& node = world.add_node("a", options);
    node.disk().install("d/old", as_bytes("old"));
    EXPECT_TRUE(node.run([&main](Runtime& runtime) { return main(runtime); }));
    node.crash(CrashKind::power_cut);
    EXPECT_FALSE(node.disk().has_unsynced());
    ++seen[look(node.disk())];
  }
  return seen;
}

std::string names(Disk& disk) {
  std::string all;
  for (const auto& path : disk.files()) all += path + " ";
  return all;
}

TEST(SimDisk, ANewNameMayBeGoneUnlessItsFolderWasSynced) {
  for (const bool synced : {false, true}) {
    const auto seen = outcomes(
        [synced](Runtime& runtime) -> Task<void> {
          auto file = co_await open_file(runtime.files(), "d/new");
          EXPECT_TRUE(co_await write_text(*file, 0, "x"));
          EXPECT_TRUE(co_await file->sync());
          if (synced) EXPECT_TRUE(co_await runtime.files().sync_directory("d"));
        },
        names);
    EXPECT_EQ(seen.contains("/d/old "), !synced);
    EXPECT_TRUE(seen.contains("/d/new /d/old "));
  }
}

TEST(SimDisk, ARenameIsThereOrNotButNeverHalf) {
  const auto seen = outcomes(
      [](Runtime& runtime) -> Task<void> {
        auto file = co_await open_file(runtime.files(), "d/new");
        EXPECT_TRUE(co_await write_text(*file, 0, "new"));
        EXPECT_TRUE(co_await file->sync());
        EXPECT_TRUE(co_await runtime.files().sync_directory("d"));
        EXPECT_TRUE(co_await runtime.files().rename("d/new", "d/old"));
      },
      [](Disk& disk) { return names(disk) + text_of(disk, "d/old"); });
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_GT(seen.at("/d/old new"), 20);
  EXPECT_GT(seen.at("/d/new /d/old old"), 20);
}

TEST(SimDisk, ARenameAcrossFoldersIsDurableOnlyWhenBothAreSynced) {
  for (const bool both : {false, true}) {
    const auto seen = outcomes(
        [both](Runtime& runtime) -> Task<void> {
          auto& files = runtime.files();
          EXPECT_TRUE(co_await files.make_directory("e"));
          EXPECT_TRUE(co_await files.sync_directory("/"));
          EXPECT_TRUE(co_await files.rename("d/old", "e/old"));
          EXPECT_TRUE(co_await files.sync_directory("e"));
          if (both) EXPECT_TRUE(co_await files.sync_directory("d"));
        },
        names);
    EXPECT_EQ(seen.contains("/d/old "), !both);
    EXPECT_TRUE(seen.contains("/e/old "));
    EXPECT_EQ(seen.size(), both ? 1u : 2u);
  }
}

TEST(SimDisk, ARemovedFileMayComeBackWithItsBytes) {
  const auto seen =
      outcomes([](Runtime& runtime) -> Task<void> { EXPECT_TRUE(co_await runtime.files().remove("d/old")); },
               [](Disk& disk) { return text_of(disk, "d/old"); });
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_TRUE(seen.contains("old"));
  EXPECT_TRUE(seen.contains("(not_found)"));
}

TEST(SimDisk, WhatIsSyncedInAFolderWhoseOwnNameIsNotDurableMayGoWithIt) {
  const auto seen = outcomes(
      [](Runtime& runtime) -> Task<void> {
        EXPECT_TRUE(co_await runtime.files().make_directory("e"));
        auto file = co_await open_file(runtime.files(), "e/file");
        EXPECT_TRUE(co_await file->sync());
        EXPECT_TRUE(co_await runtime.files().sync_directory("e"));
      },
      names);
  EXPECT_EQ(seen.size(), 2u);
}

TEST(SimDisk, SyncFilesystemMakesEverythingDurable) {
  const auto seen = outcomes(
      [](Runtime& runtime) -> Task<void> {
        EXPECT_TRUE(co_await runtime.files().make_directory("e"));
        auto file = co_await open_file(runtime.files(), "e/file");
        EXPECT_TRUE(co_await write_text(*file, 0, "text"));
        EXPECT_TRUE(co_await runtime.files().remove("d/old"));
        EXPECT_TRUE(co_await runtime.files().sync_filesystem("/"));
      },
      [](Disk& disk) { return names(disk) + text_of(disk, "e/file"); });
  EXPECT_EQ(seen, (std::map<std::string, int>{{"/e/file text", 200}}));
}

TEST(SimDisk, AnAppendMayBeLostOrLeaveItsSizeWithoutItsBytes) {
  const auto seen = outcomes(
      [](Runtime& runtime) -> Task<void> {
        auto file = co_await open_file(runtime.files(), "d/old");
        EXPECT_TRUE(co_await write_text(*file, 512, std::string(1024, 'n')));
      },
      [](Disk& disk) {
        const std::string text = text_of(disk, "d/old");
        EXPECT_TRUE(text.starts_with("old"));
        if (text.size() == 3) return "lost";
        EXPECT_EQ(text.size(), 1536u);
        const size_t there = static_cast<size_t>(std::count(text.begin(), text.end(), 'n'));
        EXPECT_EQ(there % 512, 0u);
        return there == 1024 ? "whole" : "torn, the rest is zeros";
      });
  EXPECT_EQ(seen.size(), 3u);
}

TEST(SimDisk, ATruncationMayNotHaveHappened) {
  const auto seen = outcomes(
      [](Runtime& runtime) -> Task<void> {
        auto file = co_await open_file(runtime.files(), "d/old");
        EXPECT_TRUE(co_await file->truncate(1));
      },
      [](Disk& disk) { return text_of(disk, "d/old"); });
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_TRUE(seen.contains("o"));
  EXPECT_TRUE(seen.contains("old"));
}

TEST(SimDisk, WritesThatWereNotSyncedAreReordered) {
  const auto seen = outcomes(
      [](Runtime& runtime) -> Task<void> {
        auto file = co_await open_file(runtime.files(), "d/old");
        EXPECT_TRUE(co_await file->allocate(1024));
        EXPECT_TRUE(co_await file->sync());
        EXPECT_TRUE(co_await write_text(*file, 0, "first"));
        EXPECT_TRUE(co_await write_text(*file, 512, "second"));
      },
      [](Disk& disk) {
        const std::string text = text_of(disk, "d/old");
        return std::string(text[0] == 'f' ? "1" : "-") + (text[512] == 's' ? "2" : "-");
      });
  EXPECT_EQ(seen.size(), 4u) << "none, either alone, both";
}

TEST(SimDisk, ASyncCoversOnlyWhatWasWrittenBeforeItBegan) {
  const auto seen = outcomes(
      [](Runtime& runtime) -> Task<void> {
        auto file = co_await open_file(runtime.files(), "d/old");
        auto sync = file->sync();
        sync.start();
        EXPECT_TRUE(co_await write_text(*file, 0, "new"));
        EXPECT_TRUE(co_await runtime.files().exists("d"));
        co_await sleep_for(1s);
        EXPECT_TRUE(sync.done());
      },
      [](Disk& disk) { return text_of(disk, "d/old"); });
  EXPECT_EQ(seen.size(), 2u);
}

TEST(SimDisk, AGarbageDriveLeavesSectorsThatAreNeitherOldNorNew) {
  for (const bool garbage : {false, true}) {
    const auto seen = outcomes(
        [](Runtime& runtime) -> Task<void> {
          auto file = co_await open_file(runtime.files(), "d/old");
          EXPECT_TRUE(co_await file->allocate(4096));
          EXPECT_TRUE(co_await file->sync());
          EXPECT_TRUE(co_await write_text(*file, 0, std::string(4096, 'n')));
        },
        [](Disk& disk) {
          for (const char c : text_of(disk, "d/old")) {
            if (c != 'n' && c != '\0' && std::string_view("old").find(c) == std::string_view::npos) {
              return "garbage";
            }
          }
          return "clean";
        },
        garbage);
    EXPECT_EQ(seen.contains("garbage"), garbage);
  }
}

TEST(SimDisk, KillNineInAWriteLeavesAPrefixOfItsSectors) {
  std::set<size_t> prefixes;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    World world(seed);
    Node& node = world.add_node("a");
    node.disk().install("f", as_bytes(std::string(2048, 'o')));
    node.disk().crash_at(1, CrashPoint::during, CrashKind::kill);
    EXPECT_FALSE(node.run([](Runtime& runtime) -> Task<void> {
      auto file = co_await open_file(runtime.files(), "f");
      (void)co_await write_text(*file, 0, std::string(2048, 'n'));
    }));
    const std::string text = text_of(node.disk(), "f");
    const size_t there = std::min(text.find('o'), text.size());
    EXPECT_EQ(text, std::string(there, 'n') + std::string(2048 - there, 'o'));
    prefixes.insert(there);
  }
  EXPECT_EQ(prefixes, (std::set<size_t>{0, 512, 1024, 1536, 2048}));
}

TEST(SimDisk, WhatAKilledProcessLeftInThePageCacheMayStillGoInALaterPowerCut) {
  int lost = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    World world(seed);
    Node& node = world.add_node("a");
    node.disk().install("f", as_bytes("old"));
    EXPECT_TRUE(node.run([](Runtime& runtime) -> Task<void> {
      auto file = co_await open_file(runtime.files(), "f");
      EXPECT_TRUE(co_await write_text(*file, 0, "new"));
    }));
    node.crash(CrashKind::kill);
    EXPECT_EQ(text_of(node.disk(), "f"), "new");
    node.restart();
    node.crash(CrashKind::power_cut);
    lost += text_of(node.disk(), "f") == "old" ? 1 : 0;
  }
  EXPECT_GT(lost, 5);
  EXPECT_LT(lost, 45);
}

}  // namespace
}  // namespace godwit::runtime::sim
