#include "cli/console.h"

#include <cstdio>

namespace godwit::cli {

bool StandardConsole::write(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
}

bool StandardConsole::flush() {
  return std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
}

void StandardConsole::write_error(std::string_view text) {
  // Nothing can be done where even that is closed.
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

std::optional<std::string> StandardConsole::read_line() {
  std::string line;
  for (int c = std::getc(stdin); c != EOF; c = std::getc(stdin)) {
    if (c == '\n') return line;
    line.push_back(static_cast<char>(c));
  }
  if (line.empty()) return std::nullopt;
  return line;
}

}  // namespace godwit::cli
