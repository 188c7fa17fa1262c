// Anything that can go wrong goes wrong, from seeds: what clients were told holds.
#include <cstdlib>

#include "broker/cluster_history_testing.h"

namespace godwit::broker {
namespace {

class Trouble {
 public:
  explicit Trouble(ClusterStage& stage) : stage_(stage) {}

  void one() {
    auto& random = stage_.world.random();
    const int i = static_cast<int>(random.between(1, static_cast<uint64_t>(stage_.count)));
    runtime::sim::Node& node = stage_.node(i);
    const std::string name = node.name();
    switch (random.below(14)) {
      case 0:
      case 1:
        if (node.alive()) crash(i, CrashKind::kill);
        return;
      case 2:
        if (node.alive()) crash(i, CrashKind::power_cut);
        return;
      case 3:
        // Back before anybody noticed.
        if (node.alive()) {
          crash(i, random.coin() ? CrashKind::kill : CrashKind::power_cut);
          stage_.world.run_for(std::chrono::milliseconds(random.between(0, 60)));
          start(i);
        }
        return;
      case 4:
        for (int all = 1; all <= stage_.count; ++all)
          if (stage_.node(all).alive()) crash(all, CrashKind::power_cut);
        return;
      case 5:
        if (node.alive() && !node.paused()) tell("pause " + name), node.pause();
        return;
      case 6:
        tell("isolate " + name);
        stage_.world.network().isolate(name);
        stage_.world.network().heal({name}, {"client"});
        return;
      case 7: {
        const std::string other = "b" + std::to_string(1 + i % stage_.count);
        tell("cut " + name + " and " + other);
        random.coin() ? stage_.world.network().cut({name}, {other})
                      : stage_.world.network().cut_one_way({name}, {other});
        return;
      }
      case 8:
        tell("heal");
        stage_.world.network().heal();
        stage_.server.heal();
        return;
      case 9:
        tell("cut store " + name);
        return stage_.server.cut(name);
      case 10:
        tell(stage_.server.running() ? "stop store" : "start store");
        return stage_.server.running() ? stage_.server.stop() : stage_.server.start();
      case 11:
        tell("slow disk " + name);
        node.disk().options().sync = {1ms, std::chrono::milliseconds(random.between(2, 400))};
        return;
      default:
        for (int all = 1; all <= stage_.count; ++all)
          if (random.coin()) revive(all);
        return;
    }
  }
  void end_all() {
    tell("end all");
    stage_.world.network().heal();
    stage_.world.network().clear_links();
    stage_.server.heal();
    stage_.server.start();
    for (int i = 1; i <= stage_.count; ++i) revive(i);
  }

 private:
  void tell(const std::string& what) {
    if (std::getenv("GODWIT_TEST_TELL") != nullptr)
      std::cerr << stage_.world.elapsed() / 1ms << " ms TROUBLE " << what << '\n';
  }
  void crash(int i, CrashKind kind) {
    tell((kind == CrashKind::kill ? "kill " : "power cut ") + std::to_string(i));
    stage_.node(i).crash(kind);
  }
  void start(int i) {
    tell("start " + std::to_string(i));
    stage_.start(i);
  }
  void revive(int i) {
    auto& node = stage_.node(i);
    node.disk().options().sync = runtime::sim::DiskOptions().sync;
    if (!node.alive()) return start(i);
    node.resume();
    // One that gave up starting is started again, as a supervisor does.
    if (auto* process = stage_.find(i); process != nullptr && process->refused) {
      crash(i, CrashKind::kill);
      start(i);
    }
  }
  ClusterStage& stage_;
};

uint64_t run_random(uint64_t seed, int troubles) {
  ClusterStage stage(seed, 1 + seed % 2);
  stage.start_all();
  EXPECT_TRUE(stage.create("orders", 2));
  History history;
  Load load(stage, history, "orders", 2, 10ms);
  Trouble trouble(stage);
  for (int n = 0; n < troubles && history.faults.empty() && !testing::Test::HasFailure(); ++n) {
    stage.world.run_for(std::chrono::milliseconds(stage.world.random().between(1, 1500)));
    trouble.one();
  }
  trouble.end_all();
  EXPECT_TRUE(stage.wait([&] { return stage.whole("orders"); }, 120s))
      << "the cluster does not come back: " << stage.describe_all("orders");
  load.finish();
  EXPECT_TRUE(stage.wait([&] { return stage.whole("orders"); }, 120s)) << stage.describe_all("orders");
  EXPECT_GT(load.acknowledged(), 0U);
  check_history(stage, history, "orders", 2);
  return stage.world.trace_hash();
}

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// GODWIT_SEED_FIRST and GODWIT_SEEDS choose others, and more.
TEST(ClusterSim, NothingAcknowledgedIsLostWhateverGoesWrong) {
  const uint64_t first = from_environment("GODWIT_SEED_FIRST", 1);
  const uint64_t count = from_environment("GODWIT_SEEDS", 15);
  for (uint64_t seed = first; seed < first + count && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    run_random(seed, 12);
  }
}

TEST(ClusterSim, TheSameSeedGivesTheSameRun) {
  EXPECT_EQ(run_random(77, 3), run_random(77, 3));
}

}  // namespace
}  // namespace godwit::broker
