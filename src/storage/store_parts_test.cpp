// Batches and remainders that take more than one round: what a checkpoint and a crash make of their parts.
#include <gmock/gmock.h>

#include "base/endian.h"
#include "durable/two_copy_file.h"
#include "runtime/sim/sweep_testing.h"
#include "runtime/sync.h"
#include "storage/checkpoint.h"
#include "storage/store_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::CrashScenario;
using runtime::sim::Node;
using runtime::sim::OpKind;
using runtime::sim::World;
using testing::IsEmpty;

// Rounds of 128 KiB.
StoreOptions parts_options() {
  StoreOptions options = small_options();
  options.boot_id = "1";
  return options;
}

Task<void> append_and_forget(Log& log, std::string text) {
  EXPECT_TRUE((co_await append_texts(log, {std::move(text)})).has_value());
}

// What the newer copy on the disk holds can be read.
void expect_usable_checkpoint(const runtime::sim::Disk& disk) {
  Bytes newest;
  uint64_t sequence = 0;
  for (const char* path : {"/data/checkpoint.a", "/data/checkpoint.b"}) {
    auto contents = disk.contents(path);
    if (!contents || contents->size() < 64) continue;
    const auto its = load_little<uint64_t>(contents->data() + 16);
    if (its <= sequence) continue;
    sequence = its;
    const auto size = load_little<uint64_t>(contents->data() + 24);
    newest.assign(contents->begin() + 64, contents->begin() + 64 + static_cast<ptrdiff_t>(size));
  }
  if (sequence == 0) return;
  const auto decoded = decode_checkpoint(SharedBytes::own(std::move(newest)));
  EXPECT_TRUE(decoded.has_value()) << decoded.error().describe();
}

