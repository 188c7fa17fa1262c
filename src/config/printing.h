// Settings as people read them.
#pragma once

#include <string>

#include "config/values.h"

namespace godwit::config {

// A line for each setting: name, value, where it came from; in columns. Secrets show as "(hidden)".
std::string effective_table(const Catalogue& catalogue, const Values& values);

// A Markdown table of all settings, by name.
std::string markdown_table(const Catalogue& catalogue);

// "default", "godwit.toml:3:1", "--num.partitions", "automatic: …"
std::string origin(const Value& value);

}  // namespace godwit::config
