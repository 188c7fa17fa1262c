// Answers as people and machines read them: tables with aligned columns, and JSON. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace godwit::cli {

// Columns aligned, two spaces between, the first line names them. Control characters are shown as '?'.
class Table {
 public:
  explicit Table(std::vector<std::string> names) : rows_{std::move(names)} {}
  // As many cells as there are names.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// Text as a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD.
std::string json_text(std::string_view text);

// A JSON object or array that grows.
//   Json().set("name", "orders").set("partitions", 3).text()   {"name":"orders","partitions":3}
class Json {
 public:
  Json& set(std::string_view name, std::string_view value) { return raw(name, json_text(value)); }
  Json& set(std::string_view name, const char* value) { return set(name, std::string_view(value)); }
  Json& set(std::string_view name, int64_t value) { return raw(name, std::to_string(value)); }
  Json& set(std::string_view name, int32_t value) { return set(name, int64_t{value}); }
  Json& set(std::string_view name, int16_t value) { return set(name, int64_t{value}); }
  Json& set(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
  Json& set(std::string_view name, double value);
  Json& set_null(std::string_view name) { return raw(name, "null"); }
  // `json` is JSON already.
  Json& raw(std::string_view name, std::string_view json);
  std::string text() const { return "{" + fields_ + "}"; }

 private:
  std::string fields_;
};

std::string json_array(const std::vector<std::string>& elements);

}  // namespace godwit::cli
