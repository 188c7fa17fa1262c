#include "codec/printer.h"

namespace godwit::codec {

void Printer::text(std::string_view more) {
  if (full()) return;
  out_ += more.substr(0, size_max_ + 1 - out_.size());  // one byte too many makes it full
}

void Printer::quoted(std::string_view value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  text("\"");
  for (const char c : value) {
    if (full()) return;
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      const char escaped[] = {'\\', c};
      text({escaped, 2});
    } else if (byte < 0x20 || byte == 0x7f) {
      const char escaped[] = {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
      text({escaped, 4});
    } else {
      text({&c, 1});
    }
  }
  text("\"");
}

void Printer::size(size_t bytes) {
  text("<" + std::to_string(bytes) + " bytes>");
}

std::string Printer::take() {
  static constexpr std::string_view kCut = "…";
  if (full()) {
    size_t end = size_max_ > kCut.size() ? size_max_ - kCut.size() : 0;
    while (end > 0 && (static_cast<unsigned char>(out_[end]) & 0xc0) == 0x80)
      --end;  // inside a UTF-8 character
    out_.resize(end);
    out_ += kCut;
  }
  return std::move(out_);
}

}  // namespace godwit::codec
