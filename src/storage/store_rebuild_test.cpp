// Rule 11: without a valid checkpoint a start puts all logs together from the journal and the segment files.
#include <gmock/gmock.h>

#include "record/batches.h"
#include "record/record_reader.h"
#include "runtime/sim/sweep_testing.h"
#include "runtime/sync.h"
#include "storage/store_model_testing.h"

namespace godwit::storage::store_test {
namespace {

using runtime::sim::CrashKind;
using runtime::sim::Node;
using runtime::sim::NodeOptions;
using runtime::sim::OpKind;
using runtime::sim::World;
using testing::ElementsAre;
using testing::IsEmpty;

struct OneNode {
  explicit OneNode(uint64_t seed = 1, NodeOptions options = {})
      : world(seed), node(world.add_node("a", std::move(options))) {}
  World world;
  Node& node;
  // A task that nobody waits for, until the process ends.
  void start(Task<void> task) {
    auto gate = std::make_shared<runtime::Gate>();
    node.keep(gate);
    (void)gate->spawn(*runtime::Shard::current(), std::move(task));
  }
  void restart() {
    node.crash(CrashKind::power_cut);
    node.restart();
  }
  // Both copies rot, or those that are there.
  void rot_checkpoint(std::string_view copies = "ab") {
    for (const char copy : copies) {
      const std::string path = std::string(kDirectory) + "/checkpoint." + copy;
      for (uint64_t at = 0; at < 200; ++at) (void)node.disk().flip_bit(path, at, 3);
    }
  }
};

LogConfig small_segments() {
  LogConfig config;
  config.segment_bytes = 20'000;
  config.file_delete_delay_ms = 0;
  return config;
}

// What is in files alone, in files and journal, and in the journal alone.
Task<void> fill(Store& store, StoreModel& model) {
  for (int p = 0; p < 4; ++p) co_await model.create(store, partition(p), small_segments());
  for (int i = 0; i < 30; ++i) co_await model.publish(store, partition(0), 3000);
  for (int i = 0; i < 12; ++i) co_await model.publish(store, partition(1), 3000);
  co_await model.publish(store, partition(2), 100);
  EXPECT_TRUE((co_await store.checkpoint()).has_value());
  for (int i = 0; i < 5; ++i) co_await model.publish(store, partition(0), 3000);
  co_await model.truncate(store, partition(1), Offset(7));
  for (int i = 0; i < 3; ++i) co_await model.publish(store, partition(1), 3000, LeaderEpoch(2));
  co_await model.delete_before(store, partition(0), Offset(9));
  co_await model.drop(store, partition(3));
}

Task<void> go_on(Store& store, StoreModel& model) {
  co_await model.check(store);
  for (int p = 0; p < 3; ++p) co_await model.publish(store, partition(p), 50, LeaderEpoch(2));
  co_await model.check(store);
}

TEST(StoreRebuild, WhatWasAcknowledgedIsThereAndWhatWasTruncatedIsNot) {
  for (const bool checkpointed : {false, true}) {
    OneNode at;
    StoreModel model;
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      co_await fill(*open->store, model);
      if (checkpointed) EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
      co_await runtime::sleep_for(3s);
    });
    at.rot_checkpoint();
    for (int life = 0; life < 3; ++life) {
      at.restart();
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node);
        EXPECT_EQ(open->diagnostics.contains("checkpoint.lost"), life == 0);
        co_await go_on(*open->store, model);
        EXPECT_TRUE((co_await open->store->damages()).empty());
        // Until somebody compared it with other replicas.
        EXPECT_FALSE((co_await open->store->unproven()).empty());
      });
    }
  }
}

TEST(StoreRebuild, AnOlderCheckpointThatTheJournalWentPastIsNotEnough) {
  OneNode at;
  StoreModel model;
  StoreOptions options = small_options();
  options.journal_file_bytes = 128 << 10;
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node, options);
    co_await model.create(*open->store, partition(0), small_segments());
    // Several turns of the journal.
    for (int i = 0; i < 150; ++i) co_await model.publish(*open->store, partition(0), 9000);
    co_await runtime::sleep_for(3s);
  });
  for (const std::string_view copy : {"a", "b"}) {
    at.rot_checkpoint(copy);
    at.restart();
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node, options);
      co_await model.check(*open->store);
      EXPECT_TRUE((co_await open->store->damages()).empty());
      EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
      EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
      co_await runtime::sleep_for(3s);
    });
  }
}

