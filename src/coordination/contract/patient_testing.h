// The scenarios of the contract that mostly wait: for timeouts that pass, for calls that give up. They take some 15 s, as long as
// all others together. Where an engine is reached in another way (by TLS, as a user, at several endpoints), what lapses, is
// killed and hangs in the other suites meets what is different there; so these run where an engine is reached in the plainest way.
//
//   INSTANTIATE_TEST_SUITE_P(Etcd, CoordinationLongLease, testing::Values(on_etcd()));
//   INSTANTIATE_TEST_SUITE_P(Etcd, CoordinationLongOutage, testing::Values(on_etcd()));
#pragma once

#include "coordination/contract/clients_testing.h"
#include "coordination/contract/server_testing.h"

namespace godwit::coordination {

class CoordinationLongLease : public CoordinationClients {};
class CoordinationLongOutage : public CoordinationServer {};

TEST_P(CoordinationLongLease, ALeaseThatIsKeptAliveOutlivesItsTimeout) {
  with_clients([](Coordination& a, Coordination& b, runtime::Runtime& runtime) -> runtime::Task<void> {
    auto lease = co_await a.grant(std::chrono::seconds(5));
    GW_REQUIRE_OK(lease);
    EXPECT_TRUE(co_await (*lease)->commit(claim("/live/1")));
    const MonotonicTime end = runtime.shard(0).now() + (*lease)->timeout() * 3 / 2;
    while (runtime.shard(0).now() < end) {
      EXPECT_TRUE(co_await read(b, "/live/1"));
      EXPECT_GT((*lease)->valid_until(), runtime.shard(0).now());
      EXPECT_LE((*lease)->valid_until(), runtime.shard(0).now() + (*lease)->timeout());
      co_await runtime::sleep_for(std::chrono::milliseconds(100));
    }
    EXPECT_TRUE(co_await (*lease)->revoke());
    EXPECT_FALSE(co_await read(b, "/live/1"));
  });
}

TEST_P(CoordinationLongOutage, WhileItIsGoneCallsFailSoonAndAfterItsReturnAllIsThere) {
  with_server([](Coordination& store, ServerHost& host, runtime::Runtime& runtime) -> runtime::Task<void> {
    EXPECT_TRUE(co_await put(store, "/a", "1"));
    const auto before = co_await store.get("/a");
    host.kill_server();
    const MonotonicTime start = runtime.shard(0).now();
    // Together: each may take as long as a call may.
    int failed = 0;
    const auto fails = [&failed](auto call) -> runtime::Task<void> {
      const auto outcome = co_await call;
      if (!outcome && is_transient(outcome.error())) ++failed;
    };
    std::vector<runtime::Task<void>> calls;
    calls.push_back(fails(store.get("/a")));
    calls.push_back(fails(store.list("/")));
    calls.push_back(fails(store.grant(std::chrono::seconds(3))));
    co_await runtime::when_all(std::move(calls));
    EXPECT_EQ(failed, 3) << "get, list and grant";
    EXPECT_LT(runtime.shard(0).now() - start, kAnswerMax);
    host.start_server();
    EXPECT_TRUE(co_await eventually([&] { return answers(store); }));
    const auto after = co_await store.get("/a");
    GW_REQUIRE_OK(after);
    EXPECT_EQ(*after, *before);
  });
}

TEST_P(CoordinationLongOutage, AClientThatIsMadeWhileItIsGoneWorksOnceItIsThere) {
  with_server([](Coordination&, ServerHost& host, runtime::Runtime&) -> runtime::Task<void> {
    host.kill_server();
    const auto early = co_await host.connect();
    GW_REQUIRE(early != nullptr);
    const auto watch = early->watch("/");
    const auto got = co_await early->get("/a");
    GW_REQUIRE(!got && is_transient(got.error()));
    host.start_server();
    EXPECT_TRUE(co_await eventually([&] { return answers(*early); }));
    EXPECT_TRUE(co_await put(*early, "/a", "1"));
    EXPECT_TRUE(co_await watch->changed());
    co_await early->close();
  });
}

TEST_P(CoordinationLongOutage, ALeaseIsNotBelievedInLongerThanTheEngineKeepsIt) {
  with_server([](Coordination& store, ServerHost& host, runtime::Runtime& runtime) -> runtime::Task<void> {
    auto lease = co_await store.grant(std::chrono::seconds(2));
    GW_REQUIRE_OK(lease);
    Transaction claim;
    claim.put_leased("/live/1", value_of("x"));
    EXPECT_TRUE(co_await (*lease)->commit(std::move(claim)));
    const MonotonicTime frozen = runtime.shard(0).now();
    host.freeze_server();
    EXPECT_TRUE(co_await eventually(
        [&]() -> runtime::Task<bool> { co_return (*lease)->valid_until() <= runtime.shard(0).now(); }));
    EXPECT_LE((*lease)->valid_until(), frozen + (*lease)->timeout());
    host.thaw_server();
    // The engine may keep the lease or end it: the holder learns which.
    EXPECT_TRUE(co_await eventually([&]() -> runtime::Task<bool> {
      if ((*lease)->valid_until() > runtime.shard(0).now()) co_return true;
      Transaction probe;
      probe.put("/probe", value_of("x"));
      const auto outcome = co_await (*lease)->commit(std::move(probe));
      co_return !outcome && outcome.error().kind == ErrorKind::not_found;
    }));
  });
}

}  // namespace godwit::coordination
