// A crash at every write, sync and rename of a scenario, and again during the recovery (docs/formats/journal.md:
// the crash table).
#include <functional>

#include "runtime/sim/sweep_testing.h"
#include "runtime/sync.h"
#include "storage/journal/promises_testing.h"

namespace godwit::storage::journal_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::CrashScenario;
using runtime::sim::CrashSweepOptions;

JournalOptions tiny_options() {
  JournalOptions options = small_options();
  options.round_bytes_max = 8 << 10;
  options.first_file_bytes = 12 << 10;
  options.file_bytes = 12 << 10;
  return options;
}

using Work = std::function<Task<void>(Runtime&, Journal&, Promises&)>;

// Runs `work` on a new journal with a crash at every mutation; then two more lives, each of which checks what
// the one before was promised, and goes on.
runtime::sim::CrashSweepResult sweep(CrashSweepOptions sweep_options, JournalOptions options, Work work) {
  sweep_options.node.shards = 3;
  const bool buffered = options.mode == JournalOptions::Mode::buffered;
  return runtime::sim::sweep_crashes(sweep_options, [&](CrashScenario& run) {
    auto promises = std::make_shared<Promises>();
    run.work([=](Runtime& runtime) -> Task<void> {
      auto open = co_await open_journal(runtime, options);
      EXPECT_TRUE(open) << (open ? "" : open.error().describe());
      if (!open) co_return;
      co_await work(runtime, *(*open)->journal, *promises);
      co_await (*open)->journal->close();
    });
    // A second crash may also be a power cut.
    const bool may_lose = buffered && run.plan().kind == CrashKind::power_cut;
    const auto next_life = [=](Runtime& runtime) -> Task<void> {
      // Those of the work that the crash came before.
      dynamic_cast<runtime::sim::Node&>(runtime).disk().clear_faults();
      auto open = co_await open_journal(runtime, with_released(options, *promises));
      EXPECT_TRUE(open) << (open ? "" : open.error().describe());
      if (!open) co_return;
      co_await expect_kept(**open, *promises, may_lose);
      const Sequence before = std::max(promises->handed_out, (*open)->last);
      Journal& journal = *(*open)->journal;
      for (int i = 0; i < 2; ++i) {
        const auto sequence = co_await write_noted(journal, *promises, 2, 1500);
        EXPECT_TRUE(sequence) << (sequence ? "" : sequence.error().describe());
        // What a power cut took from a buffered journal is forgotten, sequences and all.
        if (sequence && !may_lose) EXPECT_GT(*sequence, before) << "no sequence is given twice";
      }
      // Most of what was recovered must be there in the next life as well.
      if ((*open)->last.value() > 4) co_await release_noted(journal, *promises, (*open)->last - 4);
      co_await journal.close();
    };
    run.recover(next_life);
    run.recover(next_life);
  });
}

// One caller, rounds of one call.
Task<void> write_rounds(Journal& journal, Promises& promises, size_t rounds, size_t keep) {
  for (size_t i = 0; i < rounds; ++i) {
    const auto sequence = co_await write_noted(journal, promises, 1 + i % 2, i % 3 == 0 ? 3000 : 400);
    EXPECT_TRUE(sequence) << (sequence ? "" : sequence.error().describe());
    if (!sequence) co_return;
    if (keep > 0 && i % 2 == 0 && sequence->value() > keep) {
      co_await release_noted(journal, promises, *sequence - keep);
    }
  }
}

TEST(JournalCrash, InOneFileLosesNothingAcknowledged) {
  const auto result = sweep({.seeds_per_point = 2, .crashes_in_recovery = true}, small_options(),
                            [](Runtime&, Journal& journal, Promises& promises) -> Task<void> {
                              co_await write_rounds(journal, promises, 5, 0);
                            });
  EXPECT_GT(result.runs, 200u);
}

TEST(JournalCrash, WhileFilesAreMadeAndFilledLosesNothing) {
  const auto result = sweep({.seeds_per_point = 1, .crashes_in_recovery = true}, tiny_options(),
                            [](Runtime&, Journal& journal, Promises& promises) -> Task<void> {
                              co_await write_rounds(journal, promises, 9, 0);
                            });
  EXPECT_GT(result.runs, 200u);
}

TEST(JournalCrash, OverManyTurnsLosesNothingAndBringsNothingBack) {
  const auto result = sweep({.seeds_per_point = 1, .crashes_in_recovery = true}, tiny_options(),
                            [](Runtime&, Journal& journal, Promises& promises) -> Task<void> {
                              co_await write_rounds(journal, promises, 30, 4);
                            });
  EXPECT_GT(result.mutations, 80u);
}

