// The codecs of record batches. What is written is what Kafka's Java clients write: gzip, the xerial block
// stream of snappy, LZ4 frames, zstd frames. What is read is more: raw snappy too (librdkafka writes it),
// several gzip members, LZ4 or zstd frames in a row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "record/batch_attributes.h"

namespace godwit {

// A codec and how hard it tries. Levels as Kafka's topic settings: compression.gzip.level -1 or 1..9,
// compression.lz4.level 1..17, compression.zstd.level -131072..22; snappy and none have none.
struct Compression {
  CompressionType type = CompressionType::none;
  std::optional<int> level = {};  // empty: gzip 6, LZ4's fast mode, zstd 3

  friend bool operator==(const Compression&, const Compression&) = default;
};

// invalid, with the permitted range, where the level does not belong to the codec.
Result<void> check_compression(const Compression& compression);

// `in`, compressed. Codec none copies. Errors: invalid (level), limit (input above 2 GiB).
Result<Bytes> compress(const Compression& compression, BytesView in);

// `in`, decompressed. Output grows with what really comes out, not by what a header promises (a raw snappy
// block's promise is taken up to 22 times its size, which is snappy's best), and stops at `output_bytes_max`.
//   corrupt  not that codec's format, damaged, cut short, or followed by other bytes
//   limit    more than output_bytes_max bytes would come out
Result<Bytes> decompress(CompressionType type, BytesView in, size_t output_bytes_max);

// What compressed bytes tell without being decompressed.
struct CompressedClaim {
  // At most this many bytes come out: what the format's headers promise where its decoder holds them to it,
  // else the best ratio that the format can reach.
  uint64_t bytes_max = 0;
  // bytes_max is a promise: exactly so many come out, or decompressing fails.
  bool exact = false;
};

// Looks at the format's headers alone (the first bytes; of snappy and zstd each block's head). corrupt: these
// bytes cannot be that codec's. What passes may still fail to decompress.
Result<CompressedClaim> inspect_compressed(CompressionType type, BytesView in);

}  // namespace godwit
