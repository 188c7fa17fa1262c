// crash_sweep.h for gtest: names the crash in each failure, and ends at the first run that failed. With GODWIT_SWEEP_ALL in
// the environment (`make sweeps`) no sweep leaves out a mutation, whatever its stride.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>

#include "runtime/sim/crash_sweep.h"

namespace godwit::runtime::sim {

inline bool sweeps_whole() {
  return std::getenv("GODWIT_SWEEP_ALL") != nullptr;
}

inline CrashSweepResult sweep_crashes(CrashSweepOptions options,
                                      const std::function<void(CrashScenario&)>& scenario) {
  if (sweeps_whole()) options.stride = 1;
  return for_each_crash_point(options, scenario,
                              [](const CrashScenario::Plan& plan, const std::function<void()>& run) {
                                const ::testing::ScopedTrace trace(__FILE__, __LINE__, describe(plan));
                                run();
                                return !::testing::Test::HasFailure();
                              });
}

}  // namespace godwit::runtime::sim
