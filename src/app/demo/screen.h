// What the demo shows: events, and below them one line that changes where a terminal shows it.
#pragma once

#include <string>

#include "base/time.h"
#include "cli/console.h"
#include "runtime/real/terminal.h"

namespace godwit::app::demo {

class Screen {
 public:
  explicit Screen(cli::Console& console)
      : console_(console), live_(runtime::is_terminal(runtime::StandardStream::output)) {}
  // Whether the line changes in place; otherwise each is printed below the one before.
  bool live() const { return live_; }

  // False once nobody reads any more.
  bool line(Duration elapsed, const std::string& text);
  void event(Duration elapsed, const std::string& text);
  void say(const std::string& text);
  void complain(const std::string& text);
  // Takes the live line away.
  void clear();

 private:
  cli::Console& console_;
  const bool live_;
  bool shown_ = false;
};

}  // namespace godwit::app::demo
