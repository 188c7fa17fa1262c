// A line on a terminal's standard error that says how far long work is.
#pragma once

#include "cli/session.h"

namespace godwit::cli {

class Progress {
 public:
  explicit Progress(Session& session) : session_(session), shown_at_(runtime::Shard::current()->now()) {}
  // Removes the line.
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // At most twice a second; nothing where standard error is no terminal.
  void show(const std::string& text) {
    if (!session_.surroundings.error_is_terminal) return;
    const MonotonicTime now = runtime::Shard::current()->now();
    if (now - shown_at_ < std::chrono::milliseconds(500)) return;
    shown_at_ = now;
    session_.console.write_error("\r\x1b[K" + text);
    visible_ = true;
  }
  void clear() {
    if (visible_) session_.console.write_error("\r\x1b[K");
    visible_ = false;
  }

 private:
  Session& session_;
  MonotonicTime shown_at_;
  bool visible_ = false;
};

}  // namespace godwit::cli
