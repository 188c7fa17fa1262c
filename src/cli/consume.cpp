#include "cli/patience.h"
#include "cli/record_format.h"
#include "cli/session.h"

namespace godwit::cli {

using runtime::Task;

namespace {

constexpr size_t kRecordsMax = 1000;
// How soon Ctrl-C is noticed.
constexpr std::chrono::milliseconds kWait{100};

// Sets `asked` once the user wants an end. Shared, since it may outlive the command.
Task<void> watch(const Surroundings& surroundings, std::shared_ptr<bool> asked) {
  co_await surroundings.interrupted();
  *asked = true;
}

client::ReaderOptions reader_options(const Consume& ask) {
  client::ReaderOptions options;
  options.topics = {ask.topic};
  options.group = ask.group;
  if (ask.partition) options.partitions = {*ask.partition};
  // Who asks for the end of what is there means what is there.
  const bool all = ask.exit_at_end;
  options.start = ask.from.value_or(all ? client::Start::beginning() : client::Start::end());
  return options;
}

}  // namespace

Task<int> run(Session& session, const Consume& ask) {
  const auto format = RecordFormat::parse(ask.format);
  if (!format) {
    session.failed(format.error().message);
    co_return kExitUsage;
  }
  Patience patience(session);
  const auto client = client::Client::make(patience.options("godwit-cli"));
  if (!client) co_return session.failed(client.error().message);
  const auto reader = (*client)->open_reader(reader_options(ask));
  if (!reader) co_return session.failed(patience.with_reason(reader.error().message));
  const auto interrupted = std::make_shared<bool>(false);
  if (session.surroundings.interrupted) {
    runtime::Shard::current()->spawn(watch(session.surroundings, interrupted));
  }
  uint64_t left = ask.count.value_or(UINT64_MAX);
  bool read_by_somebody = true;
  while (left > 0 && !*interrupted && read_by_somebody) {
    const auto records = (*reader)->read(static_cast<size_t>(std::min<uint64_t>(left, kRecordsMax)), kWait);
    if (!records) co_return session.failed(records.error().message);
    for (const auto& record : *records) {
      if (!session.console.write(session.json() ? json_from(record) + "\n" : format->print(record))) {
        read_by_somebody = false;
        break;
      }
    }
    left -= records->size();
    // Whoever reads what is printed sees it before it counts as done.
    read_by_somebody = session.console.flush() && read_by_somebody;
    if (read_by_somebody && !records->empty()) {
      const auto committed = (*reader)->commit();
      if (!committed)
        session.console.write_error("godwit: not committed yet: " + committed.error().message + "\n");
    }
    if (!records->empty()) {
      patience.heard();
    } else if (ask.exit_at_end && (*reader)->at_end()) {
      break;
    } else if (const auto why = patience.given_up(**reader, ask.topic, ask.exit_at_end)) {
      co_return session.failed(*why);
    }
    // Not a yield, which others of this turn of the loop answer: the signal of an interruption is looked for between two turns.
    co_await runtime::sleep_for(Duration{});
  }
  co_return kExitOk;
}

}  // namespace godwit::cli
