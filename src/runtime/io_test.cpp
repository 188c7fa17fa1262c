#include <gtest/gtest.h>

#include <map>

#include "runtime/file.h"
#include "runtime/random.h"
#include "runtime/stream.h"

namespace godwit::runtime {
namespace {

TEST(Endpoint, is_read_as_it_is_written) {
  for (const char* text : {"localhost:9092", "127.0.0.1:1", "[::1]:9092", ":9092", "[fe80::1%eth0]:65535"}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(to_string(*endpoint), text);
  }
}

TEST(Endpoint, says_what_is_wrong_with_the_rest) {
  for (const char* text : {"", "localhost", "localhost:", "localhost:x", "localhost:65536", "localhost:-1",
                           "::1:9092", "[::1:9092", "[::1]", "[:1", "a:1 ", "a:+1"}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_FALSE(endpoint) << text;
    EXPECT_EQ(endpoint.error().kind, ErrorKind::invalid);
    EXPECT_NE(endpoint.error().message.find(std::string("'") + text + "'"), std::string::npos);
  }
}

TEST(AlignedBuffer, is_aligned_zeroed_and_moves) {
  AlignedBuffer buffer(5000);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 4096, 0u);
  for (const std::byte byte : buffer.view()) EXPECT_EQ(byte, std::byte{0});
  const std::byte* const at = buffer.data();
  AlignedBuffer other(std::move(buffer));
  EXPECT_EQ(other.data(), at);
  EXPECT_EQ(other.size(), 5000u);
  AlignedBuffer third;
  third = std::move(other);
  EXPECT_EQ(third.data(), at);
  EXPECT_EQ(AlignedBuffer(0).size(), 0u);
}

TEST(Random, below_favours_no_remainder) {
  // A source that gives the largest values first: they belong to the incomplete stretch and are passed over.
  struct Falling final : Random {
    uint64_t value = UINT64_MAX;
    uint64_t next() override { return value--; }
  } falling;
  std::map<uint64_t, int> counts;
  for (int i = 0; i < 300; ++i) ++counts[falling.below(3)];
  EXPECT_EQ(counts, (std::map<uint64_t, int>{{0, 100}, {1, 100}, {2, 100}}));
  EXPECT_EQ(falling.below(1), 0u);
  EXPECT_TRUE(falling.chance(1, 1));
  EXPECT_FALSE(falling.chance(0, 1));
}

}  // namespace
}  // namespace godwit::runtime
