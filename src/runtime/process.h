// Processes that a program starts beside itself and that may outlive it.
//
//   auto etcd = processes.start({.arguments = {"etcd", "--name", "a"}, .output_path = "/data/etcd/output"});
//   remember((*etcd)->identity());
//   …the program dies and starts again…
//   auto same = processes.adopt(remembered);      // the very process, or not_found
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/task.h"

namespace godwit::runtime {

// Names one process among all that ever ran on the machine: numbers are used again, with another time.
struct ProcessIdentity {
  int64_t number = 0;
  uint64_t started = 0;  // in the kernel's ticks since the machine's start
  std::string boot;      // the machine's start
  friend bool operator==(const ProcessIdentity&, const ProcessIdentity&) = default;
};

struct ProcessOptions {
  std::vector<std::string> arguments;  // the first is the program, looked for in PATH where it has no '/'
  std::string output_path;             // what it prints is appended to this file
  // NAME=VALUE, added to this process's own environment.
  std::vector<std::string> environment{};
  // Variables of our own whose names begin so are not handed on; empty: all are.
  std::string environment_dropped{};
  // The kernel kills it (SIGKILL) when the thread that started it ends, so also when our process is killed: for what must
  // not be left behind. What it starts itself is not reached.
  bool ends_with_us = false;
};

// Belongs to the shard on which it was made. Destroying it leaves the process alone.
class Process {
 public:
  virtual ~Process() = default;
  virtual const ProcessIdentity& identity() const = 0;
  virtual bool running() const = 0;
  // Returns once the process has ended.
  virtual Task<void> ended() = 0;
  // Asks it to end (SIGTERM), or ends it (SIGKILL). Nothing happens when it has ended.
  virtual void terminate() = 0;
  virtual void kill() = 0;
};

// May be used on every shard.
class Processes {
 public:
  virtual ~Processes() = default;
  // Starts a process in a session of its own: signals of our terminal and (but for ends_with_us) our end do not reach it,
  // and it holds none of our descriptors. Errors: not_found (no such program), permission, limit, io.
  virtual Result<std::unique_ptr<Process>> start(ProcessOptions options) = 0;
  // A process that runs already. Error not_found when that very one does not run any more.
  virtual Result<std::unique_ptr<Process>> adopt(const ProcessIdentity& identity) = 0;
  // One of this user's whose arguments contain `words` next to one another. Error not_found.
  virtual Result<std::unique_ptr<Process>> find(const std::vector<std::string>& words) = 0;
};

}  // namespace godwit::runtime
