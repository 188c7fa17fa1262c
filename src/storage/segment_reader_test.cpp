// Reading whole segments: every size of batch, every size of answer, several readers, growing files.
#include "runtime/sync.h"
#include "storage/segment_testing.h"

namespace godwit::storage::testing {
namespace {

using namespace std::chrono_literals;

class SegmentReading : public ::testing::Test {
 protected:
  void install(const Content& content) { node.disk().install(kLogPath, content.padded()); }
  void run(runtime::sim::Main main) { ASSERT_TRUE(node.run(std::move(main))); }
  World world{7};
  Node& node = world.add_node("a");
};

TEST_F(SegmentReading, EveryBatchIsReadOnceInOrderWhateverItsSizeAndTheAnswers) {
  for (const size_t value : {size_t{1}, size_t{100}, size_t{4096}, size_t{16} << 10, size_t{1} << 20}) {
    Content content = uniform(value > 100'000 ? 9 : 700, {.value_bytes = value, .records = 3});
    install(content);
    (void)node.disk().image().remove(kIndexPath);
    for (const size_t bytes_max :
         {size_t{1}, size_t{5000}, size_t{300} << 10, size_t{1} << 20, size_t{64} << 20}) {
      if (bytes_max == 1 && value < 1000) continue;
      run([&](Runtime& runtime) -> Task<void> {
        Files files(runtime);
        const auto reader = files.reader(info_of(content));
        const auto all = co_await read_all(*reader, content, Offset(0), bytes_max);
        EXPECT_EQ(all.error, "") << value << " " << bytes_max;
        EXPECT_EQ(all.reached, content.next());
        EXPECT_TRUE(files.sink.events.empty());
      });
    }
  }
}

TEST_F(SegmentReading, AnyOffsetIsFoundAndASingleReadIsSmall) {
  Content content = uniform(3000, {.value_bytes = 1000, .records = 2});
  install(content);
  run([&](Runtime& runtime) -> Task<void> {
    Files files(runtime);
    const auto reader = files.reader(info_of(content));
    EXPECT_TRUE((co_await reader->index()).has_value());
    for (int64_t offset = 0; offset < content.next().value(); offset += 97) {
      const auto one = co_await reader->read(Offset(offset), 1 << 20, std::nullopt);
      const auto& place = content.place_of(Offset(offset));
      EXPECT_LE(one->batches.size(), 128u << 10);
      EXPECT_EQ(BatchHeader::load(one->batches.flatten()).base_offset, place.base);
      // What is read for one is an interval of the index.
      EXPECT_LE(files.buffers->usage().out, 160u << 10);
    }
    const auto behind = co_await reader->read(content.next(), 1000, std::nullopt);
    EXPECT_TRUE(behind->batches.empty());
  });
}

TEST_F(SegmentReading, AHintThatIsWrongChangesNothing) {
  Content content = uniform(500, {.value_bytes = 1000});
  install(content);
  run([&](Runtime& runtime) -> Task<void> {
    Files files(runtime);
    const auto reader = files.reader(info_of(content));
    for (const uint64_t hint : {uint64_t{0}, uint64_t{17}, content.end().value(), ~uint64_t{0}}) {
      const auto one = co_await reader->read(Offset(333), 1, Position(hint));
      EXPECT_EQ(BatchHeader::load(one->batches.flatten()).base_offset, Offset(333));
    }
  });
}

TEST_F(SegmentReading, ReadingStopsAtTheEndThatIsGivenAndGoesOnWhenItGrows) {
  Content content = uniform(600, {.value_bytes = 3000});
  Content garbage;
  garbage.bytes = content.padded();
  install(content);
  // What lies behind the end has not been written yet.
  const auto& half = content.batches[299];
  Bytes bytes = content.padded();
  const size_t written = (half.end.value() + 4095) / 4096 * 4096;
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(written), bytes.end(), std::byte{0x5a});
  node.disk().install(kLogPath, bytes);
  run([&](Runtime& runtime) -> Task<void> {
    Files files(runtime);
    SegmentInfo info = info_of(content, false);
    info.end = half.end;
    const auto reader = files.reader(info);
    node.disk().fail_reads(kLogPath, written, 1 << 30);
    Content front = content;
    front.batches.resize(300);
    front.bytes.resize(half.end.value());
    EXPECT_EQ((co_await read_all(*reader, front, Offset(0), 1 << 20)).error, "");
    EXPECT_TRUE((co_await reader->read(half.next, 1000, half.end))->batches.empty());
    node.disk().clear_faults();
    node.disk().install(kLogPath, content.padded());
    files.cache->forget(kLogPath);
    reader->set_end(content.end());
    EXPECT_EQ((co_await read_all(*reader, content, half.next, 1 << 20)).error, "");
    EXPECT_EQ((co_await read_all(*reader, content, Offset(0), 1 << 20)).error, "");
    // Sealed earlier than it was: a truncation.
    reader->set_end(half.end, true);
    EXPECT_EQ((co_await read_all(*reader, front, Offset(0), 1 << 20)).error, "");
    EXPECT_TRUE((co_await reader->read(half.next, 1000, half.end))->batches.empty());
    EXPECT_EQ((co_await reader->index())->back().position < half.end, true);
  });
}

TEST_F(SegmentReading, CompactedFilesHaveGapsAndAnOffsetInOneLeadsBehindIt) {
  Content content;
  for (int64_t i = 0; i < 800; ++i)
    content.add(make_batch(Offset(100 + i * 10), {.value_bytes = 700, .records = 3}));
  install(content);
  run([&](Runtime& runtime) -> Task<void> {
    Files files(runtime);
    SegmentInfo info = info_of(content);
    info.compacted = true;
    info.base = Offset(50);
    const auto reader = files.reader(info);
    for (const int64_t from : {int64_t{50}, int64_t{103}, int64_t{1234}, int64_t{1235}, int64_t{7995}}) {
      const auto one = co_await reader->read(Offset(from), 1, std::nullopt);
      EXPECT_EQ(BatchHeader::load(one->batches.flatten()).base_offset, content.place_of(Offset(from)).base)
          << from;
    }
    EXPECT_TRUE((co_await reader->read(Offset(8093), 1, std::nullopt))->batches.empty());
    EXPECT_EQ((co_await read_all(*reader, content, Offset(50), 1 << 20)).error, "");
    info.compacted = false;
    const auto strict = files.reader(info);
    const auto gap = co_await read_all(*strict, content, Offset(100), 1);
    EXPECT_EQ(gap.kind, ErrorKind::corrupt);
    EXPECT_NE(gap.error.find("base offset"), std::string::npos) << gap.error;
  });
}

Task<void> consume(SegmentReader& reader, const Content& content, Offset from, size_t bytes_max, int& well) {
  const auto all = co_await read_all(reader, content, from, bytes_max);
  EXPECT_EQ(all.error, "");
  well += all.reached == content.next();
}

TEST_F(SegmentReading, ManyReadersAtOnceShareFewBuffers) {
  Content content = uniform(4000, {.value_bytes = 1500});
  install(content);
  for (const size_t buffers : {size_t{300} << 10, size_t{2} << 20}) {
    run([&](Runtime& runtime) -> Task<void> {
      Files files(runtime, buffers);
      const auto reader = files.reader(info_of(content));
      int well = 0;
      std::vector<Task<void>> tasks;
      for (int64_t i = 0; i < 12; ++i) {
        tasks.push_back(consume(*reader, content, Offset(i * 300), size_t{20'000} << (i % 6), well));
      }
      co_await runtime::when_all(std::move(tasks));
      EXPECT_EQ(well, 12);
      EXPECT_LE(files.buffers->usage().out + files.buffers->usage().idle, buffers);
    });
  }
}

TEST_F(SegmentReading, ASlowConsumerHoldsMemoryButTheOthersGoOnWhenItLetsGo) {
  Content content = uniform(4000, {.value_bytes = 1500});
  install(content);
  run([&](Runtime& runtime) -> Task<void> {
    Files files(runtime, 400 << 10);
    const auto reader = files.reader(info_of(content));
    std::vector<Chain> held;
    Offset next(0);
    for (int i = 0; i < 2; ++i) {
      auto part = co_await reader->read(next, 64 << 10, std::nullopt);
      next = part->next;
      held.push_back(std::move(part->batches));
    }
    int well = 0;
    std::vector<Task<void>> tasks;
    for (int64_t i = 0; i < 4; ++i)
      tasks.push_back(consume(*reader, content, Offset(i * 900), 1 << 20, well));
    tasks.push_back([](std::vector<Chain>& h) -> Task<void> {
      co_await runtime::sleep_for(1s);
      h.clear();
    }(held));
    co_await runtime::when_all(std::move(tasks));
    EXPECT_EQ(well, 4);
  });
}

TEST_F(SegmentReading, AReaderThatGoesForwardFindsTheNextBlockReadAlready) {
  Content content = uniform(8, {.value_bytes = 1 << 20});
  install(content);
  run([&](Runtime& runtime) -> Task<void> {
    Files files(runtime, 8 << 20);
    const auto reader = files.reader(info_of(content));
    EXPECT_TRUE((co_await reader->index()).has_value());
    auto part = co_await reader->read(Offset(0), 1 << 20, std::nullopt);
    for (int i = 1; i < 8; ++i) {
      const Offset from = part->next;
      const Position hint = part->next_position;
      co_await runtime::sleep_for(1s);
      const MonotonicTime before = runtime.shard(0).now();
      part = co_await reader->read(from, 1 << 20, hint);
      EXPECT_EQ(part->next, from + 1);
      if (i > 1) EXPECT_EQ(runtime.shard(0).now(), before) << "no read of the disk was waited for";
    }
  });
}

TEST_F(SegmentReading, AReaderThatGoesOnLongIsReadAheadInLargeBlocks) {
  Content content = uniform(40, {.value_bytes = 1 << 20});
  install(content);
  for (const size_t answer : {size_t{1} << 20, size_t{300} << 10}) {
    run([&](Runtime& runtime) -> Task<void> {
      Files files(runtime, 64 << 20);
      const auto reader = files.reader(info_of(content));
      EXPECT_TRUE((co_await reader->index()).has_value());
      std::optional<Position> hint;
      Offset from(0);
      size_t held_max = 0;
      for (int i = 0; i < 40; ++i) {
        const auto part = co_await reader->read(from, answer, hint);
        EXPECT_EQ(part->next, from + 1);
        from = part->next;
        hint = part->next_position;
        held_max = std::max(held_max, files.buffers->usage().out);
      }
      // What is used and what follows it, no more.
      EXPECT_GE(held_max, answer == 1 << 20 ? size_t{8} << 20 : size_t{2} << 20);
      EXPECT_LE(held_max, size_t{12} << 20);
      co_await runtime::sleep_for(1s);
      EXPECT_LE(files.buffers->usage().out, size_t{4} << 20);
    });
  }
}

TEST_F(SegmentReading, TwoReadersInTurnGetEverythingOnce) {
  Content content = uniform(3000, {.value_bytes = 5000});
  install(content);
  run([&](Runtime& runtime) -> Task<void> {
    Files files(runtime, 64 << 20);
    const auto reader = files.reader(info_of(content));
    int well = 0;
    std::vector<Task<void>> tasks;
    for (const int64_t from : {int64_t{0}, int64_t{700}, int64_t{2900}})
      tasks.push_back(consume(*reader, content, Offset(from), 1 << 20, well));
    co_await runtime::when_all(std::move(tasks));
    EXPECT_EQ(well, 3);
  });
}

TEST_F(SegmentReading, AReaderThatIsGoneLeavesNothingBehind) {
  Content content = uniform(8, {.value_bytes = 1 << 20});
  install(content);
  run([&](Runtime& runtime) -> Task<void> {
    Files files(runtime, 8 << 20);
    {
      const auto reader = files.reader(info_of(content));
      auto part = co_await reader->read(Offset(0), 1 << 20, std::nullopt);
      part = co_await reader->read(part->next, 1 << 20, part->next_position);
    }
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(files.buffers->usage().out, 0u);
    EXPECT_EQ(files.buffers->indexes().bytes(), 0u);
  });
}

}  // namespace
}  // namespace godwit::storage::testing
