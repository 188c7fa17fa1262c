// What the program tells its operator. Not "log": that is a partition's.
//
//   sink.emit({Severity::warning, "disk.stalled", "a sync takes longer than 1.5 s", {{"path", path}}});
//
// An event's name is stable and dotted, for machines; its text is one sentence, for people. No secret ever
// stands in a field. Sinks may be called from every thread and never block for long.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace godwit {

enum class Severity { debug, info, warning, error };

std::string_view to_string(Severity severity);

struct Diagnostic {
  Severity severity;
  std::string name;
  std::string text;
  std::vector<std::pair<std::string, std::string>> fields{};
};

// "warning disk.stalled: a sync takes longer than 1.5 s path=/data", with control characters escaped.
std::string describe(const Diagnostic& diagnostic);

class DiagnosticSink {
 public:
  virtual ~DiagnosticSink() = default;
  virtual void emit(const Diagnostic& diagnostic) = 0;
};

// Keeps what it was told, for tests. Not for several threads at once.
class RecordingSink final : public DiagnosticSink {
 public:
  void emit(const Diagnostic& diagnostic) override { events.push_back(diagnostic); }
  bool contains(std::string_view name) const;
  std::vector<Diagnostic> events;
};

}  // namespace godwit
