#include "durable/two_copy_file.h"

#include "durable/atomic_file.h"
#include "durable/durable_testing.h"

namespace godwit::durable {
namespace {

const FormatMark kMark{"test-two", 2};

// Version `i` of the contents: sizes differ, so that copies grow and shrink.
std::string contents(int i) {
  return std::string(static_cast<size_t>(i * 7919 % 20000), static_cast<char>('a' + i % 26)) +
         std::to_string(i);
}

Task<Result<void>> write_text(TwoCopyFile& file, std::string text) {
  const BytesView parts[] = {as_bytes(std::string_view(text).substr(0, 1)),
                             as_bytes(std::string_view(text).substr(1))};
  co_return co_await file.write(parts);
}

Task<std::string> read_text(TwoCopyFile& file) {
  const auto found = co_await file.read();
  if (!found) co_return "error " + kind_of(found);
  if (!*found) co_return "nothing";
  co_return std::string(as_text((*found)->bytes));
}

TEST(TwoCopyFile, GivesWhatWasWrittenLast) {
  World world(1);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([](Runtime& runtime) -> Task<void> {
    TwoCopyFile file(runtime.files(), "/f", kMark);
    EXPECT_EQ(co_await read_text(file), "nothing");
    for (int i = 1; i <= 5; ++i) {
      EXPECT_TRUE(co_await write_text(file, contents(i)));
      TwoCopyFile again(runtime.files(), "/f", kMark);
      EXPECT_EQ(co_await read_text(again), contents(i));
    }
  }));
  EXPECT_EQ(node.disk().files(), (std::vector<std::string>{"/f.a", "/f.b"}));
}

TEST(TwoCopyFile, GivesTheOlderCopyAndKeepsIt) {
  World world(1);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([](Runtime& runtime) -> Task<void> {
    TwoCopyFile file(runtime.files(), "/f", kMark);
    EXPECT_EQ(co_await read_text(file), "nothing");
    EXPECT_TRUE(co_await write_text(file, "first"));
    TwoCopyFile alone(runtime.files(), "/f", kMark);
    EXPECT_EQ(co_await read_text(alone), "first");
    auto none = co_await alone.read_older();
    EXPECT_TRUE(none && !*none);
    EXPECT_TRUE(co_await write_text(file, "second"));
    TwoCopyFile again(runtime.files(), "/f", kMark);
    EXPECT_EQ(co_await read_text(again), "second");
    auto older = co_await again.read_older();
    EXPECT_TRUE(older && *older && as_text((*older)->bytes) == "first");
    // In the place of the second: the first is still there.
    EXPECT_TRUE(co_await write_text(again, "third"));
    TwoCopyFile last(runtime.files(), "/f", kMark);
    EXPECT_EQ(co_await read_text(last), "third");
    older = co_await last.read_older();
    EXPECT_TRUE(older && *older && as_text((*older)->bytes) == "first");
  }));
}

TEST(TwoCopyFile, IsWholeWhereverTheCrashComes) {
  const auto result = runtime::sim::sweep_crashes({.crashes_in_recovery = true}, [](CrashScenario& run) {
    auto acknowledged = std::make_shared<int>(0);
    run.work([=](Runtime& runtime) -> Task<void> {
      TwoCopyFile file(runtime.files(), "/f", kMark);
      EXPECT_TRUE(co_await file.read());
      for (int i = 1; i <= 5; ++i) {
        if (co_await write_text(file, contents(i))) *acknowledged = i;
      }
    });
    run.recover([=](Runtime& runtime) -> Task<void> {
      TwoCopyFile file(runtime.files(), "/f", kMark);
      const std::string text = co_await read_text(file);
      const std::string next = contents(*acknowledged + 1);
      const std::string later = contents(100);
      EXPECT_TRUE(text == (*acknowledged == 0 ? "nothing" : contents(*acknowledged)) || text == next ||
                  text == later)
          << text.substr(0, 40) << " after " << *acknowledged;
      EXPECT_TRUE(co_await write_text(file, later));
      TwoCopyFile again(runtime.files(), "/f", kMark);
      EXPECT_EQ(co_await read_text(again), later);
    });
  });
  EXPECT_GT(result.runs, 200u);
}

TEST(TwoCopyFile, FallsBackWhenTheNewestCopyRots) {
  World world(3);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([&node](Runtime& runtime) -> Task<void> {
    TwoCopyFile file(runtime.files(), "/f", kMark);
    EXPECT_TRUE(co_await file.read());
    for (int i = 1; i <= 4; ++i) EXPECT_TRUE(co_await write_text(file, contents(i)));
    EXPECT_TRUE(node.disk().flip_bit("/f.b", 70, 3));
    TwoCopyFile again(runtime.files(), "/f", kMark);
    const auto found = co_await again.read();
    EXPECT_EQ(as_text((*found)->bytes), contents(3));
    EXPECT_NE((*found)->other_copy.find("/f.b"), std::string::npos);
    // The damaged one is what the next write replaces.
    EXPECT_TRUE(co_await write_text(again, contents(5)));
    TwoCopyFile third(runtime.files(), "/f", kMark);
    EXPECT_EQ(co_await read_text(third), contents(5));
    EXPECT_TRUE(node.disk().flip_bit("/f.a", 9, 1));
    EXPECT_TRUE(node.disk().flip_bit("/f.b", 9, 1));
    TwoCopyFile fourth(runtime.files(), "/f", kMark);
    EXPECT_EQ(co_await read_text(fourth), "error corrupt");
  }));
}

