// Leases of a MemoryServer: who ends them, when, and what their holders know of it.
#include <gtest/gtest.h>

#include "coordination/memory/memory_server_testing.h"

namespace godwit::coordination {
namespace {

using namespace std::chrono_literals;
using runtime::Runtime;
using runtime::Shard;
using runtime::Task;
using runtime::sim::CrashKind;
using runtime::sim::Node;

constexpr Duration kTimeout = 3s;
// A message each way at most, and the turns of the loops.
constexpr Duration kRoundTrip = 7ms;

// What a node that holds "/live/NAME" is seen to do from outside.
struct Holder {
  Lease* lease = nullptr;  // while it has one; of a live node only
  int granted = 0;
  int lost = 0;
  bool healthy = true;
};

Task<void> hold(Coordination& store, std::string key, Holder& holder) {
  for (;;) {
    auto lease = co_await store.grant(kTimeout);
    if (lease) {
      (*lease)->keep_alive_while([&holder] { return holder.healthy; });
      Transaction claim;
      claim.require(key, kAbsent).put_leased(key, to_bytes("x"));
      if (co_await (*lease)->commit(std::move(claim))) {
        holder.lease = lease->get();
        ++holder.granted;
        EXPECT_TRUE(co_await (*lease)->lost());
        ++holder.lost;
        holder.lease = nullptr;
      }
    }
    co_await runtime::sleep_for(50ms);
  }
}

class MemoryLeases : public testing::Test {
 protected:
  explicit MemoryLeases(uint64_t seed = 7) : sim(seed) {}

  void start(Node& node, Holder& its) {
    its.lease = nullptr;
    node.start([this, &its, name = node.name()](Runtime& runtime) -> Task<void> {
      const auto store = sim.connect(runtime, name);
      co_await hold(*store, "/live/" + name, its);
    });
  }
  bool is_live(const std::string& name) const { return sim.server.keys().get("/live/" + name).has_value(); }
  // How long until the key is there, or gone.
  Duration until_live(const std::string& name, bool live) {
    const MonotonicTime begin = sim.world.now();
    EXPECT_TRUE(sim.world.run_until([&] { return is_live(name) == live; }, 1min));
    return sim.world.now() - begin;
  }
  MonotonicTime now() const { return sim.world.now(); }

