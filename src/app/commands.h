// What `godwit` can be told to do.
#pragma once

#include <span>
#include <string>

namespace godwit::app {

// Runs the command that arguments[0] names, with the rest; gives the process's exit code (ExitCode in server.h).
// Answers go to standard output, mistakes to standard error.
int run_command(std::span<const std::string> arguments);

}  // namespace godwit::app
