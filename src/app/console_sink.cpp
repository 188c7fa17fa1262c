#include "app/console_sink.h"

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace godwit::app {
namespace {

constexpr size_t kLinesMax = 1024;

void append_json(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (code < 0x20 || code == 0x7f) {
      out += fmt::format("\\u{:04x}", code);
    } else {
      out += c;
    }
  }
  out += '"';
}

std::string json(const std::string& time, const Diagnostic& diagnostic) {
  std::string out = "{\"time\":";
  append_json(out, time);
  out += ",\"severity\":";
  append_json(out, to_string(diagnostic.severity));
  out += ",\"event\":";
  append_json(out, diagnostic.name);
  out += ",\"text\":";
  append_json(out, diagnostic.text);
  out += ",\"fields\":{";
  for (size_t i = 0; i < diagnostic.fields.size(); ++i) {
    if (i > 0) out += ',';
    append_json(out, diagnostic.fields[i].first);
    out += ':';
    append_json(out, diagnostic.fields[i].second);
  }
  return out + "}}";
}

// spdlog stamps the message on the thread that emits; its formatter is handed that time, and makes it text.
class LineFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    out.append(message.payload.begin(), message.payload.end());
    out.push_back('\n');
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<LineFormatter>(); }
};

std::string stamp(spdlog::log_clock::time_point time) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(ms / 1000), ms % 1000);
}

}  // namespace

std::string format_line(Format format, const std::string& time, const Diagnostic& diagnostic) {
  return format == Format::json ? json(time, diagnostic) : time + " " + describe(diagnostic);
}

struct ConsoleSink::Writer {
  Format format;
  std::atomic<Severity> least;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

ConsoleSink::ConsoleSink(Format format, Severity least) : writer_(std::make_unique<Writer>()) {
  writer_->format = format;
  writer_->least = least;
  writer_->pool = std::make_shared<spdlog::details::thread_pool>(kLinesMax, 1);
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  sink->set_formatter(std::make_unique<LineFormatter>());
  writer_->logger = std::make_shared<spdlog::async_logger>("godwit", std::move(sink), writer_->pool,
                                                           spdlog::async_overflow_policy::overrun_oldest);
}

// The pool's end writes out what waits.
ConsoleSink::~ConsoleSink() = default;

void ConsoleSink::emit(const Diagnostic& diagnostic) {
  if (diagnostic.severity < writer_->least.load(std::memory_order_relaxed)) return;
  const std::string line = format_line(writer_->format, stamp(spdlog::details::os::now()), diagnostic);
  writer_->logger->log(spdlog::level::info, spdlog::string_view_t(line));
}

void ConsoleSink::set_least(Severity least) {
  writer_->least = least;
}

}  // namespace godwit::app