std::string large(int i) {
  return std::to_string(i) + std::string(300'000, static_cast<char>('a' + i));
}

// Whatever stands in the journal of a batch, a checkpoint ends before or behind it, and a crash takes none that was synced.
TEST(StoreParts, ACheckpointAndACrashAnywhereLeaveWholeBatches) {
  for (const auto flush : {LogConfig::Flush::interval, LogConfig::Flush::always}) {
    const auto result = runtime::sim::sweep_crashes(
        {.seeds_per_point = 1, .crashes_in_recovery = true, .stride = 6}, [&](CrashScenario& scenario) {
          auto* const node = &scenario.node();
          auto synced = std::make_shared<std::array<Offset, 2>>();
          auto stable = std::make_shared<std::array<Offset, 2>>();
          scenario.work([=](Runtime&) -> Task<void> {
            auto open = co_await opened_store(*node, parts_options());
            LogConfig config;
            config.flush = flush;
            config.flush_ms = 1;
            std::array<Log*, 2> logs{};
            for (int p = 0; p < 2; ++p) {
              auto made = co_await open->store->create(partition(p), config);
              if (!made) co_return;
              logs[static_cast<size_t>(p)] = *made;
              // So that the batches begin somewhere.
              EXPECT_EQ(co_await publish(**made, {std::string(900, 'x')}), ErrorCode::none);
            }
            for (int i = 0; i < 3; ++i) {
              for (Log* log : logs) co_await append_and_forget(*log, large(i));
              for (int step = 0; step < 6; ++step) {
                co_await runtime::sleep_for(std::chrono::microseconds(150));
                if (step % 2 == 0) (void)co_await open->store->checkpoint();
                expect_usable_checkpoint(node->disk());
                for (size_t p = 0; p < 2; ++p) {
                  (*synced)[p] = logs[p]->synced_end();
                  (*stable)[p] = logs[p]->stable_end();
                }
              }
            }
          });
          const bool power = scenario.plan().kind == CrashKind::power_cut;
          const auto next_life = [=](Runtime&) -> Task<void> {
            StoreOptions options = parts_options();
            if (power) options.boot_id = std::to_string(node->incarnation());
            auto open = co_await opened_store(*node, options);
            for (const char* what :
                 {"checkpoint.lost", "checkpoint.not_usable", "log.damaged", "journal.damaged"}) {
              EXPECT_FALSE(open->diagnostics.contains(what)) << what;
            }
            for (int32_t p = 0; p < 2; ++p) {
              Log* const log = open->store->find(partition(p));
              const Offset least = (power ? *synced : *stable)[static_cast<size_t>(p)];
              if (log == nullptr) {
                EXPECT_EQ(least, Offset(0));
                continue;
              }
              EXPECT_GE(log->end(), least);
              auto texts = co_await read_texts(*log, Offset(0));
              EXPECT_EQ(texts.size(), static_cast<size_t>(log->end().value()));
              // What a recovery that crashed itself had published.
              while (!texts.empty() && texts.back().ends_with("=more")) texts.pop_back();
              for (size_t i = 1; i < texts.size(); ++i) {
                EXPECT_TRUE(texts[i] == std::to_string(i) + "=" + large(static_cast<int>(i) - 1)) << i;
              }
              EXPECT_EQ(co_await publish(*log, {"more"}), ErrorCode::none);
            }
          };
          scenario.recover(next_life);
        });
    EXPECT_GT(result.runs, 20u);
    if (HasFailure()) return;
  }
}

// How often `c` stands in the journal.
size_t count_in_journal(const runtime::sim::Disk& disk, char c) {
  size_t count = 0;
  for (const std::string& path : disk.files()) {
    if (!path.starts_with("/data/journal/")) continue;
    if (const auto contents = disk.contents(path))
      count += static_cast<size_t>(std::ranges::count(as_text(*contents), c));
  }
  return count;
}

// Of a batch that takes several rounds a crash may leave some: they count for nothing.
TEST(StoreParts, ABatchLargerThanARoundIsWholeOrAbsentAfterACrashAnywhere) {
  const std::string large(600'000, 'x');
  const std::vector<std::string> all{"0=a", "1=" + large, "2=b"};
  size_t cut_off = 0;
  const auto result = runtime::sim::sweep_crashes(
      {.seeds_per_point = 1, .crashes_in_recovery = true, .stride = 3}, [&](CrashScenario& scenario) {
        auto* const node = &scenario.node();
        auto acknowledged = std::make_shared<size_t>(0);
        scenario.work([=](Runtime&) -> Task<void> {
          auto open = co_await opened_store(*node);
          auto log = co_await open->store->create(partition(0), {});
          if (!log) co_return;
          for (const std::string& text : {std::string("a"), large, std::string("b")}) {
            EXPECT_EQ(co_await publish(**log, {text}), ErrorCode::none);
            ++*acknowledged;
          }
        });
        scenario.recover([=, &all, &cut_off](Runtime&) -> Task<void> {
          const size_t in_journal = count_in_journal(node->disk(), 'x');
          auto open = co_await opened_store(*node);
          EXPECT_FALSE(open->diagnostics.contains("log.damaged"));
          Log* log = open->store->find(partition(0));
          if (log == nullptr) {
            EXPECT_EQ(*acknowledged, 0u);
            co_return;
          }
          // Also what is published here, and a crash in this life may come before it is synced.
          auto there = co_await read_texts(*log, Offset(0));
          while (!there.empty() && there.back().ends_with("=after")) there.pop_back();
          EXPECT_GE(there.size(), *acknowledged);
          EXPECT_LE(there.size(), all.size());
          for (size_t i = 0; i < std::min(there.size(), all.size()); ++i)
            EXPECT_TRUE(there[i] == all[i]) << "record " << i;
          if (there.size() == 1 && in_journal > 200'000) ++cut_off;
          EXPECT_EQ(co_await publish(*log, {"after"}), ErrorCode::none);
          EXPECT_TRUE((co_await read_texts(*log, Offset(0))).back().ends_with("=after"));
        });
      });
  EXPECT_GT(result.runs, 50u);
  EXPECT_GT(cut_off, 10u) << "whole rounds of it were there, and it was not";
}

// The file has all there is: nothing is loaded for the log at start, and its first batch is on its way to the journal.
TEST(StoreParts, ACheckpointIsUsableAfterAStartWithAnActiveFileThatEndsAtABlock) {
  World world{3};
  Node& node = world.add_node("a");
  size_t size = 4096;
  while (batch_of({std::string(size, 'x')}).size() > 4096) --size;
  EXPECT_EQ(batch_of({std::string(size, 'x')}).size(), 4096u);
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log& log = **co_await open->store->create(partition(0), {});
    EXPECT_EQ(co_await publish(log, {std::string(size, 'x')}), ErrorCode::none);
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  node.crash(CrashKind::kill);
  node.restart();
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log& log = *open->store->find(partition(0));
    node.disk().stall({.kinds = {OpKind::write}, .path = "journal/"});
    EXPECT_TRUE((co_await append_texts(log, {"on its way"})).has_value());
    auto gate = std::make_shared<runtime::Gate>();
    node.keep(gate);
    (void)gate->spawn(*runtime::Shard::current(),
                      [](Store& store) -> Task<void> { (void)co_await store.checkpoint(); }(*open->store));
    co_await runtime::sleep_for(1s);
    expect_usable_checkpoint(node.disk());
  });
  node.crash(CrashKind::kill);
  node.disk().release();
  node.restart();
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    EXPECT_FALSE(open->diagnostics.contains("checkpoint.lost"));
    EXPECT_FALSE(open->diagnostics.contains("checkpoint.not_usable"));
    EXPECT_GE((co_await read_texts(*open->store->find(partition(0)), Offset(0))).size(), 1u);
  });
}

