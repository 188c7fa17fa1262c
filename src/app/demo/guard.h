// What ends the demo's processes where the demo itself cannot: when it is killed. Brokers die with it by the kernel's hand;
// an etcd member that a broker manages outlives its broker by design, and a temporary folder stays.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/process.h"

namespace godwit::app::demo {

struct GuardOptions {
  runtime::ProcessIdentity demo;
  std::string remove;                  // a folder that goes with the demo; empty: none
  std::vector<std::string> data_dirs;  // of the brokers, absolute
};

// Starts it: the same program, in a session of its own, so that Ctrl-C does not reach it. It ends after the demo; kill() it
// when there is nothing left to look after. Errors of Processes::start.
Result<std::unique_ptr<runtime::Process>> start_guard(runtime::Processes& processes,
                                                      const GuardOptions& options);
// Is the guard: `arguments` are those behind `godwit demo guard`. Gives the process's exit code.
int run_guard(std::span<const std::string> arguments);

}  // namespace godwit::app::demo
