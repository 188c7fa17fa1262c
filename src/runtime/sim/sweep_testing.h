// crash_sweep.h for gtest: names the crash in each failure, and ends at the first run that failed.
#pragma once

#include <gtest/gtest.h>

#include "runtime/sim/crash_sweep.h"

namespace godwit::runtime::sim {

inline CrashSweepResult sweep_crashes(const CrashSweepOptions& options,
                                      const std::function<void(CrashScenario&)>& scenario) {
  return for_each_crash_point(options, scenario,
                              [](const CrashScenario::Plan& plan, const std::function<void()>& run) {
                                const ::testing::ScopedTrace trace(__FILE__, __LINE__, describe(plan));
                                run();
                                return !::testing::Test::HasFailure();
                              });
}

}  // namespace godwit::runtime::sim