  StoreWorld sim;
  Node& a = sim.add("a");
  Holder holder;
};

TEST_F(MemoryLeases, ALeaseIsHeldAsLongAsItsHolderLives) {
  start(a, holder);
  ASSERT_TRUE(sim.world.run_until([&] { return holder.lease != nullptr; }));
  const uint64_t asked = sim.server.calls_asked();
  const uint64_t kept = sim.server.calls(CallKind::keep_alive);
  sim.run(60s, [&] {
    ASSERT_TRUE(is_live("a"));
    ASSERT_GT(holder.lease->valid_until(), now());
    ASSERT_LE(holder.lease->valid_until(), now() + kTimeout);
  });
  EXPECT_EQ(sim.server.calls_asked(), asked);
  EXPECT_EQ(sim.server.calls(CallKind::keep_alive) - kept, 60);
}

TEST_F(MemoryLeases, TheKeysOfACrashedNodeVanishAfterItsTimeout) {
  for (const auto kind : {CrashKind::kill, CrashKind::power_cut}) {
    start(a, holder);
    ASSERT_TRUE(sim.world.run_until([&] { return holder.lease != nullptr; }));
    sim.world.run_for(10s + 345ms);
    a.crash(kind);
    const Duration gone_after = until_live("a", false);
    EXPECT_GE(gone_after, kTimeout * 2 / 3 - kRoundTrip);
    EXPECT_LE(gone_after, kTimeout + kRoundTrip);
    EXPECT_EQ(holder.lost, 0) << "nobody of that process hears of it";
    EXPECT_EQ(sim.server.leases(), 0);
    a.restart();
  }
  EXPECT_EQ(holder.granted, 2);
}

TEST_F(MemoryLeases, ANodeThatIsBackAtOnceFindsTheKeysOfItsFormerSelfUntilTheirTimeout) {
  start(a, holder);
  ASSERT_TRUE(sim.world.run_until([&] { return holder.lease != nullptr; }));
  sim.world.run_for(10s);
  a.crash(CrashKind::kill);
  a.restart();
  start(a, holder);
  sim.world.run_for(1s);
  EXPECT_EQ(holder.granted, 1) << "the old lease still stands in the way";
  ASSERT_TRUE(sim.world.run_until([&] { return holder.granted == 2; }, kTimeout));
}

TEST_F(MemoryLeases, AShortPauseCostsNoLease) {
  start(a, holder);
  ASSERT_TRUE(sim.world.run_until([&] { return holder.lease != nullptr; }));
  for (int i = 0; i < 10; ++i) {
    a.pause();
    sim.world.run_for(kTimeout * 2 / 3 - kRoundTrip);
    a.resume();
    sim.world.run_for(1s);
  }
  EXPECT_TRUE(is_live("a"));
  EXPECT_EQ(holder.lost, 0);
}

TEST_F(MemoryLeases, APausedNodeKnowsAtOnceThatItsLeaseIsOverAndSoonThatItIsLost) {
  start(a, holder);
  ASSERT_TRUE(sim.world.run_until([&] { return holder.lease != nullptr; }));
  a.pause();
  EXPECT_LE(until_live("a", false), kTimeout + kRoundTrip);
  sim.world.run_for(20s);
  EXPECT_EQ(holder.lost, 0);
  ASSERT_NE(holder.lease, nullptr);
  EXPECT_LE(holder.lease->valid_until(), now());
  a.resume();
  ASSERT_TRUE(sim.world.run_until([&] { return holder.lost == 1; }, kRoundTrip));
  EXPECT_LE(until_live("a", true), 1s);
}

TEST_F(MemoryLeases, AHolderThatIsCutOffStopsBelievingBeforeItsKeysVanish) {
  start(a, holder);
  ASSERT_TRUE(sim.world.run_until([&] { return holder.lease != nullptr; }));
  sim.world.run_for(10s);
  sim.server.cut("a");
  EXPECT_LE(until_live("a", false), kTimeout + kRoundTrip);
  EXPECT_LE(holder.lease->valid_until(), now());
  EXPECT_GE(holder.lease->valid_until(), now() - kRoundTrip) << "it believed as long as it could";
  sim.world.run_for(10s);
  EXPECT_EQ(holder.lost, 0) << "who cannot ask does not know";
  sim.server.heal("a");
  ASSERT_TRUE(sim.world.run_until([&] { return holder.lost == 1; }, 1s));
}

TEST_F(MemoryLeases, AnUnhealthyHolderLosesItsLeaseAndHearsOfIt) {
  start(a, holder);
  ASSERT_TRUE(sim.world.run_until([&] { return holder.lease != nullptr; }));
  sim.world.run_for(10s);
  holder.healthy = false;
  EXPECT_LE(until_live("a", false), kTimeout + kRoundTrip);
  ASSERT_TRUE(sim.world.run_until([&] { return holder.lost == 1; }, 200ms));
}

TEST_F(MemoryLeases, AHolderThatRecoversInTimeKeepsItsLease) {
  start(a, holder);
  ASSERT_TRUE(sim.world.run_until([&] { return holder.lease != nullptr; }));
  for (int i = 0; i < 10; ++i) {
    holder.healthy = false;
    sim.world.run_for(kTimeout / 2);
    holder.healthy = true;
    sim.world.run_for(kTimeout / 2);
  }
  EXPECT_TRUE(is_live("a"));
  EXPECT_EQ(holder.lost, 0);
}

TEST_F(MemoryLeases, AServerThatIsGoneForAMinuteComesBackWithItsKeysAndWithoutLeases) {
  Transaction topic;
  topic.put("/topic", to_bytes("x"));
  ASSERT_TRUE(sim.server.change(topic));
  start(a, holder);
  ASSERT_TRUE(sim.world.run_until([&] { return holder.lease != nullptr; }));
  sim.server.stop();
  sim.world.run_for(60s);
  EXPECT_TRUE(is_live("a")) << "nobody is there to end it";
  EXPECT_EQ(holder.lost, 0);
  sim.server.start();
  EXPECT_FALSE(is_live("a"));
  EXPECT_TRUE(sim.server.keys().get("/topic"));
  ASSERT_TRUE(sim.world.run_until([&] { return holder.lost == 1; }, 1s));
  EXPECT_LE(until_live("a", true), 1s);
}

TEST_F(MemoryLeases, AServerThatExtendsLeasesOnItsReturnEndsThoseThatNobodyClaims) {
  Holder other;
  Node& b = sim.add("b");
  start(a, holder);
  start(b, other);
  ASSERT_TRUE(sim.world.run_until([&] { return holder.lease != nullptr && other.lease != nullptr; }));
  sim.server.stop();
  b.crash(CrashKind::kill);
  sim.world.run_for(60s);
  sim.server.start(MemoryServer::Leases::extended);
  EXPECT_TRUE(is_live("a") && is_live("b"));
  EXPECT_GE(until_live("b", false), kTimeout);
  EXPECT_TRUE(is_live("a"));
  EXPECT_EQ(holder.lost, 0);
  EXPECT_GT(holder.lease->valid_until(), now());
}

TEST_F(MemoryLeases, AStoreThatComesBackEmptyHasTakenTheLeases) {
  start(a, holder);
  ASSERT_TRUE(sim.world.run_until([&] { return holder.lease != nullptr; }));
  sim.server.lose_everything();
  EXPECT_FALSE(is_live("a"));
  EXPECT_EQ(sim.server.leases(), 0);
  ASSERT_TRUE(sim.world.run_until([&] { return holder.lost == 1; }, kTimeout / 3 + kRoundTrip));
}

TEST_F(MemoryLeases, ABackupBringsLeasesBackThatNobodyKeepsAlive) {
  start(a, holder);
  ASSERT_TRUE(sim.world.run_until([&] { return holder.lease != nullptr; }));
  const auto backup = sim.server.snapshot();
  a.crash(CrashKind::kill);
  until_live("a", false);
  sim.world.run_for(1min);
  sim.server.restore(backup);
  EXPECT_TRUE(is_live("a"));
  EXPECT_GE(until_live("a", false), kTimeout);
}

TEST_F(MemoryLeases, ATimeoutBelowTheServersIsRaisedAndTheHolderToldSo) {
  ASSERT_TRUE(a.run([&](Runtime& runtime) -> Task<void> {
    const auto store = sim.connect(runtime, "a");
    const auto lease = co_await store->grant(100ms);
    EXPECT_TRUE(lease);
    EXPECT_EQ((*lease)->timeout(), 2s);
  }));
}

// Whoever believes in a lease is right, whatever happens to the store, to the way and to the holders.
TEST(MemoryLeasesInTrouble, NoHolderEverBelievesInALeaseThatHasEnded) {
  int granted = 0;
  int lost = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    StoreWorld sim(seed);
    std::map<std::string, Holder> holders;
    const auto begin = [&](Node& node) {
      Holder& holder = holders[node.name()];
      holder.lease = nullptr;
      node.start([&](Runtime& runtime) -> Task<void> {
        const std::string name = static_cast<Node&>(runtime).name();
        const auto store = sim.connect(runtime, name);
        co_await hold(*store, "/live/" + name, holders[name]);
      });
    };
    for (const char* name : {"a", "b", "c"}) begin(sim.add(name));
    const auto check = [&] {
      for (const auto& [name, holder] : holders) {
        if (!sim.node(name).alive() || holder.lease == nullptr) continue;
        if (holder.lease->valid_until() <= sim.world.now()) continue;
        ASSERT_TRUE(sim.server.keys().get("/live/" + name)) << name;
      }
    };
    sim.trouble(2min, check, begin);
    sim.run(10s, check);
    for (const auto& [name, holder] : holders) {
      EXPECT_TRUE(holder.lease != nullptr && holder.lease->valid_until() > sim.world.now()) << name;
      granted += holder.granted;
      lost += holder.lost;
    }
  }
  EXPECT_GT(granted, 300);
  EXPECT_GT(lost, 100);
}

}  // namespace
}  // namespace godwit::coordination
