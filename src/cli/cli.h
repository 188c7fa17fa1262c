// `godwit topic|group|cluster|produce|consume|bench`.
//
//   if (cli::is_command(arguments[0])) {
//     cli::StandardConsole console;
//     return cli::run_cli(arguments, surroundings, console, [](auto main) { … runtime->run(main(*runtime)); });
//   }
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cli/command_line.h"
#include "cli/console.h"

namespace godwit::cli {

// Whether `name` is a command of this module: one of command_names().
bool is_command(std::string_view name);

// Runs what `arguments` (arguments[0] a command's name) say, and gives the process's exit code: 0 well, 1 failed, 2 the
// command line is wrong. Not on a shard; the produce, consume and bench commands use librdkafka's own sockets and threads.
int run_cli(std::span<const std::string> arguments, const Surroundings& surroundings, Console& console,
            const RunOnRuntime& run_on_runtime);

}  // namespace godwit::cli
