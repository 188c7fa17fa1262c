#include "net/sniff.h"

#include <gtest/gtest.h>

namespace godwit::net {
namespace {

constexpr size_t kMax = 100 << 20;

Protocol of(std::string_view text) {
  return sniff(as_bytes(text), kMax);
}

TEST(Sniff, KnowsAKafkaRequest) {
  EXPECT_EQ(of(std::string_view("\0\0\0\x23\0\x12\0\x03", 8)), Protocol::kafka);
}

TEST(Sniff, KnowsHttpTlsAndGarbage) {
  EXPECT_EQ(of("GET / HTTP/1.1\r\n"), Protocol::http);
  EXPECT_EQ(of("POST /x HTTP/1.1\r\n"), Protocol::http);
  EXPECT_EQ(of("PRI * HTTP/2.0"), Protocol::http);
  EXPECT_EQ(of(std::string_view("\x16\x03\x01\x02\0\x01\0\x01", 8)), Protocol::tls);
  EXPECT_EQ(of("\xff\xff\xff\xff\xff\xff\xff\xff"), Protocol::garbage);
  EXPECT_EQ(of("SSH-2.0-"), Protocol::garbage);
}

TEST(Sniff, RefusesALengthBeyondTheLimitAndAnUnbelievableKey) {
  EXPECT_EQ(sniff(as_bytes(std::string_view("\x7f\0\0\0\0\0\0\0", 8)), kMax), Protocol::garbage);
  EXPECT_EQ(of(std::string_view("\0\0\0\x07\0\0\0\0", 8)), Protocol::garbage);
  EXPECT_EQ(of(std::string_view("\0\0\0\x23\x7f\0\0\0", 8)), Protocol::garbage);
}

TEST(Sniff, WaitsForMoreBytesWhileSeveralThingsArePossible) {
  EXPECT_EQ(of(""), Protocol::undecided);
  EXPECT_EQ(of("G"), Protocol::undecided);
  EXPECT_EQ(of("PO"), Protocol::undecided);
  EXPECT_EQ(of(std::string_view("\0\0\0\x23\0", 5)), Protocol::undecided);
  EXPECT_EQ(of("\x16"), Protocol::undecided);
}

}  // namespace
}  // namespace godwit::net
