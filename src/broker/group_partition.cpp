#include "broker/group_partition.h"

#include <cstdlib>
#include <limits>

namespace godwit::broker {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

// The code point at the start of `text`, which is not empty, and how many bytes it took.
struct Decoded {
  char32_t point;
  size_t bytes;
};

Decoded decode_one(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return {kReplacement, 1};
  char32_t point = first & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {kReplacement, 1};
    point = point << 6U | (byte(i) & 0x3FU);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  if (point < kSmallest[length] || point > 0x10FFFF || surrogate) return {kReplacement, 1};
  return {point, length};
}

}  // namespace

int32_t java_string_hash(std::string_view utf8) {
  uint32_t hash = 0;
  while (!utf8.empty()) {
    const auto [point, bytes] = decode_one(utf8);
    utf8.remove_prefix(bytes);
    if (point < 0x10000) {
      hash = hash * 31 + point;
    } else {
      hash = hash * 31 + (0xD800 + ((point - 0x10000) >> 10U));
      hash = hash * 31 + (0xDC00 + ((point - 0x10000) & 0x3FFU));
    }
  }
  return static_cast<int32_t>(hash);
}

PartitionIndex partition_of_group(std::string_view group, size_t partitions) {
  const int32_t hash = java_string_hash(group);
  const int32_t positive = hash == std::numeric_limits<int32_t>::min() ? 0 : std::abs(hash);
  return PartitionIndex(positive % static_cast<int32_t>(partitions));
}

}  // namespace godwit::broker
