// At every step of a change of the ISR something else goes wrong: nothing that was acknowledged is lost, moved or repeated, and
// the cluster is whole again soon after it was mended.
#include "broker/cluster_steps_testing.h"

namespace godwit::broker {
namespace {

// A follower falls behind, is out of the ISR, and comes back.
class IsrChange final : public Scenario {
 public:
  // It is cut off from the leader, and a third broker is the controller, or the leader is; its disk hangs, and a third one is
  // the controller, or the follower itself.
  static constexpr int kVariants = 4;
  IsrChange(uint64_t seed, int variant) : Scenario(seed), variant_(variant) {}

  bool begin() override {
    stage.start_all();
    const int first = controller();
    leader_ = variant_ == 1 ? first : after(first, 1);
    follower_ = variant_ == 3 ? first : after(first, 2);
    if (!prepare(leader_)) return false;
    began_ = stage.world.now();
    if (variant_ < 2) {
      stage.world.network().cut({stage.node(leader_).name()}, {stage.node(follower_).name()});
    } else {
      stage.node(follower_).disk().stall(
          {.kinds = {runtime::sim::OpKind::write, runtime::sim::OpKind::sync}});
    }
    return true;
  }
  bool go_on() override {
    if (whole_ || !looks()) return whole_;
    if (!mended_) {
      // A fault may keep it in, or mend it early.
      if (stage.isr(kTopic, 0) != 2 && stage.world.now() < began_ + 6s) return false;
      mended_ = true;
      stage.world.network().heal({stage.node(leader_).name()}, {stage.node(follower_).name()});
      stage.node(follower_).disk().release();
    }
    return whole_ = whole();
  }

 private:
  int variant_;
  int leader_ = 0;
  int follower_ = 0;
  MonotonicTime began_{};
  bool mended_ = false;
  bool whole_ = false;
};

void sweep(Fault fault) {
  sweep_steps({.make = [](uint64_t seed, int variant) { return std::make_unique<IsrChange>(seed, variant); },
               .variants = IsrChange::kVariants},
              fault);
}

TEST(ClusterSimIsrSteps, ABrokerIsKilled) {
  sweep(Fault::kill);
}
TEST(ClusterSimIsrSteps, ABrokerLosesItsPower) {
  sweep(Fault::power_cut);
}
TEST(ClusterSimIsrSteps, ABrokerSleeps) {
  sweep(Fault::sleep);
}
TEST(ClusterSimIsrSteps, ABrokerIsCutOffFromTheOthers) {
  sweep(Fault::cut_off);
}
TEST(ClusterSimIsrSteps, ABrokerIsCutOffFromAll) {
  sweep(Fault::unplugged);
}
TEST(ClusterSimIsrSteps, ABrokerIsNotHeard) {
  sweep(Fault::mute);
}
TEST(ClusterSimIsrSteps, ABrokerHearsNobody) {
  sweep(Fault::deaf);
}
TEST(ClusterSimIsrSteps, ADiskIsSlow) {
  sweep(Fault::slow_disk);
}
TEST(ClusterSimIsrSteps, ADiskHangs) {
  sweep(Fault::hanging_disk);
}
TEST(ClusterSimIsrSteps, ADiskIsFull) {
  sweep(Fault::full_disk);
}
TEST(ClusterSimIsrSteps, ADiskFails) {
  sweep(Fault::failing_disk);
}
TEST(ClusterSimIsrSteps, ABrokerDoesNotReachTheStore) {
  sweep(Fault::without_store);
}
TEST(ClusterSimIsrSteps, NobodyReachesTheStore) {
  sweep(Fault::store_gone);
}

}  // namespace
}  // namespace godwit::broker
