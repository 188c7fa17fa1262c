// Random runs of the model: that all holds for the product, and that each seeded mutant is found.
//
// GODWIT_REPLICATION_RUNS sets how many runs (of 3,000 steps) are made; GODWIT_REPLICATION_SEED begins elsewhere.
#include "replication/model_testing.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace godwit::replication::test {
namespace {

constexpr int kSteps = 3000;

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(Model, NothingCommittedIsLostWhateverHappensAndAllIsWellAfterwards) {
  const uint64_t first = from_environment("GODWIT_REPLICATION_SEED", 1);
  const uint64_t runs = from_environment("GODWIT_REPLICATION_RUNS", 500);
  int64_t steps = 0, committed = 0, elections = 0, isr_changes = 0, truncations = 0;
  for (uint64_t seed = first; seed < first + runs; ++seed) {
    Model model(seed, Mutant::none);
    const auto failure = model.run(kSteps);
    ASSERT_FALSE(failure) << *failure << "; GODWIT_REPLICATION_SEED=" << seed << ", at step "
                          << model.steps();
    steps += model.steps();
    committed += model.committed();
    elections += model.elections();
    isr_changes += model.isr_changes();
    truncations += model.truncations();
  }
  std::printf("%lld steps, %lld records committed, %lld elections, %lld ISR changes, %lld truncations\n",
              static_cast<long long>(steps), static_cast<long long>(committed),
              static_cast<long long>(elections), static_cast<long long>(isr_changes),
              static_cast<long long>(truncations));
  // That the runs are not idle.
  EXPECT_GT(committed, static_cast<int64_t>(runs) * 20);
  EXPECT_GT(elections, static_cast<int64_t>(runs) * 5);
  EXPECT_GT(isr_changes, static_cast<int64_t>(runs) * 2);
  EXPECT_GT(truncations, static_cast<int64_t>(runs) / 5);
}

class EachMutant : public testing::TestWithParam<std::pair<Mutant, const char*>> {};

TEST_P(EachMutant, IsFound) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    Model model(seed, GetParam().first);
    if (const auto failure = model.run(kSteps)) {
      std::printf("seed %llu, step %lld: %s\n", static_cast<unsigned long long>(seed),
                  static_cast<long long>(model.steps()), failure->c_str());
      return;
    }
  }
  FAIL() << "no run finds it";
}

using Named = std::pair<Mutant, const char*>;
INSTANTIATE_TEST_SUITE_P(
    Model, EachMutant,
    testing::Values(
        Named{Mutant::ignores_union, "ignores_union"}, Named{Mutant::forgets_unknown, "forgets_unknown"},
        Named{Mutant::ignores_bound, "ignores_bound"}, Named{Mutant::counts_unsynced, "counts_unsynced"},
        Named{Mutant::trusts_isr_at_election, "trusts_isr_at_election"},
        Named{Mutant::shrinks_below_bound, "shrinks_below_bound"},
        Named{Mutant::joins_below_epoch_start, "joins_below_epoch_start"},
        Named{Mutant::joins_by_old_position, "joins_by_old_position"},
        Named{Mutant::counts_diverging, "counts_diverging"},
        Named{Mutant::truncates_to_high_watermark, "truncates_to_high_watermark"},
        Named{Mutant::fetches_before_sync, "fetches_before_sync"},
        Named{Mutant::elects_anybody, "elects_anybody"}, Named{Mutant::ignores_version, "ignores_version"},
        Named{Mutant::ignores_joiner_incarnation, "ignores_joiner_incarnation"},
        Named{Mutant::keeps_epoch_over_restart, "keeps_epoch_over_restart"}),
    [](const auto& info) { return std::string(info.param.second); });

}  // namespace
}  // namespace godwit::replication::test
