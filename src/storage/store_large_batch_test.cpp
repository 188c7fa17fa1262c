// Batches that are larger than the memory that a shard has for all of them.
#include "record/batch_edit.h"
#include "storage/store_testing.h"

namespace godwit::storage::store_test {
namespace {

// One MiB for a shard's logs: a batch has all of it but a block.
constexpr size_t kArena = 1 << 20;
constexpr size_t kFits = 700 << 10;
constexpr size_t kDoesNotFit = 900 << 10;

StoreOptions options_of_this() {
  StoreOptions options = small_options();
  options.arena_bytes = kArena;
  return options;
}

Bytes large_batch(size_t bytes) {
  return batch_of({std::string(bytes, 'x')});
}

Task<Log*> made(Store& store) {
  LogConfig config;
  config.segment_bytes = 16 << 20;
  auto log = co_await store.create(partition(0), config);
  GW_CHECK(log.has_value(), "a log can be made");
  co_return *log;
}

TEST(StoreLargeBatch, ABatchThatCanNeverFitIsRefusedAtOnceAndHoldsUpNobody) {
  runtime::sim::World world(1);
  runtime::sim::Node& node = world.add_node("a");
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options_of_this());
    Log* const log = co_await made(*open->store);
    runtime::Shard& shard = *runtime::Shard::current();
    for (int i = 0; i < 3; ++i) {
      const MonotonicTime began = shard.now();
      Bytes batch = large_batch(kDoesNotFit);
      const auto refused = co_await log->append(batch, {LeaderEpoch(0), shard.wall_now(), began + 60s});
      EXPECT_FALSE(refused.has_value());
      if (!refused) EXPECT_EQ(refused.error().code, ErrorCode::message_too_large);
      EXPECT_EQ(shard.now(), began);
      EXPECT_EQ(co_await publish(*log, {"small"}), ErrorCode::none);
      Bytes fits = large_batch(kFits);
      EXPECT_TRUE(co_await log->append(fits, {LeaderEpoch(0), shard.wall_now(), shard.now() + 60s}));
    }
    EXPECT_EQ(log->end(), Offset(6));
  });
}

TEST(StoreLargeBatch, AFollowerThatHasNoRoomForItsLeadersBatchSaysWhatToChange) {
  runtime::sim::World world(1);
  runtime::sim::Node& node = world.add_node("a");
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options_of_this());
    Log* const log = co_await made(*open->store);
    runtime::Shard& shard = *runtime::Shard::current();
    Bytes small = batch_of({"small"});
    stamp(small, Offset(0), LeaderEpoch(0));
    Bytes large = large_batch(kDoesNotFit);
    stamp(large, Offset(1), LeaderEpoch(0));
    small.insert(small.end(), large.begin(), large.end());
    const MonotonicTime began = shard.now();
    const auto refused = co_await log->append_replicated(small, shard.wall_now(), began + 60s);
    EXPECT_FALSE(refused.has_value());
    if (!refused) {
      EXPECT_EQ(refused.error().code, ErrorCode::message_too_large);
      EXPECT_NE(refused.error().message.find("memory.arena"), std::string::npos) << refused.error().message;
    }
    EXPECT_EQ(shard.now(), began);
    EXPECT_EQ(log->end(), Offset(1)) << "what comes before it is taken";
  });
}

}  // namespace
}  // namespace godwit::storage::store_test
