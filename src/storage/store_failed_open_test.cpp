// A start that fails, or finds no space, while some shards work already: nothing of it goes on behind it, and nothing is lost.
#include "runtime/sync.h"
#include "storage/store_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::Node;
using runtime::sim::OpKind;
using runtime::sim::World;

// Two shards. `torn`, on shard 0, has lost records that the journal held; `full`, on shard 1, has much that is in no file.
struct TwoShards {
  explicit TwoShards(uint64_t seed) : world(seed), node(world.add_node("a", {.shards = 2})) {
    options.journal_file_bytes = 4 << 20;
    options.journal_scan_payload_max = 0;
    options.ballast_bytes = 1 << 20;
    options.arena_bytes = 32 << 20;
    run(node, [&](Runtime& runtime) -> Task<void> {
      auto open = co_await opened_store(node, options);
      for (int p = 0; torn < 0 || full < 0; ++p) (open->store->shard_of(partition(p)) == 0 ? torn : full) = p;
      for (const int p : {torn, full}) {
        const TopicPartition id = partition(p);
        co_await runtime.shard(open->store->shard_of(id)).call([&, id]() -> Task<void> {
          auto log = co_await open->store->create(id, {});
          EXPECT_TRUE(log.has_value());
          if (!log) co_return;
          for (int i = 0; i < kRecords; ++i)
            EXPECT_EQ(co_await publish(**log, {text(id, i)}), ErrorCode::none);
        });
      }
    });
    tear();
    // The journal is read into less than it was written from.
    options.arena_bytes = 2 * kRecords * kBytes * 8 / 5;
    again(CrashKind::kill);
  }

  static std::string text(const TopicPartition& id, int i) {
    std::string all = std::to_string(id.partition.value()) + "/" + std::to_string(i) + "/";
    return all + std::string(kBytes - all.size(), '.');
  }
  void again(CrashKind kind = CrashKind::power_cut) {
    node.crash(kind);
    node.restart();
  }
  void tear() {
    for (const std::string& path : node.disk().files()) {
      const auto contents = node.disk().contents(path);
      if (!contents || path.find("/journal/") == std::string::npos) continue;
      const size_t found = as_text(*contents).find(text(partition(torn), kKept));
      if (found != std::string::npos) node.disk().fail_reads(path, found + 4096, 1);
    }
  }
  // What can be read is what was published.
  Task<void> expect_all(Runtime& runtime, Store& store) {
    for (const int p : {torn, full}) {
      const TopicPartition id = partition(p);
      const auto texts = co_await runtime.shard(store.shard_of(id)).call([&store, id] {
        return read_texts(*store.find(id), Offset(0), 100'000);
      });
      const int count = p == torn ? kKept : kRecords;
      EXPECT_GE(texts.size(), static_cast<size_t>(count));
      for (int i = 0; i < count && i < static_cast<int>(texts.size()); ++i)
        EXPECT_EQ(texts[static_cast<size_t>(i)], std::to_string(i) + "=" + text(id, i));
    }
  }

  static constexpr int kRecords = 20;
  static constexpr int kKept = 3;
  static constexpr size_t kBytes = 40'000;
  World world;
  Node& node;
  StoreOptions options = small_options();
  int torn = -1;
  int full = -1;
};

TEST(StoreFailedOpen, NothingOfItGoesOnBehindItWhicheverOperationFails) {
  size_t failed = 0;
  for (const ErrorKind kind : {ErrorKind::io, ErrorKind::no_space}) {
    uint64_t survived = 0;
    for (uint64_t skip = 0; survived < 20 && skip < 200 && !testing::Test::HasFailure(); ++skip) {
      SCOPED_TRACE(std::string(kind == ErrorKind::io ? "io" : "no space") + " after " + std::to_string(skip));
      TwoShards at(1 + skip);
      bool opened = false;
      run(at.node, [&](Runtime&) -> Task<void> {
        at.node.disk().fail_next({.kinds = {OpKind::write, OpKind::sync, OpKind::create}, .skip = skip}, kind,
                                 3);
        const auto open = co_await open_store(at.node, at.options);
        opened = open.has_value();
        // Long enough for every loop to take its next turn.
        co_await runtime::sleep_for(5s);
      });
      survived = opened ? survived + 1 : 0;
      if (!opened) ++failed;
      at.node.disk().clear_faults();
      at.tear();
      at.again();
      run(at.node, [&](Runtime& runtime) -> Task<void> {
        const auto open = co_await opened_store(at.node, at.options);
        co_await at.expect_all(runtime, *open->store);
      });
    }
  }
  EXPECT_GT(failed, 10U);
}

TEST(StoreFailedOpen, AShardThatFindsNoSpaceBeforeTheOthersHaveStartedIsHeard) {
  size_t heard = 0;
  for (uint64_t seed = 1; seed <= 20 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    TwoShards at(seed);
    run(at.node, [&](Runtime& runtime) -> Task<void> {
      at.node.disk().fail_randomly({.kinds = {OpKind::write, OpKind::create}, .path = "topics/"},
                                   ErrorKind::no_space, 1, 1);
      const auto open = co_await opened_store(at.node, at.options);
      co_await runtime::sleep_for(2s);
      if (open->diagnostics.contains("disk.ballast_given_up")) ++heard;
      at.node.disk().clear_faults();
      at.tear();
      co_await runtime::sleep_for(20s);
      co_await at.expect_all(runtime, *open->store);
    });
  }
  EXPECT_GT(heard, 0U);
}

}  // namespace
}  // namespace godwit::storage::store_test
