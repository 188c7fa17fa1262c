// Variable-length integers as Kafka writes them: seven bits a byte, least significant first; signed ones
// zig-zag (https://protobuf.dev/programming-guides/encoding/).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace godwit {

constexpr size_t kVarint32Max = 5;
constexpr size_t kVarint64Max = 10;

template <class T>
struct Decoded {
  T value;
  size_t size;  // bytes consumed
};

// Empty when the input ends inside the number or the number does not fit (a varint bomb): such input is
// refused.
std::optional<Decoded<uint32_t>> decode_unsigned_varint(BytesView in);
std::optional<Decoded<uint64_t>> decode_unsigned_varlong(BytesView in);
std::optional<Decoded<int32_t>> decode_varint(BytesView in);
std::optional<Decoded<int64_t>> decode_varlong(BytesView in);

// Writes at most kVarint64Max bytes to `out` and returns how many.
size_t encode_unsigned_varint(uint64_t value, std::byte* out);
size_t encode_varint(int64_t value, std::byte* out);

constexpr size_t unsigned_varint_size(uint64_t value) {
  size_t size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}
constexpr uint64_t zig_zag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
constexpr int64_t un_zig_zag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}
constexpr size_t varint_size(int64_t value) {
  return unsigned_varint_size(zig_zag(value));
}

}  // namespace godwit
