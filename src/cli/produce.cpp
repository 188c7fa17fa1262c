#include <atomic>
#include <mutex>

#include "cli/patience.h"
#include "cli/progress.h"
#include "cli/report.h"

namespace godwit::cli {

using runtime::Task;

namespace {

// What became of the records; told on the client's thread, which alone writes to standard output meanwhile.
struct Outcome {
  explicit Outcome(const Session& session) : session(session) {}

  const Session& session;
  std::atomic<uint64_t> stored{0};
  std::atomic<uint64_t> failed{0};
  std::mutex mutex;
  std::string first_failure;

  void take(uint64_t line, const client::Result<client::Written>& result) {
    if (result) {
      ++stored;
      if (session.json()) tell(line, *result);
      return;
    }
    const std::lock_guard lock(mutex);
    if (failed++ == 0) first_failure = result.error().message;
  }
  // At once, for somebody may wait for it. What is published goes on when nobody reads that any more.
  void tell(uint64_t line, const client::Written& written) {
    Json json;
    json.set("line", static_cast<int64_t>(line)).set("partition", written.partition);
    if (written.offset >= 0) {
      json.set("offset", written.offset);
    } else {
      json.set_null("offset");
    }
    if (session.console.write(json.text() + "\n")) (void)session.console.flush();
  }
  std::string why() {
    const std::lock_guard lock(mutex);
    return first_failure;
  }
};

client::Message message_from(std::string line, const Produce& ask, bool& whole) {
  client::Message message;
  message.headers = ask.headers;
  message.partition = ask.partition;
  whole = true;
  if (ask.key_separator) {
    const auto at = line.find(*ask.key_separator);
    whole = at != std::string::npos;
    if (whole) {
      message.key = line.substr(0, at);
      line.erase(0, at + ask.key_separator->size());
    }
  }
  message.value = std::move(line);
  return message;
}

}  // namespace

Task<int> run(Session& session, const Produce& ask) {
  const Patience patience(session);
  auto options = patience.options("godwit-cli");
  options.compression = ask.compression;
  options.acks = ask.acks;
  options.linger = std::chrono::milliseconds(5);
  // Before the client, whose callbacks use it to the end.
  Outcome outcome(session);
  const auto client = client::Client::make(options);
  if (!client) co_return session.failed(client.error().message);
  Progress progress(session);
  uint64_t number = 0;
  std::string stopped;
  while (auto line = session.console.read_line()) {
    ++number;
    bool whole = true;
    auto message = message_from(std::move(*line), ask, whole);
    if (!whole) {
      stopped =
          "line " + std::to_string(number) + " has no '" + *ask.key_separator + "' between key and value";
      break;
    }
    const auto taken = (*client)->write_async(
        ask.topic, std::move(message),
        [&outcome, number](const client::Result<client::Written>& result) { outcome.take(number, result); });
    if (!taken) {
      stopped = "line " + std::to_string(number) + ": " + taken.error().message;
      break;
    }
    // One that failed will not be the last: nobody wants to hear of it at the end of a long file only.
    if (outcome.failed > 0) break;
    progress.show(std::to_string(outcome.stored) + " records stored");
  }
  const auto closed = (*client)->close(options.delivery_timeout + std::chrono::seconds(1));
  progress.clear();
  if (outcome.failed > 0) {
    co_return session.failed(patience.with_reason(outcome.why()) + "\n" + std::to_string(outcome.stored) +
                             " records are stored, " + std::to_string(number - outcome.stored) +
                             " of the lines read are not");
  }
  if (!stopped.empty()) {
    co_return session.failed(stopped + "\n" + std::to_string(outcome.stored) + " records are stored");
  }
  if (!closed) co_return session.failed(patience.with_reason(closed.error().message));
  co_return kExitOk;
}

}  // namespace godwit::cli
