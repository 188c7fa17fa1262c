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

// How many bytes of `text` are one character of UTF-8; 0 where it begins with none.
size_t character_size(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const size_t size = byte(0) < 0x80   ? 1
                      : byte(0) < 0xc2 ? 0
                      : byte(0) < 0xe0 ? 2
                      : byte(0) < 0xf0 ? 3
                      : byte(0) < 0xf5 ? 4
                                       : 0;
  if (size > text.size()) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies behind U+10FFFF.
  if (size == 3 && ((byte(0) == 0xe0 && byte(1) < 0xa0) || (byte(0) == 0xed && byte(1) > 0x9f))) return 0;
  if (size == 4 && ((byte(0) == 0xf0 && byte(1) < 0x90) || (byte(0) == 0xf4 && byte(1) > 0x8f))) return 0;
  return size;
}

// A peer's bytes may stand in a text: what is no UTF-8 is replaced, so that the line is JSON whatever they are.
void append_json(std::string& out, std::string_view text) {
  out += '"';
  for (; !text.empty(); text.remove_prefix(1)) {
    const char c = text.front();
    const auto code = static_cast<unsigned char>(c);
    const size_t size = character_size(text);
    if (size != 1) {
      out += size == 0 ? "\\ufffd" : text.substr(0, size);
      text.remove_prefix(size == 0 ? 0 : size - 1);
      continue;
    }
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
