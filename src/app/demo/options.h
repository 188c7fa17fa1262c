// What `godwit demo` was told.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.h"
#include "runtime/stream.h"

namespace godwit::app::demo {

struct Options {
  std::string data_dir;  // empty: a temporary one, removed at the end
  // Where the brokers serve, as many as there are brokers; empty: three free ports of 127.0.0.1.
  std::vector<runtime::Endpoint> kafka;
  std::vector<runtime::Endpoint> http;  // the same; empty: free ports
  std::string coordination;             // empty: an etcd is started
  bool managed_etcd = false;            // each broker runs a member of its own
  std::string topic = "demo";
  int32_t partitions = 6;
  int64_t rate = 1000;  // messages a second
  int64_t size = 200;   // bytes of each
  std::optional<Duration> kill_every;
  std::optional<Duration> length;                             // none: until Ctrl-C
  std::vector<std::pair<std::string, std::string>> settings;  // for each broker
};

struct Say {
  int exit_code;
  std::string text;
};

// `arguments`: those behind `godwit demo`. A text to print in its place: help (0) or a mistake (2).
std::variant<Options, Say> parse(std::span<const std::string> arguments);

}  // namespace godwit::app::demo
