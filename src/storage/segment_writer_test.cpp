#include "storage/segment_writer.h"

#include "storage/segment_testing.h"

namespace godwit::storage::testing {
namespace {

class SegmentWriting : public ::testing::Test {
 protected:
  SegmentWriting() { node.disk().install("p/keep", Bytes(1)); }
  void run(runtime::sim::Main main) { ASSERT_TRUE(node.run(std::move(main))); }
  Bytes written() {
    Bytes bytes = node.disk().contents(kLogPath).value_or(Bytes());
    return bytes;
  }
  World world{5};
  Node& node = world.add_node("a");
};

runtime::AlignedBuffer blocks(size_t count, int fill) {
  runtime::AlignedBuffer buffer(count * 4096);
  std::memset(buffer.data(), fill, buffer.size());
  return buffer;
}

TEST_F(SegmentWriting, BlocksStandOneBehindTheOtherAndTheSpaceAheadGoesWhenItIsSealed) {
  run([this](Runtime& runtime) -> Task<void> {
    EXPECT_TRUE((co_await SegmentWriter::create(runtime.files(), kLogPath)).has_value());
    EXPECT_EQ((co_await SegmentWriter::create(runtime.files(), kLogPath)).error().kind, ErrorKind::exists);
    const auto cache = FileCache::create(runtime.files(), 4);
    SegmentWriter writer(*cache, kLogPath, Position(0), 1 << 20);
    const auto one = blocks(1, 1);
    const auto two = blocks(2, 2);
    const std::vector<BytesView> ranges{one.view(), two.view()};
    EXPECT_TRUE((co_await writer.write(ranges)).has_value());
    EXPECT_EQ(writer.written(), Position(3 * 4096));
    EXPECT_TRUE((co_await writer.write({ranges.data(), 1})).has_value());
    EXPECT_EQ(writer.written(), Position(4 * 4096));
    EXPECT_GT(written().size(), 4u * 4096);
    EXPECT_TRUE((co_await writer.trim(writer.written())).has_value());
    Bytes expected(4 * 4096, std::byte{2});
    std::fill_n(expected.begin(), 4096, std::byte{1});
    std::fill_n(expected.end() - 4096, 4096, std::byte{1});
    EXPECT_EQ(written(), expected);
  });
}

TEST_F(SegmentWriting, AWriterGoesOnWhereAnotherStopped) {
  run([this](Runtime& runtime) -> Task<void> {
    EXPECT_TRUE((co_await SegmentWriter::create(runtime.files(), kLogPath)).has_value());
    const auto cache = FileCache::create(runtime.files(), 4);
    const auto one = blocks(1, 1);
    const auto two = blocks(1, 2);
    const BytesView first = one.view();
    const BytesView second = two.view();
    SegmentWriter before(*cache, kLogPath, Position(0), 0);
    EXPECT_TRUE((co_await before.write({&first, 1})).has_value());
    SegmentWriter after(*cache, kLogPath, Position(4096), 0);
    EXPECT_TRUE((co_await after.write({&second, 1})).has_value());
    EXPECT_EQ(written()[4095], std::byte{1});
    EXPECT_EQ(written()[4096], std::byte{2});
    EXPECT_EQ(written().size(), 8192u);
  });
}

TEST_F(SegmentWriting, AFullDiskIsNotTheEndTheSameBytesAreWrittenLater) {
  run([this](Runtime& runtime) -> Task<void> {
    EXPECT_TRUE((co_await SegmentWriter::create(runtime.files(), kLogPath)).has_value());
    const auto cache = FileCache::create(runtime.files(), 4);
    SegmentWriter writer(*cache, kLogPath, Position(0), 1 << 20);
    const auto data = blocks(16, 3);
    const BytesView range = data.view();
    node.disk().set_capacity(node.disk().used() + 8 * 4096);
    const auto full = co_await writer.write({&range, 1});
    EXPECT_EQ(full.error().kind, ErrorKind::no_space);
    EXPECT_EQ(writer.written(), Position(0));
    EXPECT_FALSE(writer.failed());
    // Room for the bytes, but not for any ahead.
    node.disk().set_capacity(node.disk().used() + 40 * 4096);
    EXPECT_TRUE((co_await writer.write({&range, 1})).has_value());
    // The device finds out only when it writes.
    node.disk().fail_next({.kinds = {OpKind::write}}, ErrorKind::no_space);
    EXPECT_EQ((co_await writer.write({&range, 1})).error().kind, ErrorKind::no_space);
    EXPECT_TRUE((co_await writer.write({&range, 1})).has_value());
    EXPECT_EQ(writer.written(), Position(32 * 4096));
    EXPECT_TRUE((co_await writer.trim(writer.written())).has_value());
    EXPECT_EQ(written(), Bytes(32 * 4096, std::byte{3}));
  });
}

TEST_F(SegmentWriting, AfterAnErrorOfTheDeviceTheFileIsNeverWrittenAgain) {
  for (const OpKind kind : {OpKind::write, OpKind::allocate}) {
    (void)node.disk().image().remove(kLogPath);
    run([this, kind](Runtime& runtime) -> Task<void> {
      EXPECT_TRUE((co_await SegmentWriter::create(runtime.files(), kLogPath)).has_value());
      const auto cache = FileCache::create(runtime.files(), 4);
      SegmentWriter writer(*cache, kLogPath, Position(0), 1 << 20);
      const auto data = blocks(4, 3);
      const BytesView range = data.view();
      node.disk().fail_next({.kinds = {kind}}, ErrorKind::io);
      EXPECT_EQ((co_await writer.write({&range, 1})).error().kind, ErrorKind::io);
      EXPECT_TRUE(writer.failed());
      const uint64_t mutations = node.disk().mutations();
      const auto again = co_await writer.write({&range, 1});
      EXPECT_EQ(again.error().kind, ErrorKind::io);
      EXPECT_NE(again.error().message.find(kLogPath), std::string::npos);
      EXPECT_EQ((co_await writer.trim(Position(4096))).error().kind, ErrorKind::io);
      EXPECT_EQ(node.disk().mutations(), mutations);
    });
  }
}

TEST_F(SegmentWriting, WithoutADescriptorNothingIsLost) {
  run([this](Runtime& runtime) -> Task<void> {
    EXPECT_TRUE((co_await SegmentWriter::create(runtime.files(), kLogPath)).has_value());
    const auto cache = FileCache::create(runtime.files(), 4);
    SegmentWriter writer(*cache, kLogPath, Position(0), 0);
    const auto data = blocks(1, 3);
    const BytesView range = data.view();
    node.disk().fail_next({.kinds = {OpKind::open}}, ErrorKind::limit);
    EXPECT_EQ((co_await writer.write({&range, 1})).error().kind, ErrorKind::limit);
    EXPECT_TRUE((co_await writer.write({&range, 1})).has_value());
  });
}

}  // namespace
}  // namespace godwit::storage::testing
