// Fixed-width integers at a place in memory. Big endian is the Kafka wire's order, little endian that of
// godwit's own files. The caller guarantees sizeof(T) readable or writable bytes at `at`; no alignment is
// needed.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>

namespace godwit {

template <std::integral T>
constexpr T byte_swapped(T value) {
  if constexpr (sizeof(T) == 1) return value;
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(static_cast<unsigned short>(value)));
  if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(static_cast<unsigned int>(value)));
  if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(static_cast<unsigned long>(value)));
}

template <std::integral T>
T load_big(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return std::endian::native == std::endian::big ? value : byte_swapped(value);
}

template <std::integral T>
void store_big(std::byte* at, T value) {
  if constexpr (std::endian::native != std::endian::big) value = byte_swapped(value);
  std::memcpy(at, &value, sizeof value);
}

template <std::integral T>
T load_little(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return std::endian::native == std::endian::little ? value : byte_swapped(value);
}

template <std::integral T>
void store_little(std::byte* at, T value) {
  if constexpr (std::endian::native != std::endian::little) value = byte_swapped(value);
  std::memcpy(at, &value, sizeof value);
}

}  // namespace godwit
