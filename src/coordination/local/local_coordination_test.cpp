#include "coordination/local/local_coordination.h"

#include "coordination/contract/contract_testing.h"
#include "coordination/contract/sim_host_testing.h"
#include "runtime/sim/sweep_testing.h"

namespace godwit::coordination {
namespace {

using runtime::Runtime;
using runtime::Task;
using runtime::sim::CrashScenario;

Task<Result<std::unique_ptr<LocalCoordination>>> open(Runtime& runtime) {
  return LocalCoordination::open(runtime.files(), runtime.shard(0).random(), "coordination");
}

const OpenOnSim kLocal = [](Runtime& runtime) -> Task<std::unique_ptr<Coordination>> {
  auto store = co_await open(runtime);
  EXPECT_TRUE(store) << store.error().describe();
  co_return std::move(*store);
};

INSTANTIATE_TEST_SUITE_P(Local, CoordinationContract, testing::Values(on_sim(kLocal)));

TEST(LocalCoordination, WhatWasCommittedIsThereAfterEveryCrashAndNothingIsHalfThere) {
  runtime::sim::sweep_crashes({.crashes_in_recovery = true}, [](CrashScenario& run) {
    auto committed = std::make_shared<int>(0);
    run.work([=](Runtime& runtime) -> Task<void> {
      auto store = co_await open(runtime);
      if (!store) co_return;
      for (int i = 1; i <= 4; ++i) {
        Transaction write;
        write.put("/a", value_of(std::to_string(i))).put("/b", value_of(std::to_string(i)));
        if (co_await (*store)->commit(std::move(write))) *committed = i;
      }
    });
    run.recover([=](Runtime& runtime) -> Task<void> {
      auto store = co_await open(runtime);
      EXPECT_TRUE(store) << store.error().describe();
      if (!store) co_return;
      const auto a = co_await (*store)->get("/a");
      const auto b = co_await (*store)->get("/b");
      EXPECT_EQ(a->has_value(), b->has_value());
      const int found = *a ? std::stoi(std::string(as_text((*a)->value))) : 0;
      EXPECT_GE(found, *committed);
      EXPECT_LE(found, *committed + 1);
      if (*a) {
        EXPECT_EQ((*a)->value, (*b)->value);
      }
    });
  });
}

TEST(LocalCoordination, ALongHistoryIsReplacedByWhatItCameTo) {
  runtime::sim::World world(3);
  auto& node = world.add_node("a");
  ASSERT_TRUE(node.run([](Runtime& runtime) -> Task<void> {
    auto store = co_await open(runtime);
    for (int i = 0; i < 1500; ++i) {
      Transaction write;
      write.put("/k" + std::to_string(i % 10), Bytes(1000, static_cast<std::byte>(i)));
      EXPECT_TRUE(co_await (*store)->commit(std::move(write)));
    }
  }));
  EXPECT_LT(node.disk().contents("coordination")->size(), 2u << 20);
  ASSERT_TRUE(node.run([](Runtime& runtime) -> Task<void> {
    auto store = co_await open(runtime);
    const auto all = co_await (*store)->list("/k");
    EXPECT_EQ(all->size(), 10u);
    EXPECT_EQ((*all)[9].value, Bytes(1000, static_cast<std::byte>(1499)));
  }));
}

TEST(LocalCoordination, WhatALeaseHoldsIsNotThereAfterANewStartAlsoWhereTheFileWasReplaced) {
  for (const bool replaced : {false, true}) {
    runtime::sim::World world(3);
    auto& node = world.add_node("a");
    ASSERT_TRUE(node.run([replaced](Runtime& runtime) -> Task<void> {
      auto store = co_await open(runtime);
      EXPECT_TRUE(co_await put(**store, "/live/2", "lasting"));
      EXPECT_TRUE(co_await put(**store, "/live/3", "lasting"));
      const auto lease = co_await (*store)->grant(std::chrono::seconds(3));
      Transaction claim;
      claim.put_leased("/live/1", value_of("x")).put_leased("/live/2", value_of("x"));
      claim.put_leased("/live/3", value_of("x"));
      EXPECT_TRUE(co_await (*lease)->commit(std::move(claim)));
      EXPECT_TRUE(co_await put(**store, "/live/3", "lasting again"));
      for (int i = 0; replaced && i < 1500; ++i)
        EXPECT_TRUE(co_await put(**store, "/k", std::string(1000, 'x')));
      EXPECT_EQ(co_await read(**store, "/live/1"), "x");
    }));
    if (replaced) EXPECT_LT(node.disk().contents("coordination")->size(), 1u << 20);
    ASSERT_TRUE(node.run([](Runtime& runtime) -> Task<void> {
      auto store = co_await open(runtime);
      EXPECT_FALSE(co_await read(**store, "/live/1"));
      EXPECT_FALSE(co_await read(**store, "/live/2"));
      EXPECT_EQ(co_await read(**store, "/live/3"), "lasting again");
    }));
  }
}

TEST(LocalCoordination, AFullDiskRefusesAChangeAndLosesNothing) {
  runtime::sim::World world(3);
  auto& node = world.add_node("a");
  ASSERT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
    auto store = co_await open(runtime);
    Transaction first;
    first.put("/a", value_of("1"));
    EXPECT_TRUE(co_await (*store)->commit(std::move(first)));
    node.disk().set_capacity(node.disk().used());
    Transaction second;
    second.put("/a", value_of("2"));
    EXPECT_EQ((co_await (*store)->commit(std::move(second))).error().kind, ErrorKind::no_space);
    EXPECT_EQ(as_text((*co_await (*store)->get("/a"))->value), "1");
  }));
}

}  // namespace
}  // namespace godwit::coordination
