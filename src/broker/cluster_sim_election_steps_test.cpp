// At every step of an election something else goes wrong: nothing that was acknowledged is lost, moved or repeated, and the
// cluster is whole again soon after it was mended.
#include "broker/cluster_steps_testing.h"

namespace godwit::broker {
namespace {

// The leader dies; it starts again when another one has accepted a write, and is back in the ISR in the end.
class Election final : public Scenario {
 public:
  // Another broker is the controller; the leader is; another one is, and the leader loses its power.
  static constexpr int kVariants = 3;
  Election(uint64_t seed, int variant) : Scenario(seed), variant_(variant) {}

  bool begin() override {
    stage.start_all();
    old_ = variant_ == 1 ? controller() : after(controller(), 1);
    if (!prepare(old_)) return false;
    before_ = load->acknowledged();
    stage.node(old_).crash(variant_ == 2 ? CrashKind::power_cut : CrashKind::kill);
    return true;
  }
  bool go_on() override {
    if (!started_) {
      // Nobody else may have led: one that was stopped for a moment starts where it was.
      if (load->acknowledged() <= before_ + 1) return false;
      started_ = true;
      if (!stage.node(old_).alive()) stage.start(old_);
    }
    if (!whole_ && looks()) whole_ = whole();
    return whole_;
  }

 private:
  int variant_;
  int old_ = 0;
  size_t before_ = 0;
  bool started_ = false;
  bool whole_ = false;
};

void sweep(Fault fault) {
  sweep_steps({.make = [](uint64_t seed, int variant) { return std::make_unique<Election>(seed, variant); },
               .variants = Election::kVariants},
              fault);
}

TEST(ClusterSimElectionSteps, ABrokerIsKilled) {
  sweep(Fault::kill);
}
TEST(ClusterSimElectionSteps, ABrokerLosesItsPower) {
  sweep(Fault::power_cut);
}
TEST(ClusterSimElectionSteps, ABrokerSleeps) {
  sweep(Fault::sleep);
}
TEST(ClusterSimElectionSteps, ABrokerIsCutOffFromTheOthers) {
  sweep(Fault::cut_off);
}
TEST(ClusterSimElectionSteps, ABrokerIsCutOffFromAll) {
  sweep(Fault::unplugged);
}
TEST(ClusterSimElectionSteps, ABrokerIsNotHeard) {
  sweep(Fault::mute);
}
TEST(ClusterSimElectionSteps, ABrokerHearsNobody) {
  sweep(Fault::deaf);
}
TEST(ClusterSimElectionSteps, ADiskIsSlow) {
  sweep(Fault::slow_disk);
}
TEST(ClusterSimElectionSteps, ADiskHangs) {
  sweep(Fault::hanging_disk);
}
TEST(ClusterSimElectionSteps, ADiskIsFull) {
  sweep(Fault::full_disk);
}
TEST(ClusterSimElectionSteps, ADiskFails) {
  sweep(Fault::failing_disk);
}
TEST(ClusterSimElectionSteps, ABrokerDoesNotReachTheStore) {
  sweep(Fault::without_store);
}
TEST(ClusterSimElectionSteps, NobodyReachesTheStore) {
  sweep(Fault::store_gone);
}

}  // namespace
}  // namespace godwit::broker