TEST(TwoCopyFile, AFirstCopyThatRottedIsNotTakenForNone) {
  World world(4);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([&node](Runtime& runtime) -> Task<void> {
    TwoCopyFile file(runtime.files(), "/f", kMark);
    EXPECT_TRUE(co_await file.read());
    EXPECT_TRUE(co_await write_text(file, contents(1)));
    EXPECT_TRUE(node.disk().flip_bit("/f.a", 0, 1));
    TwoCopyFile again(runtime.files(), "/f", kMark);
    EXPECT_EQ(co_await read_text(again), "error corrupt");
  }));
}

TEST(TwoCopyFile, CopiesThatTheDiskDoesNotGiveAreNotTakenForRot) {
  World world(1);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([&](Runtime& runtime) -> Task<void> {
    TwoCopyFile file(runtime.files(), "/f", kMark);
    EXPECT_EQ(co_await read_text(file), "nothing");
    EXPECT_TRUE(co_await write_text(file, contents(1)));
    EXPECT_TRUE(co_await write_text(file, contents(2)));
    // One of them, in its header; then the other, behind it.
    node.disk().fail_reads("/f.b", 0, 1);
    TwoCopyFile one(runtime.files(), "/f", kMark);
    EXPECT_EQ(co_await read_text(one), contents(1));
    node.disk().fail_reads("/f.a", 4096, 1);
    TwoCopyFile none(runtime.files(), "/f", kMark);
    EXPECT_EQ(co_await read_text(none), "error io");
    node.disk().clear_faults();
    TwoCopyFile again(runtime.files(), "/f", kMark);
    EXPECT_EQ(co_await read_text(again), contents(2));
    // What cannot be read counts also where the other rotted.
    node.disk().fail_reads("/f.b", 0, 1);
    node.disk().install("/f.a", as_bytes("rot"));
    TwoCopyFile rotten(runtime.files(), "/f", kMark);
    EXPECT_EQ(co_await read_text(rotten), "error io");
  }));
}

TEST(TwoCopyFile, ANewerFormatIsRefusedByName) {
  World world(5);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([](Runtime& runtime) -> Task<void> {
    for (uint32_t version : {2u, 3u}) {
      TwoCopyFile file(runtime.files(), "/f", {"test-two", version});
      EXPECT_TRUE(co_await file.read());
      EXPECT_TRUE(co_await write_text(file, contents(1)));
    }
    TwoCopyFile older(runtime.files(), "/f", kMark);
    const auto found = co_await older.read();
    EXPECT_EQ(kind_of(found), "unsupported");
    if (!found) EXPECT_NE(found.error().message.find("/f.b has format 3"), std::string::npos);
    TwoCopyFile newer(runtime.files(), "/f", {"test-two", 3});
    const auto both = co_await newer.read();
    EXPECT_EQ((*both)->version, 3u);
  }));
}

TEST(TwoCopyFile, AFullDiskLeavesTheContentsAndMayBeTriedAgain) {
  World world(6);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([&node](Runtime& runtime) -> Task<void> {
    TwoCopyFile file(runtime.files(), "/f", kMark);
    EXPECT_TRUE(co_await file.read());
    for (int i = 1; i <= 2; ++i) EXPECT_TRUE(co_await write_text(file, "short"));
    node.disk().set_capacity(node.disk().used() + 8192);
    EXPECT_EQ(kind_of(co_await write_text(file, std::string(50000, 'x'))), "no_space");
    TwoCopyFile again(runtime.files(), "/f", kMark);
    EXPECT_EQ(co_await read_text(again), "short");
    node.disk().set_capacity(0);
    EXPECT_TRUE(co_await write_text(file, std::string(50000, 'y')));
    TwoCopyFile third(runtime.files(), "/f", kMark);
    EXPECT_EQ(co_await read_text(third), std::string(50000, 'y'));
  }));
}

TEST(TwoCopyFile, AfterAFailedSyncNothingIsWrittenAgain) {
  World world(7);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([&node](Runtime& runtime) -> Task<void> {
    TwoCopyFile file(runtime.files(), "/f", kMark);
    EXPECT_TRUE(co_await file.read());
    for (int i = 1; i <= 2; ++i) EXPECT_TRUE(co_await write_text(file, contents(i)));
    node.disk().fail_next({.kinds = {OpKind::sync}}, ErrorKind::io);
    EXPECT_EQ(kind_of(co_await write_text(file, contents(3))), "io");
    const auto before = node.disk().mutations();
    EXPECT_EQ(kind_of(co_await write_text(file, contents(4))), "io");
    EXPECT_EQ(node.disk().mutations(), before);
  }));
}

TEST(AtomicFile, IsTheOldOneOrTheNewOne) {
  const auto result = runtime::sim::sweep_crashes({.crashes_in_recovery = true}, [](CrashScenario& run) {
    run.disk().install("/d/f", as_bytes("old"));
    auto done = std::make_shared<bool>(false);
    const auto replace = [](Runtime& runtime, std::string text) -> Task<Result<void>> {
      const BytesView part = as_bytes(text);
      co_return co_await replace_file(runtime.files(), "/d/f", {&part, 1});
    };
    run.work([=](Runtime& runtime) -> Task<void> { *done = (co_await replace(runtime, "new")).has_value(); });
    run.recover([=](Runtime& runtime) -> Task<void> {
      const auto found = co_await runtime::read_file(runtime.files(), "/d/f", 100);
      EXPECT_TRUE(found && (as_text(*found) == "new" || (!*done && as_text(*found) == "old")));
      if (found) EXPECT_TRUE(co_await replace(runtime, std::string(as_text(*found))));
    });
  });
  EXPECT_GT(result.runs, 50u);
}

}  // namespace
}  // namespace godwit::durable
