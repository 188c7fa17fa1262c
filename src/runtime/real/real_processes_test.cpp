#include "runtime/real/real_processes.h"

#include <thread>

#include "runtime/real/real_world.h"
#include "runtime/sync.h"

namespace godwit::runtime::contract {
namespace {

// A scenario with processes, on the real runtime.
void run(Task<void> (*scenario)(World&, Processes&)) {
  RealWorld world;
  const auto processes = make_real_processes();
  world.run(scenario(world, *processes));
}

TEST(Processes, OneThatWasStartedPrintsToItsFileAndIsSeenToEnd) {
  run([](World& world, Processes& processes) -> Task<void> {
    const std::string output = world.directory() + "/output";
    auto process = processes.start({.arguments = {"sh", "-c", "echo $GODWIT_A; echo ${ETCD_B-none} >&2"},
                                    .output_path = output,
                                    .environment = {"GODWIT_A=given"},
                                    .environment_dropped = "ETCD_"});
    GW_REQUIRE_OK(process);
    co_await (*process)->ended();
    EXPECT_FALSE((*process)->running());
    (*process)->kill();
    const auto text = co_await read_file(world.runtime().files(), output, 1000);
    GW_REQUIRE_OK(text);
    EXPECT_EQ(as_text(*text), "given\nnone\n");
  });
}

TEST(Processes, AProgramThatIsNotThereIsAnError) {
  run([](World& world, Processes& processes) -> Task<void> {
    for (const bool with_us : {false, true}) {
      GW_EXPECT_ERROR(processes.start({.arguments = {"godwit-no-such-program"},
                                       .output_path = world.directory() + "/output",
                                       .ends_with_us = with_us}),
                      ErrorKind::not_found);
    }
    co_return;
  });
}

TEST(Processes, AProcessCanNameItself) {
  run([](World&, Processes& processes) -> Task<void> {
    const ProcessIdentity own = own_identity();
    const auto same = processes.adopt(own);
    GW_REQUIRE_OK(same);
    EXPECT_EQ((*same)->identity(), own);
    EXPECT_TRUE((*same)->running());
    co_return;
  });
}

TEST(Processes, OneThatEndsWithUsIsKilledWhenItsStarterIs) {
  run([](World& world, Processes& processes) -> Task<void> {
    const std::string mark = "20.0" + std::to_string(Shard::current()->random().below(1'000'000'000));
    {
      // The starter is a thread of its own; it ends when its runtime does.
      std::thread starter([&] {
        RealWorld inner;
        const auto own = make_real_processes();
        inner.run([](World& there, Processes& its, std::string word) -> Task<void> {
          auto process = its.start({.arguments = {"sleep", word},
                                    .output_path = there.directory() + "/output",
                                    .ends_with_us = true});
          GW_REQUIRE_OK(process);
          EXPECT_TRUE((*process)->running());
          // It has its command line a moment after it was begun.
          while (!its.find({"sleep", word})) co_await sleep_for(std::chrono::milliseconds(1));
        }(inner, *own, mark));
      });
      starter.join();
    }
    auto found = processes.find({"sleep", mark});
    if (found) co_await (*found)->ended();
    GW_EXPECT_ERROR(processes.find({"sleep", mark}), ErrorKind::not_found);
  });
}

TEST(Processes, OneIsAdoptedByItsIdentityAndNobodyElseIs) {
  run([](World& world, Processes& processes) -> Task<void> {
    const std::string mark = "10.0" + std::to_string(Shard::current()->random().below(1'000'000'000));
    auto process =
        processes.start({.arguments = {"sleep", mark}, .output_path = world.directory() + "/output"});
    GW_REQUIRE_OK(process);
    const ProcessIdentity identity = (*process)->identity();
    auto same = processes.adopt(identity);
    GW_REQUIRE_OK(same);
    EXPECT_EQ((*same)->identity(), identity);
    auto other = identity;
    other.started += 1;
    GW_EXPECT_ERROR(processes.adopt(other), ErrorKind::not_found);
    other = identity;
    other.boot = "another";
    GW_EXPECT_ERROR(processes.adopt(other), ErrorKind::not_found);
    auto found = processes.find({"sleep", mark});
    // The kernel shows a program's arguments a moment after it has begun.
    while (!found && (*process)->running()) {
      co_await yield();
      found = processes.find({"sleep", mark});
    }
    GW_REQUIRE_OK(found);
    EXPECT_EQ((*found)->identity(), identity);
    EXPECT_TRUE((*same)->running());
    (*same)->terminate();
    co_await (*same)->ended();
    co_await (*process)->ended();
    GW_EXPECT_ERROR(processes.adopt(identity), ErrorKind::not_found);
    GW_EXPECT_ERROR(processes.find({"sleep", mark}), ErrorKind::not_found);
  });
}

}  // namespace
}  // namespace godwit::runtime::contract
