// Look-ups by time, of what does not open and while the log changes.
#include "record/batch_edit.h"
#include "storage/store_testing.h"

namespace godwit::storage::store_test {
namespace {

struct OneNode {
  runtime::sim::World world{1};
  runtime::sim::Node& node = world.add_node("a");
};

Task<Log*> made(Store& store, TopicPartition id, LogConfig config = {}) {
  auto log = co_await store.create(id, config);
  GW_CHECK(log.has_value(), "a log can be made");
  co_return *log;
}

std::string text_of(int i, size_t size) {
  std::string text = std::to_string(i);
  return text + std::string(size - text.size(), '.');
}

// Whoever looks up a time in a file when what is before `start` is deleted.
Task<void> expect_found_over_a_deletion(OneNode& at, Log& log, int64_t timestamp_ms, Offset start) {
  struct Asked {
    std::optional<Served<std::optional<TimestampedOffset>>> found;
    bool largest = false;
  };
  for (const bool largest : {false, true}) {
    const auto asked = std::make_shared<Asked>();
    at.node.disk().stall({.kinds = {runtime::sim::OpKind::read}, .path = ".log"});
    runtime::Shard::current()->spawn(
        [](Log& l, std::shared_ptr<Asked> a, bool max, int64_t timestamp) -> Task<void> {
          if (max) {
            a->found = co_await l.find_timestamp_max(l.end());
          } else {
            a->found = co_await l.find_timestamp(timestamp, l.end());
          }
        }(log, asked, largest, timestamp_ms));
    co_await runtime::yield();
    EXPECT_FALSE(asked->found) << "the file is in memory, the test looks at nothing";
    EXPECT_TRUE(co_await log.delete_before(start));
    at.node.disk().release();
    while (!asked->found) co_await runtime::sleep_for(1ms);
    EXPECT_TRUE(asked->found->has_value()) << (*asked->found).error().message;
    if (asked->found->has_value()) {
      EXPECT_TRUE(**asked->found);
      if (**asked->found) EXPECT_GE((***asked->found).offset, start);
      if (**asked->found && !largest) EXPECT_EQ((***asked->found).offset, start);
    }
    start = start + 1;
  }
}

TEST(StoreTimes, TimesAreFoundThoughTheStartOfTheLogMovesMeanwhile) {
  for (const int64_t segment_bytes : {int64_t{100'000}, int64_t{1} << 30}) {
    OneNode at;
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      LogConfig config;
      config.segment_bytes = segment_bytes;
      Log* log = co_await made(*open->store, partition(0), config);
      // Several steps of a look-up, in one file and in many.
      for (int i = 0; i < 300; ++i) {
        (void)co_await append_texts(*log, {text_of(i, 3000)}, LeaderEpoch(0), nullptr, 1000 + i);
      }
      EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
      log->set_high_watermark(log->end());
      co_await runtime::sleep_for(60s);
      co_await expect_found_over_a_deletion(at, *log, 1005, Offset(200));
    });
  }
}

// A compressed batch of three records at that time whose checksum is right, and that no codec opens: it is taken unopened.
Task<void> append_unopenable(Log& log, int64_t timestamp_ms) {
  BatchBuilder builder({.compression = {CompressionType::gzip}});
  for (int i = 0; i < 3; ++i) builder.add({.timestamp_ms = timestamp_ms, .value = as_bytes("some text")});
  Bytes batch = *builder.build();
  for (size_t i = kBatchHeaderSize + 12; i < batch.size(); ++i) batch[i] = ~batch[i];
  refresh_crc(batch);
  runtime::Shard& shard = *runtime::Shard::current();
  EXPECT_TRUE(co_await log.append(batch, {LeaderEpoch(0), shard.wall_now(), shard.now() + 30s}));
}

TEST(StoreTimes, ABatchThatDoesNotOpenCountsByItsHeaderWhereTimesAreLookedUp) {
  OneNode at;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = co_await made(*open->store, partition(0));
    const auto at_time = [&](int64_t timestamp_ms) -> Task<std::string> {
      const auto found = co_await log->find_timestamp(timestamp_ms, log->end());
      if (!found) co_return "error: " + found.error().message;
      co_return *found ? to_string((*found)->offset) + "@" + std::to_string((*found)->timestamp) : "none";
    };
    const auto largest = [&]() -> Task<std::string> {
      const auto found = co_await log->find_timestamp_max(log->end());
      if (!found) co_return "error: " + found.error().message;
      co_return *found ? to_string((*found)->offset) + "@" + std::to_string((*found)->timestamp) : "none";
    };
    (void)co_await append_texts(*log, {"first"}, LeaderEpoch(0), nullptr, 100);
    co_await append_unopenable(*log, 200);
    (void)co_await append_texts(*log, {"last"}, LeaderEpoch(0), nullptr, 300);
    EXPECT_EQ(co_await at_time(50), "0@100");
    EXPECT_EQ(co_await at_time(150), "1@200");
    EXPECT_EQ(co_await at_time(250), "4@300");
    EXPECT_EQ(co_await largest(), "4@300");
    co_await append_unopenable(*log, 900);
    EXPECT_EQ(co_await largest(), "5@900");
    EXPECT_EQ(co_await at_time(901), "none");
    // What is deleted of it is not given.
    EXPECT_EQ(co_await log->wait_stable(log->end(), runtime::Shard::current()->now() + 5s), ErrorCode::none);
    log->set_high_watermark(log->end());
    EXPECT_TRUE(co_await log->delete_before(Offset(2)));
    EXPECT_EQ(co_await at_time(150), "2@200");
  });
}

}  // namespace
}  // namespace godwit::storage::store_test
