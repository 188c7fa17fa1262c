// Crashes at every write, allocation, truncation, sync and creation of a segment and its index.
#include "runtime/sim/sweep_testing.h"
#include "storage/segment_testing.h"

namespace godwit::storage::testing {
namespace {

using runtime::sim::CrashScenario;
using runtime::sim::sweep_crashes;

// What checkpoint and journal would know.
struct Known {
  Content content = uniform(60, {.value_bytes = 1700});
  bool created = false;
  Position written;  // and synced
  bool sealed = false;
};

// Writes from `known.written` on in steps, and seals.
Task<void> go_on(Runtime& runtime, Known& known) {
  if (!known.created) {
    (void)co_await runtime.files().make_directory(kFolder);
    (void)co_await runtime.files().remove(kLogPath);
    EXPECT_TRUE((co_await SegmentWriter::create(runtime.files(), kLogPath)).has_value());
    (void)co_await runtime.files().sync_directory(kFolder);
    (void)co_await runtime.files().sync_directory(".");
    known.created = true;
  }
  Files files(runtime);
  const Bytes all = known.content.padded();
  runtime::AlignedBuffer memory(all.size());
  std::memcpy(memory.data(), all.data(), all.size());
  SegmentWriter writer(*files.cache, kLogPath, known.written, 32 << 10);
  while (writer.written().value() < all.size()) {
    const size_t count = std::min<size_t>(all.size() - writer.written().value(), 28 << 10);
    const BytesView range = memory.view().subspan(writer.written().value(), count);
    EXPECT_TRUE((co_await writer.write({&range, 1})).has_value());
    EXPECT_TRUE((co_await runtime.files().sync_filesystem(kFolder)).has_value());
    known.written = writer.written();
  }
  EXPECT_TRUE((co_await writer.trim(writer.written())).has_value());
  known.sealed = true;
  EXPECT_TRUE((co_await files.reader(info_of(known.content))->write_index({})).has_value());
}

TEST(SegmentCrash, WhatWasWrittenAndSyncedIsReadAndTheRestIsWrittenAgain) {
  const auto result = sweep_crashes({.crashes_in_recovery = true}, [](CrashScenario& run) {
    const auto known = std::make_shared<Known>();
    run.work([known](Runtime& runtime) -> Task<void> { co_await go_on(runtime, *known); });
    run.recover([known](Runtime& runtime) -> Task<void> {
      Content durable = known->content;
      while (!durable.batches.empty() && durable.batches.back().end > known->written)
        durable.batches.pop_back();
      durable.bytes.resize(durable.batches.empty() ? 0 : durable.batches.back().end.value());
      {
        Files files(runtime);
        const auto reader = files.reader(info_of(durable, known->sealed));
        EXPECT_EQ((co_await read_all(*reader, durable, Offset(0), 16 << 10)).error, "");
        EXPECT_TRUE(known->created || durable.batches.empty());
      }
      co_await go_on(runtime, *known);
      Files files(runtime);
      const auto reader = files.reader(info_of(known->content));
      EXPECT_EQ((co_await read_all(*reader, known->content, Offset(0), 1 << 20)).error, "");
      EXPECT_EQ((co_await reader->index())->size(), 2u);
    });
  });
  EXPECT_GT(result.runs, 100u);
}

}  // namespace
}  // namespace godwit::storage::testing