TEST(StoreRebuild, ProducersAndEpochsAreFoundInTheBatches) {
  OneNode at;
  Producer producer{.id = 77, .epoch = 1};
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    const auto log = co_await open->store->create(partition(0), small_segments());
    for (int i = 0; i < 8; ++i) {
      const auto appended =
          co_await append_texts(**log, {std::string(5000, 'x')}, LeaderEpoch(i / 4), &producer);
      EXPECT_TRUE(appended.has_value());
      if (appended)
        EXPECT_EQ(co_await (*log)->wait_stable(
                      appended->last_offset + 1,
                      (*log)->end() >= Offset(0) ? runtime::Shard::current()->now() + 5s : MonotonicTime{}),
                  ErrorCode::none);
    }
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    co_await runtime::sleep_for(3s);
  });
  at.rot_checkpoint();
  at.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node);
    Log* log = open->store->find(partition(0));
    EXPECT_EQ(log->epochs().epoch_at(Offset(3)), LeaderEpoch(0));
    EXPECT_EQ(log->epochs().epoch_at(Offset(4)), LeaderEpoch(1));
    Producer again = producer;
    again.sequence = producer.sequence - 1;
    const auto repeated = co_await append_texts(*log, {std::string(5000, 'x')}, LeaderEpoch(1), &again);
    EXPECT_TRUE(repeated && repeated->duplicate && repeated->base_offset == Offset(7));
    const auto next = co_await append_texts(*log, {"next"}, LeaderEpoch(1), &producer);
    EXPECT_TRUE(next && !next->duplicate && next->base_offset == Offset(8));
    EXPECT_EQ(log->producers().last_offset_of(77), Offset(8));
  });
}

template <class T>
Task<void> ignored(Task<T> task) {
  (void)co_await std::move(task);
}

// A turn writes a file to its end as soon as it is sealed, while the record that says so is on its way. Where that does not
// arrive the log goes on in the same file: an index of before would have it end where it does not.
TEST(StoreRebuild, AFileWhoseSealDidNotArriveIsFoundToItsEnd) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    for (const bool recycled : {false, true}) {
      SCOPED_TRACE(seed);
      OneNode at(seed);
      StoreOptions options = small_options();
      options.journal_file_bytes = 128 << 10;
      std::vector<std::string> expected;
      const auto publish_three = [&](Log& log) -> Task<void> {
        for (int i = 0; i < 3; ++i) {
          const std::string text = std::to_string(log.end().value()) + std::string(3000, 'x');
          EXPECT_EQ(co_await publish(log, {text}), ErrorCode::none);
          expected.push_back(std::to_string(expected.size()) + "=" + text);
        }
      };
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node, options);
        Log& log = **co_await open->store->create(partition(0), {});
        EXPECT_TRUE((co_await open->store->create(partition(1), {})).has_value());
        co_await publish_three(log);
        EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
        at.node.disk().stall({.kinds = {OpKind::write}, .path = "journal/"});
        // The seal waits behind a round of another log.
        EXPECT_TRUE((co_await append_texts(*open->store->find(partition(1)), {"under way"})).has_value());
        co_await runtime::sleep_for(1ms);
        at.start(ignored(log.roll()));
        co_await runtime::sleep_for(1ms);
        at.start(ignored(open->store->checkpoint()));
        co_await runtime::sleep_for(1s);
        EXPECT_EQ(log.stats().unwritten_bytes, 0U) << "the file is written to its end";
      });
      at.node.crash(CrashKind::kill);
      at.node.disk().release();
      at.node.restart();
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node, options);
        Log& log = *open->store->find(partition(0));
        EXPECT_EQ(log.stats().segments, 1U) << "it was not sealed";
        co_await publish_three(log);
        EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
        // Two turns of the journal.
        for (int i = 0; recycled && i < 120; ++i) {
          EXPECT_EQ(co_await publish(*open->store->find(partition(1)), {std::string(9000, 'y')}),
                    ErrorCode::none);
        }
        EXPECT_TRUE((co_await open->store->close()).has_value());
      });
      at.rot_checkpoint();
      at.restart();
      run(at.node, [&](Runtime&) -> Task<void> {
        auto open = co_await opened_store(at.node, options);
        EXPECT_TRUE(open->diagnostics.contains("checkpoint.lost"));
        Log& log = *open->store->find(partition(0));
        EXPECT_THAT(co_await open->store->damages(), IsEmpty());
        EXPECT_EQ(co_await read_texts(log, Offset(0)), expected);
        EXPECT_EQ(log.end(), Offset(6));
      });
      if (HasFailure()) return;
    }
  }
}

