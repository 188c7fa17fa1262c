// What other shards ask of Metadata while shard 0 changes it.
#include <atomic>

#include "cluster/metadata.h"
#include "coordination/memory/memory_coordination.h"
#include "runtime/real/real_world.h"

namespace godwit::cluster {
namespace {

using runtime::Runtime;
using runtime::Task;
using namespace std::chrono_literals;

// What the other shard does.
struct Asker {
  std::atomic<bool> sees = false;
  std::atomic<bool> stop = false;
  std::atomic<bool> ended = false;
};

Task<void> ask(const Metadata& metadata, Asker& asker) {
  while (!asker.stop) {
    asker.sees = metadata.controls();
    co_await runtime::yield();
  }
  asker.ended = true;
}

Task<void> until(const std::atomic<bool>& what, bool wanted) {
  while (what != wanted) co_await runtime::yield();
}

Task<void> take_and_lose(Runtime& runtime) {
  coordination::MemoryCoordination store;
  RecordingSink sink;
  MetadataOptions options;
  options.self.id = BrokerId(1);
  for (int round = 0; round < 20; ++round) {
    Asker asker;
    const auto early = [&](Metadata& metadata) {
      runtime.shard(1).post([&] { runtime.shard(1).spawn(ask(metadata, asker)); });
    };
    auto metadata = co_await Metadata::start(options, store, runtime, sink, early);
    EXPECT_TRUE(metadata) << metadata.error().describe();
    if (!metadata) co_return;
    co_await until(asker.sees, true);
    co_await (*metadata)->leave(10s);
    co_await until(asker.sees, false);
    asker.stop = true;
    co_await until(asker.ended, true);
    co_await (*metadata)->close();
  }
}

TEST(MetadataThreads, AnyShardMayAskWhetherThisBrokerControlsWhileTheOfficeIsTakenAndLost) {
  runtime::contract::RealWorld world;
  world.run(take_and_lose(world.runtime()));
}

}  // namespace
}  // namespace godwit::cluster
