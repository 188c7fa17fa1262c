#include "cli/cli.h"

#include <algorithm>

#include "cli/session.h"

namespace godwit::cli {
namespace {

using runtime::Task;

// Publishing and reading find brokers themselves, and try for long; a person would rather know at once that none is there.
Task<int> carry_out(const Ask& ask, const Surroundings& surroundings, Console& console,
                    runtime::Runtime& runtime) {
  peer::ClusterOptions options;
  options.timeout = ask.timeout;
  options.connection.client_id = "godwit-cli";
  options.connection.connect_timeout = std::min<Duration>(ask.timeout, options.connection.connect_timeout);
  peer::Cluster cluster(runtime.network(), ask.brokers, options);
  Session session{ask, surroundings, console, runtime, cluster};
  const auto reached = co_await cluster.reach();
  if (!reached) co_return session.failed(reached.error());
  const int code =
      co_await std::visit([&](const auto& command) { return run(session, command); }, ask.command);
  console.flush();
  // Somebody may take what was written for all there is.
  if (const std::string fault = console.fault(); !fault.empty())
    co_return session.failed("the output cannot be written: " + fault);
  co_return code;
}

}  // namespace

bool is_command(std::string_view name) {
  return std::ranges::find(command_names(), name, &CommandName::name) != command_names().end();
}

int run_cli(std::span<const std::string> arguments, const Surroundings& surroundings, Console& console,
            const RunOnRuntime& run_on_runtime) {
  auto parsed = parse(arguments, surroundings.brokers);
  if (const auto* say = std::get_if<Say>(&parsed)) {
    if (say->exit_code == kExitOk) {
      console.write(say->text);
      console.flush();
    } else {
      console.write_error(say->text);
    }
    return say->exit_code;
  }
  const Ask ask = std::move(std::get<Ask>(parsed));
  return run_on_runtime(
      [&](runtime::Runtime& runtime) { return carry_out(ask, surroundings, console, runtime); });
}

}  // namespace godwit::cli
