// The index of a segment: loaded, built, written, bounded; and what is looked up with it.
#include "base/crc32c.h"
#include "base/endian.h"
#include "runtime/sync.h"
#include "storage/segment_testing.h"

namespace godwit::storage::testing {
namespace {

class SegmentIndexing : public ::testing::Test {
 protected:
  void install(const Content& content) { node.disk().install(kLogPath, content.padded()); }
  void run(runtime::sim::Main main) { ASSERT_TRUE(node.run(std::move(main))); }
  Bytes index_file() { return node.disk().contents(kIndexPath).value_or(Bytes()); }
  World world{7};
  Node& node = world.add_node("a");
};

SegmentIndex index_of(const Content& content) {
  const SegmentInfo info = info_of(content);
  SegmentIndex index(info);
  for (const auto& place : content.batches) {
    index.add(place.header, BytesView(content.bytes).subspan(place.position.value()), info);
  }
  index.close();
  return index;
}

void mend(Bytes& file) {
  for (size_t at = 0; at < file.size(); at += 4096) {
    store_little<uint32_t>(file.data() + at + 4092, crc32c(BytesView(file).subspan(at, 4092)));
  }
}

TEST_F(SegmentIndexing, AnEntryStandsAtABatchOnceInEachInterval) {
  const Content content = uniform(3000, {.value_bytes = 500});
  const SegmentIndex index = index_of(content);
  EXPECT_GT(index.entries().size(), 20u);
  for (size_t i = 0; i < index.entries().size(); ++i) {
    const IndexEntry& entry = index.entries()[i];
    const auto& place = content.place_of(entry.offset);
    EXPECT_EQ(place.position, entry.position);
    EXPECT_EQ(entry.timestamp_max, place.header.max_timestamp_ms);
    const Position end = index.interval_end(entry.position);
    uint32_t crc = 0;
    for (const auto& batch : content.batches) {
      if (batch.position < entry.position || batch.position >= end) continue;
      crc = crc32c_extend(crc, BytesView(content.bytes).subspan(batch.position.value(), 21));
    }
    EXPECT_EQ(entry.headers_crc, crc);
    if (i > 0) EXPECT_GE(entry.position - index.entries()[i - 1].position, kIndexInterval);
  }
}

TEST_F(SegmentIndexing, TheFileReadsBackAsItWasWritten) {
  for (const size_t count : {size_t{0}, size_t{1}, size_t{127}, size_t{128}, size_t{300}}) {
    const Content content = uniform(count, {.value_bytes = 66'000});
    const SegmentIndex index = index_of(content);
    EXPECT_EQ(index.entries().size(), count);
    const Bytes bytes = index.encode(info_of(content));
    EXPECT_EQ(bytes.size(), 4096 * (1 + (count + 126) / 127));
    const auto back = SegmentIndex::decode(bytes, info_of(content));
    ASSERT_TRUE(back.has_value()) << back.error().message;
    EXPECT_EQ(back->entries(), index.entries());
    EXPECT_EQ(back->timestamp_max(), index.timestamp_max());
    EXPECT_EQ(back->frontier().next, index.frontier().next);
  }
}

TEST_F(SegmentIndexing, AnyFlippedBitAndAnyOtherFilesIndexIsSeen) {
  const Content content = uniform(200, {.value_bytes = 66'000});
  const Bytes bytes = index_of(content).encode(info_of(content));
  for (size_t at = 0; at < bytes.size(); at += 13) {
    Bytes bad = bytes;
    bad[at] ^= std::byte{0x10};
    EXPECT_FALSE(SegmentIndex::decode(bad, info_of(content)).has_value()) << at;
  }
  for (const size_t size : {size_t{0}, size_t{100}, size_t{4096}, size_t{8192}}) {
    EXPECT_FALSE(SegmentIndex::decode(BytesView(bytes).first(size), info_of(content)).has_value());
  }
  SegmentInfo other = info_of(content);
  other.id = FileId(43);
  EXPECT_FALSE(SegmentIndex::decode(bytes, other).has_value());
  other = info_of(content);
  other.end = content.batches[150].end;
  EXPECT_FALSE(SegmentIndex::decode(bytes, other).has_value());
}

TEST_F(SegmentIndexing, TheWorkedExampleOfTheFormatStandsAsDocumented) {
  Content content;
  content.add(make_batch(Offset(100), {.value_bytes = 10, .records = 2, .epoch = 3, .timestamp_ms = 1000}));
  const Bytes bytes = index_of(content).encode(info_of(content));
  ASSERT_EQ(bytes.size(), 8192u);
  EXPECT_EQ(as_text(BytesView(bytes).first(8)), "GODWTIDX");
  EXPECT_EQ(to_hex(BytesView(bytes).subspan(8, 64)),
            "01000000000000002a000000000000006400000000000000"
            "5f0000000000000001000000000000006600000000000000e80300000000000003000000"
            "00000000");
  EXPECT_EQ(to_hex(BytesView(bytes).subspan(4096, 48)).substr(0, 88),
            "2a000000000000000000000001000000"
            "64000000000000000000000000000000e80300000000000003000000");
}

TEST_F(SegmentIndexing, ItIsBuiltAndWrittenWhereItIsMissingAndUsedAfterwards) {
  const Content content = uniform(3000, {.value_bytes = 500});
  install(content);
  run([&](Runtime& runtime) -> Task<void> {
    Files files(runtime);
    const auto entries = co_await files.reader(info_of(content))->index();
    EXPECT_EQ(*entries, index_of(content).entries());
    EXPECT_EQ(index_file(), index_of(content).encode(info_of(content)));
    // With it, a look-up touches the interval alone.
    const auto& place = content.batches[1500];
    node.disk().fail_reads(kLogPath, 0, place.position.value() - (80 << 10));
    const auto one = co_await files.reader(info_of(content))->read(place.base, 1, std::nullopt);
    EXPECT_EQ(one->next, place.next);
  });
}

TEST_F(SegmentIndexing, OneThatIsWrongIsReplacedAndOneOfANewerProgramIsLeftAlone) {
  const Content content = uniform(3000, {.value_bytes = 500});
  install(content);
  const Bytes right = index_of(content).encode(info_of(content));
  Bytes rotten = right;
  rotten[4096 + 100] ^= std::byte{1};
  Bytes long_one = right;
  long_one.resize(right.size() + (1 << 20));
  Bytes newer = right;
  store_little<uint32_t>(newer.data() + 8, 2);
  mend(newer);
  for (const Bytes& file : {rotten, long_one, Bytes(100), newer}) {
    node.disk().install(kIndexPath, file);
    run([&](Runtime& runtime) -> Task<void> {
      Files files(runtime);
      const auto reader = files.reader(info_of(content));
      EXPECT_EQ(*co_await reader->index(), index_of(content).entries());
      EXPECT_TRUE(files.sink.contains("segment.index_rebuilt"));
      EXPECT_EQ(index_file(), file == newer ? newer : right);
    });
  }
  // One that cannot be read, and one that cannot be written, hinder nobody.
  for (const OpKind kind : {OpKind::read, OpKind::write}) {
    node.disk().install(kIndexPath, rotten);
    run([&](Runtime& runtime) -> Task<void> {
      Files files(runtime);
      node.disk().fail_next({.kinds = {kind}, .path = ".index"}, ErrorKind::io);
      const auto reader = files.reader(info_of(content));
      EXPECT_EQ(*co_await reader->index(), index_of(content).entries());
    });
  }
}

TEST_F(SegmentIndexing, WhatTheWriterKnowsSavesTheScan) {
  const Content content = uniform(3000, {.value_bytes = 500});
  install(content);
  const auto entries = index_of(content).entries();
  const size_t half = entries.size() / 2;
  for (const size_t from : {size_t{0}, half}) {
    (void)node.disk().image().remove(kIndexPath);
    run([&](Runtime& runtime) -> Task<void> {
      Files files(runtime);
      if (from == 0) node.disk().fail_reads(kLogPath, 0, entries.back().position.value() - 8192);
      const auto written =
          co_await files.reader(info_of(content))->write_index(std::span(entries).subspan(from));
      EXPECT_TRUE(written.has_value());
      EXPECT_EQ(index_file(), index_of(content).encode(info_of(content)));
      node.disk().clear_faults();
    });
  }
  // Entries without checksums cannot be written: the file is scanned.
  auto bare = entries;
  for (auto& entry : bare) entry.headers_crc.reset();
  (void)node.disk().image().remove(kIndexPath);
  run([&](Runtime& runtime) -> Task<void> {
    Files files(runtime);
    const auto reader = files.reader(info_of(content));
    reader->learn(bare);
    EXPECT_EQ((co_await reader->read(Offset(2500), 1, std::nullopt))->next, Offset(2501));
    EXPECT_TRUE((co_await reader->write_index(bare)).has_value());
    EXPECT_EQ(index_file(), index_of(content).encode(info_of(content)));
  });
}

TEST_F(SegmentIndexing, AFileThatGrowsIsNotScannedWhereItsWriterToldOfIt) {
  const Content content = uniform(3000, {.value_bytes = 500});
  install(content);
  const auto entries = index_of(content).entries();
  run([&](Runtime& runtime) -> Task<void> {
    Files files(runtime);
    const auto reader = files.reader(info_of(content, false));
    reader->learn(entries);
    node.disk().fail_reads(kLogPath, 0, content.batches[2000].position.value());
    const auto all = co_await read_all(*reader, content, Offset(2200), 1 << 20);
    EXPECT_EQ(all.error, "");
    EXPECT_TRUE(index_file().empty()) << "only sealed files have one";
  });
}

TEST_F(SegmentIndexing, WhatTheWriterToldIsUsedUpToTheFilesEndAlone) {
  const Content content = uniform(3000, {.value_bytes = 500});
  install(content);
  const auto entries = index_of(content).entries();
  run([&](Runtime& runtime) -> Task<void> {
    Files files(runtime);
    SegmentInfo info = info_of(content, false);
    info.end = Position(0);
    const auto reader = files.reader(info);
    node.disk().clear_faults();
    for (size_t count = 1; count <= content.batches.size(); count += 17) {
      Content so_far = content;
      so_far.batches.resize(count);
      so_far.bytes.resize(so_far.batches.back().end.value());
      node.disk().clear_faults();
      node.disk().fail_reads(kLogPath, so_far.padded().size(), 1 << 30);
      reader->set_end(so_far.end());
      // The writer is ahead of the file; from where it began to count is another matter.
      reader->learn(std::span(entries).subspan(count % 3));
      const Offset from(static_cast<int64_t>(count) * 2 / 3);
      EXPECT_EQ((co_await read_all(*reader, so_far, from, 100'000)).error, "") << count;
    }
    node.disk().clear_faults();
    reader->set_end(content.end(), true);
    EXPECT_TRUE((co_await reader->write_index(entries)).has_value());
    EXPECT_EQ(index_file(), index_of(content).encode(info_of(content)));
  });
}

TEST_F(SegmentIndexing, TimestampsAreFoundThoughTheyDoNotRise) {
  Content content;
  std::vector<int64_t> times;
  for (int64_t i = 0; i < 2000; ++i) times.push_back(10'000 + (i * 7919) % 5000 + i);
  for (const int64_t time : times) content.add(BatchShape{.value_bytes = 700, .timestamp_ms = time});
  install(content);
  run([&](Runtime& runtime) -> Task<void> {
    Files files(runtime);
    const auto reader = files.reader(info_of(content));
    for (int64_t wanted = 9'000; wanted < 18'000; wanted += 211) {
      const auto first = std::ranges::find_if(times, [&](int64_t t) { return t >= wanted; });
      const auto found = co_await reader->find_timestamp(wanted);
      EXPECT_TRUE(found.has_value());
      EXPECT_EQ(found->has_value(), first != times.end());
      if (*found) EXPECT_EQ(BatchHeader::load((*found)->view()).base_offset, Offset(first - times.begin()));
    }
    const auto largest = co_await reader->find_timestamp_max();
    EXPECT_EQ(BatchHeader::load((*largest)->view()).base_offset,
              Offset(std::ranges::max_element(times) - times.begin()));
    const Content none;
    EXPECT_FALSE((co_await files.reader(info_of(none))->find_timestamp_max())->has_value());
  });
}

TEST_F(SegmentIndexing, LoadedIndexesAreBoundedAndLoadedAgain) {
  const Content content = uniform(3000, {.value_bytes = 500});
  install(content);
  run([&](Runtime& runtime) -> Task<void> {
    Files files(runtime, 40 << 10);  // a quarter for indexes: a few of them
    std::vector<std::unique_ptr<SegmentReader>> readers;
    for (int i = 0; i < 30; ++i) readers.push_back(files.reader(info_of(content)));
    for (int round = 0; round < 3; ++round) {
      for (auto& reader : readers) {
        EXPECT_EQ((co_await reader->read(Offset(2000), 1, std::nullopt))->next, Offset(2001));
        EXPECT_LE(files.buffers->indexes().bytes(), 10u << 10);
      }
    }
  });
}

}  // namespace
}  // namespace godwit::storage::testing
