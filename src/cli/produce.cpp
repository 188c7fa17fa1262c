#include <atomic>
#include <mutex>

#include "cli/progress.h"
#include "cli/session.h"

namespace godwit::cli {

using runtime::Task;

namespace {

// What became of the records; told on the client's threads.
struct Outcome {
  std::atomic<uint64_t> stored{0};
  std::atomic<uint64_t> failed{0};
  std::mutex mutex;
  std::string first_failure;

  void take(const client::Result<client::Written>& result) {
    if (result) {
      ++stored;
      return;
    }
    const std::lock_guard lock(mutex);
    if (failed++ == 0) first_failure = result.error().message;
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
  client::Options options;
  options.brokers = session.brokers();
  options.client_id = "godwit-cli";
  options.compression = ask.compression;
  options.acks = ask.acks;
  options.linger = std::chrono::milliseconds(5);
  options.delivery_timeout = std::chrono::duration_cast<std::chrono::milliseconds>(session.ask.timeout);
  // Before the client, whose callbacks use it to the end.
  Outcome outcome;
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
        [&outcome](const client::Result<client::Written>& result) { outcome.take(result); });
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
    co_return session.failed(outcome.why() + "\n" + std::to_string(outcome.stored) + " records are stored, " +
                             std::to_string(number - outcome.stored) + " of the lines read are not");
  }
  if (!stopped.empty()) {
    co_return session.failed(stopped + "\n" + std::to_string(outcome.stored) + " records are stored");
  }
  if (!closed) co_return session.failed(closed.error().message);
  co_return kExitOk;
}

}  // namespace godwit::cli
