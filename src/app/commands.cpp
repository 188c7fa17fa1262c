#include "app/commands.h"

#include <algorithm>
#include <cstdio>

#include "app/broker_commands.h"
#include "app/demo/demo.h"
#include "app/server.h"
#include "app/version.h"
#include "cli/cli.h"
#include "config/printing.h"
#include "runtime/real/real_runtime.h"

namespace godwit::app {
namespace {

using Arguments = std::span<const std::string>;

void print(std::FILE* to, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), to);
}

int complain(const std::vector<config::Problem>& problems) {
  for (const auto& problem : problems) print(stderr, "godwit: " + to_string(problem) + "\n");
  return kExitUsage;
}

bool asks_for_help(Arguments arguments) {
  return std::ranges::any_of(arguments, [](const std::string& a) { return a == "--help" || a == "-h"; });
}

std::string serve_help() {
  return "godwit serve [--config FILE] [--NAME VALUE]…: runs a broker until SIGTERM or SIGINT\n"
         "\n"
         "  --data-dir DIR      where its data is (default: data)\n"
         "  --kafka HOST:PORT   where Kafka clients are served (default: :9092)\n"
         "  --http HOST:PORT    metrics and health (default: :8080; off: none)\n"
         "  --config FILE       settings in TOML; SIGHUP reads it again\n"
         "\n"
         "Every setting may be given as a flag (--num.partitions 3), in the environment "
         "(GODWIT_NUM_PARTITIONS=3) or in\n"
         "the file (num.partitions = 3), and holds in this order. 'godwit config --doc' lists all settings, "
         "'godwit\n"
         "config' with the same flags what holds and where it came from.\n"
         "\n"
         "Exit codes: 0 stopped in order, 1 could not start or stop, 2 wrong settings, 128+n ended by signal "
         "n "
         "before it\nwas ready, or by a second one.\n";
}

int serve(Arguments arguments) {
  if (asks_for_help(arguments)) {
    print(stdout, serve_help());
    return kExitOk;
  }
  auto configuration = Configuration::load(arguments);
  if (!configuration) return complain(configuration.error());
  // In this order, since each uses those before it to its end.
  ConsoleSink diagnostics(format_from(configuration->values()), severity_from(configuration->values()));
  metrics::Registry metrics;
  const auto shards = static_cast<size_t>(configuration->values().integer("shards"));
  const auto runtime = runtime::make_real_runtime({.shards = shards}, diagnostics);
  Server server(std::move(*configuration), *runtime, diagnostics, metrics);
  return runtime->run(server.run());
}

int show_version(Arguments) {
  print(stdout, version_line() + "\n");
  return kExitOk;
}

std::string config_help() {
  return "godwit config [--config FILE] [--NAME VALUE]…: every setting, its value, and where that came from\n"
         "godwit config --doc: a Markdown table of all settings\n";
}

int show_config(Arguments arguments) {
  if (asks_for_help(arguments)) {
    print(stdout, config_help());
    return kExitOk;
  }
  if (arguments.size() == 1 && arguments[0] == "--doc") {
    print(stdout, config::markdown_table(catalogue()));
    return kExitOk;
  }
  const auto configuration = Configuration::load(arguments);
  if (!configuration) return complain(configuration.error());
  print(stdout, config::effective_table(configuration->known(), configuration->values()));
  return kExitOk;
}

struct Command {
  std::string_view name;
  int (*run)(Arguments);
  std::string_view help;
};

constexpr Command kCommands[] = {
    {"serve", serve, "run a broker"},
    {"config", show_config, "print the settings that hold, or (--doc) all there are"},
    {"demo", run_demo, "bring up a cluster on this machine, publish, read, kill, count"},
    {"version", show_version, "print the version"},
};

std::string usage() {
  std::string text = "usage: godwit COMMAND …\n\n";
  const auto add = [&](const auto& command) {
    text += "  " + std::string(command.name) + std::string(10 - command.name.size(), ' ') +
            std::string(command.help) + "\n";
  };
  for (const Command& command : kCommands) add(command);
  text += "\nwith a broker that runs (--brokers HOST:PORT,…):\n\n";
  for (const cli::CommandName& command : cli::command_names()) add(command);
  return text + "\n'godwit COMMAND --help' says more. A broker with nothing configured: godwit serve\n";
}

}  // namespace

int run_command(Arguments arguments) {
  if (arguments.empty()) {
    print(stderr, usage());
    return kExitUsage;
  }
  const std::string& name = arguments.front();
  if (name == "--help" || name == "-h" || name == "help") {
    print(stdout, usage());
    return kExitOk;
  }
  if (name == "--version") return show_version({});
  for (const Command& command : kCommands) {
    if (command.name == name) return command.run(arguments.subspan(1));
  }
  if (cli::is_command(name)) return run_broker_command(arguments);
  std::vector<std::string_view> known;
  for (const Command& command : kCommands) known.push_back(command.name);
  for (const cli::CommandName& command : cli::command_names()) known.push_back(command.name);
  const auto meant = config::nearest_name(name, known);
  print(stderr, "godwit: unknown command '" + name + "'" +
                    (meant ? "; did you mean " + std::string(*meant) + "?" : "; 'godwit --help' lists all") +
                    "\n");
  return kExitUsage;
}

}  // namespace godwit::app
