// A 128-bit identifier: topics, clusters, storages. Printed as Kafka prints it: URL-safe base64 without
// padding, 22 characters.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace godwit {

struct Uuid {
  std::array<std::byte, 16> bytes{};

  // From 16 random bytes: the version (4) and variant bits are set. Where the first printed character would
  // be '-', the bits are changed so that it is not, since tools take it for an option.
  static Uuid from_random(const std::array<std::byte, 16>& random);
  // Empty unless `text` is 22 characters of URL-safe base64 that stand for 16 bytes.
  static std::optional<Uuid> parse(std::string_view text);

  // All zeros: "no id" in the protocol.
  bool is_zero() const;
  friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

std::string to_string(const Uuid& uuid);

}  // namespace godwit

template <>
struct std::hash<godwit::Uuid> {
  size_t operator()(const godwit::Uuid& uuid) const {
    size_t h;
    static_assert(sizeof h <= 16);
    std::memcpy(&h, uuid.bytes.data() + 8, sizeof h);
    return h;
  }
};
