// Random lives of a journal: callers on several shards, releases, idleness, crashes anywhere; each life checks
// what the ones before it were promised.
#include <cstdlib>

#include "runtime/sync.h"
#include "storage/journal/promises_testing.h"

namespace godwit::storage::journal_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::CrashPoint;
using runtime::sim::Node;
using runtime::sim::SeededRandom;
using runtime::sim::World;

constexpr size_t kLives = 4;
constexpr size_t kCallers = 4;
// Among them 688: a kill between the renaming of a new file and the sync of its folder, then a power cut.
constexpr uint64_t kFirstSeed = 500;
const uint64_t kSeeds = std::getenv("GODWIT_SWEEP_ALL") != nullptr ? 5000 : 250;

// What outlives the processes.
struct Fate {
  explicit Fate(uint64_t seed) : random(seed) {}
  SeededRandom random;
  Promises promises;
  bool power_cut_since_check = false;
};

Task<void> call_randomly(Runtime& runtime, Journal& journal, Fate& fate) {
  for (int i = 0; i < 10; ++i) {
    runtime::Shard& shard = runtime.shard(fate.random.below(3));
    const size_t entries = fate.random.below(4);
    const size_t size = fate.random.coin() ? fate.random.below(200) : fate.random.below(2000);
    const auto sequence = co_await shard.call(
        [&journal, &fate, entries, size] { return write_noted(journal, fate.promises, entries, size); });
    // A full journal says so; what is asked then is to release.
    if (!sequence) EXPECT_EQ(sequence.error().kind, ErrorKind::unavailable) << sequence.error().describe();
    if (!sequence || fate.random.below(3) == 0) {
      const Sequence last = journal.usage().last;
      const uint64_t keep = fate.random.below(6);
      if (last.value() > keep) co_await release_noted(journal, fate.promises, last - keep);
    }
    if (fate.random.below(20) == 0) co_await runtime::sleep_for(std::chrono::milliseconds(1200));
  }
}

Task<void> live(Runtime& runtime, JournalOptions options, Fate& fate) {
  auto open = co_await open_journal(runtime, with_released(options, fate.promises));
  EXPECT_TRUE(open) << (open ? "" : open.error().describe());
  if (!open) co_return;
  const bool buffered = options.mode == JournalOptions::Mode::buffered;
  co_await expect_kept(**open, fate.promises, buffered && fate.power_cut_since_check);
  fate.power_cut_since_check = false;
  Journal& journal = *(*open)->journal;
  std::vector<Task<void>> callers;
  for (size_t i = 0; i < kCallers; ++i) callers.push_back(call_randomly(runtime, journal, fate));
  co_await runtime::when_all(std::move(callers));
  co_await journal.close();
}

void run_seed(uint64_t seed, JournalOptions::Mode mode) {
  JournalOptions options = small_options();
  options.mode = mode;
  options.interval = std::chrono::milliseconds(1);
  options.round_bytes_max = 8 << 10;
  options.first_file_bytes = options.file_bytes = 12 << 10;
  World world(seed);
  Node& node = world.add_node("a", {.shards = 3});
  Fate fate(world.derive_seed("fate"));
  for (size_t i = 0; i < kLives && !::testing::Test::HasFailure(); ++i) {
    const auto kind = fate.random.coin() ? CrashKind::power_cut : CrashKind::kill;
    const auto point = static_cast<CrashPoint>(fate.random.below(3));
    node.disk().crash_at(node.disk().mutations() + 1 + fate.random.below(120), point, kind);
    (void)node.run([&](Runtime& runtime) { return live(runtime, options, fate); });
    // Either it came to its end or the crash came; a life that hangs would have neither.
    if (node.alive()) node.crash(kind);
    fate.power_cut_since_check |= kind == CrashKind::power_cut;
    node.restart();
  }
}

TEST(JournalRandom, KeepsItsPromisesOverManyLives) {
  for (uint64_t seed = kFirstSeed; seed < kFirstSeed + kSeeds && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    run_seed(seed, JournalOptions::Mode::synced);
  }
}

TEST(JournalRandom, KeepsABufferedJournalsPromisesOverManyLives) {
  for (uint64_t seed = 1; seed <= 120 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    run_seed(seed, JournalOptions::Mode::buffered);
  }
}

}  // namespace
}  // namespace godwit::storage::journal_test
