#include "record/batch_attributes.h"

#include <array>

namespace godwit {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"none", "gzip", "snappy", "lz4", "zstd"};

}  // namespace

std::string_view to_string(CompressionType type) {
  return kNames[static_cast<size_t>(type)];
}

std::optional<CompressionType> parse_compression_type(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<CompressionType>(i);
  }
  return std::nullopt;
}

}  // namespace godwit
