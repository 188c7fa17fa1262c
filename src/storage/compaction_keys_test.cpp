// Compaction with little memory for keys: each pass compares a part of a log, and what is deleted stays deleted.
#include <gmock/gmock.h>

#include <map>
#include <random>

#include "runtime/sim/sweep_testing.h"
#include "storage/compaction_testing.h"
#include "storage/partition_log.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::World;

// Room for about ten keys.
StoreOptions few_keys() {
  StoreOptions options = small_options();
  options.compaction_interval = 100'000s;
  options.compaction_key_bytes = 1024;
  return options;
}

Offset cleaned_to(Log& log) {
  return static_cast<PartitionLog&>(log).state().cleaned_to;
}

// What a reader that keeps the newest value of each key comes to.
std::map<std::string, std::string> table_of(const std::vector<std::string>& contents) {
  std::map<std::string, std::string> table;
  for (const std::string& line : contents) {
    const std::string record = line.substr(line.find(':') + 1);
    const size_t equals = record.find('=');
    if (equals == std::string::npos) {
      table.erase(record);
    } else {
      table[record.substr(0, equals)] = record.substr(equals + 1);
    }
  }
  return table;
}

Task<void> seal(Store& store, Log& log) {
  EXPECT_TRUE((co_await log.roll()).has_value());
  EXPECT_TRUE((co_await store.checkpoint()).has_value());
  log.set_high_watermark(log.end());
}

// Passes until all that is sealed was compared; each brings it further.
Task<void> compare_all(Store& store, Log& log) {
  for (int pass = 0; pass < 100 && cleaned_to(log) < log.high_watermark(); ++pass) {
    const Offset before = cleaned_to(log);
    co_await store.run_compaction();
    EXPECT_GT(cleaned_to(log), before);
    if (cleaned_to(log) <= before) co_return;
  }
  EXPECT_EQ(cleaned_to(log), log.high_watermark());
}

std::string key_of(int i) {
  return "key" + std::to_string(i);
}

// Three sealed segments of distinct keys, many more than there is room for; late in the first one, x is written and deleted,
// and at the end of the last, y is written twice.
Task<Log*> three_segments(Store& store) {
  LogConfig config = compacted_config();
  config.segment_bytes = 1 << 20;
  Log& log = **co_await store.create(partition(0), config);
  for (int segment = 0; segment < 3; ++segment) {
    for (int i = 0; i < 24; ++i) (void)co_await put(log, {{key_of(segment * 24 + i), "v"}});
    if (segment == 0) {
      (void)co_await put(log, {{"x", "old"}});
      (void)co_await put(log, {{"x", std::nullopt}});
    }
    if (segment == 2) (void)co_await put(log, {{"y", "1"}, {"y", "2"}});
    co_await seal(store, log);
  }
  co_return &log;
}

TEST(CompactionKeys, ALogWithMoreKeysThanThereIsRoomForIsCompactedInSeveralPasses) {
  World world(1);
  auto& node = world.add_node("a");
  std::map<std::string, std::string> expected;
  for (int i = 0; i < 72; ++i) expected[key_of(i)] = "v";
  expected["y"] = "2";
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, few_keys());
    Log& log = *co_await three_segments(*open->store);
    EXPECT_EQ(log.stats().segments, 4U);
    for (int pass = 0; pass < 20 && cleaned_to(log) < log.end(); ++pass) {
      const Offset before = cleaned_to(log);
      co_await open->store->run_compaction();
      EXPECT_GT(cleaned_to(log), before);
      EXPECT_EQ(table_of(co_await contents(log)), expected);
      // Long enough for a tombstone that was seen in the pass before.
      co_await runtime::sleep_for(11s);
    }
    EXPECT_EQ(cleaned_to(log), log.end());
    // The values that were superseded are gone; the first tombstone may wait for another pass.
    const auto left = co_await contents(log);
    EXPECT_EQ(std::ranges::count_if(left, [](const auto& line) { return line.ends_with("=old"); }), 0);
    EXPECT_EQ(std::ranges::count_if(left, [](const auto& line) { return line.find(":y=") != line.npos; }), 1);
  });
  node.crash(CrashKind::power_cut);
  node.restart();
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, few_keys());
    Log& log = *open->store->find(partition(0));
    EXPECT_EQ(cleaned_to(log), log.end());
    (void)co_await put(log, {{"z", "v"}});
    expected["z"] = "v";
    co_await seal(*open->store, log);
    co_await compare_all(*open->store, log);
    const auto left = co_await contents(log);
    EXPECT_EQ(table_of(left), expected);
    EXPECT_EQ(left.size(), expected.size()) << "the tombstone is gone, and what it deleted stays so";
  });
}

