// Runs a scenario again and again, with a crash at every write, sync, rename, … in turn.
//
//   CrashSweepOptions options{.crashes_in_recovery = true};
//   const auto result = sweep_crashes(options, [](CrashScenario& run) {      // of sweep_testing.h
//     auto acknowledged = std::make_shared<std::vector<std::string>>();
//     run.work([=](Runtime& runtime) -> Task<void> { … write, sync, acknowledged->push_back(…) … });
//     run.recover([=](Runtime& runtime) -> Task<void> { … open, expect what was acknowledged … });
//   });
//   EXPECT_GT(result.runs, 100u);
//
// The scenario is called once for each run with a fresh world. work() is where crashes come; recover() always
// starts on a crashed disk (when no crash came in work, one comes at its end), and is where crashes come
// again when crashes_in_recovery says so: it is then started anew until it ends, so its checks must hold
// whatever an interrupted recovery did. Expectations that fail name the crash point and the seed (gtest's
// trace).
#pragma once

#include <functional>
#include "runtime/sim/node.h"

namespace godwit::runtime::sim {

struct CrashSweepOptions {
  uint64_t seed = 1;
  // So many different draws of what a crash leaves, for every crash point.
  uint64_t seeds_per_point = 4;
  std::vector<CrashPoint> points{CrashPoint::before, CrashPoint::during, CrashPoint::after};
  std::vector<CrashKind> kinds{CrashKind::power_cut, CrashKind::kill};
  // For each first crash also one at a mutation of the recovery, drawn from the seed.
  bool crashes_in_recovery = false;
  // Only every n-th mutation, for long scenarios. Each kind, point and seed begins one mutation later than the one before it,
  // so that the six combinations of kinds and points together crash at every mutation where n is six or less, and further
  // seeds at those that are left.
  uint64_t stride = 1;
  // Virtual time in which work, and each recovery, must have ended.
  Duration limit = std::chrono::hours(1);
  NodeOptions node;
  WorldOptions world;
};

// One run.
class CrashScenario {
 public:
  struct Plan {
    uint64_t seed = 0;
    uint64_t mutation = 0;  // 0: the crash comes when work has ended
    CrashPoint point = CrashPoint::before;
    CrashKind kind = CrashKind::power_cut;
    uint64_t recovery_mutation = 0;  // counted from the recovery's start; 0: none
    CrashPoint recovery_point = CrashPoint::before;
  };
  CrashScenario(const CrashSweepOptions& options, const Plan& plan);

  // Puts things on the disk before work, faults, other nodes.
  World& world() { return world_; }
  Node& node() { return node_; }
  Disk& disk() { return node_.disk(); }
  const Plan& plan() const { return plan_; }

  // Runs `main` to its end or to the crash. Called once, before recover. The process stops when it hangs.
  void work(Main main);
  // Whether work came to its end.
  bool worked_to_the_end() const { return ended_; }
  // Starts a new process on what the crash left and runs `main` there to its end. May be called again, for a
  // second life: what is not synced at the end of each is lost by a power cut.
  void recover(std::function<Task<void>(Runtime&)> main);

  // For the sweep: how many mutations work, and the first recovery, did.
  uint64_t work_mutations() const { return work_mutations_; }
  uint64_t recovery_mutations() const { return recovery_mutations_; }

 private:
  const CrashSweepOptions& options_;
  Plan plan_;
  World world_;
  Node& node_;
  bool ended_ = false;
  bool recovered_ = false;
  uint64_t work_mutations_ = 0;
  uint64_t recovery_mutations_ = 0;
};

// "power cut during mutation 17, seed 123"
std::string describe(const CrashScenario::Plan& plan);

struct CrashSweepResult {
  uint64_t mutations = 0;  // of the scenario when nothing disturbs it
  uint64_t runs = 0;
  // One hash of all runs: the same sweep gives the same.
  uint64_t trace_hash = 0;
};

// Wraps each run, so that a test framework can name it (sweep_testing.h does it for gtest). False ends the
// sweep.
using RunAround = std::function<bool(const CrashScenario::Plan&, const std::function<void()>& run)>;

CrashSweepResult for_each_crash_point(const CrashSweepOptions& options,
                                      const std::function<void(CrashScenario&)>& scenario,
                                      const RunAround& around);

}  // namespace godwit::runtime::sim
