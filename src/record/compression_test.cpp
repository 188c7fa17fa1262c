#include "record/compression.h"

#include <gtest/gtest.h>
#include <lz4frame.h>
#include <snappy.h>
#include <zstd.h>

#include <random>

#include "base/endian.h"
#include "record/recompress.h"
#include "record/record_test_support.h"

namespace godwit::testing {
namespace {

Bytes noise(size_t size, unsigned seed) {
  std::mt19937_64 random(seed);
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random() % 7 * random());
  return bytes;
}

Bytes joined(Bytes a, BytesView b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(Compression, WhatGoesInComesOut) {
  for (const CompressionType type : kAllCodecs) {
    for (const size_t size :
         {size_t{0}, size_t{1}, size_t{100}, size_t{32768}, size_t{32769}, size_t{700'000}}) {
      const Bytes in = noise(size, static_cast<unsigned>(size));
      const auto packed = compress({type}, in);
      ASSERT_TRUE(packed.has_value());
      const auto out = decompress(type, *packed, size);
      ASSERT_TRUE(out.has_value()) << to_string(type) << " " << size << " " << out.error().describe();
      EXPECT_EQ(*out, in);
      if (size > 0) EXPECT_EQ(decompress(type, *packed, size - 1).error().kind, ErrorKind::limit);
      const auto claim = inspect_compressed(type, *packed);
      ASSERT_TRUE(claim.has_value());
      EXPECT_GE(claim->bytes_max, size);
      if (claim->exact) EXPECT_EQ(claim->bytes_max, size);
    }
  }
}

TEST(Compression, LevelsAreKafkasAndOthersAreRefused) {
  const Bytes in = noise(100'000, 3);
  const auto works = [&](CompressionType type, int level) {
    const auto packed = compress({type, level}, in);
    if (!packed) return false;
    EXPECT_EQ(decompress(type, *packed, in.size()).value(), in);
    return true;
  };
  for (const int level : {-1, 1, 6, 9}) EXPECT_TRUE(works(CompressionType::gzip, level));
  for (const int level : {-2, 0, 10}) EXPECT_FALSE(works(CompressionType::gzip, level));
  for (const int level : {1, 9, 12, 17}) EXPECT_TRUE(works(CompressionType::lz4, level));
  for (const int level : {0, 18}) EXPECT_FALSE(works(CompressionType::lz4, level));
  for (const int level : {-131072, -5, 0, 3, 19}) EXPECT_TRUE(works(CompressionType::zstd, level));
  for (const int level : {-131073, 23}) EXPECT_FALSE(works(CompressionType::zstd, level));
  EXPECT_FALSE(works(CompressionType::snappy, 1));
  EXPECT_FALSE(works(CompressionType::none, 1));
}

TEST(Compression, RawSnappyIsReadAndXerialIsWritten) {
  const Bytes in = noise(50'000, 4);
  std::string packed;
  snappy::Compress(reinterpret_cast<const char*>(in.data()), in.size(), &packed);
  EXPECT_EQ(decompress(CompressionType::snappy, as_bytes(packed), in.size()).value(), in);
  const Bytes xerial = compress({CompressionType::snappy}, in).value();
  EXPECT_EQ(as_text(BytesView(xerial).first(8)), std::string_view("\x82SNAPPY\0", 8));
}

TEST(Compression, SeveralStreamsInARowAreOne) {
  const Bytes a = noise(1000, 5);
  const Bytes b = noise(2000, 6);
  for (const CompressionType type : kAllCodecs) {
    const Bytes both = joined(compress({type}, a).value(), compress({type}, b).value());
    EXPECT_EQ(decompress(type, both, 3000).value(), joined(a, b)) << to_string(type);
  }
}

TEST(Compression, WhatFollowsAStreamIsRefused) {
  for (const CompressionType type : kAllCodecs) {
    if (type == CompressionType::none) continue;
    const Bytes extra = joined(compress({type}, noise(1000, 7)).value(), Bytes(3));
    const auto out = decompress(type, extra, 10'000);
    ASSERT_FALSE(out.has_value()) << to_string(type);
    EXPECT_EQ(out.error().kind, ErrorKind::corrupt);
  }
}

TEST(Compression, EveryTruncationIsRefused) {
  for (const CompressionType type : kAllCodecs) {
    if (type == CompressionType::none) continue;
    const Bytes packed = compress({type}, noise(500, 8)).value();
    for (size_t size = 0; size < packed.size(); ++size) {
      // A snappy stream that ends between its blocks is whole.
      if (type == CompressionType::snappy && size == 16) continue;
      EXPECT_FALSE(decompress(type, BytesView(packed).first(size), 500).has_value())
          << to_string(type) << size;
    }
  }
}

TEST(Compression, APromiseIsNotBelieved) {
  // Raw snappy that promises 2^32 - 1 bytes and a zstd frame that promises 2^40.
  const Bytes snappy_lie = {std::byte{0xff}, std::byte{0xff}, std::byte{0xff},
                            std::byte{0xff}, std::byte{0x0f}, std::byte{0}};
  EXPECT_FALSE(inspect_compressed(CompressionType::snappy, snappy_lie).has_value());
  EXPECT_FALSE(decompress(CompressionType::snappy, snappy_lie, SIZE_MAX).has_value());
  Bytes zstd_lie(4 + 1 + 8 + 4 + 1);
  store_little<uint32_t>(zstd_lie.data(), ZSTD_MAGICNUMBER);
  zstd_lie[4] = std::byte{0xe0};  // content size of 8 bytes, single segment
  store_little<uint64_t>(zstd_lie.data() + 5, uint64_t{1} << 40);
  zstd_lie[13] = std::byte{0x0b};  // last block, run length of one byte
  EXPECT_FALSE(decompress(CompressionType::zstd, zstd_lie, SIZE_MAX).has_value());
}

TEST(Compression, AZstdStreamWithoutItsSizeAndLinkedLz4BlocksAreRead) {
  const Bytes in = noise(300'000, 9);
  ZSTD_CCtx* context = ZSTD_createCCtx();
  Bytes packed(ZSTD_compressBound(in.size()) + 100);
  ZSTD_outBuffer output{packed.data(), packed.size(), 0};
  ZSTD_inBuffer first{in.data(), 1000, 0};
  ZSTD_inBuffer rest{in.data() + 1000, in.size() - 1000, 0};
  ZSTD_compressStream2(context, &output, &first, ZSTD_e_flush);
  ASSERT_EQ(ZSTD_compressStream2(context, &output, &rest, ZSTD_e_end), 0u);
  ZSTD_freeCCtx(context);
  packed.resize(output.pos);
  EXPECT_FALSE(inspect_compressed(CompressionType::zstd, packed)->exact);
  EXPECT_EQ(decompress(CompressionType::zstd, packed, in.size()).value(), in);

  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockMode = LZ4F_blockLinked;
  preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  Bytes frame(LZ4F_compressFrameBound(in.size(), &preferences));
  frame.resize(LZ4F_compressFrame(frame.data(), frame.size(), in.data(), in.size(), &preferences));
  EXPECT_EQ(decompress(CompressionType::lz4, frame, in.size()).value(), in);
}

TEST(Recompress, AnotherCodecKeepsEverythingElse) {
  for (const CompressionType from : kAllCodecs) {
    const Bytes bytes = golden("java-" + std::string(to_string(from)));
    for (const CompressionType to : kAllCodecs) {
      const auto again = recompress(view(bytes), {to});
      ASSERT_TRUE(again.has_value());
      EXPECT_TRUE(view(*again).crc_matches());
      EXPECT_EQ(read_all(*again).records, golden_records());
      BatchHeader expected = view(bytes).header();
      const BatchHeader header = view(*again).header();
      expected.attributes = expected.attributes.with_compression(to);
      expected.length = header.length;
      expected.crc = header.crc;
      EXPECT_EQ(header, expected);
      EXPECT_EQ(needs_recompression(view(bytes).header(), to), from != to);
      if (to == CompressionType::none) EXPECT_EQ(*again, golden("java-none"));
    }
  }
  const Bytes marker = golden("java-commit-marker");
  EXPECT_FALSE(needs_recompression(view(marker).header(), CompressionType::zstd));
}

}  // namespace
}  // namespace godwit::testing
