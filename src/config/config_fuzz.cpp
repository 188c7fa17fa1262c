// Arbitrary text as a configuration file, over a catalogue with a setting of each type. Whatever holds in the end must be a
// value that the setting takes, from a place that is told. Half of the mutations are one more line that gives a setting a value.
// The bug that is seeded to prove this (GODWIT_SEEDED_BUG_CONFIG) is in values.cpp.
#include <cstdlib>

#include "base/bytes.h"
#include "base/check.h"
#include "config/printing.h"
#include "runtime/sim/random.h"

namespace godwit::config {
namespace {

constexpr size_t kInputMax = 1 << 14;
constexpr std::string_view kChoices[] = {"delete", "compact"};
constexpr Setting kSettings[] = {
    {.name = "auto.create", .type = Type::boolean, .fallback = "true", .doc = "b"},
    {.name = "cleanup.policy", .type = Type::choices, .fallback = "delete", .choices = kChoices, .doc = "c"},
    {.name = "kafka.address", .fallback = ":9092", .alias = "kafka", .doc = "k"},
    {.name = "level", .type = Type::choice, .fallback = "delete", .choices = kChoices, .doc = "l"},
    {.name = "log.retention.ms", .type = Type::duration_ms, .fallback = "7d", .minimum = -1, .doc = "r"},
    {.name = "memory.arena", .type = Type::bytes, .minimum = 1024, .automatic = "some", .doc = "m"},
    {.name = "num.partitions",
     .type = Type::integer,
     .fallback = "1",
     .minimum = 1,
     .maximum = 1000,
     .doc = "n"},
    {.name = "ratio", .type = Type::number, .fallback = "0.5", .minimum = 0, .maximum = 1, .doc = "d"},
};

const Catalogue& catalogue() {
  static const Catalogue all = [] {
    Catalogue made;
    made.add(kSettings);
    return made;
  }();
  return all;
}

// Of any type, right for some of the settings.
std::string draw_value(runtime::sim::SeededRandom& random) {
  constexpr std::string_view kValues[] = {"true",   "\"delete\"", "\"compact\"", "[\"compact\", \"x\"]",
                                          "\"7d\"", "0.25",       "-1",          "\"64KiB\"",
                                          "\"\"",   "[]"};
  const uint64_t which = random.below(2 * std::size(kValues));
  if (which < std::size(kValues)) return std::string(kValues[which]);
  const auto number = std::to_string(random.next() >> random.below(64));
  return random.below(2) == 0 ? number : "-" + number;
}

// At the beginning of a line, of `text`.
void insert_setting(std::string& text, runtime::sim::SeededRandom& random) {
  std::vector<size_t> lines{0};
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos;) lines.push_back(++at);
  const Setting& setting = kSettings[random.below(std::size(kSettings))];
  text.insert(lines[random.below(lines.size())],
              std::string(setting.name) + " = " + draw_value(random) + "\n");
}

void look_at(const Values& values) {
  for (const Setting& setting : catalogue().all()) {
    const Value& value = values.of(setting.name);
    if (value.source == Source::fallback) continue;
    GW_CHECK(!check(setting, value.text), "what holds is a value that the setting takes");
    GW_CHECK(value.where.starts_with("f:"), "a value tells where it stands");
  }
  const int64_t partitions = values.integer("num.partitions");
  GW_CHECK(partitions >= 1 && partitions <= 1000, "a number keeps its bounds");
  (void)values.duration("log.retention.ms");
  (void)values.boolean("auto.create");
  (void)values.list("cleanup.policy");
  (void)values.bytes("memory.arena");
  GW_CHECK(!effective_table(catalogue(), values).empty(), "what holds can be printed");
}

}  // namespace
}  // namespace godwit::config

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t size_max);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t size_max, unsigned seed) {
  using namespace godwit;
  runtime::sim::SeededRandom random(seed);
  std::string text(as_text(std::as_bytes(std::span(data, size))));
  if (random.below(2) == 0) config::insert_setting(text, random);
  if (text.size() == size || text.size() > size_max) return LLVMFuzzerMutate(data, size, size_max);
  std::copy(text.begin(), text.end(), data);
  return text.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace godwit;
  using namespace godwit::config;
  if (size > kInputMax) return 0;
  const std::string_view text = as_text(std::as_bytes(std::span(data, size)));
  Given given = from_toml(text, "f");
  for (const Problem& problem : given.problems)
    GW_CHECK(!to_string(problem).empty(), "a problem says something");
  look_at(resolve(catalogue(), std::move(given)).values);
  // The words of the file as flags and as variables.
  std::vector<std::string> words;
  for (size_t at = 0; at < text.size() && words.size() < 64;) {
    const auto end = std::min(text.find_first_of(" \n", at), text.size());
    words.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  (void)resolve(catalogue(), from_flags(catalogue(), words));
  std::vector<std::pair<std::string, std::string>> variables;
  for (const std::string& word : words) variables.emplace_back(std::string(kVariablePrefix) + word, word);
  (void)resolve(catalogue(), from_environment(catalogue(), variables, {}));
  return 0;
}
