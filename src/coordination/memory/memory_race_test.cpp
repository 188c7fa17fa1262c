// Several nodes at one store, in trouble: an office with a fence, and commits whose outcome is unknown. These are the
// patterns by which a cluster uses coordination (design-cluster rules 5 and 19).
#include <gtest/gtest.h>

#include "coordination/memory/memory_server_testing.h"

namespace godwit::coordination {
namespace {

using namespace std::chrono_literals;
using runtime::Runtime;
using runtime::Shard;
using runtime::Task;
using runtime::sim::Node;

int number_in(const std::optional<KeyValue>& found) {
  return found ? std::stoi(std::string(as_text(found->value))) : 0;
}
Version version_of(const std::optional<KeyValue>& found) {
  return found ? found->version : kAbsent;
}
int stored_number(const MemoryServer& server, const std::string& key) {
  return number_in(server.keys().get(key));
}

// --- commits whose outcome is unknown

// Adds one to "/sum" and, in the same transaction, to the node's own count: a nonce, by which it finds out what became of
// a commit, also one of its former self. Writes down what it was told.
Task<void> count(Coordination& store, std::string mine, int& told, int& read_back) {
  for (bool unknown = false;;) {
    const auto own = co_await store.get(mine);
    const auto sum = co_await store.get("/sum");
    if (!own || !sum) {
      co_await runtime::sleep_for(10ms);
      continue;
    }
    if (unknown && number_in(*own) == told + 1) ++read_back;
    told = std::max(told, number_in(*own));
    Transaction next;
    next.require(mine, version_of(*own)).require("/sum", version_of(*sum));
    next.put(mine, to_bytes(std::to_string(number_in(*own) + 1)));
    next.put("/sum", to_bytes(std::to_string(number_in(*sum) + 1)));
    const auto outcome = co_await store.commit(std::move(next));
    unknown = !outcome && outcome.error().kind == ErrorKind::timed_out;
    if (outcome) told = number_in(*own) + 1;
  }
}

TEST(MemoryRaces, UnknownOutcomesThatAreReadBackByANonceNeitherLoseNorRepeatAChange) {
  int sums = 0;
  int read_back_in_all = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    StoreWorld sim(seed);
    std::map<std::string, int> told;  // what the outside world was told is done
    std::map<std::string, int> read_back;
    const auto begin = [&](Node& node) {
      node.start([&](Runtime& runtime) -> Task<void> {
        const std::string name = static_cast<Node&>(runtime).name();
        const auto store = sim.connect(runtime, name);
        co_await count(*store, "/count/" + name, told[name], read_back[name]);
      });
    };
    for (const char* name : {"a", "b"}) begin(sim.add(name));
    uint64_t looked_at = 0;
    const auto check = [&] {
      if (std::exchange(looked_at, sim.server.changes()) == sim.server.changes()) return;
      ASSERT_EQ(stored_number(sim.server, "/sum"),
                stored_number(sim.server, "/count/a") + stored_number(sim.server, "/count/b"));
      for (const auto& [name, number] : told) ASSERT_LE(number, stored_number(sim.server, "/count/" + name));
    };
    sim.trouble(1min, check, begin);
    looked_at = UINT64_MAX;
    check();
    sums += stored_number(sim.server, "/sum");
    read_back_in_all += read_back["a"] + read_back["b"];
  }
  EXPECT_GT(sums, 1'000);
  EXPECT_GT(read_back_in_all, 5);
}

// --- an office with a fence

struct Office {
  std::map<std::string, int> terms;  // how often each took it
  int fenced_off = 0;                // writes of one who was no longer the holder
};

// Takes the office with a lease and the next fence, works while it believes in the lease, and a little longer: as one
// does who is stopped between the look at the clock and the write.
Task<void> hold_office(Coordination& store, Shard& shard, std::string name, Office& office) {
  for (;; co_await runtime::sleep_for(50ms)) {
    auto lease = co_await store.grant(3s);
    const auto fence = co_await store.get("/fence");
    if (!lease || !fence) continue;
    Transaction take;
    take.require("/office", kAbsent).require("/fence", version_of(*fence));
    take.put_leased("/office", to_bytes(name));
    const std::string mine = std::to_string(number_in(*fence) + 1);
    take.put("/fence", to_bytes(mine));
    if (!co_await (*lease)->commit(std::move(take))) continue;
    const auto taken = co_await store.get("/fence");
    if (!taken || !*taken || as_text((*taken)->value) != mine) continue;
    ++office.terms[name];
    for (bool believed = true; believed;) {
      believed = (*lease)->valid_until() > shard.now();
      co_await runtime::sleep_for(5ms);
      Transaction work;
      work.require("/fence", (*taken)->version).put("/work", to_bytes(mine));
      const auto done = co_await store.commit(std::move(work));
      if (!done && done.error().kind == ErrorKind::conflict) {
        ++office.fenced_off;
        break;
      }
    }
  }
}

// What a run did, to compare it with another.
struct Replayed {
  uint64_t trace;
  int fence;
  uint64_t asked;
  friend bool operator==(const Replayed&, const Replayed&) = default;
};

Replayed race_for_the_office(uint64_t seed, Office& office) {
  StoreWorld sim(seed);
  const auto begin = [&](Node& node) {
    node.start([&](Runtime& runtime) -> Task<void> {
      const std::string name = static_cast<Node&>(runtime).name();
      const auto store = sim.connect(runtime, name);
      co_await hold_office(*store, runtime.shard(0), name, office);
    });
  };
  for (const char* name : {"a", "b"}) begin(sim.add(name));
  int last_work = 0;
  uint64_t looked_at = 0;
  const auto check = [&] {
    if (std::exchange(looked_at, sim.server.changes()) == sim.server.changes()) return;
    // Work of an earlier holder never comes after that of a later one, nor before its own term.
    const int work = stored_number(sim.server, "/work");
    ASSERT_GE(work, last_work);
    ASSERT_LE(work, stored_number(sim.server, "/fence"));
    last_work = work;
  };
  sim.trouble(1min, check, begin);
  sim.run(10s, check);
  EXPECT_EQ(last_work, stored_number(sim.server, "/fence")) << "in peace somebody holds it and works";
  return {sim.world.trace_hash(), last_work, sim.server.calls_asked()};
}

TEST(MemoryRaces, AnOfficeHasOneHolderAndTheFenceStopsTheWritesOfTheFormer) {
  Office office;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    race_for_the_office(seed, office);
  }
  EXPECT_GT(office.terms["a"], 20);
  EXPECT_GT(office.terms["b"], 20);
  EXPECT_GT(office.fenced_off, 0);
}

TEST(MemoryRaces, AHolderThatWasStoppedBeforeItsWriteIsFencedOffWhenItGoesOn) {
  StoreWorld sim(7);
  Office office;
  for (const char* name : {"a", "b"}) {
    sim.add(name).start([&, name = std::string(name)](Runtime& runtime) -> Task<void> {
      const auto store = sim.connect(runtime, name);
      co_await hold_office(*store, runtime.shard(0), name, office);
    });
  }
  for (int turn = 1; turn <= 10; ++turn) {
    sim.world.run_for(1s);
    const auto holder = std::string(as_text(sim.server.keys().get("/office")->value));
    sim.node(holder).pause();
    sim.world.run_for(10s);
    EXPECT_NE(as_text(sim.server.keys().get("/office")->value), holder);
    EXPECT_EQ(stored_number(sim.server, "/work"), turn + 1) << "the other works";
    sim.node(holder).resume();
    sim.world.run_for(1s);
    EXPECT_EQ(office.fenced_off, turn);
    EXPECT_EQ(stored_number(sim.server, "/work"), turn + 1);
  }
}

TEST(MemoryRaces, TheSameSeedGivesTheSameRunAndAnotherSeedAnother) {
  std::set<uint64_t> traces;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Office first;
    Office second;
    const auto run = race_for_the_office(seed, first);
    EXPECT_EQ(run, race_for_the_office(seed, second)) << seed;
    EXPECT_EQ(first.terms, second.terms);
    traces.insert(run.trace);
  }
  EXPECT_EQ(traces.size(), 5);
}

}  // namespace
}  // namespace godwit::coordination
