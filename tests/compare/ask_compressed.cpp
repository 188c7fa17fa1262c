// Produce: compressed batches that are not what their headers say. The good ones are in ask_produce.cpp.
#include "batches.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/produce.h"
#include "record/compression.h"

namespace godwit::compare {
namespace {

using kafka::ApiKey;

// `plain` with its records compressed, as they are.
Bytes compressed(const Bytes& plain, CompressionType type) {
  const auto records = compress({type}, BytesView(plain).subspan(kBatchHeaderSize));
  if (!records) return {};
  Bytes batch(plain.begin(), plain.begin() + kBatchHeaderSize);
  batch.insert(batch.end(), records->begin(), records->end());
  return changed(std::move(batch), [&](BatchHeader& h) {
    h.length = static_cast<int32_t>(kBatchHeaderSize - kLogOverhead + records->size());
    h.attributes = BatchAttributes(static_cast<uint16_t>(type));
  });
}

// The batch with its bytes behind the header replaced.
Bytes with_records(const Bytes& batch, BytesView records) {
  Bytes out(batch.begin(), batch.begin() + kBatchHeaderSize);
  out.insert(out.end(), records.begin(), records.end());
  return changed(std::move(out), [&](BatchHeader& h) {
    h.length = static_cast<int32_t>(kBatchHeaderSize - kLogOverhead + records.size());
  });
}

struct Lie {
  const char* what;
  Bytes batch;
};

// Each of its own: in its header, in the records inside, in the compressed bytes.
std::vector<Lie> lies(CompressionType type) {
  const Bytes plain = batch_of(3);
  const Bytes good = compressed(plain, type);
  const BytesView inside = BytesView(good).subspan(kBatchHeaderSize);
  const auto header = [&](const std::function<void(BatchHeader&)>& change) { return changed(good, change); };
  const auto inner = [&](size_t position, uint8_t value) {
    return compressed(with_byte(plain, position, value), type);
  };
  std::vector<Lie> all = {
      {"count and last delta too high", header([](auto& h) { h.record_count = 4, h.last_offset_delta = 3; })},
      {"count and last delta too low", header([](auto& h) { h.record_count = 2, h.last_offset_delta = 1; })},
      {"count and last delta beyond what can be inside",
       header([](auto& h) { h.record_count = 1'000'000'000, h.last_offset_delta = 999'999'999; })},
      {"count too high", header([](auto& h) { h.record_count = 4; })},
      {"last delta too high", header([](auto& h) { h.last_offset_delta = 9; })},
      {"max timestamp too high", header([](auto& h) { h.max_timestamp_ms += 1000; })},
      {"max timestamp too low", header([](auto& h) { h.max_timestamp_ms = kT0; })},
      {"base timestamp moved", header([](auto& h) { h.base_timestamp_ms += 1000; })},
      {"length too high", header([](auto& h) { h.length += 100; })},
      {"length too low", header([](auto& h) { h.length -= 1; })},
      // Positions inside a batch of `batch_of`: length, attributes, time, offset, key.
      {"a record's offset out of order", inner(64, 8)},
      {"a record's length too high", inner(61, 0x7e)},
      {"a record's length negative", inner(61, 0x01)},
      {"a record's key beyond the record", inner(65, 0x70)},
      {"bytes after the last record", compressed(joined(plain, Bytes(3, std::byte{2})), type)},
      {"nothing inside", compressed(Bytes(plain.begin(), plain.begin() + kBatchHeaderSize), type)},
      {"compressed bytes cut short", with_records(good, inside.first(inside.size() - 4))},
      {"bytes after the compressed ones",
       with_records(good, joined(to_bytes(inside), Bytes(9, std::byte{7})))},
      {"no compressed bytes", with_records(good, {})},
  };
  for (const auto other :
       {CompressionType::gzip, CompressionType::snappy, CompressionType::lz4, CompressionType::zstd}) {
    // One other is enough.
    if (other == type) continue;
    all.push_back({"another codec's bytes",
                   header([&](auto& h) { h.attributes = BatchAttributes(static_cast<uint16_t>(other)); })});
    break;
  }
  return all;
}

// Keeps what became of each lie: the answer, and as "Stored", in the version of the Produce, what a reader gets.
void ask_lies(Script& s, int16_t v, CompressionType type, const std::string& where = "",
              const TopicSpec& settings = {}) {
  const auto all = lies(type);
  const std::string name(to_string(type));
  TopicSpec spec = settings;
  // A partition each, so that one that is accepted does not move the others.
  spec.partitions = static_cast<int32_t>(all.size());
  const std::string topic = s.create(name, spec);
  for (int32_t i = 0; i < spec.partitions; ++i) {
    const auto& lie = all[static_cast<size_t>(i)];
    const std::string what = name + " that lies" + where + ": " + lie.what;
    kafka::ProduceRequest request{.acks = -1, .timeout_ms = 5'000};
    auto& asked = request.topic_data.emplace_back();
    asked.name = topic;
    asked.topic_id = s.id_of(topic);
    asked.partition_data.push_back({PartitionIndex(i), SharedBytes::own(lie.batch)});
    s.ask(what, v, request);
    kafka::FetchRequest fetch{.max_wait_ms = 0};
    fetch.topics.push_back({.topic = topic});
    fetch.topics[0].partitions.push_back({.partition = PartitionIndex(i), .partition_max_bytes = 1 << 20});
    const auto answer = s.quietly(12, fetch);
    const auto& records = answer.responses.at(0).partitions.at(0).records;
    s.keep("Stored: " + what, v, record_lines("records", records ? records->flatten() : Bytes{}));
  }
}

}  // namespace

void ask_compressed(Script& s) {
  const auto versions = kafka::accepted_versions(ApiKey::produce);
  // What is inside a batch means the same in every version; zstd is taken from version 7 on.
  for (const int16_t v : {versions.first, int16_t{7}, versions.last}) {
    for (const auto type :
         {CompressionType::gzip, CompressionType::snappy, CompressionType::lz4, CompressionType::zstd})
      ask_lies(s, v, type);
  }
  // Where godwit looks into compressed batches.
  ask_lies(s, versions.last, CompressionType::gzip, " to a compacted topic",
           {.configs = {{"cleanup.policy", "compact"}}});
  ask_lies(s, versions.last, CompressionType::gzip, " where compression.type is set",
           {.configs = {{"compression.type", "gzip"}}});
}

}  // namespace godwit::compare
