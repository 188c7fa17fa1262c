#include "base/uuid.h"

#include <algorithm>

namespace godwit {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

Uuid Uuid::from_random(const std::array<std::byte, 16>& random) {
  Uuid uuid{random};
  uuid.bytes[6] = (uuid.bytes[6] & std::byte{0x0f}) | std::byte{0x40};
  uuid.bytes[8] = (uuid.bytes[8] & std::byte{0x3f}) | std::byte{0x80};
  // '-' is 62: the first six bits 111110.
  if ((uuid.bytes[0] >> 2) == std::byte{62}) uuid.bytes[0] &= std::byte{0x7f};
  return uuid;
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != 22) return std::nullopt;
  Uuid uuid;
  uint32_t bits = 0;
  unsigned count = 0;
  size_t out = 0;
  for (const char c : text) {
    const auto digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6) | static_cast<uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      if (out == 16) return std::nullopt;
      uuid.bytes[out++] = static_cast<std::byte>((bits >> count) & 0xff);
    }
  }
  // 22 characters carry 132 bits; the last four say nothing and must be zero.
  if ((bits & ((1u << count) - 1)) != 0) return std::nullopt;
  return uuid;
}

bool Uuid::is_zero() const {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

std::string to_string(const Uuid& uuid) {
  std::string text;
  text.reserve(22);
  uint32_t bits = 0;
  unsigned count = 0;
  for (const std::byte b : uuid.bytes) {
    bits = (bits << 8) | std::to_integer<uint32_t>(b);
    count += 8;
    while (count >= 6) {
      count -= 6;
      text.push_back(kAlphabet[(bits >> count) & 63]);
    }
  }
  text.push_back(kAlphabet[(bits << (6 - count)) & 63]);
  return text;
}

}  // namespace godwit
