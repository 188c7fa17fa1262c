#include "base/varint.h"

#include <limits>

namespace godwit {
namespace {

template <class T>
std::optional<Decoded<T>> decode(BytesView in) {
  constexpr size_t kMax = sizeof(T) == 4 ? kVarint32Max : kVarint64Max;
  // Bits that the last permitted byte may still carry.
  constexpr unsigned kLastBits = sizeof(T) * 8 - (kMax - 1) * 7;
  T value = 0;
  for (size_t i = 0; i < kMax && i < in.size(); ++i) {
    const auto byte = std::to_integer<uint8_t>(in[i]);
    const T bits = byte & 0x7f;
    if (i == kMax - 1 && (bits >> kLastBits) != 0) return std::nullopt;
    value |= bits << (7 * i);
    if ((byte & 0x80) == 0) return Decoded<T>{value, i + 1};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Decoded<uint32_t>> decode_unsigned_varint(BytesView in) {
  return decode<uint32_t>(in);
}
std::optional<Decoded<uint64_t>> decode_unsigned_varlong(BytesView in) {
  return decode<uint64_t>(in);
}

std::optional<Decoded<int32_t>> decode_varint(BytesView in) {
  const auto raw = decode<uint32_t>(in);
  if (!raw) return std::nullopt;
  return Decoded<int32_t>{static_cast<int32_t>(un_zig_zag(raw->value)), raw->size};
}

std::optional<Decoded<int64_t>> decode_varlong(BytesView in) {
  const auto raw = decode<uint64_t>(in);
  if (!raw) return std::nullopt;
  return Decoded<int64_t>{un_zig_zag(raw->value), raw->size};
}

size_t encode_unsigned_varint(uint64_t value, std::byte* out) {
  size_t size = 0;
  while (value >= 0x80) {
    out[size++] = static_cast<std::byte>((value & 0x7f) | 0x80);
    value >>= 7;
  }
  out[size++] = static_cast<std::byte>(value);
  return size;
}

size_t encode_varint(int64_t value, std::byte* out) {
  return encode_unsigned_varint(zig_zag(value), out);
}

}  // namespace godwit
