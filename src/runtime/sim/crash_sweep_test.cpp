#include <set>

#include "runtime/sim/sweep_testing.h"

namespace godwit::runtime::sim {
namespace {

// A correct way to replace a file: write beside, sync, rename, sync the folder. `careful` false forgets the
// file's sync.
Task<void> replace(Runtime& runtime, std::string text, bool careful) {
  auto& files = runtime.files();
  {
    auto file = co_await files.open("d/new", {.write = true, .create = OpenOptions::Create::if_missing});
    EXPECT_TRUE(file);
    EXPECT_TRUE(co_await (*file)->truncate(0));
    const BytesView part = as_bytes(text);
    EXPECT_TRUE(co_await (*file)->write_at(0, std::span(&part, 1)));
    if (careful) EXPECT_TRUE(co_await (*file)->sync());
  }
  EXPECT_TRUE(co_await files.rename("d/new", "d/state"));
  EXPECT_TRUE(co_await files.sync_directory("d"));
}

// Replaces three times; what comes back is one of the versions, and none older than the last acknowledged.
size_t wrong_after_crash(bool careful, CrashSweepOptions options, CrashSweepResult& result) {
  size_t wrong = 0;
  options.seeds_per_point = 8;
  result = sweep_crashes(options, [&wrong, careful](CrashScenario& run) {
    run.disk().install("d/state", as_bytes(std::string(1500, '0')));
    auto acknowledged = std::make_shared<int>(0);
    run.work([=](Runtime& runtime) -> Task<void> {
      for (int i = 1; i <= 3; ++i) {
        co_await replace(runtime, std::string(1500, static_cast<char>('0' + i)), careful);
        *acknowledged = i;
      }
    });
    run.recover([acknowledged, &wrong](Runtime& runtime) -> Task<void> {
      const auto state = co_await read_file(runtime.files(), "d/state", 10'000);
      bool good = false;
      for (int i = *acknowledged; i <= 3; ++i) {
        good = good || (state && as_text(*state) == std::string(1500, static_cast<char>('0' + i)));
      }
      wrong += good ? 0 : 1;
      // The recovery writes too, so that crashes may come in it.
      co_await replace(runtime, state ? std::string(as_text(*state)) : "", true);
    });
  });
  return wrong;
}

TEST(CrashSweep, AFileReplacedCarefullyIsWholeWhereverTheCrashComes) {
  CrashSweepResult result;
  EXPECT_EQ(wrong_after_crash(true, {.crashes_in_recovery = true}, result), 0u);
  EXPECT_EQ(result.mutations, 18u) << "create, truncate, write, sync, rename, sync_directory, three times";
  EXPECT_EQ(result.runs, 8u * 2 * (1 + 2 * 3 * 18)) << "every point, once more with a crash in the recovery";
}

TEST(CrashSweep, AForgottenSyncIsFound) {
  CrashSweepResult result;
  EXPECT_GT(wrong_after_crash(false, {.kinds = {CrashKind::power_cut}}, result), 0u);
}

TEST(CrashSweep, AForgottenSyncDoesNotMatterForKillNine) {
  CrashSweepResult result;
  EXPECT_EQ(wrong_after_crash(false, {.kinds = {CrashKind::kill}}, result), 0u);
}

// Where a sweep of `mutations` writes crashes first in a run.
std::set<uint64_t> crashed_mutations(const CrashSweepOptions& options, int mutations) {
  std::set<uint64_t> crashed;
  (void)for_each_crash_point(
      options,
      [&](CrashScenario& run) {
        run.work([=](Runtime& runtime) -> Task<void> {
          for (int i = 0; i < mutations; ++i) EXPECT_TRUE(co_await runtime.files().sync_directory("/"));
        });
        EXPECT_EQ(run.worked_to_the_end(), run.plan().mutation == 0);
        if (run.plan().mutation != 0) crashed.insert(run.plan().mutation);
        run.recover([](Runtime&) -> Task<void> { co_return; });
      },
      [](const CrashScenario::Plan&, const std::function<void()>& run) {
        run();
        return true;
      });
  return crashed;
}

TEST(CrashSweep, AllKindsAndPointsTogetherCrashAtEveryMutation) {
  for (const int mutations : {1, 5, 23}) {
    std::set<uint64_t> all;
    for (int i = 1; i <= mutations; ++i) all.insert(static_cast<uint64_t>(i));
    for (uint64_t stride = 1; stride <= 6; ++stride) {
      for (const uint64_t seed : {1, 2, 77}) {
        EXPECT_EQ(crashed_mutations({.seed = seed, .seeds_per_point = 1, .stride = stride}, mutations), all)
            << "stride " << stride << " seed " << seed;
      }
    }
    EXPECT_EQ(crashed_mutations({.seeds_per_point = 3, .stride = 8}, mutations), all)
        << "with a longer stride seeds go on where others end";
    // A later seed reaches what the one before left out.
    std::set<uint64_t> some = crashed_mutations({.seed = 1, .seeds_per_point = 1, .stride = 12}, mutations);
    if (mutations == 23) EXPECT_EQ(some.size(), 12u);
    some.merge(crashed_mutations({.seed = 7, .seeds_per_point = 1, .stride = 12}, mutations));
    EXPECT_EQ(some, all);
  }
}

TEST(CrashSweep, TheSameSweepGivesTheSameTrace) {
  CrashSweepResult first;
  CrashSweepResult second;
  CrashSweepResult other;
  wrong_after_crash(true, {}, first);
  wrong_after_crash(true, {}, second);
  wrong_after_crash(true, {.seed = 2}, other);
  EXPECT_EQ(first.trace_hash, second.trace_hash);
  EXPECT_NE(first.trace_hash, other.trace_hash);
}

}  // namespace
}  // namespace godwit::runtime::sim
