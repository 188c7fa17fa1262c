#include "app/broker_commands.h"

#include <cstdlib>

#include "app/console_sink.h"
#include "cli/cli.h"
#include "runtime/real/real_runtime.h"
#include "runtime/real/signals.h"
#include "runtime/real/terminal.h"

namespace godwit::app {
namespace {

runtime::Task<void> interrupted() {
  (void)co_await runtime::wait_for_signal({runtime::kSignalInterrupt, runtime::kSignalTerminate});
}

}  // namespace

int run_broker_command(std::span<const std::string> arguments) {
  const char* brokers = std::getenv("GODWIT_BROKERS");
  const cli::Surroundings surroundings{
      .brokers = brokers != nullptr ? brokers : "",
      .output_is_terminal = runtime::is_terminal(runtime::StandardStream::output),
      .error_is_terminal = runtime::is_terminal(runtime::StandardStream::error),
      .interrupted = interrupted,
  };
  cli::StandardConsole console;
  return cli::run_cli(arguments, surroundings, console, [](auto main) {
    ConsoleSink diagnostics(Format::text, Severity::warning);
    const auto runtime = runtime::make_real_runtime({.shards = 1}, diagnostics);
    return runtime->run(main(*runtime));
  });
}

}  // namespace godwit::app
