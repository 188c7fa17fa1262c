// Batches that lie about what is in them.
#include "record/record_reader.h"

#include <gtest/gtest.h>

#include "record/compression.h"
#include "record/record_test_support.h"

namespace godwit::testing {
namespace {

Bytes raw(std::initializer_list<int> bytes) {
  Bytes out;
  for (const int byte : bytes) out.push_back(static_cast<std::byte>(byte));
  return out;
}

// Reads the one record in `record` (count and last delta 1 and 0) and gives back the error.
std::string error_of(std::initializer_list<int> record, int32_t count = 1, int32_t last_delta = 0) {
  return read_all(raw_batch(raw(record), count, last_delta)).error;
}

//   length 12: attributes, timestamp +0, offset +0, key null, value null, no headers
TEST(RecordReader, TheSmallestRecordIsRead) {
  EXPECT_EQ(error_of({12, 0, 0, 0, 1, 1, 0}), "");
}

TEST(RecordReader, LengthsThatLieAreRefused) {
  EXPECT_NE(error_of({14, 0, 0, 0, 1, 1, 0}), "");                  // record longer than the batch
  EXPECT_NE(error_of({10, 0, 0, 0, 1, 1, 0}), "");                  // shorter than its fields
  EXPECT_NE(error_of({14, 0, 0, 0, 1, 1, 0, 0}), "");               // longer than its fields
  EXPECT_NE(error_of({1, 0, 0, 0, 1, 1, 0}), "");                   // negative
  EXPECT_NE(error_of({0}), "");                                     // empty
  EXPECT_NE(error_of({12, 0, 0, 0, 2, 1, 0}), "");                  // key takes the value's place
  EXPECT_NE(error_of({12, 0, 0, 0, 126, 1, 0}), "");                // key past the record
  EXPECT_NE(error_of({12, 0, 0, 0, 1, 126, 0}), "");                // value past the record
  EXPECT_NE(error_of({12, 0, 0, 0, 3, 1, 0}), "");                  // key length -2
  EXPECT_NE(error_of({12, 0, 0, 0, 1, 1, 1}), "");                  // header count -1
  EXPECT_NE(error_of({12, 0, 0, 0, 1, 1, 126}), "");                // 63 headers, none there
  EXPECT_NE(error_of({16, 0, 0, 0, 1, 1, 2, 1, 0}), "");            // header key null
  EXPECT_NE(error_of({20, 0, 0, 0, 1, 1, 2, 2, 'h', 126, 0}), "");  // header value past the record
  EXPECT_EQ(error_of({18, 0, 0, 0, 1, 1, 2, 2, 'h', 1}), "");       // header value null: fine
}

TEST(RecordReader, VarintBombsAreRefused) {
  EXPECT_NE(error_of({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), "");
  EXPECT_NE(error_of({0x80, 0x80, 0x80, 0x80, 0x10}), "");  // 2^31 does not fit
  EXPECT_NE(error_of({0xfe, 0xff, 0xff, 0xff, 0x0f}), "");  // 2^31 - 1 bytes
  EXPECT_NE(error_of({32, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 0, 1, 1, 0}), "");
  EXPECT_NE(error_of({20, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f}), "");  // 2^31 - 1 headers
}

TEST(RecordReader, CountsThatLieAreRefused) {
  EXPECT_NE(error_of({12, 0, 0, 0, 1, 1, 0}, 2, 1).find("ends before"), std::string::npos);
  EXPECT_NE(error_of({12, 0, 0, 0, 1, 1, 0, 12, 0, 0, 2, 1, 1, 0}, 1, 1).find("follow"), std::string::npos);
  EXPECT_NE(error_of({12, 0, 0, 0, 1, 1, 0}, 0, 0), "");
  EXPECT_EQ(read_all(raw_batch({}, 0, 4)).error, "");
}

TEST(RecordReader, OffsetsMustRiseAndStayInTheBatch) {
  EXPECT_NE(error_of({12, 0, 0, 2, 1, 1, 0}, 1, 0), "");                        // past the last
  EXPECT_NE(error_of({12, 0, 0, 1, 1, 1, 0}, 1, 0), "");                        // before the first
  EXPECT_NE(error_of({12, 0, 0, 0, 1, 1, 0, 12, 0, 0, 0, 1, 1, 0}, 2, 1), "");  // twice
  EXPECT_EQ(error_of({12, 0, 0, 2, 1, 1, 0, 12, 0, 0, 8, 1, 1, 0}, 2, 4), "");  // gaps: compacted
}

TEST(RecordReader, UnknownCodecsAndWrongCodecsAreNamed) {
  for (const uint16_t codec : {5, 6, 7})
    EXPECT_NE(read_all(raw_batch(raw({1, 2, 3}), 1, 0, codec)).error.find("codec"), std::string::npos);
  const auto zstd = compress({CompressionType::zstd}, raw({12, 0, 0, 0, 1, 1, 0}));
  EXPECT_EQ(read_all(raw_batch(*zstd, 1, 0, 4)).error, "");
  for (const uint16_t codec : {1, 2, 3}) EXPECT_NE(read_all(raw_batch(*zstd, 1, 0, codec)).error, "");
}

TEST(RecordReader, TruncationsAndFlipsOfCompressedRecordsNeverReadOutsideThem) {
  for (const CompressionType type : kAllCodecs) {
    const auto id = static_cast<uint16_t>(type);
    const Bytes batch = golden("java-" + std::string(to_string(type)));
    const BytesView records = BytesView(batch).subspan(kBatchHeaderSize);
    for (size_t size = 0; size < records.size(); size += 1 + size / 64)
      EXPECT_NE(read_all(raw_batch(records.first(size), 5, 4, id)).error, "")
          << to_string(type) << " " << size;
    for (size_t bit = 0; bit < records.size() * 8; bit += 1 + bit / 512) {
      Bytes flipped = to_bytes(records);
      flipped[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
      // Exact-size heap copies: the sanitizer sees one byte too far. What comes out may be right or wrong.
      const ReadBack read = read_all(raw_batch(flipped, 5, 4, id));
      EXPECT_TRUE(!read.error.empty() || read.records.size() == 5);
    }
  }
}

TEST(RecordReader, ADecompressionBombStopsAtTheLimit) {
  for (const CompressionType type : kAllCodecs) {
    if (type == CompressionType::none) continue;
    const auto bomb = compress({type}, Bytes(32 << 20));
    ASSERT_TRUE(bomb.has_value());
    const Bytes batch = raw_batch(*bomb, 1, 0, static_cast<uint16_t>(type));
    const auto reader = RecordReader::open(view(batch), {.decompressed_bytes_max = 1 << 20});
    ASSERT_FALSE(reader.has_value());
    EXPECT_EQ(reader.error().kind, ErrorKind::limit) << to_string(type);
  }
}

}  // namespace
}  // namespace godwit::testing
