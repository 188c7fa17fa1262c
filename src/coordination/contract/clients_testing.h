// The contract of engines that several clients share: one broker sees what another did, and when it died.
//
//   INSTANTIATE_TEST_SUITE_P(Etcd, CoordinationClients, testing::Values(on_etcd()));
#pragma once

#include "coordination/contract/host_testing.h"

namespace godwit::coordination {

class CoordinationClients : public testing::TestWithParam<MakeHost> {
 protected:
  // Runs a scenario with two clients of an empty store, to its end.
  void with_clients(
      std::function<runtime::Task<void>(Coordination&, Coordination&, runtime::Runtime&)> scenario) {
    const auto host = GetParam()();
    host->run([&](runtime::Runtime& runtime) -> runtime::Task<void> {
      const auto a = co_await host->connect();
      const auto b = co_await host->connect();
      GW_REQUIRE(a != nullptr && b != nullptr);
      co_await scenario(*a, *b, runtime);
      co_await a->close();
      co_await b->close();
    });
  }
  static Transaction claim(std::string key) {
    Transaction transaction;
    transaction.require(key, kAbsent).put_leased(key, value_of("x"));
    return transaction;
  }
};

TEST_P(CoordinationClients, OfTwoThatCompareAndSetEachRoundHasOneWinner) {
  with_clients([](Coordination& a, Coordination& b, runtime::Runtime&) -> runtime::Task<void> {
    constexpr int kIncrements = 25;
    const auto increment = [](Coordination& store, int& conflicts) -> runtime::Task<void> {
      for (int done = 0; done < kIncrements;) {
        const auto found = co_await store.get("/count");
        GW_REQUIRE_OK(found);
        const int count = *found ? std::stoi(std::string(as_text((**found).value))) : 0;
        Transaction next;
        next.require("/count", *found ? (**found).version : kAbsent)
            .put("/count", value_of(std::to_string(count + 1)));
        const auto outcome = co_await store.commit(std::move(next));
        done += outcome.has_value();
        if (outcome) continue;
        ++conflicts;
        GW_EXPECT_ERROR(outcome, ErrorKind::conflict);
        if (outcome.error().kind != ErrorKind::conflict) co_return;
      }
    };
    int conflicts = 0;
    std::vector<runtime::Task<void>> both;
    both.push_back(increment(a, conflicts));
    both.push_back(increment(b, conflicts));
    co_await runtime::when_all(std::move(both));
    EXPECT_EQ(co_await read(a, "/count"), std::to_string(2 * kIncrements));
    EXPECT_EQ(co_await read(b, "/count"), std::to_string(2 * kIncrements));
  });
}

TEST_P(CoordinationClients, WhatOneWroteTheOtherReadsAtOnce) {
  with_clients([](Coordination& a, Coordination& b, runtime::Runtime&) -> runtime::Task<void> {
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(co_await put(a, "/a", std::to_string(i)));
      EXPECT_EQ(co_await read(b, "/a"), std::to_string(i));
    }
  });
}

TEST_P(CoordinationClients, AWatchTellsOfWhatOthersChangeAndDelete) {
  with_clients([](Coordination& a, Coordination& b, runtime::Runtime&) -> runtime::Task<void> {
    const auto watch = b.watch("/topics/");
    for (int i = 0; i < 5; ++i) {
      EXPECT_TRUE(co_await put(a, "/topics/a", std::to_string(i)));
      while (co_await read(b, "/topics/a") != std::to_string(i)) EXPECT_TRUE(co_await watch->changed());
    }
    Transaction removal;
    removal.remove("/topics/a");
    EXPECT_TRUE(co_await a.commit(std::move(removal)));
    EXPECT_TRUE(co_await watch->changed());
    EXPECT_FALSE(co_await read(b, "/topics/a"));
  });
}

TEST_P(CoordinationClients, ALeaseWhoseHolderIsGoneEndsAfterItsTimeoutAndTheWatchTells) {
  with_clients([](Coordination& a, Coordination& b, runtime::Runtime&) -> runtime::Task<void> {
    const auto watch = b.watch("/live/");
    auto lease = co_await a.grant(std::chrono::seconds(2));
    GW_REQUIRE_OK(lease);
    EXPECT_TRUE(co_await (*lease)->commit(claim("/live/1")));
    lease->reset();
    EXPECT_TRUE(co_await read(b, "/live/1")) << "no revoke: it looks like a crash";
    while (co_await read(b, "/live/1")) EXPECT_TRUE(co_await watch->changed());
  });
}

