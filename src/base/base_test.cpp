#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/diagnostic.h"
#include "base/endian.h"
#include "base/strong.h"
#include "base/text.h"
#include "base/uuid.h"
#include "base/varint.h"

namespace godwit {
namespace {

TEST(Crc32c, MatchesThePublishedVectors) {
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c(Bytes(32, std::byte{0})), 0x8a9136aau);     // RFC 3720 B.4
  EXPECT_EQ(crc32c(Bytes(32, std::byte{0xff})), 0x62a8ab43u);  // RFC 3720 B.4
  EXPECT_EQ(crc32c({}), 0u);
}

TEST(Crc32c, TheInstructionAndTheTablesAgreeAtEveryLengthAndSplit) {
  std::mt19937_64 random(7);
  Bytes bytes(10000);
  for (auto& b : bytes) b = static_cast<std::byte>(random());
  for (const size_t size : {0, 1, 7, 8, 9, 1023, 3071, 3072, 3073, 6144, 9999, 10000}) {
    const BytesView view = BytesView(bytes).first(size);
    EXPECT_EQ(crc32c(view), crc32c_extend_portable(0, view)) << size;
    const size_t half = size / 3;
    EXPECT_EQ(crc32c_extend(crc32c(view.first(half)), view.subspan(half)), crc32c(view)) << size;
  }
}

TEST(CutOff, KeepsWhatFitsMarksWhatIsMissingAndTearsNoCharacter) {
  EXPECT_EQ(cut_off("godwit", 6), "godwit");
  EXPECT_EQ(cut_off("godwit", 5), "godwi…");
  EXPECT_EQ(cut_off("", 0), "");
  EXPECT_EQ(cut_off("godwit", 0), "…");
  const std::string text = "aé€😀b";  // of 1, 2, 3, 4 and 1 bytes
  for (const auto& [bytes_max, kept] : std::initializer_list<std::pair<size_t, std::string>>{
           {1, "a"}, {2, "a"}, {3, "aé"}, {5, "aé"}, {6, "aé€"}, {9, "aé€"}, {10, "aé€😀"}}) {
    EXPECT_EQ(cut_off(text, bytes_max), kept + "…") << bytes_max;
  }
  EXPECT_EQ(cut_off(text, 11), text);
  EXPECT_EQ(cut_off("\x80\x80\x80", 2), "…") << "no text at all is not read beyond its begin";
}

TEST(Varint, RoundTripsTheLimits) {
  std::byte buffer[kVarint64Max];
  for (const int64_t value : {int64_t{0}, int64_t{-1}, int64_t{1}, int64_t{-64}, int64_t{64},
                              std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
    const size_t size = encode_varint(value, buffer);
    EXPECT_EQ(size, varint_size(value));
    const auto decoded = decode_varlong(BytesView(buffer, size));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->value, value);
    EXPECT_EQ(decoded->size, size);
  }
  for (const int32_t value :
       {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max(), 0, -7}) {
    const size_t size = encode_varint(value, buffer);
    const auto decoded = decode_varint(BytesView(buffer, size));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->value, value);
  }
}

TEST(Varint, RefusesBombsAndTruncatedInput) {
  const Bytes bomb(20, std::byte{0xff});
  EXPECT_FALSE(decode_unsigned_varint(bomb));
  EXPECT_FALSE(decode_unsigned_varlong(bomb));
  EXPECT_FALSE(decode_unsigned_varint({}));
  const Bytes open_ended(3, std::byte{0x80});
  EXPECT_FALSE(decode_unsigned_varint(open_ended));
  // Five bytes whose last one carries bits beyond the 32nd.
  const Bytes too_large{std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0x1f}};
  EXPECT_FALSE(decode_unsigned_varint(too_large));
}

TEST(Uuid, PrintsAndParsesAsUrlSafeBase64) {
  Uuid uuid;
  for (size_t i = 0; i < 16; ++i) uuid.bytes[i] = static_cast<std::byte>(i * 17);
  const std::string text = to_string(uuid);
  EXPECT_EQ(text.size(), 22u);
  EXPECT_EQ(Uuid::parse(text), uuid);
  EXPECT_FALSE(Uuid::parse("short"));
  EXPECT_FALSE(Uuid::parse("!!!!!!!!!!!!!!!!!!!!!!"));
  EXPECT_FALSE(Uuid::parse("AAAAAAAAAAAAAAAAAAAAAB"));  // bits after the 128th
  EXPECT_TRUE(Uuid{}.is_zero());
}

TEST(Uuid, ARandomOneNeverPrintsWithALeadingDash) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 2000; ++i) {
    std::array<std::byte, 16> bytes;
    for (auto& b : bytes) b = static_cast<std::byte>(random());
    EXPECT_NE(to_string(Uuid::from_random(bytes)).front(), '-');
  }
}

TEST(Endian, StoresBigAndLittle) {
  std::byte at[4];
  store_big<int32_t>(at, 0x01020304);
  EXPECT_EQ(at[0], std::byte{1});
  EXPECT_EQ(load_big<int32_t>(at), 0x01020304);
  EXPECT_EQ(load_little<int32_t>(at), 0x04030201);
}

TEST(Chain, KeepsItsPartsInOrderAndAlive) {
  Chain chain;
  chain.append(SharedBytes::copy(as_bytes("ab")));
  chain.append(SharedBytes());
  chain.append(SharedBytes::copy(as_bytes("cde")).slice(1, 2));
  EXPECT_EQ(chain.size(), 4u);
  EXPECT_EQ(chain.parts().size(), 2u);
  EXPECT_EQ(as_text(chain.flatten()), "abde");
}

TEST(Diagnostic, EscapesWhatAPeerCouldForge) {
  const Diagnostic event{Severity::warning, "net.garbage", "not Kafka", {{"first", "GET\r\nx"}}};
  EXPECT_EQ(describe(event), "warning net.garbage: not Kafka first=GET\\x0d\\x0ax");
}

}  // namespace
}  // namespace godwit
