#include "runtime/sim/disk_testing.h"

namespace godwit::runtime::sim {
namespace {

using namespace std::chrono_literals;

constexpr auto io = ErrorKind::io;

// A node with a file "f" of 8192 times 'o', and a scenario on it.
struct Fixture {
  explicit Fixture(uint64_t seed = 1) : world(seed), node(world.add_node("a")), disk(node.disk()) {
    disk.install("f", as_bytes(std::string(8192, 'o')));
  }
  void run(std::function<Task<void>(Runtime&, Disk&)> scenario) {
    EXPECT_TRUE(node.run([this, &scenario](Runtime& runtime) { return scenario(runtime, disk); }));
  }
  World world;
  Node& node;
  Disk& disk;
};

TEST(DiskFault, AScriptedFaultHitsTheOperationsItNamesAsOftenAsItSays) {
  Fixture().run([](Runtime& runtime, Disk& disk) -> Task<void> {
    auto file = co_await open_file(runtime.files(), "f");
    disk.fail_next({.kinds = {OpKind::write}, .path = "f", .skip = 1}, io, 2);
    EXPECT_TRUE(co_await write_text(*file, 0, "1"));
    EXPECT_EQ((co_await write_text(*file, 0, "2")).error().kind, io);
    EXPECT_TRUE(co_await file->sync());
    EXPECT_EQ((co_await write_text(*file, 0, "3")).error().kind, io);
    EXPECT_TRUE(co_await write_text(*file, 0, "4"));
    disk.fail_next({.kinds = {OpKind::create}}, ErrorKind::limit);
    const auto made =
        co_await runtime.files().open("g", {.write = true, .create = OpenOptions::Create::if_missing});
    EXPECT_EQ(made.error().kind, ErrorKind::limit);
    EXPECT_FALSE((co_await runtime.files().exists("g")).value());
  });
}

TEST(DiskFault, RandomFaultsComeByTheSeedUntilTheyAreCleared) {
  Fixture().run([](Runtime& runtime, Disk& disk) -> Task<void> {
    auto file = co_await open_file(runtime.files(), "f");
    disk.fail_randomly({.kinds = {OpKind::write}}, io, 1, 4);
    int failed = 0;
    for (int i = 0; i < 200; ++i) failed += co_await write_text(*file, 0, "x") ? 0 : 1;
    EXPECT_GT(failed, 20);
    EXPECT_LT(failed, 100);
    disk.clear_faults();
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(co_await write_text(*file, 0, "x"));
  });
}

TEST(DiskFault, ASyncThatFailedOnceAndThenSucceedsHasLostThePages) {
  int lost = 0;
  int seen_at_once = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Fixture fixture(seed);
    fixture.run([&](Runtime& runtime, Disk& disk) -> Task<void> {
      auto file = co_await open_file(runtime.files(), "f");
      EXPECT_TRUE(co_await write_text(*file, 0, std::string(512, 'n')));
      disk.fail_next({.kinds = {OpKind::sync}}, io);
      EXPECT_EQ((co_await file->sync()).error().kind, io);
      EXPECT_TRUE(co_await file->sync()) << "the second says all is well";
      Bytes bytes(1);
      EXPECT_TRUE(co_await file->read_at(0, bytes));
      seen_at_once += as_text(bytes) == "o" ? 1 : 0;
    });
    fixture.node.crash(CrashKind::power_cut);
    lost += text_of(fixture.disk, "f")[0] == 'o' ? 1 : 0;
  }
  EXPECT_GT(lost, 20);
  EXPECT_LT(lost, 80);
  EXPECT_GT(seen_at_once, 5);
  EXPECT_LT(seen_at_once, lost) << "mostly the cache hides it until the power goes";
}

TEST(DiskFault, ABadRangeFailsTheReadsThatTouchIt) {
  Fixture().run([](Runtime& runtime, Disk& disk) -> Task<void> {
    auto file = co_await open_file(runtime.files(), "f");
    disk.fail_reads("f", 1000, 10);
    Bytes bytes(100);
    EXPECT_TRUE(co_await file->read_at(900, bytes));
    const auto bad = co_await file->read_at(950, bytes);
    EXPECT_EQ(bad.error().kind, io);
    EXPECT_NE(bad.error().message.find("/f"), std::string::npos);
    EXPECT_TRUE(co_await file->read_at(1010, bytes));
    disk.clear_faults();
    EXPECT_TRUE(co_await file->read_at(950, bytes));
  });
}

TEST(DiskFault, AFullDiskRefusesAndHasRoomAgainWhenSomethingIsDeleted) {
  Fixture().run([](Runtime& runtime, Disk& disk) -> Task<void> {
    disk.set_capacity(5 * 4096);
    EXPECT_EQ(disk.used(), 2u * 4096);
    auto& files = runtime.files();
    EXPECT_EQ((co_await files.space("/")).value().available, 3u * 4096);
    auto file = co_await open_file(files, "g");
    EXPECT_TRUE(co_await file->allocate(2 * 4096));
    EXPECT_EQ((co_await file->allocate(100 * 4096)).error().kind, ErrorKind::no_space);
    EXPECT_TRUE(co_await write_text(*file, 0, std::string(2 * 4096, 'x'))) << "that space was allocated";
    EXPECT_TRUE(co_await write_text(*file, 2 * 4096, "x"));
    const auto full = co_await write_text(*file, 3 * 4096, std::string(2 * 4096, 'x'));
    EXPECT_EQ(full.error().kind, ErrorKind::no_space);
    EXPECT_TRUE(co_await files.remove("f"));
    EXPECT_TRUE(co_await write_text(*file, 3 * 4096, std::string(2 * 4096, 'x')));
    EXPECT_TRUE(co_await files.remove("g"));
    EXPECT_EQ(disk.used(), 5u * 4096) << "still open";
    file.reset();
    EXPECT_EQ(disk.used(), 0u);
  });
}

TEST(DiskFault, AFileOpenAndRemovedTakesNoSpaceAfterACrash) {
  Fixture fixture;
  fixture.run([](Runtime& runtime, Disk&) -> Task<void> {
    auto file = co_await open_file(runtime.files(), "f");
    EXPECT_TRUE(co_await runtime.files().remove("f"));
    EXPECT_TRUE(co_await runtime.files().sync_directory("/"));
  });
  for (const CrashKind kind : {CrashKind::kill, CrashKind::power_cut}) {
    fixture.node.crash(kind);
    EXPECT_EQ(fixture.disk.used(), 0u);
    fixture.node.restart();
  }
}

TEST(DiskFault, AStalledDiskHangsUntilItIsReleased) {
  Fixture().run([](Runtime& runtime, Disk& disk) -> Task<void> {
    auto file = co_await open_file(runtime.files(), "f");
    disk.stall({.kinds = {OpKind::sync}});
    auto sync = file->sync();
    sync.start();
    EXPECT_TRUE(co_await write_text(*file, 0, "reads and writes go on"));
    co_await sleep_for(10min);
    EXPECT_FALSE(sync.done());
    EXPECT_EQ(disk.under_way(), 1u);
    disk.release();
    co_await sleep_for(1s);
    EXPECT_TRUE(sync.done());
  });
}

TEST(DiskFault, SlowSyncsAreSlow) {
  Fixture().run([](Runtime& runtime, Disk& disk) -> Task<void> {
    disk.options().sync = {.min = 1ms, .max = 2ms, .tail = 3s, .tail_every = 10};
    auto file = co_await open_file(runtime.files(), "f");
    int slow = 0;
    for (int i = 0; i < 100; ++i) {
      const auto began = Shard::current()->now();
      EXPECT_TRUE(co_await file->sync());
      const auto took = Shard::current()->now() - began;
      EXPECT_GE(took, 1ms);
      slow += took >= 3s ? 1 : 0;
    }
    EXPECT_GT(slow, 2);
    EXPECT_LT(slow, 30);
  });
}

TEST(DiskFault, ARottenBitChangesWhatWasSynced) {
  Fixture fixture;
  EXPECT_TRUE(fixture.disk.flip_bit("f", 5, 1));
  EXPECT_FALSE(fixture.disk.flip_bit("f", 8192, 0));
  EXPECT_EQ(text_of(fixture.disk, "f")[5], 'o' ^ 2);
  fixture.node.crash(CrashKind::power_cut);
  EXPECT_EQ(text_of(fixture.disk, "f")[5], 'o' ^ 2);
  fixture.disk.install("d/other", as_bytes("text"));
  const auto flipped = fixture.disk.rot("d/", 1);
  ASSERT_EQ(flipped.size(), 1u);
  EXPECT_EQ(flipped[0].first, "/d/other");
  EXPECT_NE(text_of(fixture.disk, "d/other"), "text");
}

TEST(DiskFault, AReadOnlyDiskRefusesChangesAndIsRead) {
  Fixture fixture;
  fixture.disk.set_read_only(true);
  fixture.run([](Runtime& runtime, Disk&) -> Task<void> {
    auto& files = runtime.files();
    EXPECT_TRUE(co_await read_file(files, "f", 10'000));
    EXPECT_EQ((co_await files.open("f", {.write = true})).error().kind, ErrorKind::permission);
    EXPECT_EQ((co_await files.remove("f")).error().kind, ErrorKind::permission);
    EXPECT_EQ((co_await files.make_directory("d")).error().kind, ErrorKind::permission);
    EXPECT_EQ((co_await files.lock("lock")).error().kind, ErrorKind::permission);
  });
  EXPECT_EQ(text_of(fixture.disk, "f"), std::string(8192, 'o'));
}

TEST(DiskFault, DirectFilesRefuseWhatIsNotAligned) {
  Fixture().run([](Runtime& runtime, Disk&) -> Task<void> {
    auto file = co_await open_file(runtime.files(), "f", true);
    EXPECT_TRUE(file->is_direct());
    EXPECT_EQ(file->alignment(), 4096u);
    AlignedBuffer buffer(8192);
    const auto write = [&](uint64_t position, size_t from, size_t size) -> Task<Result<void>> {
      const BytesView part = buffer.view().subspan(from, size);
      co_return co_await file->write_at(position, std::span(&part, 1));
    };
    EXPECT_TRUE(co_await write(4096, 0, 4096));
    EXPECT_EQ((co_await write(512, 0, 4096)).error().kind, ErrorKind::invalid);
    EXPECT_EQ((co_await write(0, 0, 512)).error().kind, ErrorKind::invalid);
    EXPECT_EQ((co_await write(0, 512, 4096)).error().kind, ErrorKind::invalid);
    EXPECT_EQ((co_await file->read_at(1, buffer.bytes())).error().kind, ErrorKind::invalid);
    EXPECT_EQ((co_await file->read_at(4096, buffer.bytes())).value(), 4096u);
  });
}

TEST(DiskFault, WhereDirectIsNotSupportedTheFileIsBuffered) {
  Fixture fixture;
  fixture.disk.set_direct_supported(false);
  fixture.run([](Runtime& runtime, Disk&) -> Task<void> {
    auto file = co_await open_file(runtime.files(), "f", true);
    EXPECT_FALSE(file->is_direct());
    EXPECT_EQ(file->alignment(), 1u);
    EXPECT_TRUE(co_await write_text(*file, 1, "x"));
  });
}

TEST(DiskFault, ALockIsReleasedByACrash) {
  Fixture fixture;
  fixture.node.start([](Runtime& runtime) -> Task<void> {
    auto lock = co_await runtime.files().lock("lock");
    EXPECT_TRUE(lock);
    EXPECT_EQ((co_await runtime.files().lock("lock")).error().kind, ErrorKind::conflict);
    co_await sleep_for(1h);
  });
  fixture.world.run_for(1s);
  fixture.node.crash(CrashKind::kill);
  fixture.node.restart();
  fixture.run(
      [](Runtime& runtime, Disk&) -> Task<void> { EXPECT_TRUE(co_await runtime.files().lock("lock")); });
}

TEST(DiskFault, ChangingBytesWhileTheyAreWrittenStopsTheProcess) {
  EXPECT_DEATH(Fixture().run([](Runtime& runtime, Disk&) -> Task<void> {
    auto file = co_await open_file(runtime.files(), "f");
    Bytes bytes(10);
    const auto write = [](File& to, const Bytes& from) -> Task<void> {
      const BytesView part(from);
      EXPECT_TRUE(co_await to.write_at(0, std::span(&part, 1)));
    };
    auto writing = write(*file, bytes);
    writing.start();
    bytes[3] = std::byte{1};
    co_await sleep_for(1s);
  }),
               "bytes stay unchanged");
}

}  // namespace
}  // namespace godwit::runtime::sim
