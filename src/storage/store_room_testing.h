// What the tests of full journals and disks share: publishing with a deadline, and the next life.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "storage/store_testing.h"

namespace godwit::storage::store_test {

using runtime::sim::CrashKind;
using runtime::sim::Node;
using runtime::sim::NodeOptions;
using runtime::sim::World;

struct OneNode {
  explicit OneNode(NodeOptions options = {}) : node(world.add_node("a", std::move(options))) {}
  World world{5};
  Node& node;
};

inline MonotonicTime in(Duration time) {
  return runtime::Shard::current()->now() + time;
}

// Of a batch: whether it was admitted and became stable in that time.
inline Task<bool> published(Log& log, size_t bytes, Duration time) {
  Bytes batch = batch_of({std::string(bytes, 'x')});
  const auto appended =
      co_await log.append(batch, {.epoch = LeaderEpoch(0), .now = WallTime{1000}, .deadline = in(time)});
  if (!appended) co_return false;
  co_return co_await log.wait_stable(Offset(appended->last_offset.value() + 1), in(time)) == ErrorCode::none;
}

inline Task<void> publish_until(Log& log, size_t bytes, MonotonicTime end, int& count) {
  while (runtime::Shard::current()->now() < end) {
    if (co_await published(log, bytes, 500ms)) ++count;
  }
}

inline Task<void> make_log(Runtime& runtime, Store& store, TopicPartition id, LogConfig config = {}) {
  co_await runtime.shard(store.shard_of(id)).call([&store, id, config]() -> Task<void> {
    EXPECT_TRUE((co_await store.create(id, config)).has_value());
  });
}

// The next life: nothing is damaged; then `look`.
inline void after(CrashKind kind, OneNode& at, const StoreOptions& options,
                  std::function<Task<void>(Store&)> look) {
  at.node.crash(kind);
  at.node.restart();
  run(at.node, [&](Runtime&) -> Task<void> {
    auto open = co_await opened_store(at.node, options);
    EXPECT_TRUE((co_await open->store->damages()).empty());
    co_await look(*open->store);
  });
}

// So many records of each log, as their texts are.
inline Task<void> expect_records(Store& store, int logs, std::function<size_t(int)> count) {
  for (int p = 0; p < logs; ++p) {
    EXPECT_EQ((co_await read_texts(*store.find(partition(p)), Offset(0))).size(), count(p)) << p;
  }
}

}  // namespace godwit::storage::store_test
