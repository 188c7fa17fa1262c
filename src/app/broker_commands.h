// The commands that talk to a broker (src/cli), on the real runtime.
#pragma once

#include <span>
#include <string>

namespace godwit::app {

// arguments[0] is one of cli::command_names(). Gives the process's exit code. Reads GODWIT_BROKERS.
int run_broker_command(std::span<const std::string> arguments);

}  // namespace godwit::app