// Write-back finds no space, so that what is carried is larger than a round.
TEST(StoreParts, ARemainderThatIsCarriedInSeveralRoundsStaysInAllOfThem) {
  World world{3};
  Node& node = world.add_node("a");
  StoreOptions options = parts_options();
  options.checkpoint_interval = 3s;
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options);
    Log& log = **co_await open->store->create(partition(0), {});
    Log& other = **co_await open->store->create(partition(1), {});
    for (int i = 0; i < 9; ++i)
      EXPECT_EQ(co_await publish(log, {large(i).substr(0, 40'000)}), ErrorCode::none);
    node.disk().fail_next({.kinds = {OpKind::write, OpKind::allocate}, .path = "topics/"},
                          ErrorKind::no_space, 1000);
    EXPECT_FALSE((co_await open->store->checkpoint()).has_value());
    EXPECT_EQ(co_await publish(other, {"other"}), ErrorCode::none);
    co_await runtime::sleep_for(10s);
    EXPECT_EQ(log.synced_end(), Offset(9));
    EXPECT_GT(log.stats().unwritten_bytes, 300'000u);
  });
  node.crash(CrashKind::kill);
  node.disk().clear_faults();
  node.restart();
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node, options);
    EXPECT_THAT(co_await open->store->damages(), IsEmpty());
    const auto texts = co_await read_texts(*open->store->find(partition(0)), Offset(0));
    EXPECT_EQ(texts.size(), 9u);
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_TRUE(texts[i] == std::to_string(i) + "=" + large(static_cast<int>(i)).substr(0, 40'000)) << i;
    }
  });
}

TEST(StoreParts, ACheckpointThatCannotBeUsedLeavesTheOneBeforeIt) {
  World world{3};
  Node& node = world.add_node("a");
  run(node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(node);
    Log& log = **co_await open->store->create(partition(0), {});
    EXPECT_EQ(co_await publish(log, {"first"}), ErrorCode::none);
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    EXPECT_EQ(co_await publish(log, {"second"}), ErrorCode::none);
  });
  node.crash(CrashKind::kill);
  node.restart();
  for (int life = 0; life < 3; ++life) {
    run(node, [&](Runtime& runtime) -> Task<void> {
      if (life == 0) {
        durable::TwoCopyFile file(runtime.files(), "/data/checkpoint", {"godwit-c", 1});
        EXPECT_TRUE((co_await file.read()).has_value());
        const std::array<BytesView, 1> no_checkpoint{as_bytes(std::string_view("something else"))};
        EXPECT_TRUE((co_await file.write(no_checkpoint)).has_value());
      }
      auto open = co_await opened_store(node);
      EXPECT_EQ(open->diagnostics.contains("checkpoint.not_usable"), life < 2);
      EXPECT_FALSE(open->diagnostics.contains("checkpoint.lost"));
      EXPECT_THAT(co_await open->store->unproven(), IsEmpty());
      EXPECT_THAT(co_await read_texts(*open->store->find(partition(0)), Offset(0)),
                  testing::ElementsAre("0=first", "1=second"));
      if (life == 1) EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    });
    node.crash(CrashKind::kill);
    node.restart();
  }
}

}  // namespace
}  // namespace godwit::storage::store_test
