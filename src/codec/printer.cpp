#include "codec/printer.h"

#include "base/text.h"

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
  if (!full()) return std::move(out_);
  // With the mark of what is missing it has the size that it may have.
  return cut_off(out_, size_max_ > kCutMark.size() ? size_max_ - kCutMark.size() : 0);
}

}  // namespace godwit::codec
