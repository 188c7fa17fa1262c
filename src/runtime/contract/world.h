// The contract of runtime as tests that every implementation passes: code above cannot tell them apart.
//
// An implementation's test includes each suite in one of its files and says how its worlds are made:
//
//   #include "runtime/contract/shard_contract.h"
//   INSTANTIATE_TEST_SUITE_P(Sim, ShardContract, testing::Values(&make_sim_world));
//
// Scenarios take the time and the order that the world gives them: they wait for events, never for a
// guess. Deadlines in them are generous where they must not pass, and short where they must.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "runtime/runtime.h"

namespace godwit::runtime::contract {

// One machine on which a scenario runs.
class World {
 public:
  virtual ~World() = default;
  // Has at least two shards, a network that works and an empty disk with 64 MB of space or more.
  virtual Runtime& runtime() = 0;
  // Runs `scenario` on shard 0 until it ends; called once. A world in which it can never end says so by a
  // test failure, where it can find out.
  virtual void run(Task<void> scenario) = 0;
  // A directory that exists and is empty.
  virtual std::string directory() = 0;
  // An address of this machine, to listen on and to connect to.
  virtual std::string host() { return "127.0.0.1"; }
};

using MakeWorld = std::unique_ptr<World> (*)();

class Contract : public testing::TestWithParam<MakeWorld> {
 protected:
  // Runs the scenario in a fresh world.
  void run(Task<void> (*scenario)(World&)) {
    const std::unique_ptr<World> world = GetParam()();
    world->run(scenario(*world));
  }
};

}  // namespace godwit::runtime::contract

// ASSERT_TRUE for coroutines, which cannot `return`.
#define GW_REQUIRE(condition)                 \
  do {                                        \
    if (!(condition)) {                       \
      ADD_FAILURE() << "needed: " #condition; \
      co_return;                              \
    }                                         \
  } while (false)
// The same for a Result that has a name; prints its error.
#define GW_REQUIRE_OK(result)                                              \
  do {                                                                     \
    if (!(result)) {                                                       \
      ADD_FAILURE() << #result " failed: " << (result).error().describe(); \
      co_return;                                                           \
    }                                                                      \
  } while (false)
// Expects that a Result (evaluated once) failed, and how.
#define GW_EXPECT_ERROR(result, expected_kind)                                    \
  do {                                                                            \
    auto&& gw_outcome = (result);                                                 \
    if (gw_outcome) {                                                             \
      ADD_FAILURE() << #result " succeeded, but " #expected_kind " was expected"; \
    } else {                                                                      \
      EXPECT_EQ(to_string(gw_outcome.error().kind), to_string(expected_kind))     \
          << #result << ": " << gw_outcome.error().message;                       \
    }                                                                             \
  } while (false)
