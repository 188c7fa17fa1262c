#include "config/printing.h"

#include <algorithm>

namespace godwit::config {
namespace {

// Of an address with "user:password@" in it, that hidden. "managed-etcd://1@h:2379" has none.
std::string without_password(std::string text) {
  const size_t mark = text.find("://");
  if (mark == std::string::npos) return text;
  const size_t begin = mark + 3;
  const size_t first = text.find('@', begin);
  if (first == std::string::npos || text.find(':', begin) > first) return text;
  return text.replace(begin, text.rfind('@') - begin, "(hidden)");
}

std::string padded(std::string text, size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

// In a cell of a Markdown table a bar would end the cell.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string code(std::string_view text) {
  return text.empty() ? "" : "`" + cell(text) + "`";
}

std::string kind(const Setting& setting) {
  if (setting.choices.empty()) return std::string(to_string(setting.type));
  std::string out = setting.type == Type::choices ? "list of " : "";
  for (size_t i = 0; i < setting.choices.size(); ++i) {
    if (i > 0) out += ", ";
    out += code(setting.choices[i]);
  }
  return out;
}

std::string fallback(const Setting& setting) {
  if (setting.fallback.empty() && !setting.automatic.empty()) return cell(setting.automatic);
  return code(setting.fallback);
}

}  // namespace

std::string shown(const Setting& setting, std::string_view value) {
  if (value.empty()) return "-";
  return setting.secret ? "(hidden)" : without_password(std::string(value));
}

std::string origin(const Value& value) {
  switch (value.source) {
    case Source::fallback:
      return "default";
    case Source::automatic:
      return "automatic: " + value.where;
    default:
      return value.where;
  }
}

std::string effective_table(const Catalogue& catalogue, const Values& values) {
  size_t name_width = 0;
  size_t value_width = 0;
  for (const Setting& setting : catalogue.all()) {
    name_width = std::max(name_width, setting.name.size());
    value_width = std::max(value_width, shown(setting, values.text(setting.name)).size());
  }
  std::string out;
  for (const Setting& setting : catalogue.all()) {
    const Value& value = values.of(setting.name);
    out += padded(std::string(setting.name), name_width) + "  " +
           padded(shown(setting, value.text), value_width) + "  " + origin(value) + "\n";
  }
  return out;
}

std::string markdown_table(const Catalogue& catalogue) {
  std::string out = "| setting | what it does | type | default | restart |\n|---|---|---|---|---|\n";
  for (const Setting& setting : catalogue.all()) {
    std::string name = code(setting.name);
    if (!setting.alias.empty()) name += ", also `--" + std::string(setting.alias) + "`";
    out += "| " + name + " | " + cell(setting.doc) + " | " + kind(setting) + " | " + fallback(setting) +
           " | " + (setting.restart ? "yes" : "no") + " |\n";
  }
  return out;
}

}  // namespace godwit::config
