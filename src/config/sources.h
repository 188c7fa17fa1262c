// Where values of settings come from: a TOML file, the environment, flags. Each gives what it says, in its order, and
// where it stands; whether a name is known and a value fits is resolve()'s business, where names are a source's own.
//
//   Given given = from_toml(text, "godwit.toml");
//   given.append(from_environment(catalogue, variables, {"GODWIT_BROKERS"}));
//   given.append(from_flags(catalogue, arguments));
//   Resolution resolution = resolve(catalogue, given);
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/catalogue.h"

namespace godwit::config {

// From the weakest to the strongest: of two values the stronger one's holds.
enum class Source { fallback, automatic, file, environment, flag };

// A value that was given for a setting.
struct Assignment {
  std::string name;
  std::string value;
  Source source = Source::fallback;
  std::string where;  // "godwit.toml:3:1", "GODWIT_NUM_PARTITIONS", "--num.partitions"
};

// Something that a person has to mend.
struct Problem {
  std::string where;
  std::string text;
};

// "godwit.toml:3:1: unknown setting …"
std::string to_string(const Problem& problem);

struct Given {
  std::vector<Assignment> assignments;
  std::vector<Problem> problems;
  void append(Given other);
};

// A TOML document. Tables and dotted keys come to the same: `num.partitions = 3`, `"num.partitions" = 3` and a table
// [num] with `partitions = 3`. Lists become comma-separated text. A document that is no TOML gives one problem and no
// assignment; a value that cannot be a setting's (a date) gives a problem, and the rest is read. `file` is for messages.
Given from_toml(std::string_view text, std::string_view file);

// Variables as (name, value); those that do not begin with GODWIT_ are passed over, as are `others` (what the program
// reads beside settings) and what Kubernetes sets in every container for a service that is called godwit.
Given from_environment(const Catalogue& catalogue,
                       std::span<const std::pair<std::string, std::string>> variables,
                       std::span<const std::string_view> others);

// --name value, --name=value; a boolean alone means true. The last of several holds. What is no flag is a problem.
Given from_flags(const Catalogue& catalogue, std::span<const std::string> arguments);

// ": did you mean …?" for a name that is not known, or ": `godwit config --doc` lists all".
std::string suggestion(const Catalogue& catalogue, std::string_view name);

}  // namespace godwit::config
