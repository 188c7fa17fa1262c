// The demo's processes: an etcd and the brokers. One that ends without having been told to is started again; none outlives
// us, even where we are killed.
//
// On shard 0. Destroying it with processes that run leaves them to the kernel, which kills them with us.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "runtime/process.h"
#include "runtime/runtime.h"
#include "runtime/sync.h"

namespace godwit::app::demo {

struct ProgramOptions {
  std::string name;  // "broker 2"
  std::vector<std::string> arguments;
  std::string output_path;
};

class Fleet {
 public:
  struct Program {
    ProgramOptions options;
    std::unique_ptr<runtime::Process> process;
    MonotonicTime started{};
    MonotonicTime ended{};
    int quick_ends = 0;   // one after the other: it ends as soon as it begins
    bool killed = false;  // by us, since it was started
    bool running() const { return process && process->running(); }
  };
  struct Callbacks {
    // It ended, and nobody had stopped it; it is started again after a while.
    std::function<void(size_t index, const Program& program)> ended;
    std::function<void(size_t index, const Program& program)> started;
    // It does not live: the demo cannot go on.
    std::function<void(const std::string& why)> hopeless;
  };

  Fleet(runtime::Runtime& runtime, runtime::Processes& processes, Callbacks callbacks)
      : runtime_(runtime), processes_(processes), callbacks_(std::move(callbacks)) {}

  // Starts it and watches it from then on. Errors of Processes::start.
  Result<size_t> add(ProgramOptions options);
  const Program& program(size_t index) const { return *programs_[index]; }
  // SIGKILL. It is started again.
  void kill(size_t index);
  // Tells them to end, and kills those that have not after `patience`; they are not started again.
  runtime::Task<void> stop(std::vector<size_t> indexes, Duration patience);
  // The last lines that a program printed.
  runtime::Task<std::string> last_words(size_t index);

 private:
  Result<void> start(Program& program);
  runtime::Task<void> watch(size_t index);

  runtime::Runtime& runtime_;
  runtime::Processes& processes_;
  Callbacks callbacks_;
  std::vector<std::unique_ptr<Program>> programs_;
  std::vector<bool> stopping_;
};

}  // namespace godwit::app::demo
