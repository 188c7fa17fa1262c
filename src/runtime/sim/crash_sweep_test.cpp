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
