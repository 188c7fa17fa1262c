// What surrounds a command: its three streams, and what app knows of the world outside.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/runtime.h"
#include "runtime/task.h"

namespace godwit::cli {

class Console {
 public:
  virtual ~Console() = default;
  // False once nobody reads standard output any more (a pipe's end): the command ends.
  virtual bool write(std::string_view text) = 0;
  // Passes on what write has gathered. False as above.
  virtual bool flush() = 0;
  // Why write or flush gave false; empty where nothing went wrong, or only nobody reads any more.
  virtual std::string fault() const { return {}; }
  virtual void write_error(std::string_view text) = 0;
  // The next line of standard input without its end (a last line need not have one); empty at the end of the input.
  virtual std::optional<std::string> read_line() = 0;
};

// The process's own streams, through stdio.
class StandardConsole final : public Console {
 public:
  bool write(std::string_view text) override;
  bool flush() override;
  std::string fault() const override;
  void write_error(std::string_view text) override;
  std::optional<std::string> read_line() override;

 private:
  bool note(bool well);
  int error_ = 0;  // errno of the first failure
};

struct Surroundings {
  // GODWIT_BROKERS; empty where it is not set.
  std::string brokers;
  bool output_is_terminal = false;
  // Progress of long work is shown only there.
  bool error_is_terminal = false;
  // Ends once the user wants an end (Ctrl-C); may be empty. Awaited on shard 0, from when a command begins to read
  // without end.
  std::function<runtime::Task<void>()> interrupted{};
};

// Runs a main on shard 0 of a runtime made for it, and gives what it returns. Called at most once a command, and not at all
// where the command line is wrong.
using RunOnRuntime = std::function<int(std::function<runtime::Task<int>(runtime::Runtime&)>)>;

}  // namespace godwit::cli
