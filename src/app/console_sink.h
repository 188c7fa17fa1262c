// Diagnostics to standard error, a line each: for people, or JSON for machines.
//
// A line is written by a thread of its own: whoever emits never waits for a terminal or a pipe that nobody reads. Where
// that stalls for long the oldest lines are dropped, the newest 1,024 are kept.
#pragma once

#include <memory>
#include <string>

#include "base/diagnostic.h"

namespace godwit::app {

enum class Format { text, json };

// The line for a diagnostic, without its end. `time`: "2026-11-21T10:00:00.123Z".
//   text  2026-11-21T10:00:00.123Z info broker.ready: serves clients kafka=127.0.0.1:9092
//   json  {"time":"…","severity":"info","event":"broker.ready","text":"…","fields":{"kafka":"127.0.0.1:9092"}}
std::string format_line(Format format, const std::string& time, const Diagnostic& diagnostic);

class ConsoleSink final : public DiagnosticSink {
 public:
  ConsoleSink(Format format, Severity least);
  // Writes out what was emitted; waits while that stalls.
  ~ConsoleSink() override;
  ConsoleSink(const ConsoleSink&) = delete;
  ConsoleSink& operator=(const ConsoleSink&) = delete;

  // Any thread.
  void emit(const Diagnostic& diagnostic) override;
  // What is less severe is not written. Any thread.
  void set_least(Severity least);

 private:
  struct Writer;
  std::unique_ptr<Writer> writer_;
};

}  // namespace godwit::app
