#include "runtime/sim/crash_sweep.h"

#include <algorithm>

namespace godwit::runtime::sim {

std::string describe(const CrashScenario::Plan& plan) {
  std::string text = plan.kind == CrashKind::kill ? "kill -9 " : "power cut ";
  if (plan.mutation == 0) {
    text += "at the end";
  } else {
    text += std::string(to_string(plan.point)) + " mutation " + std::to_string(plan.mutation);
  }
  if (plan.recovery_mutation != 0) {
    text += ", again " + std::string(to_string(plan.recovery_point)) + " mutation " +
            std::to_string(plan.recovery_mutation) + " of the recovery";
  }
  return text + ", seed " + std::to_string(plan.seed);
}

CrashScenario::CrashScenario(const CrashSweepOptions& options, const Plan& plan)
    : options_(options),
      plan_(plan),
      world_(plan.seed, options.world),
      node_(world_.add_node("node", options.node)) {}

void CrashScenario::work(Main main) {
  if (plan_.mutation != 0) disk().crash_at(disk().mutations() + plan_.mutation, plan_.point, plan_.kind);
  const uint64_t before = disk().mutations();
  ended_ = node_.run(std::move(main), options_.limit);
  work_mutations_ = disk().mutations() - before;
  GW_CHECK(ended_ || !node_.alive(), "the work hangs: " + describe(plan_));
}

void CrashScenario::recover(std::function<Task<void>(Runtime&)> main) {
  node_.crash(plan_.kind);  // nothing when the crash came before
  bool ended = false;
  while (!ended) {
    node_.restart();
    const uint64_t before = disk().mutations();
    const bool crashes = !recovered_ && plan_.recovery_mutation != 0;
    if (crashes) disk().crash_at(before + plan_.recovery_mutation, plan_.recovery_point, plan_.kind);
    ended = node_.run([main](Runtime& runtime) { return main(runtime); }, options_.limit);
    if (!recovered_) recovery_mutations_ = disk().mutations() - before;
    recovered_ = true;
    GW_CHECK(ended || !node_.alive(), "the recovery hangs: " + describe(plan_));
  }
}

namespace {

// The state of one sweep.
class Sweep {
 public:
  Sweep(const CrashSweepOptions& options, const std::function<void(CrashScenario&)>& scenario,
        const RunAround& around)
      : options_(options), scenario_(scenario), around_(around) {}

  CrashSweepResult all() {
    for (size_t kind = 0; kind < options_.kinds.size(); ++kind) {
      for (uint64_t i = 0; i < options_.seeds_per_point; ++i) {
        // Timing, and so the number of mutations, may differ between seeds: each counts for itself.
        const uint64_t seed = mix(options_.seed ^ mix(i));
        const uint64_t mutations = one({.seed = seed, .kind = options_.kinds[kind]}).first;
        result_.mutations = std::max(result_.mutations, mutations);
        for (size_t point = 0; point < options_.points.size(); ++point) {
          const uint64_t turn = options_.seed + i + kind * options_.points.size() + point;
          for (uint64_t mutation = 1 + turn % options_.stride; mutation <= mutations && going_;
               mutation += options_.stride) {
            at({.seed = seed,
                .mutation = mutation,
                .point = options_.points[point],
                .kind = options_.kinds[kind]});
          }
        }
      }
    }
    return result_;
  }

 private:
  void at(CrashScenario::Plan plan) {
    const uint64_t recovery = one(plan).second;
    if (!options_.crashes_in_recovery || recovery == 0 || !going_) return;
    const auto turn = static_cast<uint64_t>(plan.kind) << 2 | static_cast<uint64_t>(plan.point);
    SeededRandom random(mix(plan.seed ^ mix(plan.mutation) ^ mix(~turn)));
    plan.recovery_mutation = 1 + random.below(recovery);
    plan.recovery_point = options_.points[random.below(options_.points.size())];
    one(plan);
  }

  // The mutations of work and of the recovery.
  std::pair<uint64_t, uint64_t> one(const CrashScenario::Plan& plan) {
    std::pair<uint64_t, uint64_t> counts;
    if (!going_) return counts;
    going_ = around_(plan, [&] {
      CrashScenario run(options_, plan);
      scenario_(run);
      counts = {run.work_mutations(), run.recovery_mutations()};
      result_.trace_hash = mix(result_.trace_hash ^ run.world().trace_hash());
    });
    ++result_.runs;
    return counts;
  }

  const CrashSweepOptions& options_;
  const std::function<void(CrashScenario&)>& scenario_;
  const RunAround& around_;
  CrashSweepResult result_;
  bool going_ = true;
};

}  // namespace

CrashSweepResult for_each_crash_point(const CrashSweepOptions& options,
                                      const std::function<void(CrashScenario&)>& scenario,
                                      const RunAround& around) {
  return Sweep(options, scenario, around).all();
}

}  // namespace godwit::runtime::sim
