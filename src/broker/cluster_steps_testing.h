// A scenario of a ClusterStage that is disturbed at each of its steps in turn, and what must hold afterwards.
//
//   struct Election : Scenario { begin() … go_on() … };
//   sweep_steps({.make = [](uint64_t seed, int variant) { return std::make_unique<Election>(seed, variant); },
//                .variants = 3}, Fault::kill);
//
// A step is an event of the simulated world that comes to a process from outside: a packet that arrives, an operation of a disk
// that ends, a timer of a broker. The scenario runs once undisturbed; then once for each step and broker: up to the step as
// before, which is checked, there the fault, which lasts for a while, then it is mended and the scenario goes on to its end. By
// default some of these runs are drawn evenly; GODWIT_STEPS in the environment says otherwise:
//
//   GODWIT_STEPS=all       each step                         GODWIT_STEPS=500   so many of each variant of each test
//   GODWIT_STEPS=@2.4711   the one run that a failure named so (with --gtest_filter of its test)
#pragma once

#include <csignal>

#include "broker/cluster_commits_testing.h"
#include "broker/cluster_fault_testing.h"

namespace godwit::broker {

// Something that happens to a cluster with clients between two marks.
class Scenario {
 public:
  static constexpr const char* kTopic = "orders";
  static constexpr const char* kOffsets = "__consumer_offsets";

  explicit Scenario(uint64_t seed) : stage(seed, 1 + seed % 2) {
    Injury::prepare(stage);
    stage.world.count_no_moments_of(stage.client);
    stage.world.count_no_moments_of(*stage.world.nodes().front());
  }
  virtual ~Scenario() = default;

  // Makes the cluster and comes to the first mark; false where that fails.
  virtual bool begin() = 0;
  // Asked between any two events: does what comes next. True from the second mark on.
  virtual bool go_on() = 0;

  // The topic's partition is led by that broker, clients are at work, and all is in sync.
  bool prepare(int leader) {
    if (!stage.create(kTopic, 1, {}, 3, leader)) return false;
    load.emplace(stage, history, kTopic, 1, 20ms);
    commits.emplace(stage, history, kTopic, 40ms);
    return stage.wait([&] {
      return commits->acknowledged() > 2 && load->acknowledged() > 2 && whole() &&
             stage.leader(kTopic, 0) == leader;
    });
  }
  bool whole() { return stage.whole(kTopic) && stage.whole(kOffsets); }
  int controller() {
    const auto image = stage.image();
    return image == nullptr ? 0 : image->controller.value();
  }
  // The n-th broker after that one.
  int after(int broker, int n) const { return 1 + (broker - 1 + n) % stage.count; }
  // True once in a millisecond: for what costs too much to be asked between all events.
  bool looks() {
    if (stage.world.now() < next_look_) return false;
    next_look_ = stage.world.now() + 1ms;
    return true;
  }
  // Asked as go_on(): starts again who gave up starting, as a supervisor does, and sees who leads.
  void watch() {
    if (stage.world.now() < next_watch_) return;
    next_watch_ = stage.world.now() + 10ms;
    for (int i = 1; i <= stage.count; ++i) {
      auto* const process = stage.find(i);
      if (process == nullptr) continue;
      if (process->refused) {
        stage.node(i).crash(CrashKind::kill);
        stage.start(i);
        continue;
      }
      const auto one = stage.up(i) ? stage.replica(i, kTopic, 0) : nullptr;
      if (one == nullptr || !one->leading()) continue;
      // Rule 1: no process leads in the epoch of another one, also not after it.
      const std::pair who(i, stage.node(i).incarnation());
      if (leaders_.emplace(one->leader_epoch(), who).first->second != who)
        history.fault("two processes led in epoch " + to_string(one->leader_epoch()));
    }
  }
  // "b2, which leads"
  std::string describe(int i) {
    return stage.node(i).name() + (stage.leader(kTopic, 0) == i ? ", which leads" : "") +
           (controller() == i ? ", the controller" : "") + (stage.node(i).alive() ? "" : ", which is dead");
  }

  ClusterStage stage;
  History history;
  std::optional<Load> load;
  std::optional<Commits> commits;

