// Settings as people read them.
#pragma once

#include <string>

#include "config/values.h"

namespace godwit::config {

// A line for each setting: name, value, where it came from; in columns. Secrets show as "(hidden)".
std::string effective_table(const Catalogue& catalogue, const Values& values);

// A value as it may be printed: "-" for nothing, "(hidden)" for a secret, and where a password was typed into an address,
// though no setting takes one so: "etcd://(hidden)@h:2379".
std::string shown(const Setting& setting, std::string_view value);

// A Markdown table of all settings, by name.
std::string markdown_table(const Catalogue& catalogue);

// "default", "godwit.toml:3:1", "--num.partitions", "automatic: …"
std::string origin(const Value& value);

}  // namespace godwit::config