TEST(CompactionKeys, APassThatHadNoRoomForAllKeysIsFollowedByTheNextAtOnce) {
  World world(1);
  auto& node = world.add_node("a");
  run(node, [&](Runtime&) -> Task<void> {
    StoreOptions options = few_keys();
    options.compaction_interval = 100s;
    auto open = co_await opened_store(node, options);
    Log& log = *co_await three_segments(*open->store);
    EXPECT_EQ(cleaned_to(log), Offset(0));
    co_await runtime::sleep_for(110s);
    EXPECT_EQ(cleaned_to(log), log.end());
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
}

// One batch with more keys than there is room for: the passes end inside it, and go on from there.
TEST(CompactionKeys, ABatchWithMoreKeysThanThereIsRoomForIsComparedInSeveralPasses) {
  World world(1);
  auto& node = world.add_node("a");
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, few_keys());
    Log& log = **co_await open->store->create(partition(0), compacted_config());
    std::vector<KeyValue> records{{"x", "old"}, {"x", std::nullopt}};
    for (int i = 0; i < 30; ++i) records.push_back({key_of(i), "v"});
    records.push_back({"x", "older"});
    records.push_back({"x", std::nullopt});
    (void)co_await put(log, records);
    co_await seal(*open->store, log);
    for (int pass = 0; pass < 20 && cleaned_to(log) < log.end(); ++pass) {
      co_await open->store->run_compaction();
      EXPECT_EQ(table_of(co_await contents(log)).size(), 30U);
      co_await runtime::sleep_for(11s);
    }
    EXPECT_EQ(cleaned_to(log), log.end());
    (void)co_await put(log, {{"y", "v"}});
    co_await seal(*open->store, log);
    co_await compare_all(*open->store, log);
    EXPECT_EQ((co_await contents(log)).size(), 31U);
  });
}

// Whatever is written, deleted, sealed, compacted and waited for: a reader comes to the same table.
TEST(CompactionKeys, WhateverAPassHasRoomForTheNewestValueOfEachKeyIsWhatIsRead) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World world(seed);
    auto& node = world.add_node("a");
    std::mt19937_64 random(seed);
    const auto below = [&](int n) { return static_cast<int>(random() % static_cast<uint64_t>(n)); };
    std::map<std::string, std::string> expected;
    int written = 0;
    for (int life = 0; life < 2; ++life) {
      run(node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(node, few_keys());
        Store& store = *open->store;
        Log& log = **co_await store.create(partition(0), compacted_config());
        for (int step = 0; step < 60; ++step) {
          std::vector<KeyValue> records;
          for (int i = below(5); i >= 0; --i) {
            const std::string key = key_of(below(10) < 3 ? below(4) : below(40));
            if (below(3) == 0) {
              records.push_back({key, std::nullopt});
              expected.erase(key);
            } else {
              const std::string value = std::to_string(++written);
              records.push_back({key, value + std::string(static_cast<size_t>(below(300)), '.')});
              expected[key] = value;
            }
          }
          EXPECT_TRUE((co_await put(log, std::move(records))).has_value());
          if (below(4) == 0) co_await seal(store, log);
          if (below(3) == 0) co_await store.run_compaction();
          if (below(3) == 0) co_await runtime::sleep_for(std::chrono::seconds(below(8)));
          if (step % 5 == 0) EXPECT_EQ(table_of(co_await contents(log)), expected);
        }
        co_await seal(store, log);
        co_await compare_all(store, log);
        EXPECT_EQ(table_of(co_await contents(log)), expected);
        co_await runtime::sleep_for(11s);
        // What is new lets the tombstones go whose time has come.
        EXPECT_TRUE((co_await put(log, {{"end", std::to_string(life)}})).has_value());
        expected["end"] = std::to_string(life);
        co_await seal(store, log);
        co_await compare_all(store, log);
        const auto left = co_await contents(log);
        EXPECT_EQ(table_of(left), expected);
        EXPECT_EQ(left.size(), expected.size());
      });
      node.crash(CrashKind::power_cut);
      node.restart();
    }
  }
}

TEST(CompactionKeys, APassThatEndsInsideASegmentIsWholeOrAbsentAfterACrashAnywhere) {
  const auto result = runtime::sim::sweep_crashes(
      {.seeds_per_point = 1, .crashes_in_recovery = true, .stride = 17},
      [&](runtime::sim::CrashScenario& scenario) {
        auto* const node = &scenario.node();
        auto ready = std::make_shared<bool>(false);
        std::map<std::string, std::string> expected;
        for (int i = 0; i < 12; ++i) expected[key_of(i)] = "new";
        scenario.work([=](Runtime&) -> Task<void> {
          auto open = co_await opened_store(*node, few_keys());
          Log& log = **co_await open->store->create(partition(0), compacted_config());
          for (const char* value : {"old", "new"}) {
            for (int i = 0; i < 12; ++i) (void)co_await put(log, {{key_of(i), value}});
            (void)co_await put(log, {{"x", value}});
            (void)co_await put(log, {{"x", std::nullopt}});
          }
          *ready = true;
          co_await seal(*open->store, log);
          co_await open->store->run_compaction();
          EXPECT_TRUE(cleaned_to(log) > log.start() && cleaned_to(log) < log.end());
          co_await open->store->run_compaction();
          co_await open->store->close();
        });
        const auto next_life = [=](Runtime&) -> Task<void> {
          auto open = co_await opened_store(*node, few_keys());
          Log* const log = open->store->find(partition(0));
          if (!*ready) co_return;
          EXPECT_NE(log, nullptr);
          if (log == nullptr) co_return;
          EXPECT_EQ(table_of(co_await contents(*log)), expected);
          co_await seal(*open->store, *log);
          co_await compare_all(*open->store, *log);
          EXPECT_EQ(table_of(co_await contents(*log)), expected);
          // The last tombstone stays for its time.
          EXPECT_THAT(co_await contents(*log), testing::AnyOf(testing::SizeIs(12), testing::SizeIs(13)));
        };
        scenario.recover(next_life);
        scenario.recover(next_life);
      });
  EXPECT_GT(result.runs, 15u);
}

}  // namespace
}  // namespace godwit::storage::store_test
