#include "groups/subscription.h"

#include <cstdint>

#include "base/endian.h"

namespace godwit::groups {

std::optional<bool> subscribes_to(BytesView metadata, std::string_view topic) {
  constexpr size_t kHeader = sizeof(int16_t) + sizeof(int32_t);
  if (metadata.size() < kHeader || load_big<int16_t>(metadata.data()) < 0) return std::nullopt;
  const auto count = load_big<int32_t>(metadata.data() + sizeof(int16_t));
  metadata = metadata.subspan(kHeader);
  bool found = false;
  for (int32_t i = 0; i < count; ++i) {
    if (metadata.size() < sizeof(int16_t)) return std::nullopt;
    const auto length = load_big<int16_t>(metadata.data());
    metadata = metadata.subspan(sizeof(int16_t));
    if (length < 0 || static_cast<size_t>(length) > metadata.size()) return std::nullopt;
    found = found || as_text(metadata.first(static_cast<size_t>(length))) == topic;
    metadata = metadata.subspan(static_cast<size_t>(length));
  }
  return found;
}

}  // namespace godwit::groups
