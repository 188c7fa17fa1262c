#include "base/diagnostic.h"

#include <algorithm>

namespace godwit {
namespace {

// Bytes from a peer may stand in a field: they must not forge a line or drive a terminal.
void append_escaped(std::string& out, std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (code >= 0x20 && code != 0x7f) {
      out.push_back(c);
    } else {
      out += "\\x";
      out.push_back(kDigits[code >> 4]);
      out.push_back(kDigits[code & 15]);
    }
  }
}

}  // namespace

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::debug:
      return "debug";
    case Severity::info:
      return "info";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  return "unknown";
}

std::string describe(const Diagnostic& diagnostic) {
  std::string line(to_string(diagnostic.severity));
  line += ' ';
  append_escaped(line, diagnostic.name);
  line += ": ";
  append_escaped(line, diagnostic.text);
  for (const auto& [key, value] : diagnostic.fields) {
    line += ' ';
    append_escaped(line, key);
    line += '=';
    append_escaped(line, value);
  }
  return line;
}

bool RecordingSink::contains(std::string_view name) const {
  return std::ranges::any_of(events, [&](const Diagnostic& event) { return event.name == name; });
}

}  // namespace godwit
