#include <algorithm>
#include <atomic>
#include <mutex>

#include <fmt/format.h>

#include "cli/patience.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/session.h"

namespace godwit::cli {

using runtime::Task;

namespace {

// As many latencies as give good percentiles; beyond that every n-th is kept.
constexpr size_t kLatenciesMax = 1'000'000;
constexpr size_t kReadMax = 10'000;

// What the acknowledgements say; told on the client's threads.
class Acknowledged {
 public:
  explicit Acknowledged(uint64_t records) : every_(std::max<uint64_t>(1, records / kLatenciesMax)) {}

  void take(const client::Result<client::Written>& result) {
    const std::lock_guard lock(mutex_);
    if (!result) {
      if (failed_++ == 0) why_ = result.error().message;
      return;
    }
    if (stored_++ % every_ == 0) latencies_us_.push_back(result->latency_us);
  }
  uint64_t stored() const {
    const std::lock_guard lock(mutex_);
    return stored_;
  }
  uint64_t failed() const {
    const std::lock_guard lock(mutex_);
    return failed_;
  }
  std::string why() const {
    const std::lock_guard lock(mutex_);
    return why_;
  }
  // In microseconds, where a share of all is at most as large; 0 without any.
  int64_t percentile(double share) {
    const std::lock_guard lock(mutex_);
    if (latencies_us_.empty()) return 0;
    std::ranges::sort(latencies_us_);
    return latencies_us_[static_cast<size_t>(share * static_cast<double>(latencies_us_.size() - 1))];
  }

 private:
  uint64_t every_;
  mutable std::mutex mutex_;
  uint64_t stored_ = 0;
  uint64_t failed_ = 0;
  std::string why_;
  std::vector<int64_t> latencies_us_;
};

// What does not compress, and costs next to nothing to make.
std::string noise(runtime::Random& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.next());
  return bytes;
}

struct Speed {
  double seconds;
  double records_per_second;
  double megabytes_per_second;
};

Speed speed_of(uint64_t records, uint64_t bytes, Duration time) {
  const double seconds = std::max(1e-9, std::chrono::duration<double>(time).count());
  return {seconds, static_cast<double>(records) / seconds, static_cast<double>(bytes) / 1e6 / seconds};
}

}  // namespace

Task<int> run(Session& session, const BenchProduce& ask) {
  const Patience patience(session);
  auto options = patience.options("godwit-bench");
  options.compression = ask.compression;
  options.acks = ask.acks;
  options.linger = ask.one_by_one ? std::chrono::milliseconds(0)
                                  : std::chrono::duration_cast<std::chrono::milliseconds>(ask.linger);
  Acknowledged acknowledged(ask.records);
  const auto client = client::Client::make(options);
  if (!client) co_return session.failed(client.error().message);
  runtime::Shard& shard = *runtime::Shard::current();
  // Each record is another stretch of the same noise.
  const std::string pool = noise(shard.random(), ask.size + 4096);
  Progress progress(session);
  const MonotonicTime began = shard.now();
  for (uint64_t i = 0; i < ask.records && acknowledged.failed() == 0; ++i) {
    client::Message message{.value = pool.substr(i * 61 % 4096, ask.size)};
    if (ask.one_by_one) {
      acknowledged.take((*client)->write(ask.topic, std::move(message)));
    } else {
      const auto taken = (*client)->write_async(
          ask.topic, std::move(message),
          [&acknowledged](const client::Result<client::Written>& result) { acknowledged.take(result); });
      if (!taken) co_return session.failed(taken.error().message);
    }
    if (i % 1000 == 0) progress.show(fmt::format("{} of {} records", i, ask.records));
  }
  const auto closed = (*client)->close(options.delivery_timeout + std::chrono::seconds(1));
  const Duration took = shard.now() - began;
  progress.clear();
  if (acknowledged.failed() > 0) co_return session.failed(patience.with_reason(acknowledged.why()));
  if (!closed) co_return session.failed(patience.with_reason(closed.error().message));
  const Speed speed = speed_of(acknowledged.stored(), acknowledged.stored() * ask.size, took);
  const int64_t p50 = acknowledged.percentile(0.5);
  const int64_t p99 = acknowledged.percentile(0.99);
  const int64_t p999 = acknowledged.percentile(0.999);
  const int64_t most = acknowledged.percentile(1);
  if (session.json()) {
    session.line(Json()
                     .set("records", static_cast<int64_t>(acknowledged.stored()))
                     .set("seconds", speed.seconds)
                     .set("recordsPerSecond", speed.records_per_second)
                     .set("megabytesPerSecond", speed.megabytes_per_second)
                     .set("latencyUsP50", p50)
                     .set("latencyUsP99", p99)
                     .set("latencyUsP999", p999)
                     .set("latencyUsMax", most)
                     .text());
    co_return kExitOk;
  }
  session.line(fmt::format("{} records of {} bytes in {:.2f} s: {:.0f} records/s, {:.1f} MB/s",
                           acknowledged.stored(), ask.size, speed.seconds, speed.records_per_second,
                           speed.megabytes_per_second));
  session.line(fmt::format(
      "from write to acknowledgement: p50 {:.2f} ms, p99 {:.2f} ms, p99.9 {:.2f} ms, max {:.2f} ms",
      static_cast<double>(p50) / 1e3, static_cast<double>(p99) / 1e3, static_cast<double>(p999) / 1e3,
      static_cast<double>(most) / 1e3));
  co_return kExitOk;
}

Task<int> run(Session& session, const BenchConsume& ask) {
  Patience patience(session);
  const auto client = client::Client::make(patience.options("godwit-bench"));
  if (!client) co_return session.failed(client.error().message);
  client::ReaderOptions wanted;
  wanted.topics = {ask.topic};
  const auto reader = (*client)->open_reader(wanted);
  if (!reader) co_return session.failed(patience.with_reason(reader.error().message));
  runtime::Shard& shard = *runtime::Shard::current();
  Progress progress(session);
  const MonotonicTime began = shard.now();
  MonotonicTime last = began;
  uint64_t records = 0;
  uint64_t bytes = 0;
  while (records < ask.records) {
    const auto some =
        (*reader)->read(static_cast<size_t>(std::min<uint64_t>(kReadMax, ask.records - records)),
                        std::chrono::milliseconds(100));
    if (!some) co_return session.failed(some.error().message);
    if (some->empty() && (*reader)->at_end()) break;
    if (some->empty()) {
      if (const auto why = patience.given_up(**reader, ask.topic, true)) co_return session.failed(*why);
      continue;
    }
    patience.heard();
    for (const auto& record : *some)
      bytes += record.value.value_or("").size() + record.key.value_or("").size();
    records += some->size();
    last = shard.now();
    progress.show(fmt::format("{} records", records));
  }
  progress.clear();
  const Speed speed = speed_of(records, bytes, last - began);
  if (session.json()) {
    session.line(Json()
                     .set("records", static_cast<int64_t>(records))
                     .set("seconds", speed.seconds)
                     .set("recordsPerSecond", speed.records_per_second)
                     .set("megabytesPerSecond", speed.megabytes_per_second)
                     .text());
    co_return kExitOk;
  }
  session.line(fmt::format("{} records, {} bytes in {:.2f} s: {:.0f} records/s, {:.1f} MB/s", records, bytes,
                           speed.seconds, speed.records_per_second, speed.megabytes_per_second));
  co_return kExitOk;
}

}  // namespace godwit::cli
