// The bytes of a round, as docs/formats/journal.md shows them.
#include "storage/journal/round.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace godwit::storage::journal {
namespace {

// The worked example: round 7 with one entry, the second of its file.
Bytes example(RoundHeader& header) {
  header.salt = 0x1122334455667788;
  header.file = 3;
  header.position = 4096;
  header.sequence = Sequence(7);
  header.synced = Sequence(6);
  header.start = Sequence(5);
  header.follows = Sequence(3);
  header.released = Sequence(2);
  JournalEntry entry;
  entry.kind = 1;
  entry.meta = to_bytes("p0");
  const Bytes payload = to_bytes("hello");
  entry.payload = {payload};
  RoundPacker packer;
  packer.add(entry);
  Bytes bytes(packer.block_bytes(), std::byte{0xff});
  EXPECT_EQ(packer.pack(header, bytes), bytes.size());
  return bytes;
}

TEST(JournalRound, HasTheBytesOfTheWorkedExample) {
  RoundHeader header;
  const Bytes bytes = example(header);
  ASSERT_EQ(bytes.size(), 4096u);
  EXPECT_EQ(to_hex({bytes.data(), 135}),
            "676f647769742d6a1a606ef001000100887766554433221103000000000000000010000000000000"
            "07000000000000000600000000000000050000000000000003000000000000000200000000000000"
            "010000001200000005000000410e5166000000000000000000000000000000000100000002000000"
            "050000004cbb719a703068656c6c6f");
  EXPECT_TRUE(std::all_of(bytes.begin() + 135, bytes.end(), [](std::byte b) { return b == std::byte{0}; }));
}

TEST(JournalRound, IsReadBackAsItWasPacked) {
  RoundHeader written;
  const Bytes bytes = example(written);
  RoundHeader read;
  ASSERT_EQ(decode_header(bytes.data(), read), HeaderFinding::good);
  EXPECT_EQ(read.sequence, Sequence(7));
  EXPECT_EQ(read.start, Sequence(5));
  const auto front = decode_front(read, BytesView(bytes).subspan(kHeaderBytes, read.front_bytes));
  ASSERT_TRUE(front.has_value());
  ASSERT_EQ(front->size(), 1u);
  EXPECT_EQ(as_text(front->front().meta), "p0");
  EXPECT_EQ(front->front().table.payload_bytes, 5u);
}

TEST(JournalRound, EveryFlippedBitOfHeaderAndFrontIsNoticed) {
  RoundHeader header;
  Bytes bytes = example(header);
  for (size_t bit = 0; bit < 130 * 8; ++bit) {
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    RoundHeader read;
    const bool good = decode_header(bytes.data(), read) == HeaderFinding::good &&
                      decode_front(read, BytesView(bytes).subspan(kHeaderBytes, read.front_bytes));
    EXPECT_FALSE(good) << "bit " << bit;
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

}  // namespace
}  // namespace godwit::storage::journal
