// `godwit demo`: a cluster on one machine, published to, read from, and killed at.
#pragma once

#include <span>
#include <string>

namespace godwit::app {

// `arguments`: those behind `godwit demo`. Gives the process's exit code.
int run_demo(std::span<const std::string> arguments);

}  // namespace godwit::app
