// The last batch of what is committed stands for the log's end, also when compaction takes its records.
#include <gmock/gmock.h>

#include "record/batches.h"
#include "storage/compaction_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::World;
using testing::ElementsAre;

Task<Bytes> batches_of(Log& log) {
  Bytes all;
  for (Offset from = log.start(); from < log.end();) {
    const auto part = co_await log.read({.from = from, .end = log.end()});
    GW_CHECK(part.has_value(), "the log can be read");
    if (part->batches.empty()) break;
    const Bytes bytes = part->batches.flatten();
    all.insert(all.end(), bytes.begin(), bytes.end());
    from = part->next;
  }
  co_return all;
}

// Where a follower comes to that writes down all that it is given.
Task<Offset> end_of_copy(Log& log) {
  const Bytes bytes = co_await batches_of(log);
  Offset end = log.start();
  (void)for_each_batch(bytes, {}, [&](const BatchView& batch, size_t) -> Result<void> {
    end = batch.header().next_offset();
    return {};
  });
  co_return end;
}

TEST(CompactionEnd, AFollowerOfALogWhoseLastRecordsAreGoneComesToItsEnd) {
  World world(1);
  auto& node = world.add_node("a");
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log& leader = **co_await open->store->create(partition(0), compacted_config());
    (void)co_await put(leader, {{"a", wide("a0")}});
    (void)co_await put(leader, {{"a", std::nullopt}});
    co_await compact(*open->store, leader);
    EXPECT_THAT(co_await contents(leader), ElementsAre("1:a"));
    // A new replica compacts for the first time after the tombstone's time.
    Log& follower = **co_await open->store->create(partition(1), compacted_config());
    const Bytes copy = co_await batches_of(leader);
    auto& shard = *runtime::Shard::current();
    EXPECT_TRUE((co_await follower.append_replicated(copy, shard.wall_now(), shard.now() + 5s)).has_value());
    EXPECT_EQ(co_await follower.wait_stable(follower.end(), shard.now() + 5s), ErrorCode::none);
    co_await runtime::sleep_for(11s);
    co_await compact(*open->store, follower);
    EXPECT_TRUE((co_await contents(follower)).empty());
    EXPECT_EQ(follower.end(), Offset(2));
    EXPECT_EQ(co_await end_of_copy(follower), Offset(2));
    // It stands for the end as long as it is there.
    (void)co_await put(follower, {{"b", wide("b0")}});
    co_await compact(*open->store, follower);
    EXPECT_THAT(co_await contents(follower), ElementsAre("2:b=b0"));
    const Bytes left = co_await batches_of(follower);
    EXPECT_EQ(BatchHeader::load(left).base_offset, Offset(2));
  });
}

// What is not committed may be truncated: then the log ends where it was compacted to.
TEST(CompactionEnd, AlsoWhereWhatFollowsIsTruncated) {
  World world(1);
  auto& node = world.add_node("a");
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log& log = **co_await open->store->create(partition(0), compacted_config());
    (void)co_await put(log, {{"a", wide("a0")}});
    // Written before the topic was compacted: a record without a key.
    EXPECT_EQ(co_await publish(log, {"no key"}), ErrorCode::none);
    EXPECT_TRUE((co_await log.roll()).has_value());
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    log.set_high_watermark(Offset(2));
    (void)co_await put(log, {{"a", wide("a1")}});
    co_await open->store->run_compaction();
    EXPECT_TRUE((co_await log.truncate(Offset(2))).has_value());
    EXPECT_THAT(co_await contents(log), ElementsAre("0:a=a0"));
    EXPECT_EQ(co_await end_of_copy(log), Offset(2));
  });
}

}  // namespace
}  // namespace godwit::storage::store_test
