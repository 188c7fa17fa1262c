// Reading whole segments: every size of batch, every size of answer, several readers, growing files.
#include "runtime/sync.h"
#include "storage/segment_test_support.h"

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

}  // namespace
}  // namespace godwit::storage::testing