TEST_P(CoordinationClients, ALeaseOfAHolderThatIsNotHealthyEndsAndItKnowsBeforeOthersDo) {
  with_clients([](Coordination& a, Coordination& b, runtime::Runtime& runtime) -> runtime::Task<void> {
    auto lease = co_await a.grant(std::chrono::seconds(2));
    GW_REQUIRE_OK(lease);
    EXPECT_TRUE(co_await (*lease)->commit(claim("/live/1")));
    auto healthy = std::make_shared<bool>(true);
    (*lease)->keep_alive_while([healthy] { return *healthy; });
    const MonotonicTime first = (*lease)->valid_until();
    EXPECT_TRUE(
        co_await eventually([&]() -> runtime::Task<bool> { co_return (*lease)->valid_until() > first; }));
    *healthy = false;
    const auto watch = b.watch("/live/");
    while (co_await read(b, "/live/1")) EXPECT_TRUE(co_await watch->changed());
    EXPECT_LE((*lease)->valid_until(), runtime.shard(0).now());
    EXPECT_TRUE(co_await (*lease)->lost());
    GW_EXPECT_ERROR(co_await (*lease)->commit(claim("/live/2")), ErrorKind::not_found);
    EXPECT_FALSE(co_await read(b, "/live/2"));
  });
}

TEST_P(CoordinationClients, TheKeysOfOneLeaseDoNotGoWithAnother) {
  with_clients([](Coordination& a, Coordination& b, runtime::Runtime&) -> runtime::Task<void> {
    auto one = co_await a.grant(std::chrono::seconds(3));
    auto two = co_await b.grant(std::chrono::seconds(3));
    GW_REQUIRE_OK(one);
    GW_REQUIRE_OK(two);
    EXPECT_TRUE(co_await (*one)->commit(claim("/live/1")));
    GW_EXPECT_ERROR(co_await (*two)->commit(claim("/live/1")), ErrorKind::conflict);
    EXPECT_TRUE(co_await (*two)->commit(claim("/live/2")));
    EXPECT_TRUE(co_await (*one)->revoke());
    EXPECT_FALSE(co_await read(b, "/live/1"));
    EXPECT_TRUE(co_await read(a, "/live/2"));
    EXPECT_TRUE(co_await (*two)->commit(claim("/live/1"))) << "the place of the first is free";
  });
}

TEST_P(CoordinationClients, CloseEndsAllThatIsUnderWay) {
  with_clients([](Coordination& a, Coordination& b, runtime::Runtime& runtime) -> runtime::Task<void> {
    auto lease = co_await a.grant(std::chrono::seconds(3));
    GW_REQUIRE_OK(lease);
    const auto watch = a.watch("/none/");
    // A watch may begin with news: only what is said after close() counts.
    std::vector<ErrorKind> ends;
    const auto note = [](runtime::Task<Result<void>> task,
                         std::vector<ErrorKind>& kinds) -> runtime::Task<void> {
      const auto outcome = co_await task;
      if (!outcome) kinds.push_back(outcome.error().kind);
    };
    const auto until_closed = [](Watch& mine) -> runtime::Task<Result<void>> {
      for (;;) GW_TRY(co_return, co_await mine.changed());
    };
    runtime.shard(0).spawn(note(until_closed(*watch), ends));
    runtime.shard(0).spawn(note((*lease)->lost(), ends));
    co_await runtime::yield();
    co_await a.close();
    EXPECT_TRUE(co_await eventually([&ends]() -> runtime::Task<bool> { co_return ends.size() == 2; }));
    EXPECT_EQ(ends, std::vector<ErrorKind>(2, ErrorKind::closed));
    GW_EXPECT_ERROR(co_await a.get("/a"), ErrorKind::closed);
    GW_EXPECT_ERROR(co_await a.list("/"), ErrorKind::closed);
    GW_EXPECT_ERROR(co_await put(a, "/a", "late"), ErrorKind::closed);
    GW_EXPECT_ERROR(co_await a.grant(std::chrono::seconds(3)), ErrorKind::closed);
    GW_EXPECT_ERROR(co_await (*lease)->commit(claim("/live/1")), ErrorKind::closed);
    GW_EXPECT_ERROR(co_await watch->changed(), ErrorKind::closed);
    EXPECT_FALSE(co_await read(b, "/a")) << "the other client goes on";
    co_await a.close();
  });
}

}  // namespace godwit::coordination