TEST(JournalCrash, WithCallersOnSeveralShardsLosesNothing) {
  sweep({.seeds_per_point = 1, .crashes_in_recovery = true}, tiny_options(),
        [](Runtime& runtime, Journal& journal, Promises& promises) -> Task<void> {
          std::vector<Task<void>> callers;
          for (size_t s = 0; s < 3; ++s) {
            callers.push_back([](Runtime& r, Journal& j, Promises& p, size_t shard) -> Task<void> {
              for (int i = 0; i < 8; ++i) {
                const auto sequence = co_await r.shard(shard).call(
                    [&j, &p, i] { return write_noted(j, p, 2, static_cast<size_t>(i) * 100); });
                EXPECT_TRUE(sequence);
                if (shard == 0 && sequence && sequence->value() > 3) {
                  co_await release_noted(j, p, *sequence - 3);
                }
              }
            }(runtime, journal, promises, s));
          }
          co_await runtime::when_all(std::move(callers));
        });
}

// A third power cut while the second start is idle: the mark is written then.
TEST(JournalCrash, AroundTheIdleMarkLosesNothing) {
  sweep({.seeds_per_point = 1, .crashes_in_recovery = true}, tiny_options(),
        [](Runtime&, Journal& journal, Promises& promises) -> Task<void> {
          co_await write_rounds(journal, promises, 2, 0);
          co_await runtime::sleep_for(std::chrono::seconds(2));
          co_await write_rounds(journal, promises, 2, 0);
          co_await runtime::sleep_for(std::chrono::seconds(2));
        });
}

// Rounds that found no space, a part of which may be on the disk, and the ones that take their place: longer or shorter,
// there or in the next file.
Task<void> write_with_refusals(Runtime& runtime, Journal& journal, Promises& promises) {
  runtime::sim::Disk& disk = dynamic_cast<runtime::sim::Node&>(runtime).disk();
  // The files are there, so that nothing else is refused.
  co_await runtime::sleep_for(std::chrono::milliseconds(500));
  for (size_t i = 0; i < 8; ++i) {
    if (i % 3 != 2) {
      disk.fail_next({.kinds = {runtime::sim::OpKind::write}}, ErrorKind::no_space);
      EXPECT_FALSE(co_await write_noted(journal, promises, 1 + i % 2, i % 2 == 0 ? 6000 : 400));
    }
    co_await write_rounds(journal, promises, 1 + i % 2, 0);
    if (promises.handed_out.value() > 6) {
      co_await release_noted(journal, promises, Sequence(promises.handed_out.value() - 4));
    }
  }
}

TEST(JournalCrash, AroundRefusedRoundsLosesNothing) {
  const auto result = sweep({.seeds_per_point = 2, .crashes_in_recovery = true}, tiny_options(),
                            [](Runtime& runtime, Journal& journal, Promises& promises) -> Task<void> {
                              co_await write_with_refusals(runtime, journal, promises);
                            });
  EXPECT_GT(result.runs, 200u);
}

TEST(JournalCrash, OfABufferedJournalLosesNothingWhenOnlyTheProcessDies) {
  auto options = tiny_options();
  options.mode = JournalOptions::Mode::buffered;
  options.interval = std::chrono::milliseconds(2);
  sweep({.seeds_per_point = 1, .kinds = {CrashKind::kill}, .crashes_in_recovery = true}, options,
        [](Runtime&, Journal& journal, Promises& promises) -> Task<void> {
          co_await write_rounds(journal, promises, 30, 4);
        });
  sweep({.seeds_per_point = 1, .kinds = {CrashKind::kill}, .crashes_in_recovery = true}, options,
        [](Runtime& runtime, Journal& journal, Promises& promises) -> Task<void> {
          co_await write_with_refusals(runtime, journal, promises);
        });
}

TEST(JournalCrash, OfABufferedJournalLosesOnlyATailWhenThePowerGoes) {
  auto options = tiny_options();
  options.mode = JournalOptions::Mode::buffered;
  options.interval = std::chrono::milliseconds(2);
  sweep({.seeds_per_point = 2, .kinds = {CrashKind::power_cut}, .crashes_in_recovery = true}, options,
        [](Runtime&, Journal& journal, Promises& promises) -> Task<void> {
          co_await write_rounds(journal, promises, 6, 0);
          EXPECT_TRUE(co_await journal.sync());
          co_await write_rounds(journal, promises, 12, 6);
        });
}

}  // namespace
}  // namespace godwit::storage::journal_test
