// What is wrong on the disk is named and never served; what precedes it is served first.
#include "record/batch_edit.h"
#include "runtime/sync.h"
#include "storage/segment_testing.h"

namespace godwit::storage::testing {
namespace {

class SegmentDamage : public ::testing::Test {
 protected:
  void run(runtime::sim::Main main) { ASSERT_TRUE(node.run(std::move(main))); }
  World world{7};
  Node& node = world.add_node("a");
};

// Bytes of a batch of each kind: base offset, length, leader epoch, magic, CRC, attributes, last offset delta,
// the two timestamps, producer id, epoch and sequence, count, records.
constexpr size_t kByteClasses[] = {0,  4,  7,  8,  9,  10, 11, 12, 14, 15, 16, 17, 20, 21, 22, 23,
                                   26, 27, 34, 35, 42, 43, 50, 51, 53, 56, 57, 60, 61, 70, 150};

TEST_F(SegmentDamage, AFlippedBitInAnyKindOfByteIsNamedAndWhatPrecedesItIsServed) {
  const Content content = uniform(400, {.value_bytes = 500, .epoch = 5});
  for (const bool indexed : {true, false}) {
    for (const size_t victim : {size_t{0}, size_t{130}, size_t{399}}) {
      for (const size_t byte : kByteClasses) {
        // An epoch that rises is seen by the index's checksum alone.
        if (!indexed && byte >= 12 && byte < 16) continue;
        for (const unsigned bit : {0u, 3u, 7u}) {
          node.disk().install(kLogPath, content.padded());
          (void)node.disk().image().remove(kIndexPath);
          run([&](Runtime& runtime) -> Task<void> {
            Files files(runtime);
            if (indexed) EXPECT_TRUE((co_await files.reader(info_of(content))->write_index({})).has_value());
            const auto& place = content.batches[victim];
            EXPECT_TRUE(node.disk().flip_bit(kLogPath, place.position.value() + byte, bit));
            const auto reader = files.reader(info_of(content));
            const auto all = co_await read_all(*reader, content, Offset(0), 1 << 20);
            const bool epoch = byte >= 12 && byte < 16;
            SCOPED_TRACE(::testing::Message() << victim << " " << byte << " " << bit << " " << indexed);
            const auto trace = ::testing::Message() << "batch " << victim << " byte " << byte << " bit "
                                                    << bit << " indexed " << indexed << ": " << all.error;
            EXPECT_EQ(all.kind, ErrorKind::corrupt) << trace;
            EXPECT_NE(all.error.find(kLogPath), std::string::npos) << trace;
            EXPECT_TRUE(files.sink.contains("segment.damaged")) << trace;
            // The interval's checksum cannot say which of its headers it was.
            EXPECT_LE(all.reached, place.base + 1) << trace;
            if (indexed && epoch) {
              EXPECT_GE(all.reached.value(), place.base.value() - 130) << trace;
            } else if (victim > 0) {
              EXPECT_GE(all.reached, place.base) << trace;
            }
          });
        }
      }
    }
  }
}

TEST_F(SegmentDamage, APartOfTheFileThatTheDeviceCannotReadIsNamedAndAllBeforeItIsServed) {
  const Content content = uniform(3000, {.value_bytes = 500});
  for (const uint64_t bad : {uint64_t{0}, uint64_t{8192}, uint64_t{700'123}, content.end().value() - 1}) {
    node.disk().clear_faults();
    node.disk().install(kLogPath, content.padded());
    (void)node.disk().image().remove(kIndexPath);
    for (const bool indexed : {false, true}) {
      run([&](Runtime& runtime) -> Task<void> {
        node.disk().clear_faults();
        Files files(runtime);
        if (indexed) EXPECT_TRUE((co_await files.reader(info_of(content))->write_index({})).has_value());
        node.disk().fail_reads(kLogPath, bad, 1);
        const auto reader = files.reader(info_of(content));
        const auto all = co_await read_all(*reader, content, Offset(0), 1 << 20);
        EXPECT_EQ(all.kind, ErrorKind::io) << bad;
        EXPECT_NE(all.error.find(kLogPath + " at byte " + std::to_string(bad / 4096 * 4096)),
                  std::string::npos)
            << all.error;
        // Whole batches up to the block that cannot be read.
        const Position block(bad / 4096 * 4096);
        Offset last(0);
        for (const auto& place : content.batches) {
          if (place.end <= block) last = place.next;
        }
        EXPECT_EQ(all.reached, last) << bad << " indexed " << indexed;
        // It may be a passing fault.
        node.disk().clear_faults();
        EXPECT_EQ((co_await read_all(*reader, content, all.reached, 1 << 20)).error, "");
      });
    }
  }
}

TEST_F(SegmentDamage, BehindTheDamageTheIndexLeadsOn) {
  const Content content = uniform(3000, {.value_bytes = 500});
  node.disk().install(kLogPath, content.padded());
  run([&](Runtime& runtime) -> Task<void> {
    Files files(runtime);
    EXPECT_TRUE((co_await files.reader(info_of(content))->write_index({})).has_value());
    const auto& victim = content.batches[1000];
    for (unsigned i = 0; i < 61; ++i)
      EXPECT_TRUE(node.disk().flip_bit(kLogPath, victim.position.value() + i, 2));
    const auto reader = files.reader(info_of(content));
    EXPECT_EQ((co_await read_all(*reader, content, Offset(0), 1 << 20)).reached, victim.base);
    EXPECT_EQ((co_await read_all(*reader, content, victim.base + 200, 1 << 20)).error, "");
  });
}

TEST_F(SegmentDamage, WithoutAnIndexAScanPassesOverABatchWhoseRecordsAreDamaged) {
  const Content content = uniform(3000, {.value_bytes = 500});
  node.disk().install(kLogPath, content.padded());
  const auto& victim = content.batches[1000];
  EXPECT_TRUE(node.disk().flip_bit(kLogPath, victim.position.value() + 100, 2));
  run([&](Runtime& runtime) -> Task<void> {
    Files files(runtime);
    const auto reader = files.reader(info_of(content));
    EXPECT_EQ((co_await read_all(*reader, content, Offset(2000), 1 << 20)).error, "");
    const auto all = co_await read_all(*reader, content, Offset(0), 1 << 20);
    EXPECT_EQ(all.reached, victim.base);
    EXPECT_NE(all.error.find("at byte " + to_string(victim.position)), std::string::npos) << all.error;
    EXPECT_EQ((co_await read_all(*reader, content, victim.next, 1 << 20)).error, "");
  });
}

TEST_F(SegmentDamage, AFileThatIsShorterThanItShouldBeIsServedAsFarAsItGoes) {
  const Content content = uniform(600, {.value_bytes = 2000});
  for (const size_t size :
       {size_t{0}, size_t{4096}, size_t{5000}, size_t{700'000}, content.bytes.size() - 1}) {
    Bytes cut = content.bytes;
    cut.resize(size);
    node.disk().install(kLogPath, cut);
    run([&](Runtime& runtime) -> Task<void> {
      Files files(runtime);
      const auto reader = files.reader(info_of(content));
      const auto all = co_await read_all(*reader, content, Offset(0), 1 << 20);
      EXPECT_EQ(all.kind, ErrorKind::corrupt) << size;
      EXPECT_NE(all.error.find(kLogPath), std::string::npos) << all.error;
      EXPECT_EQ(all.reached, content.place_of(all.reached).base);
      EXPECT_LE(content.place_of(all.reached).position.value(), size);
      EXPECT_GT(content.place_of(all.reached).end.value(), size);
    });
  }
}

TEST_F(SegmentDamage, AFileThatIsMissingIsDamageToo) {
  const Content content = uniform(3, {});
  node.disk().install("p/keep", Bytes(1));
  run([&](Runtime& runtime) -> Task<void> {
    Files files(runtime);
    const auto all = co_await read_all(*files.reader(info_of(content)), content, Offset(0), 1 << 20);
    EXPECT_EQ(all.kind, ErrorKind::corrupt);
    EXPECT_NE(all.error.find(kLogPath), std::string::npos);
  });
}

TEST_F(SegmentDamage, ALeaderEpochThatFallsAndABatchOfBeforeTheFileAreRefused) {
  Content content;
  content.add(BatchShape{.epoch = 3});
  content.add(BatchShape{.epoch = 4});
  content.add(BatchShape{.epoch = 3});
  node.disk().install(kLogPath, content.padded());
  run([&](Runtime& runtime) -> Task<void> {
    Files files(runtime);
    const auto all = co_await read_all(*files.reader(info_of(content)), content, Offset(0), 1);
    EXPECT_EQ(all.reached, Offset(2));
    EXPECT_NE(all.error.find("leader epoch"), std::string::npos) << all.error;
    SegmentInfo later = info_of(content);
    later.base = Offset(1);
    const auto before = co_await files.reader(later)->read(Offset(1), 1, std::nullopt);
    EXPECT_EQ(before.error().kind, ErrorKind::corrupt);
  });
}

}  // namespace
}  // namespace godwit::storage::testing