TEST(StoreRebuild, AFileHasItsIndexOnceItsSealHasArrived) {
  for (const bool interval : {false, true}) {
    OneNode at;
    const auto indexes = [&] {
      const auto files = at.node.disk().files();
      return std::ranges::count_if(files, [](const std::string& path) { return path.ends_with(".index"); });
    };
    run(at.node, [&](Runtime&) -> Task<void> {
      auto open = co_await opened_store(at.node);
      LogConfig config;
      if (interval) config.flush = LogConfig::Flush::interval;
      Log& log = **co_await open->store->create(partition(0), config);
      for (int i = 0; i < 3; ++i) EXPECT_EQ(co_await publish(log, {std::string(3000, 'x')}), ErrorCode::none);
      EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
      at.node.disk().stall({.kinds = {OpKind::write}, .path = interval ? "relaxed/" : "journal/"});
      at.start(ignored(log.roll()));
      co_await runtime::sleep_for(1ms);
      at.start(ignored(open->store->checkpoint()));
      co_await runtime::sleep_for(1s);
      EXPECT_EQ(log.stats().unwritten_bytes, 0U) << "the file is written to its end";
      EXPECT_EQ(indexes(), 0);
      at.node.disk().release();
      co_await runtime::sleep_for(2s);
      EXPECT_EQ(indexes(), 1);
    });
  }
}

// What is under way when a checkpoint is taken is not in it. It says no less for that than the one before it, which rounds were
// given back for: or the next start would take it for an old one.
TEST(StoreRebuild, ACheckpointDuringAShardsFirstRoundForLongIsNoOldOne) {
  for (const bool interval : {false, true}) {
    for (const bool same_life : {false, true}) {
      SCOPED_TRACE(std::string(interval ? "interval" : "always") +
                   (same_life ? ", same life" : ", after a start"));
      OneNode at(1, {.shards = 2});
      StoreOptions options = small_options();
      options.boot_id = "boot";
      options.checkpoint_interval = 3s;
      LogConfig config;
      if (interval) config.flush = LogConfig::Flush::interval;
      const auto on_log = [](Runtime& runtime, Store& store, int32_t index,
                             std::function<Task<void>(Log*)> work) -> Task<void> {
        const auto id = partition(index);
        co_await runtime.shard(store.shard_of(id)).call([&store, id, work]() -> Task<void> {
          co_await work(store.find(id));
        });
      };
      int32_t quiet = 0;
      const auto under_way = [&](Runtime& runtime, OpenStore& open) -> Task<void> {
        at.node.disk().stall({.kinds = {OpKind::write}, .path = interval ? "relaxed/" : "journal/"});
        co_await on_log(runtime, *open.store, quiet, [](Log* log) -> Task<void> {
          EXPECT_TRUE((co_await append_texts(*log, {"new"})).has_value());
        });
        const auto checkpoints = [&] {
          return open.metrics.counter("godwit_storage_checkpoints_total", "checkpoints written").value();
        };
        const auto before = checkpoints();
        co_await runtime::sleep_for(4s);
        EXPECT_GT(checkpoints(), before);
        at.node.disk().release();
        co_await on_log(runtime, *open.store, quiet, [](Log* log) -> Task<void> {
          EXPECT_EQ(co_await log->wait_stable(Offset(2), runtime::Shard::current()->now() + 1s),
                    ErrorCode::none);
        });
      };
      run(at.node, [&](Runtime& runtime) -> Task<void> {
        auto open = co_await opened_store(at.node, options);
        Store& store = *open->store;
        int32_t busy = 0;
        while (store.shard_of(partition(quiet)) != 1) ++quiet;
        while (store.shard_of(partition(busy)) != 0) ++busy;
        for (const int32_t p : {quiet, busy}) {
          co_await runtime.shard(store.shard_of(partition(p))).call([&, p]() -> Task<void> {
            EXPECT_TRUE((co_await store.create(partition(p), config)).has_value());
          });
        }
        // All of it is in its file, and gives no checkpoint anything to carry.
        co_await on_log(runtime, store, quiet, [](Log* log) -> Task<void> {
          EXPECT_EQ(co_await publish(*log, {"old"}), ErrorCode::none);
          EXPECT_TRUE((co_await log->roll()).has_value());
        });
        for (int i = 0; i < 3; ++i) {
          co_await on_log(runtime, store, busy, [](Log* log) -> Task<void> {
            EXPECT_EQ(co_await publish(*log, {"text"}), ErrorCode::none);
          });
          EXPECT_TRUE((co_await store.checkpoint()).has_value());
        }
        // There is something for one.
        co_await on_log(runtime, store, busy, [](Log* log) -> Task<void> {
          EXPECT_EQ(co_await publish(*log, {"text"}), ErrorCode::none);
        });
        if (same_life) co_await under_way(runtime, *open);
      });
      at.node.crash(CrashKind::kill);
      at.node.restart();
      if (!same_life) {
        run(at.node, [&](Runtime& runtime) -> Task<void> {
          auto open = co_await opened_store(at.node, options);
          co_await under_way(runtime, *open);
        });
        at.node.crash(CrashKind::kill);
        at.node.restart();
      }
      run(at.node, [&](Runtime& runtime) -> Task<void> {
        auto open = co_await opened_store(at.node, options);
        EXPECT_FALSE(open->diagnostics.contains("checkpoint.old"));
        EXPECT_THAT(co_await open->store->damages(), IsEmpty());
        EXPECT_THAT(co_await open->store->unproven(), IsEmpty());
        co_await on_log(runtime, *open->store, quiet, [](Log* log) -> Task<void> {
          EXPECT_THAT(co_await read_texts(*log, Offset(0)), ElementsAre("0=old", "1=new"));
        });
      });
    }
  }
}

