// The command line: what it may say, and what was meant.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "cli/ask.h"

namespace godwit::cli {

// A text to print in place of a command: help (exit code 0, standard output) or a mistake (2, standard error).
struct Say {
  int exit_code;
  std::string text;
};

// `arguments`: the words behind `godwit`, the first being one of command_names(). `brokers` is used where --brokers is not
// given; empty: 127.0.0.1:9092.
std::variant<Ask, Say> parse(std::span<const std::string> arguments, const std::string& brokers);

struct CommandName {
  std::string_view name;
  std::string_view help;
};
std::span<const CommandName> command_names();

// docs/cli.md: every command with its options, from the same descriptions as --help.
std::string manual();

}  // namespace godwit::cli
