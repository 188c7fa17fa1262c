#include "app/demo/traffic.h"

#include <algorithm>
#include <charconv>

#include "runtime/shard.h"

namespace godwit::app::demo {
namespace {

using runtime::Task;
using std::chrono::milliseconds;

// How often the publisher looks what is due.
constexpr Duration kTick = milliseconds(2);
// After a hold-up it goes on from now, rather than with everything that was due meanwhile.
constexpr Duration kLate = milliseconds(100);
constexpr size_t kReadMax = 10'000;
constexpr milliseconds kReadWait{48};
constexpr Duration kAgain = milliseconds(200);

// "MARK LANE NUMBER ……", filled up to `size`.
std::string text_of(const std::string& mark, int32_t lane, uint64_t number, int64_t size) {
  std::string text = mark + " " + std::to_string(lane) + " " + std::to_string(number) + " ";
  text.resize(std::max(text.size(), static_cast<size_t>(size)), '.');
  return text;
}

// The number, where the text is one of ours and of `lane`.
std::optional<uint64_t> number_of(const std::string& mark, int32_t lane, const std::string& text) {
  const std::string head = mark + " " + std::to_string(lane) + " ";
  if (!text.starts_with(head)) return std::nullopt;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data() + head.size(), text.data() + text.size(), number);
  if (error != std::errc{} || end == text.data() + text.size() || *end != ' ') return std::nullopt;
  return number;
}

}  // namespace

Result<std::unique_ptr<Traffic>> Traffic::make(TrafficOptions options) {
  client::Options wanted;
  wanted.brokers = options.brokers;
  wanted.client_id = "godwit-demo";
  auto client = client::Client::make(wanted);
  if (!client) return fail(ErrorKind::invalid, client.error().message);
  std::unique_ptr<Traffic> traffic(new Traffic(std::move(options)));
  traffic->client_ = std::move(*client);
  return traffic;
}

Task<void> Traffic::publish(Duration patience) {
  const runtime::Shard& shard = *runtime::Shard::current();
  const Duration pace = std::chrono::duration_cast<Duration>(std::chrono::seconds(1)) / options_.rate;
  MonotonicTime due = shard.now();
  int32_t partition = 0;
  while (publishing_) {
    const MonotonicTime now = shard.now();
    if (now - due > kLate) due = now - kLate;
    for (; due <= now; due += pace) {
      send(partition, shard.now());
      partition = (partition + 1) % partitions();
    }
    co_await runtime::sleep_for(kTick);
  }
  (void)client_->flush(std::chrono::duration_cast<milliseconds>(patience));
}

void Traffic::send(int32_t partition, MonotonicTime now) {
  const auto lane = static_cast<size_t>(partition);
  uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = ledger_.send(lane);
  }
  client::Message message{.value = text_of(options_.mark, partition, number, options_.size),
                          .partition = partition};
  const auto ended = [this, lane, number, partition, now](const client::Result<client::Written>& result) {
    const std::lock_guard lock(mutex_);
    if (!result) {
      ledger_.failed(lane, number);
      if (failure_.empty()) failure_ = result.error().message;
      return;
    }
    ledger_.acknowledged(lane, number);
    all_.add(result->latency_us);
    recent_.add(result->latency_us);
    gap_.acknowledged(partition, now, now + std::chrono::microseconds(result->latency_us));
  };
  const auto taken = client_->write_async(options_.topic, std::move(message), ended);
  if (!taken) ended(taken.error());
}

Task<void> Traffic::read() {
  // A broker that has just begun may not know the topic yet: what ends a reader is told, and another goes on where it was.
  while (reading_) {
    if (const auto ended = co_await read_on()) {
      {
        const std::lock_guard lock(mutex_);
        if (failure_.empty()) failure_ = "reading is begun anew: " + ended->message;
      }
      co_await runtime::sleep_for(kAgain);
    }
  }
}

Task<std::optional<client::Error>> Traffic::read_on() {
  // One reads a new topic whole; later there is one for each partition, so that each goes on at its own offset.
  std::vector<std::unique_ptr<client::Reader>> readers;
  const bool whole = std::ranges::all_of(next_, [](int64_t offset) { return offset == 0; });
  for (int32_t partition = 0; partition < (whole ? 1 : partitions()); ++partition) {
    client::ReaderOptions wanted;
    wanted.topics = {options_.topic};
    if (!whole) {
      wanted.partitions = {partition};
      wanted.start = client::Start::offset(next_[static_cast<size_t>(partition)]);
    }
    auto reader = client_->open_reader(wanted);
    if (!reader) co_return reader.error();
    readers.push_back(std::move(*reader));
  }
  while (reading_) {
    for (const auto& reader : readers) {
      const auto records = reader->read(kReadMax, kReadWait / static_cast<int64_t>(readers.size()));
      if (!records) co_return records.error();
      for (const auto& record : *records) take(record);
    }
    // Lets the shard's loop turn.
    co_await runtime::sleep_for(Duration::zero());
  }
  for (const auto& reader : readers) reader->close();
  co_return std::nullopt;
}

void Traffic::take(const client::Record& record) {
  if (record.partition < 0 || record.partition >= partitions()) return;
  next_[static_cast<size_t>(record.partition)] = record.offset + 1;
  if (!record.value) return;
  const auto number = number_of(options_.mark, record.partition, *record.value);
  if (!number) return;
  const std::lock_guard lock(mutex_);
  ledger_.received(static_cast<size_t>(record.partition), *number);
}

void Traffic::stop_reading() {
  reading_ = false;
}

void Traffic::close() {
  (void)client_->close(milliseconds(100));
}

Traffic::Look Traffic::look() {
  const std::lock_guard lock(mutex_);
  Look look{ledger_.counts(), ledger_.under_way(), ledger_.awaited(), recent_.percentile_us(0.99), failure_};
  recent_.clear();
  return look;
}

Traffic::Total Traffic::total() {
  const std::lock_guard lock(mutex_);
  return {all_.percentile_us(0.5), all_.percentile_us(0.99), all_.most_us()};
}

void Traffic::begin_gap(MonotonicTime fault, std::set<int32_t> partitions) {
  const std::lock_guard lock(mutex_);
  gap_.begin(fault, std::move(partitions));
}

std::optional<Duration> Traffic::take_gap() {
  const std::lock_guard lock(mutex_);
  return gap_.take();
}

std::set<int32_t> Traffic::held_up() {
  const std::lock_guard lock(mutex_);
  return gap_.measuring() ? gap_.waiting() : std::set<int32_t>{};
}

}  // namespace godwit::app::demo