// Rounds of several shards come one after the other, some of them together, and some shards have none for long.
TEST(StoreRebuild, NoCheckpointBesideTheRoundsOfSeveralShardsIsAnOldOne) {
  constexpr int kLogs = 12;
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(seed);
    OneNode at(seed, {.shards = 4});
    StoreOptions options = small_options();
    options.checkpoint_interval = 100ms;
    options.boot_id = "boot";
    std::vector<int64_t> acknowledged(kLogs);
    for (int life = 0; life < 4; ++life) {
      run(at.node, [&](Runtime& runtime) -> Task<void> {
        auto open = co_await opened_store(at.node, options);
        EXPECT_FALSE(open->diagnostics.contains("checkpoint.old"));
        EXPECT_THAT(co_await open->store->damages(), IsEmpty());
        for (int p = 0; p < kLogs; ++p) {
          at.start(ignored(runtime.shard(open->store->shard_of(partition(p))).call([&, p]() -> Task<void> {
            LogConfig config;
            if (p % 3 == 0) config.flush = LogConfig::Flush::interval;
            const auto log = co_await open->store->create(partition(p), config);
            EXPECT_TRUE(log.has_value());
            if (!log) co_return;
            EXPECT_GE((*log)->end(), Offset(acknowledged[p]));
            // Some seldom, so that their shard's last round is long ago.
            const Duration pause = p % 4 == 0 ? 700ms : 3ms * (p + 1);
            for (;;) {
              EXPECT_EQ(co_await publish(**log, {"text"}), ErrorCode::none);
              acknowledged[p] = (*log)->end().value();
              co_await runtime::sleep_for(pause);
            }
          })));
        }
        // It ends wherever the others are.
        co_await runtime::sleep_for(1s + 37ms * static_cast<int>(seed));
      });
      at.node.crash(CrashKind::kill);
      at.node.restart();
      if (HasFailure()) return;
    }
  }
}

// Where each batch of a file begins.
std::vector<size_t> batches_in(BytesView bytes) {
  std::vector<size_t> found;
  for (size_t at = 0; at + kBatchHeaderSize <= bytes.size();) {
    const auto header = BatchHeader::parse(bytes.subspan(at));
    if (!header || header->total_size() > bytes.size() - at) break;
    found.push_back(at);
    at += header->total_size();
  }
  return found;
}

