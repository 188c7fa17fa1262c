#include "app/configuration.h"

#include "broker/settings.h"
#include "runtime/file.h"
#include "runtime/real/real_runtime.h"

extern char** environ;

namespace godwit::app {
namespace {

using config::Problem;
using config::Setting;
using config::Type;
using Problems = std::vector<Problem>;

constexpr std::string_view kFormats[] = {"text", "json"};
constexpr std::string_view kSeverities[] = {"debug", "info", "warning", "error"};

constexpr Setting kSettings[] = {
    {.name = "diagnostics.format",
     .type = Type::choice,
     .fallback = "text",
     .choices = kFormats,
     .alias = "diagnostics",
     .doc = "what is written to standard error: lines for people, or a JSON object a line"},
    {.name = "diagnostics.level",
     .type = Type::choice,
     .fallback = "info",
     .choices = kSeverities,
     .restart = false,
     .doc = "what is less severe is not written"},
    {.name = "shards",
     .type = Type::integer,
     .minimum = 1,
     .maximum = 1024,
     .automatic = "one for each core that the process may use",
     .doc = "threads that serve connections and partitions"},
};

constexpr std::string_view kFileFlag = "--config";
constexpr std::string_view kFileVariable = "GODWIT_CONFIG";
// Read elsewhere: the file's path, and what the commands that talk to a broker take.
constexpr std::string_view kOtherVariables[] = {kFileVariable, "GODWIT_BROKERS"};
constexpr size_t kFileBytesMax = 1 << 20;

std::vector<std::pair<std::string, std::string>> variables() {
  std::vector<std::pair<std::string, std::string>> all;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) all.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return all;
}

// Takes --config FILE out of the arguments; the last one holds.
std::string take_file(std::vector<std::string>& arguments, Problems& problems) {
  std::string file;
  for (size_t i = 0; i < arguments.size();) {
    const std::string argument = arguments[i];
    const bool alone = argument == kFileFlag;
    if (!alone && !argument.starts_with(std::string(kFileFlag) + "=")) {
      ++i;
      continue;
    }
    const size_t taken = alone && i + 1 < arguments.size() ? 2 : 1;
    file = alone ? (taken == 2 ? arguments[i + 1] : "") : argument.substr(kFileFlag.size() + 1);
    if (file.empty()) problems.push_back({std::string(kFileFlag), "needs the path of a TOML file"});
    const auto at = arguments.begin() + static_cast<std::ptrdiff_t>(i);
    arguments.erase(at, at + static_cast<std::ptrdiff_t>(taken));
  }
  return file;
}

struct Outside {
  runtime::Machine machine;
  Result<Bytes> file = Bytes{};
};

runtime::Task<int> look(runtime::Runtime& runtime, std::string file, Outside& outside) {
  outside.machine = runtime.machine();
  if (!file.empty()) outside.file = co_await runtime::read_file(runtime.files(), file, kFileBytesMax);
  co_return 0;
}

// The file's text has to be known before the real runtime is made, since it says how many shards that has.
Outside look_outside(const std::string& file) {
  RecordingSink unheard;
  const auto runtime = runtime::make_real_runtime({.shards = 1}, unheard);
  Outside outside;
  runtime->run(look(*runtime, file, outside));
  return outside;
}

config::Given shards_of(const runtime::Machine& machine) {
  config::Given given;
  given.assignments.push_back(
      {"shards", std::to_string(machine.cores), config::Source::automatic, "one for each core"});
  return given;
}

}  // namespace

config::Catalogue catalogue() {
  config::Catalogue all;
  all.add(kSettings);
  all.add(broker::settings());
  all.add(gateway::settings());
  return all;
}

tl::expected<Configuration, Problems> Configuration::load(std::span<const std::string> arguments) {
  Configuration configuration;
  configuration.catalogue_ = catalogue();
  const auto environment = variables();
  std::vector<std::string> flags(arguments.begin(), arguments.end());
  config::Given& given = configuration.beside_file_;
  configuration.file_ = take_file(flags, given.problems);
  for (const auto& [name, value] : environment) {
    if (name == kFileVariable && configuration.file_.empty()) configuration.file_ = value;
  }
  const Outside outside = look_outside(configuration.file_);
  if (!outside.file) {
    given.problems.push_back({configuration.file_, "cannot be read: " + outside.file.error().describe()});
  }
  given.append(shards_of(outside.machine));
  given.append(broker::automatic_settings(outside.machine));
  given.append(config::from_environment(configuration.catalogue_, environment, kOtherVariables));
  given.append(config::from_flags(configuration.catalogue_, flags));
  return configuration.with_file(outside.file ? std::string(as_text(*outside.file)) : std::string());
}

runtime::Task<tl::expected<Configuration, Problems>> Configuration::reload(runtime::Runtime& runtime) const {
  if (file_.empty()) {
    co_return tl::unexpected(Problems{{"", "there is no file to read again: none was given with --config"}});
  }
  const auto text = co_await runtime::read_file(runtime.files(), file_, kFileBytesMax);
  if (!text) co_return tl::unexpected(Problems{{file_, "cannot be read: " + text.error().describe()}});
  co_return with_file(std::string(as_text(*text)));
}

tl::expected<Configuration, Problems> Configuration::with_file(const std::string& text) const {
  Configuration next = *this;
  config::Given given = config::from_toml(text, file_);
  given.append(beside_file_);
  auto resolution = config::resolve(catalogue_, std::move(given));
  if (!resolution.problems.empty()) return tl::unexpected(std::move(resolution.problems));
  next.values_ = std::move(resolution.values);
  auto broker = broker::options_from(next.values_);
  if (!broker) return tl::unexpected(Problems{{"", broker.error().message}});
  auto gateway = gateway::options_from(next.values_);
  if (!gateway) return tl::unexpected(Problems{{"", gateway.error().message}});
  next.broker_ = std::move(*broker);
  next.gateway_ = std::move(*gateway);
  return next;
}

}  // namespace godwit::app
