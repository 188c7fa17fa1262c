#include "base/text.h"

namespace godwit {

std::string cut_off(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  const auto continues_a_character = [&](size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
  };
  while (bytes_max > 0 && continues_a_character(bytes_max)) --bytes_max;
  return std::string(text.substr(0, bytes_max)).append(kCutMark);
}

}  // namespace godwit
