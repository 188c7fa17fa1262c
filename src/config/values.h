// What holds: one value for each setting, and where it came from.
//
//   Resolution resolution = resolve(catalogue, given);
//   for (const Problem& problem : resolution.problems) print(to_string(problem));
//   Duration idle = resolution.values.duration("connections.max.idle.ms");
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "config/sources.h"

namespace godwit::config {

struct Value {
  std::string text;
  Source source = Source::fallback;
  std::string where;  // as in Assignment; empty for a fallback
};

// The getters take a name of the catalogue and the setting's own type (checked: anything else is a mistake of the
// program). Numbers of a setting that is_set() denies are 0.
class Values {
 public:
  const Value& of(std::string_view name) const;
  const std::string& text(std::string_view name) const { return of(name).text; }
  // False where nothing was given and there is no fallback.
  bool is_set(std::string_view name) const { return !of(name).text.empty(); }
  // Whether a person gave it.
  bool is_given(std::string_view name) const { return of(name).source > Source::automatic; }
  bool boolean(std::string_view name) const;
  int64_t integer(std::string_view name) const;  // also of a duration, in milliseconds
  uint64_t bytes(std::string_view name) const;   // a negative number counts as 0
  Duration duration(std::string_view name) const;
  std::vector<std::string> list(std::string_view name) const;

  void set(std::string_view name, Value value) {
    values_.insert_or_assign(std::string(name), std::move(value));
  }
  const std::map<std::string, Value, std::less<>>& all() const { return values_; }

 private:
  std::map<std::string, Value, std::less<>> values_;
};

struct Resolution {
  Values values;                  // of use only where there is no problem
  std::vector<Problem> problems;  // those of `given` first
};

// The strongest value of each setting. Every value that was given is checked, also one that a stronger one hides. An
// unknown name of a file, and one that a file gives twice, are problems.
Resolution resolve(const Catalogue& catalogue, Given given);

// A setting whose value is another one after the file was read again.
struct Change {
  std::string name;
  Value before;
  Value after;
  bool restart = true;  // takes effect only at the next start
};

// By name.
std::vector<Change> compare(const Catalogue& catalogue, const Values& before, const Values& after);

}  // namespace godwit::config
