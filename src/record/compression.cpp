#include "record/compression.h"

#include <string>

#include "record/codecs.h"

namespace godwit {
namespace {

struct LevelRange {
  int lowest;
  int highest;
};

std::optional<LevelRange> level_range(CompressionType type) {
  switch (type) {
    case CompressionType::gzip:
      return LevelRange{1, 9};
    case CompressionType::lz4:
      return LevelRange{1, 17};
    case CompressionType::zstd:
      return LevelRange{-131072, 22};
    case CompressionType::none:
    case CompressionType::snappy:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

Result<void> check_compression(const Compression& compression) {
  if (!compression.level) return {};
  const std::string codec(to_string(compression.type));
  const auto range = level_range(compression.type);
  if (!range) return fail(ErrorKind::invalid, "compression " + codec + " has no levels");
  const int level = *compression.level;
  // gzip's -1 is zlib's name for its default.
  if (compression.type == CompressionType::gzip && level == -1) return {};
  if (level >= range->lowest && level <= range->highest) return {};
  return fail(ErrorKind::invalid, "compression level " + std::to_string(level) + " is not one of " + codec +
                                      "'s: " + std::to_string(range->lowest) + " to " +
                                      std::to_string(range->highest));
}

Result<Bytes> compress(const Compression& compression, BytesView in) {
  GW_TRY(return, check_compression(compression));
  if (in.size() > codecs::kCodecOutputMax) return fail(ErrorKind::limit, "more than 2 GiB to compress");
  switch (compression.type) {
    case CompressionType::none:
      return to_bytes(in);
    case CompressionType::gzip:
      return codecs::gzip_compress(in, compression.level);
    case CompressionType::snappy:
      return codecs::snappy_compress(in);
    case CompressionType::lz4:
      return codecs::lz4_compress(in, compression.level);
    case CompressionType::zstd:
      return codecs::zstd_compress(in, compression.level);
  }
  return fail(ErrorKind::unsupported, "unknown codec");
}

Result<Bytes> decompress(CompressionType type, BytesView in, size_t output_bytes_max) {
  if (in.size() > codecs::kCodecOutputMax) return fail(ErrorKind::limit, "more than 2 GiB to decompress");
  const size_t max = std::min(output_bytes_max, codecs::kCodecOutputMax);
  switch (type) {
    case CompressionType::none:
      if (in.size() > max) return codecs::too_much(max);
      return to_bytes(in);
    case CompressionType::gzip:
      return codecs::gzip_decompress(in, max);
    case CompressionType::snappy:
      return codecs::snappy_decompress(in, max);
    case CompressionType::lz4:
      return codecs::lz4_decompress(in, max);
    case CompressionType::zstd:
      return codecs::zstd_decompress(in, max);
  }
  return fail(ErrorKind::unsupported, "unknown codec");
}

Result<CompressedClaim> inspect_compressed(CompressionType type, BytesView in) {
  switch (type) {
    case CompressionType::none:
      return CompressedClaim{in.size(), true};
    case CompressionType::gzip:
      return codecs::gzip_inspect(in);
    case CompressionType::snappy:
      return codecs::snappy_inspect(in);
    case CompressionType::lz4:
      return codecs::lz4_inspect(in);
    case CompressionType::zstd:
      return codecs::zstd_inspect(in);
  }
  return fail(ErrorKind::unsupported, "unknown codec");
}

}  // namespace godwit