// A batch's checksum does not cover its base offset and epoch. Without a checkpoint, and with a journal that went on, a bit
// that flips there is noticed all the same: what is served is what was published at that offset, the rest is a damage.
TEST(StoreRebuild, AFlippedOffsetOrEpochIsNeverServed) {
  OneNode origin;
  StoreOptions options = small_options();
  options.journal_file_bytes = 128 << 10;
  std::map<Offset, std::string> texts;
  run(origin.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(origin.node, options);
    Log* const log = *co_await open->store->create(partition(0), small_segments());
    Log* const other = *co_await open->store->create(partition(1), {});
    for (int i = 0; i < 16; ++i) {
      texts[log->end()] = std::to_string(i) + std::string(3000, 'x');
      EXPECT_EQ(co_await publish(*log, {texts[log->end()]}, LeaderEpoch(i / 5)), ErrorCode::none);
    }
    EXPECT_TRUE((co_await open->store->checkpoint()).has_value());
    // Two turns of the journal.
    for (int i = 0; i < 120; ++i)
      EXPECT_EQ(co_await publish(*other, {std::string(9000, 'y')}), ErrorCode::none);
    EXPECT_TRUE((co_await open->store->close()).has_value());
  });
  origin.rot_checkpoint();
  std::map<std::string, Bytes> files;
  for (const std::string& path : origin.node.disk().files()) files[path] = *origin.node.disk().contents(path);
  const std::string folder = std::string(kDirectory) + "/topics/" + to_string(partition(0).topic) + "/0/";
  size_t flips = 0;
  size_t seen = 0;
  for (const auto& [path, bytes] : files) {
    if (!path.starts_with(folder) || !path.ends_with(".log")) continue;
    for (const size_t batch : batches_in(bytes)) {
      for (const auto& [byte, bit] :
           std::vector<std::pair<size_t, int>>{{7, 0}, {7, 2}, {6, 1}, {3, 5}, {15, 0}, {14, 3}}) {
        for (const bool indexed : {true, false}) {
          ++flips;
          SCOPED_TRACE(path + " batch at " + std::to_string(batch) + ", byte " + std::to_string(byte) +
                       " bit " + std::to_string(bit) + (indexed ? "" : ", without indexes"));
          OneNode at;
          for (const auto& [name, contents] : files) {
            if (!indexed && name.ends_with(".index")) continue;
            Bytes changed = contents;
            if (name == path) changed[batch + byte] ^= std::byte{1} << bit;
            at.node.disk().install(name, changed);
          }
          run(at.node, [&](Runtime&) -> Task<void> {
            auto open = co_await opened_store(at.node, options);
            Log* const log = open->store->find(partition(0));
            EXPECT_NE(log, nullptr);
            if (log == nullptr) co_return;
            std::set<Offset> served;
            for (Offset from = log->start(); from < log->end();) {
              const auto part = co_await log->read({.from = from, .end = log->end()});
              if (part) {
                const Bytes read = part->batches.flatten();
                const auto walked =
                    for_each_batch(read, {}, [&](const BatchView& view, size_t) -> Result<void> {
                      (void)for_each_record(view, {}, [&](const Record& record) {
                        served.insert(record.offset);
                        EXPECT_EQ(as_text(*record.value), texts[record.offset])
                            << "at " << record.offset.value();
                        return true;
                      });
                      return {};
                    });
                EXPECT_TRUE(walked.has_value());
              }
              from = part && part->next > from ? part->next : from + 1;
            }
            if (served.size() < texts.size()) {
              ++seen;
              EXPECT_FALSE((co_await open->store->damages()).empty());
            }
            // Half of them are there whatever flipped.
            EXPECT_GE(served.size(), texts.size() / 2);
            EXPECT_GE(log->end(), Offset(16));
            EXPECT_EQ(co_await publish(*log, {"after"}, log->epochs().latest().value_or(LeaderEpoch(0))),
                      ErrorCode::none);
          });
          if (HasFailure()) return;
        }
      }
    }
  }
  EXPECT_GT(flips, 100U);
  EXPECT_GT(seen, flips / 4);
}

// The rebuilding itself may be cut off anywhere, and what was rebuilt is as good as what never needed it.
TEST(StoreRebuild, ACrashDuringItChangesNothing) {
  // A third of the mutations for each kind and point; all together see each of them.
  runtime::sim::CrashSweepOptions options{.seeds_per_point = 1, .crashes_in_recovery = true, .stride = 3};
  OneNode origin;
  StoreModel filled;
  run(origin.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(origin.node);
    co_await fill(*open->store, filled);
    co_await runtime::sleep_for(3s);
  });
  origin.rot_checkpoint();
  origin.restart();
  std::map<std::string, Bytes> files;
  for (const std::string& path : origin.node.disk().files()) files[path] = *origin.node.disk().contents(path);
  const auto result = runtime::sim::sweep_crashes(options, [&](runtime::sim::CrashScenario& scenario) {
    auto* const node = &scenario.node();
    for (const auto& [path, bytes] : files) node->disk().install(path, bytes);
    auto model = std::make_shared<StoreModel>(filled);
    scenario.work([=](Runtime&) -> Task<void> {
      auto open = co_await opened_store(*node);
      EXPECT_TRUE(open->diagnostics.contains("checkpoint.lost"));
    });
    const auto next_life = [=](Runtime&) -> Task<void> {
      auto open = co_await opened_store(*node);
      EXPECT_TRUE((co_await open->store->damages()).empty());
      EXPECT_FALSE((co_await open->store->unproven()).empty());
      co_await go_on(*open->store, *model);
    };
    scenario.recover(next_life);
    scenario.recover(next_life);
  });
  EXPECT_GT(result.mutations, 10u);
}

}  // namespace
}  // namespace godwit::storage::store_test
