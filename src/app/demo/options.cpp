#include "app/demo/options.h"

#include <CLI/CLI.hpp>

#include "cli/values.h"

namespace godwit::app::demo {
namespace {

constexpr std::string_view kManaged = "managed-etcd";
constexpr size_t kBrokersMin = 3;
constexpr size_t kBrokersMax = 9;

constexpr const char* kAbout =
    "Brings up a cluster of brokers on this machine, publishes to a replicated topic and reads it, and "
    "counts.\n"
    "Ctrl-C ends it; nothing is left running. Exit codes: 0 nothing acknowledged is missing, out of order or "
    "there\n"
    "twice; 1 something is, or the cluster did not come up; 2 the command line is wrong.\n";

struct Raw {
  std::string kafka, http, kill_every, length;
  std::vector<std::string> settings;
};

std::string interpret(const Raw& raw, Options& options) {
  const auto wrong = [](const std::string& option, const Error& error) {
    return option + ": " + error.message;
  };
  const auto addresses = [&](const std::string& option, const std::string& text, auto& into) -> std::string {
    if (text.empty()) return "";
    auto parsed = cli::parse_brokers(text);
    if (!parsed) return wrong(option, parsed.error());
    if (parsed->size() < kBrokersMin || parsed->size() > kBrokersMax) {
      return option + ": give from " + std::to_string(kBrokersMin) + " to " + std::to_string(kBrokersMax) +
             " addresses, one for each broker";
    }
    into = std::move(*parsed);
    return "";
  };
  const auto time = [&](const std::string& option, const std::string& text, auto& into) -> std::string {
    if (text.empty()) return "";
    const auto parsed = cli::parse_duration(text);
    if (!parsed) return wrong(option, parsed.error());
    if (*parsed < std::chrono::seconds(1)) return option + ": must be at least 1s";
    into = *parsed;
    return "";
  };
  for (const auto& mistake :
       {addresses("--kafka", raw.kafka, options.kafka), addresses("--http", raw.http, options.http),
        time("--kill-every", raw.kill_every, options.kill_every),
        time("--for", raw.length, options.length)}) {
    if (!mistake.empty()) return mistake;
  }
  if (options.coordination == kManaged) {
    options.managed_etcd = true;
    options.coordination.clear();
  }
  const size_t brokers = options.kafka.empty() ? kBrokersMin : options.kafka.size();
  if (!options.http.empty() && options.http.size() != brokers)
    return "--http: give " + std::to_string(brokers) + " addresses, one for each broker";
  for (const auto& text : raw.settings) {
    auto setting = cli::parse_setting(text);
    if (!setting) return wrong("--set", setting.error());
    options.settings.push_back(std::move(*setting));
  }
  return "";
}

}  // namespace

std::variant<Options, Say> parse(std::span<const std::string> arguments) {
  CLI::App app(kAbout, "godwit demo");
  Options options;
  Raw raw;
  app.add_option("--data-dir", options.data_dir,
                 "where brokers and etcd keep their data (default: a temporary folder, removed at the end)")
      ->type_name("DIR");
  app.add_option("--kafka", raw.kafka, "where the brokers serve Kafka clients (default: three free ports)")
      ->type_name("HOST:PORT,...");
  app.add_option("--http", raw.http, "where they serve metrics and health (default: free ports)")
      ->type_name("HOST:PORT,...");
  app.add_option(
         "--coordination", options.coordination,
         "a coordination service that runs already, or 'managed-etcd': each broker runs a member of its own, "
         "which dies in the same blow (default: one etcd is started beside the brokers)")
      ->type_name("URL");
  app.add_option("--topic", options.topic, "the topic (default: demo)")->type_name("TOPIC");
  app.add_option("--partitions", options.partitions, "its partitions (default: 6)")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  app.add_option("--rate", options.rate, "messages a second (default: 1000)")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--size", options.size, "bytes of each message (default: 200)")
      ->type_name("BYTES")
      ->check(CLI::Range(64, 1'000'000));
  app.add_option("--kill-every", raw.kill_every, "kill -9 a leader so often, and start it again")
      ->type_name("DURATION");
  app.add_option("--for", raw.length, "end by itself after this time (default: at Ctrl-C)")
      ->type_name("DURATION");
  app.add_option("--set", raw.settings, "a setting for each broker (see 'godwit config'); may be given again")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  std::string mistake;
  try {
    app.parse(std::move(reversed));
    mistake = interpret(raw, options);
  } catch (const CLI::CallForHelp&) {
    return Say{0, app.help()};
  } catch (const CLI::ParseError& error) {
    mistake = error.what();
  }
  if (!mistake.empty())
    return Say{2, "godwit demo: " + mistake + "\n'godwit demo --help' says what it takes\n"};
  return options;
}

}  // namespace godwit::app::demo
