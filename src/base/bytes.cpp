#include "base/bytes.h"

#include <algorithm>

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

bool operator==(const Chain& a, const Chain& b) {
  if (a.size_ != b.size_) return false;
  size_t part = 0;
  size_t done = 0;  // bytes of b's current part that were compared
  for (const auto& shared : a.parts_) {
    BytesView rest = shared.view();
    while (!rest.empty()) {
      const BytesView other = b.parts_[part].view().subspan(done);
      const size_t size = std::min(rest.size(), other.size());
      if (!equal(rest.first(size), other.first(size))) return false;
      rest = rest.subspan(size);
      done += size;
      if (size == other.size()) {
        ++part;
        done = 0;
      }
    }
  }
  return true;
}

}  // namespace godwit
