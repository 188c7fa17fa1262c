// What a command writes, kept; nothing comes from its standard input.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/console.h"

namespace godwit::cli {

struct RecordingConsole final : Console {
  bool write(std::string_view text) override {
    out += text;
    return true;
  }
  bool flush() override { return true; }
  void write_error(std::string_view text) override { error += text; }
  std::optional<std::string> read_line() override { return std::nullopt; }
  std::string out;
  std::string error;
};

}  // namespace godwit::cli
