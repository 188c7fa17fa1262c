#include "storage/file_cache.h"

#include "runtime/sync.h"
#include "storage/segment_testing.h"

namespace godwit::storage::testing {
namespace {

class Descriptors : public ::testing::Test {
 protected:
  Descriptors() {
    for (const char* name : {"d/a", "d/b", "d/c"}) node.disk().install(name, Bytes(4096));
  }
  void run(runtime::sim::Main main) { ASSERT_TRUE(node.run(std::move(main))); }
  World world{3};
  Node& node = world.add_node("a");
};

TEST_F(Descriptors, TheLeastRecentlyUsedIsClosedWhenTooManyAreOpen) {
  run([](Runtime& runtime) -> Task<void> {
    auto cache = FileCache::create(runtime.files(), 2);
    const runtime::File* const a = (co_await cache->get("d/a", false)).value().get();
    std::weak_ptr<runtime::File> b = (co_await cache->get("d/b", false)).value();
    EXPECT_EQ((co_await cache->get("d/a", false)).value().get(), a);
    EXPECT_FALSE(b.expired());
    (void)co_await cache->get("d/c", false);
    EXPECT_TRUE(b.expired());
    EXPECT_EQ(cache->open_files(), 2u);
    EXPECT_EQ((co_await cache->get("d/a", false)).value().get(), a);
  });
}

TEST_F(Descriptors, AFileThatIsInUseStaysOpen) {
  run([](Runtime& runtime) -> Task<void> {
    auto cache = FileCache::create(runtime.files(), 1);
    const auto a = (co_await cache->get("d/a", false)).value();
    const auto b = (co_await cache->get("d/b", false)).value();
    EXPECT_EQ(cache->open_files(), 2u);
    EXPECT_EQ((co_await cache->get("d/a", false)).value(), a);
    runtime::AlignedBuffer buffer(4096);
    EXPECT_EQ((co_await a->read_at(0, buffer.bytes())).value(), 4096u);
  });
}

TEST_F(Descriptors, ReadingAndWritingHaveDescriptorsOfTheirOwn) {
  run([](Runtime& runtime) -> Task<void> {
    auto cache = FileCache::create(runtime.files(), 4);
    const auto reading = (co_await cache->get("d/a", false)).value();
    const auto writing = (co_await cache->get("d/a", true)).value();
    EXPECT_NE(reading, writing);
    cache->forget("d/a");
    EXPECT_EQ(cache->open_files(), 0u);
    EXPECT_NE((co_await cache->get("d/a", false)).value(), reading);
  });
}

TEST_F(Descriptors, WhatIsForgottenWhileItIsOpenedIsNotKept) {
  run([](Runtime& runtime) -> Task<void> {
    auto cache = FileCache::create(runtime.files(), 4);
    std::vector<Task<Result<std::shared_ptr<runtime::File>>>> tasks;
    tasks.push_back(cache->get("d/a", false));
    tasks.push_back([](FileCache& c) -> Task<Result<std::shared_ptr<runtime::File>>> {
      c.forget("d/a");
      co_return std::shared_ptr<runtime::File>();
    }(*cache));
    const auto results = co_await runtime::when_all(std::move(tasks));
    EXPECT_TRUE(results[0].has_value());
    EXPECT_EQ(cache->open_files(), 0u);
  });
}

TEST_F(Descriptors, TwoWhoOpenTheSameFileAtOnceShareIt) {
  run([](Runtime& runtime) -> Task<void> {
    auto cache = FileCache::create(runtime.files(), 4);
    std::vector<Task<Result<std::shared_ptr<runtime::File>>>> tasks;
    tasks.push_back(cache->get("d/a", false));
    tasks.push_back(cache->get("d/a", false));
    const auto results = co_await runtime::when_all(std::move(tasks));
    EXPECT_EQ(cache->open_files(), 1u);
    EXPECT_EQ((co_await cache->get("d/a", false)).value(), results[0].value());
    EXPECT_EQ(results[0].value(), results[1].value());
  });
}

TEST_F(Descriptors, WithoutADescriptorLeftTheUnusedOnesAreClosedAndItIsTriedAgain) {
  run([this](Runtime& runtime) -> Task<void> {
    auto cache = FileCache::create(runtime.files(), 4);
    const auto a = (co_await cache->get("d/a", false)).value();
    (void)co_await cache->get("d/b", false);
    node.disk().fail_next({.kinds = {OpKind::open}}, ErrorKind::limit);
    EXPECT_TRUE((co_await cache->get("d/c", false)).has_value());
    EXPECT_EQ(cache->open_files(), 2u);
    node.disk().fail_next({.kinds = {OpKind::open}}, ErrorKind::limit, 2);
    const auto none = co_await cache->get("d/b", false);
    EXPECT_EQ(none.error().kind, ErrorKind::limit);
    EXPECT_EQ((co_await cache->get("d/missing", false)).error().kind, ErrorKind::not_found);
  });
}

}  // namespace
}  // namespace godwit::storage::testing
