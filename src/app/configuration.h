// The configuration of this process: what was given by file, environment and flags, and what follows from it.
//
//   auto configuration = Configuration::load(arguments);     // those behind `godwit serve`
//   if (!configuration) return complain(configuration.error());
#pragma once

#include <span>
#include <string>
#include <vector>

#include "broker/options.h"
#include "config/values.h"
#include "gateway/settings.h"
#include "runtime/runtime.h"

namespace godwit::app {

// All settings of the program: the broker's, the gateway's, and those of the process itself.
config::Catalogue catalogue();

class Configuration {
 public:
  // Reads the file that --config or GODWIT_CONFIG names, the environment and `arguments`. Every mistake is told, not only
  // the first. Runs a runtime of its own to read the file: not from a shard.
  static tl::expected<Configuration, std::vector<config::Problem>> load(
      std::span<const std::string> arguments);

  // What the file says now, over the same environment and flags. On a shard.
  runtime::Task<tl::expected<Configuration, std::vector<config::Problem>>> reload(
      runtime::Runtime& runtime) const;

  // Takes over a change that needs no restart.
  void adopt(const config::Change& change) { values_.set(change.name, change.after); }

  const config::Values& values() const { return values_; }
  const config::Catalogue& known() const { return catalogue_; }
  const broker::BrokerOptions& broker() const { return broker_; }
  const gateway::GatewayOptions& gateway() const { return gateway_; }
  // The path of the file that was read; empty where there is none.
  const std::string& file() const { return file_; }

 private:
  using Problems = std::vector<config::Problem>;
  Configuration() = default;
  // What `text`, the file's, makes of everything else that was given.
  tl::expected<Configuration, Problems> with_file(const std::string& text) const;

  config::Catalogue catalogue_;
  std::string file_;
  config::Given beside_file_;
  config::Values values_;
  broker::BrokerOptions broker_;
  gateway::GatewayOptions gateway_;
};

}  // namespace godwit::app
