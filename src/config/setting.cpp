#include "config/setting.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace godwit::config {
namespace {

struct Unit {
  std::string_view suffix;
  int64_t factor;
};

constexpr std::array kByteUnits = {Unit{"", 1},
                                   Unit{"B", 1},
                                   Unit{"k", 1000},
                                   Unit{"kB", 1000},
                                   Unit{"KB", 1000},
                                   Unit{"K", 1024},
                                   Unit{"KiB", 1 << 10},
                                   Unit{"M", 1 << 20},
                                   Unit{"MB", 1000000},
                                   Unit{"MiB", 1 << 20},
                                   Unit{"G", 1 << 30},
                                   Unit{"GB", 1000000000},
                                   Unit{"GiB", 1 << 30},
                                   Unit{"TB", 1000000000000},
                                   Unit{"TiB", int64_t{1} << 40}};
constexpr std::array kTimeUnits = {Unit{"", 1},        Unit{"ms", 1},      Unit{"s", 1000},
                                   Unit{"m", 60000},   Unit{"min", 60000}, Unit{"h", 3600000},
                                   Unit{"d", 86400000}};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<int64_t> with_unit(std::string_view text, std::span<const Unit> units) {
  text = trimmed(text);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view suffix = trimmed({end, static_cast<size_t>(text.data() + text.size() - end)});
  const auto unit = std::ranges::find(units, suffix, &Unit::suffix);
  if (unit == units.end()) return std::nullopt;
  int64_t product = 0;
  if (__builtin_mul_overflow(value, unit->factor, &product)) return std::nullopt;
  return product;
}

std::string_view description(Type type) {
  switch (type) {
    case Type::boolean:
      return "true or false";
    case Type::integer:
      return "a whole number";
    case Type::number:
      return "a number";
    case Type::bytes:
      return "a number of bytes (such as 1048576 or 1MiB)";
    case Type::duration_ms:
      return "a number of milliseconds (or such as 10s, 5m, 7d)";
    case Type::text:
      return "a text";
    case Type::choice:
      return "one of the choices";
    case Type::choices:
      return "a list of the choices";
  }
  return "";
}

std::string joined(std::span<const std::string_view> items) {
  std::string out;
  for (const auto item : items) {
    if (!out.empty()) out += ", ";
    out += item;
  }
  return out;
}

std::string plain(double value) {
  char text[40];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  if (std::floor(value) == value && std::abs(value) < 1e18)
    return std::to_string(static_cast<int64_t>(value));
  return {text, error == std::errc{} ? end : text};
}

std::optional<double> numeric(const Setting& setting, std::string_view value) {
  switch (setting.type) {
    case Type::integer:
      if (auto n = to_integer(value)) return static_cast<double>(*n);
      return std::nullopt;
    case Type::number:
      return to_number(value);
    case Type::bytes:
      if (auto n = to_bytes(value)) return static_cast<double>(*n);
      return std::nullopt;
    case Type::duration_ms:
      if (auto n = to_milliseconds(value)) return static_cast<double>(*n);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

size_t edits(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::string> check(const Setting& setting, std::string_view value) {
  const auto bad = [&](const std::string& why) { return std::string(setting.name) + ": " + why; };
  const std::string quoted = "'" + std::string(value) + "'";
  switch (setting.type) {
    case Type::text:
      return std::nullopt;
    case Type::boolean:
      if (to_boolean(value)) return std::nullopt;
      return bad(quoted + " is not true or false");
    case Type::choice:
      if (std::ranges::find(setting.choices, value) != setting.choices.end()) return std::nullopt;
      return bad(quoted + " is none of " + joined(setting.choices));
    case Type::choices:
      for (const std::string& item : to_list(value)) {
        if (std::ranges::find(setting.choices, item) == setting.choices.end()) {
          return bad("'" + item + "' is none of " + joined(setting.choices));
        }
      }
      return std::nullopt;
    default:
      break;
  }
  const auto parsed = numeric(setting, value);
  if (!parsed) return bad(quoted + " is not " + std::string(description(setting.type)));
  if (*parsed < setting.minimum) return bad(quoted + " is below " + plain(setting.minimum));
  if (*parsed > setting.maximum) return bad(quoted + " is above " + plain(setting.maximum));
  return std::nullopt;
}

std::string_view to_string(Type type) {
  switch (type) {
    case Type::boolean:
      return "boolean";
    case Type::integer:
      return "integer";
    case Type::number:
      return "number";
    case Type::bytes:
      return "bytes";
    case Type::duration_ms:
      return "milliseconds";
    case Type::text:
      return "text";
    case Type::choice:
      return "choice";
    case Type::choices:
      return "list of choices";
  }
  return "";
}

std::optional<bool> to_boolean(std::string_view text) {
  std::string lower(trimmed(text));
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (lower == "true") return true;
  if (lower == "false") return false;
  return std::nullopt;
}

std::optional<int64_t> to_integer(std::string_view text) {
  static constexpr Unit kNone[] = {{"", 1}};
  return with_unit(text, kNone);
}

std::optional<double> to_number(std::string_view text) {
  text = trimmed(text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<int64_t> to_bytes(std::string_view text) {
  return with_unit(text, kByteUnits);
}
std::optional<int64_t> to_milliseconds(std::string_view text) {
  return with_unit(text, kTimeUnits);
}

std::vector<std::string> to_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const auto comma = text.find(',');
    if (const auto item = trimmed(text.substr(0, comma)); !item.empty()) items.emplace_back(item);
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return items;
}

std::optional<std::string_view> nearest_name(std::string_view name, std::span<const std::string_view> known) {
  std::optional<std::string_view> best;
  size_t best_edits = std::max<size_t>(2, name.size() / 3) + 1;
  for (const auto candidate : known) {
    const size_t distance = edits(name, candidate);
    if (distance < best_edits) {
      best_edits = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace godwit::config
