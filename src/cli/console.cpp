#include "cli/console.h"

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace godwit::cli {

bool StandardConsole::write(std::string_view text) {
  return note(std::fwrite(text.data(), 1, text.size(), stdout) == text.size());
}

bool StandardConsole::flush() {
  return note(std::fflush(stdout) == 0 && std::ferror(stdout) == 0);
}

bool StandardConsole::note(bool well) {
  if (!well && error_ == 0) error_ = errno;
  return well;
}

std::string StandardConsole::fault() const {
  return error_ == 0 || error_ == EPIPE ? std::string() : std::generic_category().message(error_);
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