 private:
  MonotonicTime next_look_{};
  MonotonicTime next_watch_{};
  std::map<LeaderEpoch, std::pair<int, uint64_t>> leaders_;
};

// The bytes of a replica's log up to the high watermark.
inline Bytes committed_bytes(ClusterStage& stage, int i, const std::string& topic) {
  Bytes all;
  const auto found = stage.replica(i, topic, 0);
  EXPECT_NE(found, nullptr) << "broker " << i;
  if (found == nullptr) return all;
  Broker& one = *stage.broker(i);
  EXPECT_TRUE(stage.node(i).run([&](Runtime&) -> Task<void> {
    co_await one.shard(one.store().shard_of(found->id())).shard().call([&]() -> Task<void> {
      const Offset end = found->high_watermark();
      for (Offset from = found->log()->start(); from < end;) {
        auto read = co_await found->log()->read({from, 1 << 20, end, true});
        EXPECT_TRUE(read.has_value()) << read.error().message;
        if (!read || read->next <= from) co_return;
        const Bytes part = read->batches.flatten();
        all.insert(all.end(), part.begin(), part.end());
        from = read->next;
      }
    });
  }));
  return all;
}

// All is well again, and was all the time: what clients were told holds, and all replicas hold the same bytes.
inline void check_all(Scenario& scenario) {
  auto& stage = scenario.stage;
  scenario.commits->finish();
  scenario.load->finish();
  // What the leader tells its followers of the last records is on its way for a moment.
  const auto settled = [&] {
    for (const char* topic : {Scenario::kTopic, Scenario::kOffsets}) {
      for (int i = 1; i <= stage.count; ++i) {
        const auto one = stage.replica(i, topic, 0);
        const auto led = stage.replica(stage.leader(topic, 0), topic, 0);
        if (one == nullptr || led == nullptr || one->high_watermark() != led->log()->end()) return false;
      }
    }
    return true;
  };
  EXPECT_TRUE(stage.wait([&] { return scenario.whole() && settled(); }, 10s))
      << stage.describe_all(Scenario::kTopic) << stage.describe_all(Scenario::kOffsets);
  check_history(stage, scenario.history, Scenario::kTopic, 1);
  for (const char* topic : {Scenario::kTopic, Scenario::kOffsets}) {
    const Bytes first = committed_bytes(stage, 1, topic);
    EXPECT_FALSE(first.empty());
    for (int i = 2; i <= stage.count; ++i)
      EXPECT_EQ(committed_bytes(stage, i, topic), first) << topic << " of broker " << i << " and 1 differ";
  }
}

struct StepSweep {
  std::function<std::unique_ptr<Scenario>(uint64_t seed, int variant)> make;
  int variants = 1;
  // Of each variant, unless GODWIT_STEPS says otherwise.
  uint64_t runs = 10;
  // In which all must be in sync, and clients be served, after the fault was mended.
  Duration patience = 15s;
};

// One scenario without a fault: what the disturbed runs are compared with.
struct Rehearsal {
  // The trace of the world, after so many of the scenario's steps.
  std::vector<uint64_t> hashes;
  // Bit i: broker i lives.
  std::vector<uint8_t> living;
};

inline Rehearsal rehearse(Scenario& scenario) {
  Rehearsal all;
  EXPECT_TRUE(scenario.begin()) << scenario.stage.describe_all(Scenario::kTopic);
  if (testing::Test::HasFailure()) return all;
  const auto& world = scenario.stage.world;
  const uint64_t first = world.moments();
  const bool ended = scenario.stage.world.run_until(
      [&] {
        if (scenario.go_on()) return true;
        if (all.hashes.size() > world.moments() - first) return false;
        all.hashes.push_back(world.trace_hash());
        uint8_t living = 0;
        for (int i = 1; i <= scenario.stage.count; ++i)
          if (scenario.stage.node(i).alive()) living |= static_cast<uint8_t>(1U << static_cast<unsigned>(i));
        all.living.push_back(living);
        return false;
      },
      60s);
  EXPECT_TRUE(ended) << "undisturbed: " << scenario.stage.describe_all(Scenario::kTopic);
  if (ended) check_all(scenario);
  return all;
}

// One run; gives how long it took from mending until all was in sync.
inline Duration disturb(Scenario& scenario, const Rehearsal& rehearsal, Fault fault, uint64_t step,
                        int broker, Duration hold, Duration patience) {
  auto& world = scenario.stage.world;
  if (!scenario.begin()) {
    ADD_FAILURE() << "it does not begin";
    return {};
  }
  const uint64_t end = world.moments() + step;
  world.run_until([&] { return scenario.go_on() || world.moments() >= end; });
  EXPECT_EQ(world.trace_hash(), rehearsal.hashes.at(step)) << "another run than before";
  const testing::ScopedTrace trace(__FILE__, __LINE__,
                                   "at " + std::to_string(world.elapsed() / 1us) + " us " +
                                       scenario.describe(broker) + ' ' + to_string(fault) + " for " +
                                       std::to_string(hold / 1ms) + " ms");
  Injury injury(scenario.stage, fault, broker);
  injury.set_leases(step % 2 == 0 ? coordination::MemoryServer::Leases::expired
                                  : coordination::MemoryServer::Leases::extended);
  injury.inflict();
  const MonotonicTime mended = world.now() + hold;
  const auto happens = [&] {
    scenario.watch();
    return scenario.go_on();
  };
  world.run_until([&] { return (void)happens(), world.now() >= mended; }, hold);
  injury.mend();
  const size_t before = scenario.load->acknowledged();
  const int64_t committed = scenario.commits->acknowledged();
  const bool well = world.run_until(
      [&] {
        return happens() && scenario.load->acknowledged() > before + 1 &&
               scenario.commits->acknowledged() > committed && scenario.whole();
      },
      patience);
  EXPECT_TRUE(well) << "not whole again: " << scenario.stage.describe_all(Scenario::kTopic)
                    << scenario.stage.describe_all(Scenario::kOffsets);
  const Duration took = world.now() - mended;
  if (well) check_all(scenario);
  return took;
}

namespace steps {

inline std::string wish() {
  const char* const text = std::getenv("GODWIT_STEPS");
  return text == nullptr ? "" : text;
}

// Another number, other steps where not all run. A failure names its run, whatever this was.
inline uint64_t salt_of_environment() {
  const char* const text = std::getenv("GODWIT_STEPS_SALT");
  return text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
}

// The run that is under way is named where a broken invariant ends the process.
class Name {
 public:
  explicit Name(const std::string& name) {
    now() = name;
    before_ = std::signal(SIGABRT, [](int) { std::fputs(("in " + now() + '\n').c_str(), stderr); });
  }
  ~Name() { std::signal(SIGABRT, before_); }
  Name(const Name&) = delete;
  Name& operator=(const Name&) = delete;

