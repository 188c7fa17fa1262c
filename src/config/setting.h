// How a setting is declared: by its module, once, with all that a person or a program needs to know of it. Parsing,
// checking, `godwit config`, --help and the documents follow from the declaration.
//
//   constexpr Setting kIdle{.name = "connections.max.idle.ms", .type = Type::duration_ms, .fallback = "600000",
//                           .minimum = 1000, .doc = "closes a connection on which nothing happened for so long"};
//   auto problem = check(kIdle, "ten");            // "connections.max.idle.ms: 'ten' is not a number of milliseconds"
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace godwit::config {

enum class Type {
  boolean,      // true, false
  integer,      // whole number
  number,       // with a fraction
  bytes,        // whole number of bytes; a person may write 64MiB, 1GB, 512k
  duration_ms,  // whole number of milliseconds; a person may write 10s, 5m, 7d, 250ms
  text,
  choice,   // one of `choices`
  choices,  // a comma-separated list of `choices`
};

struct Setting {
  std::string_view name;
  Type type = Type::text;
  std::string_view fallback;  // what holds when it is not set, as text
  double minimum = std::numeric_limits<double>::lowest();
  double maximum = std::numeric_limits<double>::max();
  std::span<const std::string_view> choices{};
  bool restart = true;  // whether a change takes effect only at the next start
  bool secret = false;  // never printed
  // What holds, in words, where the fallback is empty: it is found out at start, or there is none.
  std::string_view automatic{};
  // A shorter name that flags and the environment also take: kafka.address has "kafka", for --kafka.
  std::string_view alias{};
  std::string_view doc;
};

// Why `value` is refused, in a sentence that begins with the setting's name; empty where it is fine.
std::optional<std::string> check(const Setting& setting, std::string_view value);

// The type in a word or two, for documents: "bytes", "milliseconds".
std::string_view to_string(Type type);

// Values of a setting of the fitting type; empty where the text is none. Bounds are check()'s business.
std::optional<bool> to_boolean(std::string_view text);
std::optional<int64_t> to_integer(std::string_view text);
std::optional<double> to_number(std::string_view text);
std::optional<int64_t> to_bytes(std::string_view text);         // "64MiB" -> 67108864
std::optional<int64_t> to_milliseconds(std::string_view text);  // "10s" -> 10000; "-1" -> -1
std::vector<std::string> to_list(std::string_view text);        // "a, b" -> {a, b}

// The name among `known` that is nearest to `name` (fewest edits), where it is near enough to be what was meant.
std::optional<std::string_view> nearest_name(std::string_view name, std::span<const std::string_view> known);

}  // namespace godwit::config
