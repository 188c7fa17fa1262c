// The leader crashes at every moment of a publish, by kill -9 and by a power cut: nothing that was acknowledged is lost,
// moved or repeated, and publishing goes on.
#include <cstdlib>

#include "broker/cluster_history_testing.h"

namespace godwit::broker {
namespace {

using runtime::sim::CrashPoint;

// Publishes, lets `crash` choose a crash of the leader (b1) during it, heals, and compares.
void publish_through(uint64_t seed, CrashKind kind, const std::function<void(ClusterStage&)>& crash) {
  ClusterStage stage(seed);
  stage.start_all();
  ASSERT_TRUE(stage.create("orders", 1));
  History history;
  Load load(stage, history, "orders", 1, 0ms);
  stage.world.run_for(20ms);
  crash(stage);
  EXPECT_TRUE(stage.wait([&] { return !stage.node(1).alive(); }, 1s)) << "the crash did not come";
  const size_t before = load.acknowledged();
  // A power cut says nothing to anybody: it takes the session timeout.
  const Duration patience = kind == CrashKind::kill ? Duration(1s) : Duration(10s);
  EXPECT_TRUE(stage.wait([&] { return load.acknowledged() > before + 2; }, patience))
      << "publishing does not go on: " << stage.describe_all("orders");
  stage.start(1);
  EXPECT_TRUE(stage.wait([&] { return stage.whole("orders"); }, 60s)) << stage.describe_all("orders");
  load.finish();
  check_history(stage, history, "orders", 1);
}

// How many steps of each sweep; more by GODWIT_SWEEP.
uint64_t steps() {
  const char* const more = std::getenv("GODWIT_SWEEP");
  return more == nullptr ? 12 : std::strtoull(more, nullptr, 10);
}

void sweep_writes(CrashKind kind) {
  for (uint64_t n = 1; n <= steps() && !testing::Test::HasFailure(); ++n) {
    const CrashPoint point = n % 3 == 0   ? CrashPoint::before
                             : n % 3 == 1 ? CrashPoint::during
                                          : CrashPoint::after;
    SCOPED_TRACE("change " + std::to_string(n) + " of the leader's disk");
    publish_through(100 + n, kind, [&](ClusterStage& stage) {
      auto& disk = stage.node(1).disk();
      disk.crash_at(disk.mutations() + n, point, kind);
    });
  }
}

void sweep_moments(CrashKind kind) {
  for (uint64_t n = 0; n < steps() && !testing::Test::HasFailure(); ++n) {
    const Duration moment = std::chrono::microseconds(130 * n);
    SCOPED_TRACE("after " + std::to_string(moment / 1us) + " us");
    publish_through(200 + n, kind, [&](ClusterStage& stage) {
      stage.world.after(moment, [&] { stage.node(1).crash(kind); });
    });
  }
}

TEST(ClusterSimCrash, OfTheLeaderAtAnyWriteByKill) {
  sweep_writes(CrashKind::kill);
}
TEST(ClusterSimCrash, OfTheLeaderAtAnyWriteByPowerCut) {
  sweep_writes(CrashKind::power_cut);
}
TEST(ClusterSimCrash, OfTheLeaderAtAnyMomentByKill) {
  sweep_moments(CrashKind::kill);
}
TEST(ClusterSimCrash, OfTheLeaderAtAnyMomentByPowerCut) {
  sweep_moments(CrashKind::power_cut);
}

}  // namespace
}  // namespace godwit::broker
