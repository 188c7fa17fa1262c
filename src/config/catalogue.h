// All settings that a program has, gathered from the modules that declare them.
//
//   Catalogue catalogue;
//   catalogue.add(broker::settings());
//   const Setting* idle = catalogue.find("connections.max.idle.ms");
//
// A declaration is copied, the texts that it refers to are not: they live as long as the program. Not for several
// threads while it is filled.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/setting.h"

namespace godwit::config {

class Catalogue {
 public:
  // Checked, since a mistake here is one of the program's: names and aliases are unique, also as environment variables;
  // no name continues another one (a.b and a.b.c could not both stand in a TOML file); a fallback passes check().
  void add(const Setting& setting);
  void add(std::span<const Setting> settings) {
    for (const Setting& setting : settings) add(setting);
  }

  // The setting with this name; null when there is none.
  const Setting* find(std::string_view name) const;
  // The same for what a person wrote as a flag, without the dashes: dots may be written as dashes, and aliases are taken
  // ("data-dir" is data.dir, "kafka" is kafka.address).
  const Setting* find_flag(std::string_view flag) const;
  // The same for an environment variable: "GODWIT_DATA_DIR" is data.dir.
  const Setting* find_variable(std::string_view variable) const;

  // By name.
  const std::vector<Setting>& all() const { return settings_; }
  // The names, for nearest_name.
  std::vector<std::string_view> names() const;

 private:
  std::vector<Setting> settings_;
};

// The beginning of every environment variable that is a setting.
constexpr std::string_view kVariablePrefix = "GODWIT_";

// "num.partitions" -> "GODWIT_NUM_PARTITIONS"
std::string variable_name(std::string_view setting);

}  // namespace godwit::config
