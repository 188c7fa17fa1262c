#include "runtime/buffered_reader.h"

#include <gtest/gtest.h>

#include <deque>

namespace godwit::runtime {
namespace {

// Gives what was put in, a piece at a read, and then the end or an error.
class Pieces final : public Stream {
 public:
  explicit Pieces(std::deque<std::string> pieces, std::optional<Error> error = {})
      : pieces_(std::move(pieces)), error_(std::move(error)) {}
  Task<Result<size_t>> read_some(MutableBytes into) override {
    ++reads;
    if (pieces_.empty()) {
      if (error_) co_return fail(*error_);
      co_return size_t{0};
    }
    std::string& piece = pieces_.front();
    const size_t count = std::min(into.size(), piece.size());
    std::memcpy(into.data(), piece.data(), count);
    piece.erase(0, count);
    if (piece.empty()) pieces_.pop_front();
    co_return count;
  }
  Task<Result<void>> write_all(std::span<const BytesView>) override { co_return Result<void>(); }
  void shutdown_write() override {}
  void close() override {}
  void detach() override {}
  Result<void> attach() override { return {}; }
  const Endpoint& local() const override { return none_; }
  const Endpoint& peer() const override { return none_; }

  int reads = 0;

 private:
  std::deque<std::string> pieces_;
  std::optional<Error> error_;
  Endpoint none_;
};

// Nothing here waits, so a task has ended when it was started.
template <class T>
T result_of(Task<T> task) {
  std::optional<T> result;
  auto run = [](Task<T> inner, std::optional<T>& out) -> Task<void> { out.emplace(co_await inner); }(
                                                          std::move(task), result);
  run.start();
  EXPECT_TRUE(result.has_value());
  return std::move(*result);
}

std::string read(BufferedReader& reader, size_t size) {
  Bytes into(size);
  const auto done = result_of(reader.read_exactly(into));
  return done ? std::string(as_text(into)) : done.error().message;
}

TEST(BufferedReader, TakesSmallMessagesThatCameTogetherInOneRead) {
  Pieces stream({"abcdefghij", "kl"});
  BufferedReader reader(stream, 16);
  EXPECT_EQ(read(reader, 1), "a");
  EXPECT_EQ(read(reader, 4), "bcde");
  EXPECT_EQ(read(reader, 5), "fghij");
  EXPECT_EQ(stream.reads, 1);
  EXPECT_EQ(read(reader, 2), "kl");
  EXPECT_EQ(stream.reads, 2);
}

TEST(BufferedReader, GivesWhatIsKeptBeforeItReadsAgain) {
  Pieces stream({"abcdef", "ghijklmnopqrstuvwxyz"});
  BufferedReader reader(stream, 8);
  EXPECT_EQ(read(reader, 2), "ab");
  Bytes into(100);
  EXPECT_EQ(*result_of(reader.read_some(into)), 4U);
  EXPECT_EQ(as_text(BytesView(into).first(4)), "cdef");
  EXPECT_EQ(*result_of(reader.read_some(into)), 20U) << "and much goes to where it belongs at once";
  EXPECT_EQ(stream.reads, 2);
}

TEST(BufferedReader, ReadsWhatComesInPiecesToItsEnd) {
  Pieces stream({"a", "bc", "defghijklmnop", "q"});
  BufferedReader reader(stream, 4);
  EXPECT_EQ(read(reader, 17), "abcdefghijklmnopq");
  Bytes into(1);
  EXPECT_EQ(*result_of(reader.read_some(into)), 0U);
  EXPECT_EQ(read(reader, 1), "the peer ended the connection");
}

TEST(BufferedReader, PassesErrorsOnBehindWhatCame) {
  Pieces stream({"abc"}, Error{ErrorKind::closed, "reset"});
  BufferedReader reader(stream, 8);
  EXPECT_EQ(read(reader, 3), "abc");
  EXPECT_EQ(read(reader, 1), "reset");
}

}  // namespace
}  // namespace godwit::runtime
