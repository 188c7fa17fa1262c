// godwit's own C++ client, as a program sees it: the contract of tests/clients/README.md on include/godwit/client.h.
#include "godwit/client.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>

#include "words.h"

using namespace godwit::client;
using namespace std::chrono_literals;

namespace {

constexpr auto kPatience = 30s;

template <class T>
T must(Result<T> result, const std::string& what) {
  if (!result) die(what, result.error().message);
  return std::move(result).value();
}

void must(const Result<void>& result, const std::string& what) {
  if (!result) die(what, result.error().message);
}

std::unique_ptr<Client> client_for(const Words& words, Options options = {}) {
  options.brokers = words.text("brokers");
  // How the fault that a step finds is explained.
  options.diagnostics = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  return must(Client::make(std::move(options)), "client");
}

int create(const Words& words) {
  const auto client = client_for(words);
  must(client->create_topic(words.text("topic"),
                            {.partitions = static_cast<int32_t>(words.number("partitions"))}, kPatience),
       "create");
  (void)Event("created");
  return 0;
}

Compression compression(const std::string& name) {
  static const std::map<std::string, Compression> kAll{{"none", Compression::none},
                                                       {"gzip", Compression::gzip},
                                                       {"snappy", Compression::snappy},
                                                       {"lz4", Compression::lz4},
                                                       {"zstd", Compression::zstd}};
  const auto found = kAll.find(name);
  if (found == kAll.end()) die("no such codec", name);
  return found->second;
}

int produce(const Words& words) {
  const int pace_ms = std::stoi(words.text("pace_ms", "0"));
  const int64_t from = words.number("from");
  const int64_t until = pace_ms > 0 ? INT64_MAX : from + words.number("count");
  std::atomic<int> failures{0};
  for (const auto& codec : split(words.text("codecs"), ',')) {
    const auto client = client_for(words, {.idempotent = words.text("idempotent") == "1",
                                           .compression = compression(codec),
                                           .linger = 5ms,
                                           .delivery_timeout = 60s});
    for (int64_t n = from; n < until && (pace_ms == 0 || !told_to_stop(pace_ms)); ++n) {
      const std::string digits = std::to_string(n);
      const std::string key = "k" + std::to_string(n % words.number("keys"));
      const std::string value = words.text("prefix") + "." + codec + "." +
                                std::string(6 - std::min<size_t>(6, digits.size()), '0') + digits + "." +
                                std::string(100, 'x');
      must(client->write_async(words.text("topic"), {.key = key, .value = value},
                               [&failures, key, value](const Result<Written>& written) {
                                 if (written) {
                                   Event("acked")
                                       .with("partition", written->partition)
                                       .with("offset", written->offset)
                                       .with("key", key)
                                       .with("value", value);
                                 } else {
                                   ++failures;
                                   Event("failed").with("value", value).with("why", written.error().message);
                                 }
                               }),
           "write");
    }
    must(client->flush(2 * kPatience), "flush");
    must(client->close(kPatience), "close");
  }
  (void)Event("done");
  return failures == 0 ? 0 : 1;
}

void tell(const Record& record, int64_t span) {
  Event("record")
      .with("partition", record.partition)
      .with("offset", record.offset)
      .with("key", record.key.value_or(""))
      .with("value", record.value.value_or(""))
      .with("time", record.timestamp_ms)
      .with("span", span);
}

// PARTITION@OFFSET+COUNT, PARTITION@tMILLISECONDS+COUNT, …+end
void read_span(Client& client, const std::string& topic, const std::string& span, int64_t index) {
  const auto at = split(span, '@');
  const auto where = split(at.at(1), '+');
  const bool by_time = where.at(0).starts_with('t');
  const int64_t value = std::stoll(where.at(0).substr(by_time ? 1 : 0));
  const bool to_end = where.at(1) == "end";
  size_t left = to_end ? SIZE_MAX : std::stoull(where.at(1));
  const auto reader =
      must(client.open_reader({.topics = {topic},
                               .partitions = {std::stoi(at.at(0))},
                               .start = by_time ? Start::timestamp(value) : Start::offset(value)}),
           span);
  while (left > 0) {
    const auto records = must(reader->read(std::min<size_t>(left, 500), kPatience), span);
    for (const Record& record : records) tell(record, index);
    left -= records.size();
    if (!records.empty()) continue;
    if (to_end && reader->at_end()) return;
    die("nothing comes at", span);
  }
}

int read(const Words& words) {
  const auto client = client_for(words);
  int64_t index = 0;
  for (const auto& span : split(words.text("spans"), ',')) {
    read_span(*client, words.text("topic"), span, index++);
  }
  (void)Event("done");
  return 0;
}

int group(const Words& words) {
  const auto client = client_for(words, {.client_id = words.text("member"), .session_timeout = 10s});
  std::map<int32_t, int64_t> next;
  const auto reader = must(client->open_reader({.topics = {words.text("topic")},
                                                .group = words.text("group"),
                                                .on_assigned =
                                                    [&next](const std::vector<TopicPartition>& mine) {
                                                      std::vector<int32_t> partitions;
                                                      for (const auto& one : mine)
                                                        partitions.push_back(one.partition);
                                                      std::ranges::sort(partitions);
                                                      next.clear();
                                                      Event("assigned").with("partitions", partitions);
                                                    }}),
                           "open");
  const auto commit = [&]() -> bool {
    const auto committed = reader->commit();
    if (!committed) std::fprintf(stderr, "commit: %s\n", committed.error().message.c_str());
    return static_cast<bool>(committed);
  };
  while (!told_to_stop(0)) {
    for (const Record& record : must(reader->read(500, 100ms), "read")) {
      tell(record, 0);
      next[record.partition] = record.offset + 1;
    }
    (void)commit();
  }
  if (!commit()) die("commit", "what was told is not committed");
  for (const auto& [partition, offset] : next) {
    Event("committed").with("partition", partition).with("offset", offset);
  }
  reader->close();
  (void)Event("done");
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) die("usage", "godwit-client VERB name=value…");
  const Words words(count - 2, arguments + 2);
  const std::string verb = arguments[1];
  if (verb == "create") return create(words);
  if (verb == "produce") return produce(words);
  if (verb == "read") return read(words);
  if (verb == "group") return group(words);
  die("unknown verb", verb);
}