 private:
  static std::string& now() {
    static std::string name;
    return name;
  }
  void (*before_)(int);
};

// Which of `all` runs of a variant: every n-th from `first` on.
struct Choice {
  uint64_t first = 0;
  uint64_t stride = 1;
};
inline Choice choose(int variant, uint64_t all, uint64_t runs, uint64_t salt) {
  const std::string text = wish();
  if (text == "all") return {};
  const std::string one = "@" + std::to_string(variant) + ".";
  if (text.starts_with(one)) return {std::strtoull(text.c_str() + one.size(), nullptr, 10), all};
  if (text.starts_with("@")) return {all, all};
  if (!text.empty()) runs = std::strtoull(text.c_str(), nullptr, 10);
  // Not a multiple of three, that brokers and durations take turns.
  uint64_t stride = std::max<uint64_t>(all / std::max<uint64_t>(runs, 1), 1);
  if (stride % 3 == 0) --stride;
  return {runtime::sim::mix(salt + 1'000'003 * salt_of_environment()) % stride, stride};
}

}  // namespace steps

// Until a run fails; at least one was.
inline void sweep_steps(const StepSweep& sweep, Fault fault) {
  static constexpr Duration kHolds[] = {50ms, 700ms, 4500ms};
  uint64_t runs = 0;
  Duration longest{};
  for (int variant = 0; variant < sweep.variants; ++variant) {
    const uint64_t seed = 1 + static_cast<uint64_t>(variant);
    const auto undisturbed = sweep.make(seed, variant);
    const uint64_t brokers = static_cast<uint64_t>(undisturbed->stage.count);
    const Rehearsal rehearsal = rehearse(*undisturbed);
    if (testing::Test::HasFailure()) return;
    const uint64_t all = rehearsal.hashes.size() * brokers;
    const auto choice = steps::choose(variant, all, sweep.runs, seed * 100 + static_cast<uint64_t>(fault));
    for (uint64_t n = choice.first; n < all; n += choice.stride) {
      const uint64_t step = n / brokers;
      const int broker = 1 + static_cast<int>(n % brokers);
      // The same for each broker.
      if (fault == Fault::store_gone && choice.stride < brokers && broker != 1) continue;
      if (needs_process(fault) && (rehearsal.living.at(step) >> static_cast<unsigned>(broker)) % 2 == 0)
        continue;
      const std::string name = "GODWIT_STEPS=@" + std::to_string(variant) + "." + std::to_string(n) +
                               ": broker " + std::to_string(broker) + ' ' + to_string(fault) + " at step " +
                               std::to_string(step) + " of " + std::to_string(rehearsal.hashes.size()) +
                               ", seed " + std::to_string(seed);
      SCOPED_TRACE(name);
      const steps::Name named(name);
      const auto scenario = sweep.make(seed, variant);
      longest = std::max(
          longest, disturb(*scenario, rehearsal, fault, step, broker, kHolds[step % 3], sweep.patience));
      ++runs;
      if (testing::Test::HasFailure()) return;
    }
  }
  EXPECT_GT(runs, 0U);
  testing::Test::RecordProperty("runs", static_cast<int>(runs));
  testing::Test::RecordProperty("longest_ms", static_cast<int>(longest / 1ms));
  if (!steps::wish().empty())
    std::cerr << runs << " runs; whole again after at most " << longest / 1ms << " ms\n";
}

}  // namespace godwit::broker
