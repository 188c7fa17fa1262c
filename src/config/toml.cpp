// The only file that includes toml++: it costs seconds of compile time.
//
// toml++ 3.3.0 asserts what a document can break ("[+" is enough: a table's name that begins with no letter), and without
// assertions goes on into what is undefined. So its assertions stay on, whatever the build, and throw: a document that breaks
// one is refused as any other that is no TOML.
namespace godwit::config {
struct BrokenAssertion {};
}  // namespace godwit::config
#undef NDEBUG
#define TOML_ASSERT(...) ((__VA_ARGS__) ? static_cast<void>(0) : throw ::godwit::config::BrokenAssertion{})
#define TOML_EXCEPTIONS 1
// Its tables of white space call places unreachable that characters such as U+0253 reach: there, none of the listed ones
// was found.
#include <toml++/impl/forward_declarations.h>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE return false
#include <toml++/impl/unicode.h>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE __builtin_unreachable()
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "config/sources.h"

namespace godwit::config {
namespace {

// A tree this deep names no setting; below it nothing is read.
constexpr size_t kDepthMax = 16;

std::string place(std::string_view file, const toml::source_position& at) {
  return std::string(file) + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

// The text of a value, as a person would write it as a flag; empty for what no setting can be.
std::optional<std::string> text_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  if (const auto* number = node.as_floating_point()) {
    char text[64];
    const auto written = std::to_chars(text, text + sizeof text, number->get());
    return std::string(text, written.ptr);
  }
  return std::nullopt;
}

class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  void read(const toml::table& table, const std::string& prefix, size_t depth) {
    for (const auto& [key, node] : table) {
      const std::string name = prefix + std::string(key.str());
      // A dotted key's own place is that of its last part: the same line.
      const toml::source_position at = key.source().begin;
      const std::string where = place(file_, at);
      places_[where] = {at.line, at.column};
      if (const auto* inner = node.as_table()) {
        if (depth >= kDepthMax) {
          given.problems.push_back({where, "tables are nested deeper than any setting's name"});
        } else {
          read(*inner, name + ".", depth + 1);
        }
      } else if (const auto* list = node.as_array()) {
        add_list(name, *list, where);
      } else if (const auto text = text_of(node)) {
        add(name, *text, where);
      } else {
        given.problems.push_back({where, name + ": a date or time is no setting's value"});
      }
    }
  }

  // toml++ keeps keys by name; people read a file from its top.
  void sort() {
    std::ranges::stable_sort(given.assignments, {},
                             [this](const Assignment& a) { return places_.at(a.where); });
    std::ranges::stable_sort(given.problems, {}, [this](const Problem& p) { return places_.at(p.where); });
  }

  Given given;

 private:
  void add(std::string name, std::string value, std::string where) {
    given.assignments.push_back({std::move(name), std::move(value), Source::file, std::move(where)});
  }

  void add_list(const std::string& name, const toml::array& list, const std::string& where) {
    std::string joined;
    for (const toml::node& item : list) {
      const auto text = text_of(item);
      if (!text) {
        given.problems.push_back({where, name + ": a list holds texts and numbers only"});
        return;
      }
      if (text->find(',') != std::string::npos) {
        given.problems.push_back({where, name + ": an item of a list has no comma"});
        return;
      }
      if (!joined.empty()) joined += ",";
      joined += *text;
    }
    add(name, joined, where);
  }

  std::string_view file_;
  std::map<std::string, std::pair<uint32_t, uint32_t>> places_;  // by their text
};

}  // namespace

Given from_toml(std::string_view text, std::string_view file) {
  Reader reader(file);
  const auto refuse = [&](std::string where, std::string why) {
    reader.given = {};
    reader.given.problems.push_back({std::move(where), std::move(why)});
  };
  try {
    reader.read(toml::parse(text), "", 0);
    reader.sort();
  } catch (const toml::parse_error& error) {
    refuse(place(file, error.source().begin), std::string(error.description()));
  } catch (const BrokenAssertion&) {
    refuse(std::string(file),
           "is no TOML, at a place that the parser cannot tell; is there a '[' too many, or a table "
           "whose name begins with no letter?");
  }
  return std::move(reader.given);
}

}  // namespace godwit::config
