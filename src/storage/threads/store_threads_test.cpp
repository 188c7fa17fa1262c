// A whole store on real threads: shards, the journals' own, and those that wait for the disk.
#include <mutex>

#include "record/batch_builder.h"
#include "record/batches.h"
#include "runtime/real/real_world.h"
#include "runtime/sync.h"
#include "storage/store.h"

namespace godwit::storage {
namespace {

using runtime::Runtime;
using runtime::Shard;
using runtime::Task;
using namespace std::chrono_literals;

class LockedSink final : public DiagnosticSink {
 public:
  void emit(const Diagnostic& diagnostic) override {
    if (diagnostic.severity != Severity::error) return;
    const std::lock_guard lock(mutex_);
    ADD_FAILURE() << describe(diagnostic);
  }

 private:
  std::mutex mutex_;
};

constexpr int kPartitions = 4;
constexpr int kBatches = 300;

TopicPartition id_of(int index) {
  TopicPartition id;
  id.topic.bytes[15] = std::byte{1};
  id.partition = PartitionIndex(index);
  return id;
}

StoreOptions options_in(const std::string& directory) {
  StoreOptions options;
  options.directory = directory + "/store";
  // Small: memory and journal are used again and again.
  options.arena_bytes = 4 << 20;
  options.read_buffer_bytes = 2 << 20;
  options.journal_file_bytes = 1 << 20;
  options.reserve_bytes = 0;
  options.ballast_bytes = 0;
  options.boot_id = "this one";
  options.checkpoint_interval = 50ms;
  return options;
}

// Half of them wait for the disk, the others are synced behind.
LogConfig config_of(int index) {
  LogConfig config;
  config.segment_bytes = 200'000;
  if (index >= kPartitions / 2) {
    config.flush = LogConfig::Flush::interval;
    config.flush_ms = index;
  }
  return config;
}

Task<void> publish(Log& log, int number) {
  BatchBuilder builder({});
  const std::string text(4000, static_cast<char>('a' + number % 26));
  builder.add({.timestamp_ms = 1000, .value = as_bytes(text)});
  Bytes batch = *builder.build();
  Shard& shard = *Shard::current();
  const MonotonicTime deadline = shard.now() + 60s;
  const auto appended =
      co_await log.append(batch, {.epoch = LeaderEpoch(0), .now = shard.wall_now(), .deadline = deadline});
  GW_REQUIRE(appended);
  EXPECT_EQ(co_await log.wait_stable(appended->last_offset + 1, deadline), ErrorCode::none);
}

// Reads [from, end); what is read is looked at and dropped on `other`, as by a connection that lives there.
Task<void> read_all(Log& log, Offset from, Shard& other) {
  while (from < log.stable_end()) {
    auto read = co_await log.read({.from = from, .bytes_max = 100'000, .end = log.stable_end()});
    GW_REQUIRE(read);
    GW_REQUIRE(read->next > from);
    from = read->next;
    other.post([batches = std::move(read->batches)] {
      const Bytes bytes = batches.flatten();
      EXPECT_TRUE(for_each_batch(bytes, {.check_crc = true}, [](const BatchView&, size_t) {
                    return Result<void>();
                  }).has_value());
    });
  }
}

// One partition, on its shard.
Task<void> use(Store& store, int index, Shard& other) {
  const auto log = co_await store.create(id_of(index), config_of(index));
  GW_REQUIRE(log);
  for (int i = 0; i < kBatches; ++i) {
    co_await publish(**log, i);
    if (i % 50 == 49) co_await read_all(**log, Offset(i - 49), other);
  }
  co_await read_all(**log, Offset(0), other);
}

// Meanwhile, on shard 0: what looks at everything.
Task<void> look_on(Store& store, const bool& ended) {
  while (!ended) {
    EXPECT_TRUE(store.health().writable);
    EXPECT_EQ((co_await store.list()).size() <= kPartitions, true);
    (void)co_await store.unproven();
    EXPECT_TRUE((co_await store.checkpoint()).has_value());
    co_await runtime::yield();
  }
}

TEST(StoreThreads, PartitionsOfAllShardsArePublishedToAndReadWhileTheStoreIsLookedAfter) {
  runtime::contract::RealWorld world;
  LockedSink sink;
  metrics::Registry metrics;
  world.run([](runtime::contract::World& in, DiagnosticSink& diagnostics,
               metrics::Registry& registry) -> Task<void> {
    Runtime& runtime = in.runtime();
    for (int life = 0; life < 2; ++life) {
      auto opened = co_await Store::open(options_in(in.directory()), runtime, diagnostics, registry);
      GW_REQUIRE(opened);
      Store& store = **opened;
      bool ended = false;
      runtime::Gate gate;
      gate.spawn(*Shard::current(), look_on(store, ended));
      std::vector<Task<void>> all;
      for (int p = 0; p < kPartitions; ++p) {
        const size_t at = store.shard_of(id_of(p));
        Shard& other = runtime.shard((at + 1) % runtime.shard_count());
        all.push_back(runtime.shard(at).call([&store, p, &other, life]() -> Task<void> {
          if (life == 0) return use(store, p, other);
          // All of it is there.
          Log* const log = store.find(id_of(p));
          GW_CHECK(log != nullptr && log->end() == Offset(kBatches), "a log outlives its store");
          return read_all(*log, Offset(0), other);
        }));
      }
      co_await runtime::when_all(std::move(all));
      ended = true;
      co_await gate.close();
      EXPECT_TRUE((co_await store.damages()).empty());
      EXPECT_TRUE((co_await store.close()).has_value());
    }
  }(world, sink, metrics));
}

}  // namespace
}  // namespace godwit::storage
