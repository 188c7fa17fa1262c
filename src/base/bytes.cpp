#include "base/bytes.h"

namespace godwit {

std::string to_hex(BytesView bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte b : bytes) {
    text.push_back(kDigits[std::to_integer<unsigned>(b) >> 4]);
    text.push_back(kDigits[std::to_integer<unsigned>(b) & 15]);
  }
  return text;
}

bool equal(BytesView a, BytesView b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

SharedBytes SharedBytes::own(Bytes bytes) {
  auto owner = std::make_shared<const Bytes>(std::move(bytes));
  const BytesView view(*owner);
  return {std::move(owner), view};
}

Bytes Chain::flatten() const {
  Bytes all;
  all.reserve(size_);
  for (const auto& part : parts_) all.insert(all.end(), part.view().begin(), part.view().end());
  return all;
}

}  // namespace godwit
